"""What users and roles have in common: names, admin channels, configurations, history."""

from __future__ import annotations

import dataclasses
import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from .. import gostructs
from ..access import PUBLIC, Since, check_channel, earliest
from ..database import DEFAULT, Collection, Database
from ..errors import GatewayError, bad_request, missing, not_implemented
from ..options import PRINCIPAL
from . import history
from .grants import Granted
from .history import History

Self = TypeVar("Self", bound="Principal")

#: The collection whose channels are members of a user's or role's configuration themselves.
DEFAULT_COLLECTION = Collection(DEFAULT, DEFAULT)
_MAX_NAME = 239
_ILLEGAL = frozenset("/:,`")
_JWT = ("jwt_issuer", "jwt_roles", "jwt_channels", "jwt_last_updated")
_READ_ONLY = ("all_channels", "jwt_channels", "jwt_last_updated")

Config = Mapping[str, Any]


@dataclass(frozen=True)
class Principal:
    """A user or a role. ``admin_channels`` are the channels that an administrator granted, by
    collection.

    ``sequence`` is the sequence of the last change, 0 if it is not stored. ``history`` are the
    channels that it had before.
    """

    name: str
    admin_channels: Mapping[Collection, Since] = field(default_factory=dict)
    sequence: int = 0
    history: Mapping[Collection, History] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The name in sync functions."""
        raise NotImplementedError

    def channels(
        self, database: Database, granted: Granted, place: Collection | None = None
    ) -> dict[str, int]:
        """Return all its own channels in a collection (None: the database's)."""
        place = place or database.collection
        keyspace = dataclasses.replace(database, collection=place).keyspace
        return earliest(
            {PUBLIC: 1}, self.admin_channels.get(place, {}), granted.channels.get(keyspace, {})
        )

    def losing(self: Self, database: Database, place: Collection, gone: Since, end: int) -> Self:
        """Return a copy whose history contains the channels that it lost at ``end``. ``gone`` says
        at which sequence it got each."""
        if not gone:
            return self
        window = int(database.option("client_partition_window_secs"))
        past = history.ended(self.history.get(place, {}), gone, end, window)
        return dataclasses.replace(self, history={**self.history, place: past})

    def shown(self, channels: Mapping[Collection, Iterable[str]]) -> dict[str, Any]:
        """Return the channels as the admin API shows them. ``channels`` are all its channels, by
        collection. Empty lists are left out."""
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
        """Return the collections whose channels a configuration changes, and their new channels.

        Raises a 404 GatewayError for an unknown collection, a 400 one for a read-only member.
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
        """Return its admin channels with the changes of :meth:`reopened`. Channels that remain
        keep their sequence."""
        return {
            **self.admin_channels,
            **{
                place: at(names, self.admin_channels.get(place, {}), sequence)
                for place, names in reopened.items()
            },
        }


def at(names: Iterable[str], before: Since, sequence: int) -> dict[str, int]:
    """Return names with their sequence from before, or ``sequence`` if they are new."""
    return {name: before.get(name, sequence) for name in names}


def load_channels(default: str, others: str) -> dict[Collection, Since]:
    """Parse stored admin channels: those of the default collection, and those of all others."""
    channels: dict[Collection, Since] = {DEFAULT_COLLECTION: json.loads(default)}
    for place, names in json.loads(others).items():
        channels[Collection(*place.split("."))] = names
    return channels


def dump_channels(channels: Mapping[Collection, Since]) -> tuple[str, str]:
    """Return them in the form in which they are stored."""
    others = {".".join(place): names for place, names in channels.items()}
    return json.dumps(others.pop(".".join(DEFAULT_COLLECTION), {})), json.dumps(others)


def lost(before: Since, after: Since) -> dict[str, int]:
    """Return the names that are gone, with their sequences."""
    return {name: since for name, since in before.items() if name not in after}


def load_history(text: str) -> dict[Collection, History]:
    """Parse stored past channels, by collection."""
    stored = json.loads(text)
    if isinstance(stored, list):
        # The first version knew the default collection only.
        stored = {".".join(DEFAULT_COLLECTION): stored}
    return {Collection(*place.split(".")): history.load(it) for place, it in stored.items()}


def dump_history(histories: Mapping[Collection, History]) -> str:
    """Return them in the form in which they are stored."""
    return json.dumps({".".join(place): history.dump(it) for place, it in histories.items()})


# ------------------------------------------------------------- configurations


def read_config(text: str) -> dict[str, Any]:
    """Parse a configuration; raise a 400 GatewayError if the text is none."""
    config: dict[str, Any] = gostructs.unmarshal(text, PRINCIPAL)
    return config


def refuse_jwt(config: Config) -> None:
    """Raise a GatewayError for a configuration that says what OpenID Connect has opened."""
    given = [name for name in _JWT if name in config]
    if len(given) == len(_JWT):
        raise not_implemented("OpenID Connect")
    if given:
        raise GatewayError(500, "Internal error: must either specify all OIDC properties or none")


def check_same(config: Config, name: str) -> None:
    """Raise a 400 GatewayError for the configuration of somebody who is not called ``name``."""
    if config.get("name", name) != name:
        raise bad_request("Name mismatch (can't change name)")


def check_name(name: str) -> str:
    """Return the name; raise a 400 GatewayError if no user or role can have it."""
    faults = _faults(name)
    if faults:
        raise bad_request(f"invalid name: {'; '.join(faults)}")
    return name


def is_name(name: str) -> bool:
    """Whether a user or role can have a name ('' is GUEST's)."""
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
