"""The shared parts of users and roles: names, admin channels, configurations, history."""

from __future__ import annotations

import dataclasses
import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from .. import gostructs
from ..access import PUBLIC, Since, check_channel, earliest
from ..database import DEFAULT, Collection, Database
from ..errors import GatewayError, bad_request, missing, not_implemented
from ..options import PRINCIPAL
from . import history
from .grants import CHANNEL, ROLE, Change, Granted, of
from .history import Before, History

Self = TypeVar("Self", bound="Principal")

#: The collection whose channels are at the top level of a user's or role's configuration.
DEFAULT_COLLECTION = Collection(DEFAULT, DEFAULT)
GUEST = "GUEST"
_MAX_NAME = 239
_ILLEGAL = frozenset("/:,`")
_JWT = ("jwt_issuer", "jwt_roles", "jwt_channels")
_READ_ONLY = ("all_channels", "jwt_channels", "jwt_last_updated")

Config = Mapping[str, Any]


@dataclass(frozen=True)
class Principal:
    """A user or a role.

    ``admin_channels`` are the channels that an administrator granted, by collection. ``sequence``
    is the sequence of the last change (0: it is not stored). ``history`` are the channels that the
    user or role had before, by collection. ``unsettled`` is what it had before changes that are not
    in the history yet: channels by collection, and a user's roles under None.
    """

    name: str
    admin_channels: Mapping[Collection, Since] = field(default_factory=dict)
    sequence: int = 0
    history: Mapping[Collection, History] = field(default_factory=dict)
    unsettled: Mapping[Collection | None, Before] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The name that sync functions use."""
        raise NotImplementedError

    def channels(
        self, database: Database, granted: Granted, place: Collection | None = None
    ) -> dict[str, int]:
        """Return the channels of a user or role in a collection, without those of a user's roles.

        ``granted`` is what documents grant. The default of ``place`` is the database's collection.
        """
        place = place or database.collection
        keyspace = dataclasses.replace(database, collection=place).keyspace
        return earliest(
            {PUBLIC: 1}, self.admin_channels.get(place, {}), granted.channels.get(keyspace, {})
        )

    def held(self, granted: Granted) -> Since:
        """Return the roles of a user. A role has none."""
        return {}

    def unsettle(self: Self, place: Collection | None, had: Since, sequence: int) -> Self:
        """Return a copy that keeps the channels or roles ``had`` before a change at ``sequence``.

        An earlier change that is not in the history yet comes first.
        """
        if place in self.unsettled:
            return self
        before = Before(sequence, dict(had))
        return dataclasses.replace(self, unsettled={**self.unsettled, place: before})

    def settled(self: Self, database: Database, granted: Granted) -> Self:
        """Return a copy whose history contains all that was lost, up to now."""
        window = int(database.option("client_partition_window_secs"))
        past = dict(self.history)
        for place, before in self.unsettled.items():
            if place is not None:
                now = self.channels(database, granted, place)
                past[place] = history.ended(past.get(place, {}), before, now, window)
        return dataclasses.replace(self, history=past, unsettled={})

    def shown(self, channels: Mapping[Collection, Iterable[str]]) -> dict[str, Any]:
        """Return the name and channels as the admin API shows them, without empty lists.

        ``channels`` are all channels of the user or role, by collection.
        """
        answer: dict[str, Any] = {"name": self.name}
        scopes: dict[str, dict[str, Any]] = {}
        for place in {DEFAULT_COLLECTION: None, **dict.fromkeys(channels)}:
            members = {
                "admin_channels": sorted(self.admin_channels.get(place, {})),
                "all_channels": sorted(channels.get(place, [])),
            }
            members = {key: names for key, names in members.items() if names}
            if place == DEFAULT_COLLECTION:
                answer |= members
            else:
                scopes.setdefault(place.scope, {})[place.name] = members
        return {**answer, "collection_access": scopes} if scopes else answer

    def reopened(self, database: Database, config: Config) -> dict[Collection, list[str]]:
        """Return the new admin channels of the collections that a configuration changes.

        Raises a 404 GatewayError for an unknown collection, and a 400 GatewayError for a read-only
        member or an invalid channel name.
        """
        wanted: dict[Collection, list[str]] = {}
        if config.get("admin_channels") is not None:
            wanted[DEFAULT_COLLECTION] = config["admin_channels"]
        for scope, places in (config.get("collection_access") or {}).items():
            for name, access in (places or {}).items():
                place = Collection(scope, name)
                if place not in database.collections():
                    raise missing(
                        f"keyspace specified in collection_access ({database.name}.{scope}.{name}) "
                        "not found"
                    )
                for key in _READ_ONLY:
                    if access and access.get(key) is not None:
                        raise bad_request(f"collection_access.{key} is read-only")
                wanted[place] = (access or {}).get("admin_channels") or []
        return {
            place: [check_channel(name) for name in names if name is not None]
            for place, names in wanted.items()
            if set(names) != self.admin_channels.get(place, {}).keys()
        }

    def opened(
        self, reopened: Mapping[Collection, list[str]], sequence: int
    ) -> dict[Collection, Since]:
        """Return the admin channels with the changes that :meth:`reopened` returned.

        Channels that remain keep their sequence; new ones get ``sequence``.
        """
        return {
            **self.admin_channels,
            **{
                place: at(names, self.admin_channels.get(place, {}), sequence)
                for place, names in reopened.items()
            },
        }


def at(names: Iterable[str], before: Since, sequence: int) -> dict[str, int]:
    """Return names with their sequences in ``before``, or with ``sequence`` if they are new."""
    return {name: before.get(name, sequence) for name in names}


def load_channels(default: str, others: str) -> dict[Collection, Since]:
    """Parse stored admin channels: those of the default collection, and those of all others."""
    channels: dict[Collection, Since] = {DEFAULT_COLLECTION: json.loads(default)}
    for place, names in json.loads(others).items():
        channels[Collection(*place.split("."))] = names
    return channels


def dump_channels(channels: Mapping[Collection, Since]) -> tuple[str, str]:
    """Return admin channels in the form that :func:`load_channels` parses."""
    others = {".".join(place): names for place, names in channels.items()}
    return json.dumps(others.pop(".".join(DEFAULT_COLLECTION), {})), json.dumps(others)


def load_history(text: str) -> dict[Collection, History]:
    """Parse stored past channels, by collection."""
    stored = json.loads(text)
    if isinstance(stored, list):
        # The first version knew the default collection only.
        stored = {".".join(DEFAULT_COLLECTION): stored}
    return {Collection(*place.split(".")): history.load(it) for place, it in stored.items()}


def dump_history(histories: Mapping[Collection, History]) -> str:
    """Return past channels in the form that :func:`load_history` parses."""
    return json.dumps({".".join(place): history.dump(it) for place, it in histories.items()})


def load_unsettled(text: str) -> dict[Collection | None, Before]:
    """Parse what :func:`dump_unsettled` wrote."""
    return {
        Collection(*place.split(".")) if place else None: Before(*before)
        for place, before in json.loads(text).items()
    }


def dump_unsettled(unsettled: Mapping[Collection | None, Before]) -> str:
    """Return the states before changes that are not in the history yet, as text to store."""
    return json.dumps({".".join(place or ()): before for place, before in unsettled.items()})


def remember(database: Database, table: str, change: Change, found: Sequence[Principal]) -> None:
    """Let users or roles keep their state from before a document's grants changed."""
    channels, roles = change.touched(CHANNEL), change.touched(ROLE)
    found = [it for it in found if not {database.collection, None}.issubset(it.unsettled)]
    granted = of(database, [it.key for it in found]) if found else {}
    rows = []
    for principal in found:
        after, key = principal, principal.key
        if key in channels:
            had = channels[key].before(principal.channels(database, granted[key]))
            after = after.unsettle(database.collection, had, change.sequence)
        if key in roles:
            had = roles[key].before(principal.held(granted[key]))
            after = after.unsettle(None, had, change.sequence)
        if after is not principal:
            rows.append((dump_unsettled(after.unsettled), database.name, principal.name))
    if rows:
        database.execute_many(
            f"UPDATE cbtools_{table} SET unsettled = %s WHERE database = %s AND name = %s", rows
        )


# ------------------------------------------------------------- configurations


def read_config(text: str) -> dict[str, Any]:
    """Parse the configuration of a user or role; raise a GatewayError if it is invalid."""
    config: dict[str, Any] = gostructs.unmarshal(text, PRINCIPAL)
    return config


def admitted(database: Database, config: Config, name: str) -> Config:
    """Return the configuration of a user or role, without what an existing user has already.

    Raises a 400 GatewayError if no user or role can have the name, or if the configuration changes
    what OpenID Connect granted to the user of that name. This is also refused for a role with the
    name of a user. The status is 501 if all properties of OpenID Connect are given, and 500 if only
    some are.
    """
    if name in ("", GUEST) or _is_user(database, name):
        if any(config.get(key) for key in _JWT):
            raise bad_request("Can't change read-only properties")
        config = {key: value for key, value in config.items() if key != "jwt_issuer"}
    faults = _faults(name) if name else []
    if faults:
        raise bad_request(f"invalid name: {'; '.join(faults)}")
    given = [key for key in _JWT if key in config]
    if len(given) == len(_JWT):
        raise not_implemented("OpenID Connect")
    if given:
        raise GatewayError(500, "Internal error: must either specify all OIDC properties or none")
    return config


def _is_user(database: Database, name: str) -> bool:
    return bool(
        database.rows(
            "SELECT 1 FROM cbtools_users WHERE database = %s AND name = %s", [database.name, name]
        )
    )


def check_same(config: Config, name: str) -> None:
    """Raise a 400 GatewayError if a configuration contains a name other than ``name``."""
    if config.get("name", name) != name:
        raise bad_request("Name mismatch (can't change name)")


def is_name(name: str) -> bool:
    """Return whether a user or role can have a name. '' is GUEST's name."""
    return not (name and _faults(name))


def _faults(name: str) -> list[str]:
    faults = []
    if len(name.encode("utf-8", "surrogatepass")) > _MAX_NAME:
        faults.append(f"length exceeds {_MAX_NAME}")
    if any("\ud800" <= character <= "\udfff" for character in name):
        faults.append("non UTF-8 encoding")
    if _ILLEGAL.intersection(name):
        faults.append("contains '/', ':', ',', or '`'")
    if not any(unicodedata.category(character)[0] in "LN" for character in name):
        faults.append("must contain alphanumeric")
    return faults
