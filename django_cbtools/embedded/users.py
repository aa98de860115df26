"""The gateway's users: their passwords, and the channels that an administrator opens to them."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.contrib.auth.hashers import check_password, make_password

from . import gojson
from .access import PUBLIC, Reader, check_channel
from .database import Database
from .errors import GatewayError, bad_request, conflict, missing

GUEST = "GUEST"
_MAX_NAME = 239
_ILLEGAL = frozenset("/:,`")
#: What a user's configuration may hold, and Go's type of each.
_TYPES = {
    "name": "string",
    "password": "string",
    "email": "string",
    "disabled": "bool",
    "admin_channels": "[]string",
    "admin_roles": "[]string",
    "all_channels": "[]string",
    "roles": "[]string",
}


@dataclass(frozen=True)
class User:
    """A user; ``admin_channels`` says since which sequence each one is open to him.

    ``stamp`` is in his sessions: they end when it changes, as it does with the password.
    """

    name: str
    password: str = ""
    email: str = ""
    disabled: bool = False
    admin_channels: Mapping[str, int] = field(default_factory=dict)
    channel_history: tuple[str, ...] = ()
    admin_roles: tuple[str, ...] = ()
    sequence: int = 0
    stamp: str = ""

    @property
    def channels(self) -> dict[str, int]:
        return {PUBLIC: 1, **self.admin_channels}

    def reader(self) -> Reader:
        return Reader(None if self.name == GUEST else self.name, self.channels)

    def shown(self) -> dict[str, Any]:
        """The user as the admin API shows him: empty lists are left out, the password always."""
        answer: dict[str, Any] = {
            "name": self.name,
            "admin_channels": sorted(self.admin_channels),
            "email": self.email,
            "disabled": self.disabled,
            "admin_roles": list(self.admin_roles),
            "all_channels": sorted(self.channels) if self.sequence else [],
            "roles": list(self.admin_roles),
        }
        return {key: value for key, value in answer.items() if value != []}

    def accepts(self, password: str) -> bool:
        # The password first, so that a disabled user is not told by the time it takes.
        return _verified(self.password, password) and not self.disabled


# Hashing is slow on purpose, and clients send the password with every request: as a real gateway
# does, remember for the life of the process which ones were right, by a keyed digest.
_KEY = os.urandom(32)
_right: dict[tuple[str, bytes], None] = {}


def _verified(encoded: str, password: str) -> bool:
    key = encoded, hmac.new(_KEY, password.encode(), hashlib.sha256).digest()
    if key not in _right:
        if not check_password(password, encoded):
            return False
        if len(_right) >= 1000:
            _right.clear()
        _right[key] = None
    return True


def find(database: Database, name: str) -> User | None:
    """A user by name; GUEST is there, disabled, before anybody configures him."""
    row = database.row(
        "SELECT name, password, email, disabled, admin_channels, channel_history, admin_roles, "
        "sequence, stamp FROM cbtools_users WHERE database = %s AND name = %s",
        [database.name, name],
    )
    if row is None:
        return User(GUEST, disabled=True) if name == GUEST else None
    return User(
        row[0], row[1], row[2], bool(row[3]), json.loads(row[4]), tuple(json.loads(row[5])),
        tuple(json.loads(row[6])), row[7], row[8],
    )  # fmt: skip


def get(database: Database, name: str) -> User:
    """A user by name; raises a 404 GatewayError where there is none."""
    user = find(database, name)
    if user is None:
        raise missing()
    return user


def names(database: Database) -> list[str]:
    """The names of all users but GUEST."""
    rows = database.rows(
        "SELECT name FROM cbtools_users WHERE database = %s AND name <> %s ORDER BY name",
        [database.name, GUEST],
    )
    return [name for (name,) in rows]


def authenticate(database: Database, name: str, password: str) -> User | None:
    """The user, where the password is his and he is not disabled."""
    user = find(database, name) if name != GUEST else None
    if user is None:
        make_password(password)  # as slow as for a user who is there
        return None
    return user if user.accepts(password) else None


def create(database: Database, config: Mapping[str, Any]) -> None:
    """Make a user; raises a 409 GatewayError where there is one of that name."""
    if "name" not in config:
        raise bad_request("Missing name property")
    with database.atomic():
        name = _typed(config).get("name") or GUEST
        if find(database, name) is not None:
            raise conflict("Already exists")
        _write(database, User(check_name(name)), config)


def put(database: Database, name: str, config: Mapping[str, Any]) -> bool:
    """Make a user, or change what ``config`` names; whether he is new."""
    config = _typed(config)
    if config.get("name", name) != name:
        raise bad_request("Name mismatch (can't change name)")
    with database.atomic():
        user = find(database, name)
        _write(database, user or User(check_name(name)), config)
    return user is None


def delete(database: Database, name: str) -> None:
    """Remove a user and his sessions; raises a 404 GatewayError where there is none."""
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


def check_name(name: str) -> str:
    """The name, if it can be a user's; raises a 400 GatewayError otherwise."""
    if len(name.encode()) > _MAX_NAME:
        raise bad_request(f"invalid name: length exceeds {_MAX_NAME}")
    if _ILLEGAL.intersection(name):
        raise bad_request("invalid name: contains '/', ':', ',', or '`'")
    if not any(map(str.isalnum, name)):
        raise bad_request("invalid name: must contain alphanumeric")
    return name


def _typed(config: Mapping[str, Any]) -> Mapping[str, Any]:
    for key, go_type in _TYPES.items():
        value = config.get(key)
        items = value if go_type == "[]string" and isinstance(value, list) else [value]
        item_type = bool if go_type == "bool" else str
        wrong = [item for item in items if item is not None and not isinstance(item, item_type)]
        if wrong or (go_type == "[]string" and value is not None and items is not value):
            given = gojson.kind(wrong[0] if wrong else value)
            raise bad_request(
                f'Invalid JSON: "json: cannot unmarshal {given} into Go struct field '
                f'PrincipalConfig.{key} of type {go_type}"'
            )
    return config


def _write(database: Database, user: User, config: Mapping[str, Any]) -> None:
    is_new = not user.sequence
    for key, current in (("all_channels", user.channels), ("roles", user.admin_roles)):
        given = config.get(key)
        if given is not None and (is_new or set(given) != set(current)):
            raise bad_request(f"{key} is read-only")
    channels = config.get("admin_channels")
    roles = config.get("admin_roles")
    changes: dict[str, Any] = {}
    if is_new or channels is not None or roles is not None:
        changes["sequence"] = sequence = database.tickets(1)[0].sequence
    if channels is not None:
        changes["admin_channels"] = {
            name: user.admin_channels.get(name, sequence) for name in map(check_channel, channels)
        }
        gone = [name for name in user.admin_channels if name not in changes["admin_channels"]]
        changes["channel_history"] = tuple(dict.fromkeys((*user.channel_history, *gone)))
    if roles is not None:
        changes["admin_roles"] = tuple(dict.fromkeys(roles))
    if config.get("password") is not None or (is_new and user.name != GUEST):
        changes["password"] = _hashed(config.get("password") or "", is_new)
        changes["stamp"] = uuid.uuid4().hex
    if config.get("email") is not None:
        changes["email"] = config["email"] if "@" in config["email"] else ""
    if config.get("disabled") is not None:
        changes["disabled"] = config["disabled"]
    _store(database, replace(user, **changes))


def _hashed(password: str, is_new: bool) -> str:
    doing = "creating" if is_new else "updating"
    if not password:
        raise bad_request(f"Error {doing} user: Empty passwords are not allowed ")
    if len(password) < 3:
        raise bad_request(f"Error {doing} user: Passwords must be at least three 3 characters")
    return make_password(password)


def _store(database: Database, user: User) -> None:
    database.execute(
        "INSERT OR REPLACE INTO cbtools_users (database, name, password, email, disabled, "
        "admin_channels, channel_history, admin_roles, sequence, stamp) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            database.name, user.name, user.password, user.email, user.disabled,
            json.dumps(user.admin_channels), json.dumps(user.channel_history),
            json.dumps(user.admin_roles), user.sequence, user.stamp,
        ],
    )  # fmt: skip
