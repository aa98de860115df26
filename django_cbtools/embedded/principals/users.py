"""The gateway's users: their passwords, channels and roles."""

from __future__ import annotations

import json
import re
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..access import Reader, Since, earliest
from ..database import Collection, Database
from ..errors import GatewayError, bad_request, conflict, missing
from . import grants, passwords, principals, roles
from .grants import Change, Granted
from .history import History, ended
from .history import dump as dump_past
from .history import load as load_past
from .principals import DEFAULT_COLLECTION, Config, Principal

GUEST = principals.GUEST
_EMAIL = re.compile("[^@]+@[^@]+", re.DOTALL)
_COLUMNS = (
    "name, password, email, disabled, admin_channels, collections, channel_history, admin_roles, "
    "sequence, stamp, role_history, unsettled"
)
_MANY = 500


@dataclass(frozen=True)
class User(Principal):
    """A user. ``past_roles`` are roles that the user had before.

    The user's sessions contain ``stamp``. It changes with the password, which ends the sessions.
    """

    password: str = ""
    email: str = ""
    disabled: bool = False
    admin_roles: Since = field(default_factory=dict)
    stamp: str = ""
    past_roles: History = field(default_factory=dict)

    @property
    def key(self) -> str:
        return "" if self.name == GUEST else self.name

    def held(self, granted: Granted) -> Since:
        return earliest(self.admin_roles, granted.roles)

    def settled(self, database: Database, granted: Granted) -> User:
        after = super().settled(database, granted)
        before = self.unsettled.get(None)
        if before is None:
            return after
        window = int(database.option("client_partition_window_secs"))
        past = ended(self.past_roles, before, self.held(granted), window)
        return replace(after, past_roles=past)

    def accepts(self, password: str) -> bool:
        # Check the password first, so that the time it takes does not reveal a disabled user.
        return passwords.verify(self.password, password) and not self.disabled


def reader(database: Database, user: User) -> Reader:
    """Return the reader for a user, with the user's channels in the database's collection.

    This takes one query, or three if the user has roles.
    """
    granted = grants.of(database, [user.key])[user.key]
    held = user.held(granted)
    own = user.channels(database, granted)
    by_role = roles.channels(database, held)
    return Reader(
        user.key,
        earliest(own, roles.inherited(by_role, held)),
        held,
        user.sequence,
        lambda: reader(database, _known(database, user)),
        own,
        tuple(by_role.values()),
        roles_open_all=database.collection != DEFAULT_COLLECTION,
    )


def _known(database: Database, user: User) -> User:
    found = find(database, user.name)
    if found is None or found.disabled:
        raise GatewayError(401, "Login required")
    return found


def own_channels(database: Database, user: User) -> dict[str, int]:
    """Return a user's channels in the default collection, without those of the user's roles."""
    granted = grants.of(database, [user.key])[user.key]
    return user.channels(database, granted, DEFAULT_COLLECTION)


def shown(database: Database, user: User) -> dict[str, Any]:
    """Return a user as the admin API shows users, without empty lists."""
    channels: dict[Collection, Since] = {}
    held: Since = {}
    if user.sequence:
        granted = grants.of(database, [user.key])[user.key]
        held = user.held(granted)
        channels = {
            place: earliest(
                user.channels(database, granted, place),
                roles.inherited(roles.channels(database, held, place), held),
            )
            for place in database.collections()
        }
    answer = {**user.shown(channels), "email": user.email, "disabled": user.disabled}
    lists = {"admin_roles": sorted(user.admin_roles), "roles": sorted(held)}
    return answer | {key: names for key, names in lists.items() if names}


def find(database: Database, name: str) -> User | None:
    """Return a user by name, or None. GUEST always exists, and is disabled by default."""
    found = _select(database, "AND name = %s", [name])
    if found:
        return _settled(database, found[0])
    return User(GUEST, disabled=True) if name == GUEST else None


def _settled(database: Database, user: User) -> User | None:
    """Return a user who was read, after all that the user lost was put into the history."""
    if not user.unsettled:
        return user
    with database.atomic():
        found = _select(database, "AND name = %s", [user.name])
        if found and found[0].unsettled:
            granted = grants.of(database, [user.key])[user.key]
            found = [found[0].settled(database, granted)]
            _store(database, found[0])
    return found[0] if found else None


def _select(database: Database, condition: str, params: list[Any]) -> list[User]:
    rows = database.rows(
        f"SELECT {_COLUMNS} FROM cbtools_users WHERE database = %s {condition}",
        [database.name, *params],
    )
    return [_loaded(*row) for row in rows]


def _loaded(
    name: str, password: str, email: str, disabled: int, channels: str, others: str, history: str,
    admin_roles: str, sequence: int, stamp: str, past_roles: str, unsettled: str,
) -> User:  # fmt: skip
    held = json.loads(admin_roles)
    if isinstance(held, list):
        # The first version did not store the sequences.
        held = dict.fromkeys(held, 1)
    return User(
        name, principals.load_channels(channels, others), sequence,
        principals.load_history(history), principals.load_unsettled(unsettled), password, email,
        bool(disabled), held, stamp, load_past(json.loads(past_roles)),
    )  # fmt: skip


def get(database: Database, name: str) -> User:
    """Return a user by name; raise a 404 GatewayError if there is no such user."""
    user = find(database, name)
    if user is None:
        raise missing()
    return user


def names(database: Database) -> list[str]:
    """Return the names of all users except GUEST."""
    rows = database.rows(
        "SELECT name FROM cbtools_users WHERE database = %s AND name <> %s ORDER BY name",
        [database.name, GUEST],
    )
    return [name for (name,) in rows]


def everybody(database: Database, limit: int | None) -> list[User]:
    """Return all users except GUEST in the order of their names, at most ``limit`` (None: all)."""
    return _select(database, "AND name <> %s ORDER BY name LIMIT %s", [GUEST, limit or sys.maxsize])


def authenticate(database: Database, name: str, password: str) -> User | None:
    """Return the user if the password is right and the user is not disabled, else None."""
    user = find(database, name) if name != GUEST else None
    if user is None:
        passwords.encode(password)  # takes as long as for a user who exists
        return None
    return user if user.accepts(password) else None


def create(database: Database, config: Config) -> None:
    """Create a user.

    Raises a 409 GatewayError if the name is taken, and another GatewayError if the configuration
    is invalid.
    """
    if config.get("name") is None:
        raise bad_request("Missing name property")
    name = config["name"] or GUEST
    with database.atomic():
        config = principals.admitted(database, config, name)
        if find(database, name) is not None:
            raise conflict("Already exists")
        _write(database, User(name), config)


def put(database: Database, name: str, config: Config) -> bool:
    """Create or update a user, and return whether the user is new.

    Raises a GatewayError if the configuration is invalid.
    """
    principals.check_same(config, name)
    with database.atomic():
        config = principals.admitted(database, config, name)
        user = find(database, name)
        _write(database, user or User(name), config)
    return user is None


def delete(database: Database, name: str) -> None:
    """Delete a user and the user's sessions.

    Raises a 404 GatewayError if there is no such user, and a 405 GatewayError for GUEST.
    """
    if name == GUEST:
        raise GatewayError(405, "The GUEST user cannot be deleted. Only disabled via an update.")
    with database.atomic():
        params = [database.name, name]
        if not database.execute(
            "DELETE FROM cbtools_users WHERE database = %s AND name = %s", params
        ):
            raise missing()
        database.execute(
            "DELETE FROM cbtools_sessions WHERE database = %s AND username = %s", params
        )


def remember(database: Database, change: Change) -> None:
    """Let users keep their state from before a document's grants changed."""
    touched = {*change.touched(grants.CHANNEL), *change.touched(grants.ROLE)}
    names = sorted(key or GUEST for key in touched if not key.startswith(grants.ROLE_PREFIX))
    for start in range(0, len(names), _MANY):
        some = names[start : start + _MANY]
        found = _select(
            database, f"AND sequence > 0 AND name IN ({', '.join(['%s'] * len(some))})", some
        )
        principals.remember(database, "users", change, found)


def compact(
    database: Database, name: str, wanted: Mapping[Collection, list[str]]
) -> dict[Collection, list[str]]:
    """Remove channels from a user's history, and return those that were in it, by collection.

    ``wanted`` are the channels to remove. Raises a 404 GatewayError if there is no such user.
    """
    with database.atomic():
        user = get(database, name)
        known = {place: user.history.get(place, {}) for place in wanted}
        gone = {
            place: [channel for channel in channels if channel in known[place]]
            for place, channels in wanted.items()
        }
        history = {
            place: {name: past for name, past in pasts.items() if name not in gone.get(place, [])}
            for place, pasts in user.history.items()
        }
        # Do not store GUEST without need: it exists without being stored.
        if any(gone.values()):
            _store(database, replace(user, history=history))
    return gone


def _write(database: Database, user: User, config: Config) -> None:
    # GUEST exists even before it is configured, so it is never new.
    is_new = not user.sequence and user.name != GUEST
    changes = _credentials(database, user, config, is_new)
    granted = grants.of(database, [user.key])[user.key]
    channels = user.channels(database, granted, DEFAULT_COLLECTION)
    held = user.held(granted)
    for key, current in (("all_channels", channels), ("roles", held)):
        if config.get(key) and set(config[key]) != current.keys():
            raise bad_request(f"{key} is read-only")
    reopened = user.reopened(database, config)
    given = [name for name in config.get("admin_roles") or [] if name is not None]
    changes_roles = config.get("admin_roles") is not None and set(given) != user.admin_roles.keys()
    if not (is_new or changes or reopened or changes_roles):
        return
    sequence = database.tickets(1)[0].sequence
    if changes_roles:
        for name in given:
            if not principals.is_name(name):
                raise bad_request(f'Invalid role name "{name}"')
        changes["admin_roles"] = principals.at(given, user.admin_roles, sequence)
    changes["admin_channels"] = user.opened(reopened, sequence)
    after = replace(user, sequence=sequence, **changes)
    for place in reopened:
        after = after.unsettle(place, user.channels(database, granted, place), sequence)
    if changes_roles:
        after = after.unsettle(None, held, sequence)
    _store(database, after)


def _credentials(database: Database, user: User, config: Config, is_new: bool) -> dict[str, Any]:
    """Return the fields of a user that a configuration changes, except channels and roles."""
    changes: dict[str, Any] = {}
    password = config.get("password")
    if password is not None or is_new:
        doing = "creating user" if is_new else "updating user/role"
        if password and len(password.encode("utf-8", "surrogatepass")) < 3:
            raise bad_request(f"Error {doing}: Passwords must be at least three 3 characters")
        if not password and not database.option("allow_empty_password"):
            raise bad_request(f"Error {doing}: Empty passwords are not allowed ")
        changes["password"] = passwords.encode(password) if password else ""
        changes["stamp"] = uuid.uuid4().hex
    email = config.get("email")
    if email is not None and email != user.email:
        # Like a real gateway, this takes an invalid address for a change, and drops it.
        is_valid = not email or _EMAIL.fullmatch(email)
        changes["email"] = email if is_valid else user.email
    disabled = config.get("disabled")
    if disabled is not None and disabled != user.disabled:
        changes["disabled"] = disabled
    return changes


def _store(database: Database, user: User) -> None:
    database.execute(
        "INSERT OR REPLACE INTO cbtools_users (database, name, password, email, disabled, "
        "admin_channels, collections, channel_history, admin_roles, sequence, stamp, role_history, "
        "unsettled) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            database.name, user.name, user.password, user.email, user.disabled,
            *principals.dump_channels(user.admin_channels),
            principals.dump_history(user.history), json.dumps(user.admin_roles), user.sequence,
            user.stamp, json.dumps(dump_past(user.past_roles)),
            principals.dump_unsettled(user.unsettled),
        ],
    )  # fmt: skip
