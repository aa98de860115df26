"""The gateway's roles: sets of channels that users share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..access import Since, earliest
from ..database import Collection, Database
from ..errors import GatewayError, bad_request, conflict, missing
from . import grants, principals
from .grants import Change, Granted
from .principals import DEFAULT_COLLECTION, GUEST, Config, Principal

_COLUMNS = "name, admin_channels, collections, sequence, channel_history, unsettled, deleted"
_MANY = 500


@dataclass(frozen=True)
class Role(Principal):
    """A role. A ``deleted`` role grants nothing, and its name can be used again."""

    deleted: bool = False

    @property
    def key(self) -> str:
        return grants.ROLE_PREFIX + self.name


def _select(database: Database, condition: str, params: list[Any]) -> list[Role]:
    rows = database.rows(
        f"SELECT {_COLUMNS} FROM cbtools_roles WHERE database = %s AND {condition} ORDER BY name",
        [database.name, *params],
    )
    return [
        Role(
            name,
            principals.load_channels(channels, others),
            sequence,
            principals.load_history(past),
            principals.load_unsettled(unsettled),
            bool(deleted),
        )
        for name, channels, others, sequence, past, unsettled, deleted in rows
    ]


def _settled(database: Database, role: Role) -> Role:
    """Return a role that was read, after all that it lost was put into its history."""
    if not role.unsettled or role.deleted:
        return role
    with database.atomic():
        found = _select(database, "deleted = 0 AND name = %s", [role.name])
        role = found[0] if found else role
        if found and role.unsettled:
            role = role.settled(database, _granted(database, [role])[role.key])
            _store(database, role)
    return role


def get(database: Database, name: str) -> Role:
    """Return a role by name; raise a 404 GatewayError if it does not exist."""
    role = _find(database, name)
    if role is None:
        raise missing()
    return role


def _find(database: Database, name: str) -> Role | None:
    found = _select(database, "deleted = 0 AND name = %s", [name])
    return _settled(database, found[0]) if found else None


def _made(database: Database, name: str) -> Role:
    """Return a new role. It has the history of a deleted role of the same name, if there is one."""
    found = _select(database, "name = %s", [name])
    return Role(name, history=found[0].history) if found else Role(name)


def having(database: Database, names: Iterable[str]) -> list[Role]:
    """Return roles by their names, deleted ones included."""
    wanted = sorted(names)
    return [_settled(database, role) for role in _select(database, _in(wanted), wanted)]


def _in(names: Sequence[str]) -> str:
    return f"name IN ({', '.join(['%s'] * len(names))})"


def names(database: Database, *, deleted: bool) -> list[str]:
    """Return the names of all roles, including deleted ones if ``deleted`` is true."""
    return [role.name for role in _select(database, "deleted <= %s", [deleted])]


def channels(database: Database, held: Since, place: Collection | None = None) -> dict[str, Since]:
    """Return the channels of roles in a collection, by role.

    Each channel has the sequence at which the role got it. ``held`` are the roles' names; roles
    that do not exist are left out. The default of ``place`` is the database's collection.
    """
    if not held:
        return {}
    found = [role for role in having(database, held) if not role.deleted]
    granted = _granted(database, found)
    return {role.name: role.channels(database, granted[role.key], place) for role in found}


def inherited(channels: Mapping[str, Since], held: Since) -> dict[str, int]:
    """Return the channels that a user has through roles, with their sequences.

    ``held`` are the roles with the sequences at which the user got them. The user has a role's
    channels from that sequence on at the earliest.
    """
    return earliest(
        *(
            {name: max(since, held[role]) for name, since in opened.items()}
            for role, opened in channels.items()
        )
    )


def _granted(database: Database, found: list[Role]) -> Mapping[str, Granted]:
    return grants.of(database, [role.key for role in found]) if found else {}


def shown(database: Database, name: str) -> dict[str, Any]:
    """Return a role as the admin API shows it; raise a 404 GatewayError if it does not exist."""
    role = get(database, name)
    granted = _granted(database, [role])[role.key]
    return role.shown(
        {place: role.channels(database, granted, place) for place in database.collections()}
    )


def create(database: Database, config: Config) -> None:
    """Create a role.

    Raises a 409 GatewayError if the name is taken, and another GatewayError if the configuration
    is invalid.
    """
    if config.get("name") is None:
        raise bad_request("Missing name property")
    name = config["name"]
    with database.atomic():
        config = _admitted(database, config, name)
        if _find(database, name) is not None:
            raise conflict("Already exists")
        _write(database, _made(database, name), config)


def put(database: Database, name: str, config: Config) -> bool:
    """Create or update a role, and return whether it is new.

    Raises a GatewayError if the configuration is invalid.
    """
    principals.check_same(config, name)
    with database.atomic():
        config = _admitted(database, config, name)
        role = _find(database, name)
        _write(database, role or _made(database, name), config)
    return role is None


def _admitted(database: Database, config: Config, name: str) -> Config:
    config = principals.admitted(database, config, name)
    if name in ("", GUEST):
        # A real gateway takes these names for its guest's, and answers with this error.
        raise GatewayError(
            500, "Internal error: UpdatePrincipal: cannot create principal with empty name"
        )
    return config


def _write(database: Database, role: Role, config: Config) -> None:
    granted = grants.of(database, [role.key])[role.key]
    given = config.get("all_channels")
    if given and set(given) != role.channels(database, granted, DEFAULT_COLLECTION).keys():
        raise bad_request("all_channels is read-only")
    reopened = role.reopened(database, config)
    if role.sequence and not reopened:
        return
    sequence = database.tickets(1)[0].sequence
    after = replace(role, admin_channels=role.opened(reopened, sequence), sequence=sequence)
    for place in reopened:
        after = after.unsettle(place, role.channels(database, granted, place), sequence)
    _store(database, after)


def remember(database: Database, change: Change) -> None:
    """Let roles keep their state from before a document's grants changed."""
    prefix = grants.ROLE_PREFIX
    touched = change.touched(grants.CHANNEL)
    names = [key.removeprefix(prefix) for key in sorted(touched) if key.startswith(prefix)]
    for start in range(0, len(names), _MANY):
        some = names[start : start + _MANY]
        found = _select(database, f"deleted = 0 AND {_in(some)}", some)
        principals.remember(database, "roles", change, found)


def delete(database: Database, name: str, *, purge: bool) -> None:
    """Delete a role; raise a 404 GatewayError if it does not exist.

    With ``purge``, its history is deleted too.
    """
    with database.atomic():
        role = get(database, name)
        sequence = database.tickets(1)[0].sequence
        if purge:
            database.execute(
                "DELETE FROM cbtools_roles WHERE database = %s AND name = %s",
                [database.name, name],
            )
        else:
            granted = _granted(database, [role])[role.key]
            for place in database.collections():
                role = role.unsettle(place, role.channels(database, granted, place), sequence)
            nothing = replace(role, admin_channels={}, deleted=True, sequence=sequence)
            _store(database, nothing.settled(database, Granted()))


def _store(database: Database, role: Role) -> None:
    database.execute(
        "INSERT OR REPLACE INTO cbtools_roles (database, name, admin_channels, collections, "
        "sequence, channel_history, unsettled, deleted) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        [
            database.name, role.name, *principals.dump_channels(role.admin_channels),
            role.sequence, principals.dump_history(role.history),
            principals.dump_unsettled(role.unsettled), role.deleted,
        ],
    )  # fmt: skip
