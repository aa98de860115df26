"""Users of the gateway, and their sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from django_cbtools import conf
from django_cbtools.exceptions import (
    SyncGatewayAnswerLost,
    SyncGatewayNotFound,
    SyncGatewayUnavailable,
    shown,
)

from .client import ADMIN, loads, quote_name, request
from .documents import texts
from .matching import other

if TYPE_CHECKING:
    import requests

#: The user that stands for those who do not log in.
GUEST = "GUEST"
#: The channel that every user may read, by this library's convention.
CHANNEL_PUBLIC = "public"


class Users:
    """The part of :class:`SyncGateway` that is about users; it goes through the admin API."""

    @staticmethod
    def put_user(
        username: str,
        email: str | None = None,
        password: str | None = None,
        admin_channels: Iterable[str] | None = None,
        disabled: bool | None = None,
    ) -> bool:
        """Make a user, or change what is given; the channel ``public`` is always granted.

        Without ``admin_channels`` a user who is there keeps his own.
        """
        if admin_channels is None:
            admin_channels = Users._channels_of(username)
        config = _config(email, password, texts(admin_channels, "admin_channels"), disabled)

        def is_done() -> bool:
            # Gateways do not tell passwords; the same one again does no harm.
            if password is not None:
                return False
            try:
                return _agrees(Users.get_user(username), config)
            except SyncGatewayNotFound:
                return False

        _done_once(lambda: _put(username, config), is_done)
        return True

    @staticmethod
    def _channels_of(username: str) -> list[str]:
        try:
            channels: list[str] = Users.get_user(username).get("admin_channels", [])
        except SyncGatewayNotFound:
            channels = []
        return channels

    @staticmethod
    def get_user(username: str) -> dict[str, Any]:
        """A user's configuration: ``name``, ``email``, ``admin_channels``, ``disabled``, ..."""
        response = request(ADMIN, "GET", "_user", quote_name(username, "user"))
        user: dict[str, Any] = loads(response)
        if not isinstance(user, dict) or user.get("name", GUEST) != username:
            raise other(response, f"it is not user {shown(username)}")
        return user

    @staticmethod
    def get_users() -> list[str]:
        """The names of all users."""
        response = request(ADMIN, "GET", "_user", "")
        names: list[str] = loads(response)
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise other(response, "it has no names of users")
        return names

    @staticmethod
    def change_username(old_username: str, new_username: str, password: str) -> bool:
        """Give a user another name (and e-mail address); False where it is the same.

        Gateways cannot rename, nor tell a password: he is made anew with ``password``.
        """
        if old_username == new_username:
            return False
        user = Users.get_user(old_username)
        Users.put_user(
            new_username, new_username, password, user.get("admin_channels"), user.get("disabled")
        )
        Users.delete_user(old_username)
        return True

    @staticmethod
    def delete_user(username: str) -> bool:
        """Delete a user; SyncGatewayNotFound where there is none."""
        path = quote_name(username, "user")

        def is_gone() -> bool:
            try:
                Users.get_user(username)
            except SyncGatewayNotFound:
                return True
            return False

        _done_once(lambda: request(ADMIN, "DELETE", "_user", path), is_gone)
        return True

    @staticmethod
    def create_session(username: str, ttl: int | None = None) -> requests.Response:
        """Begin a session for a user; the answer's JSON has ``cookie_name``, ``session_id`` and
        ``expires``. ``ttl`` is in seconds."""
        body: dict[str, Any] = {"name": username}
        if ttl is not None:
            body["ttl"] = ttl
        response = request(ADMIN, "POST", "_session", body=body)
        found = loads(response)
        if not isinstance(found, dict) or "session_id" not in found:
            raise other(response, "it has no session", SyncGatewayAnswerLost)
        return response

    @staticmethod
    def append_channels(username: str, channels: Iterable[str]) -> bool:
        """Open channels to a user, beside those he has."""
        new = texts(channels, "channels")
        return _change_channels(username, lambda old: [*old, *new])

    @staticmethod
    def remove_channels(username: str, channels: Iterable[str]) -> bool:
        """Close channels to a user."""
        gone = set(texts(channels, "channels"))
        return _change_channels(username, lambda old: [name for name in old if name not in gone])

    @staticmethod
    def put_admin_user() -> None:
        """Make the user that the library itself logs in as, with access to all channels."""
        Users._put_configured_user("SYNC_GATEWAY", "smadmin@mail.com", ["*"])

    @staticmethod
    def put_guest_user() -> None:
        """Make the user that mobile clients share, with access to ``public``."""
        Users._put_configured_user("SYNC_GATEWAY_GUEST", "smguest@mail.com", [CHANNEL_PUBLIC])

    @staticmethod
    def _put_configured_user(prefix: str, email: str, channels: list[str]) -> None:
        user, password = (
            conf.require(f"{prefix}_{part}", "there is no user to make without it")
            for part in ("USER", "PASSWORD")
        )
        Users.put_user(user, email, password, channels)


def _config(
    email: str | None, password: str | None, channels: Iterable[str], disabled: bool | None
) -> dict[str, Any]:
    config = {
        "email": email,
        "password": password,
        "admin_channels": list(dict.fromkeys([*channels, CHANNEL_PUBLIC])),
        "disabled": disabled,
    }
    return {key: value for key, value in config.items() if value is not None}


def _put(username: str, config: dict[str, Any]) -> None:
    request(ADMIN, "PUT", "_user", quote_name(username, "user"), body=config)


def _agrees(user: dict[str, Any], config: dict[str, Any]) -> bool:
    """Whether a user is as a configuration, the password aside, wants him."""
    return set(user.get("admin_channels", ())) == set(config["admin_channels"]) and all(
        (user.get(key) or None) == (config[key] or None)
        for key in ("email", "disabled")
        if key in config
    )


def _change_channels(username: str, change: Callable[[list[str]], list[str]]) -> bool:
    def wanted(user: dict[str, Any]) -> dict[str, Any]:
        return _config(None, None, change(user.get("admin_channels", [])), None)

    def is_done() -> bool:
        user = Users.get_user(username)
        return _agrees(user, wanted(user))

    _done_once(lambda: _put(username, wanted(Users.get_user(username))), is_done)
    return True


def _done_once(write: Callable[[], Any], is_done: Callable[[], bool]) -> None:
    """Write a user; where the answer is lost, again unless he ``is_done``.

    Users have no revisions: who writes last wins.
    """
    from .settling import persist

    def attempt(lost: SyncGatewayUnavailable | None) -> None:
        try:
            if lost is None or not is_done():
                write()
        except SyncGatewayNotFound:
            # An earlier attempt of ours may have arrived late.
            if lost is None or not is_done():
                raise

    lost = persist(attempt)
    if lost is not None:
        raise lost
