"""Methods about users and their sessions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django_cbtools import conf
from django_cbtools.exceptions import SyncGatewayAnswerLost, SyncGatewayNotFound

from ..calls.client import ADMIN, loads, quote_name, request
from ..calls.matching import other
from ..documents.documents import texts
from ..keyspaces import of_settings
from . import principals

if TYPE_CHECKING:
    import requests

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
        admin_roles: Iterable[str] | None = None,
        access: Mapping[str, Iterable[str]] | None = None,
    ) -> bool:
        """Create a user of the gateway, or change the options that are given.

        Without ``admin_channels`` or ``admin_roles``, an existing user keeps their channels or
        roles. The channel ``public`` is always granted. ``access`` has channels in other keyspaces
        than the default one, by ``"scope.collection"``; keyspaces that it does not name stay as
        they are.
        """
        if admin_channels is None:
            admin_channels = Users._channels_of(username)
        config = {
            "email": email,
            "password": password,
            "admin_channels": with_public(texts(admin_channels, "admin_channels")),
            "disabled": disabled,
            "admin_roles": None if admin_roles is None else texts(admin_roles, "admin_roles"),
        }
        given = {key: value for key, value in config.items() if value is not None}
        given = principals.with_access(given, access, [CHANNEL_PUBLIC])
        principals.put("user", username, given)
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
        """Return the configuration of a user: ``name``, ``email``, ``admin_channels``, ...

        Raises SyncGatewayNotFound if the user does not exist.
        """
        return principals.get("user", username)

    @staticmethod
    def get_users() -> list[str]:
        """Return the names of all users."""
        return principals.names("user")

    @staticmethod
    def change_username(old_username: str, new_username: str, password: str) -> bool:
        """Rename a user. The new name becomes the e-mail address, too.

        A gateway cannot rename users or return passwords, so the user is created again with
        ``password``, and the old one is deleted. Returns False if both names are the same.

        Raises SyncGatewayNotFound if the user does not exist.
        """
        if old_username == new_username:
            return False
        user = Users.get_user(old_username)
        Users.put_user(
            new_username,
            new_username,
            password,
            user.get("admin_channels"),
            user.get("disabled"),
            user.get("admin_roles"),
            {
                keyspace: has["admin_channels"]
                for keyspace, has in principals.access_of(user).items()
                if "admin_channels" in has
            },
        )
        Users.delete_user(old_username)
        return True

    @staticmethod
    def delete_user(username: str) -> bool:
        """Delete a user. Raises SyncGatewayNotFound if the user does not exist."""
        principals.delete("user", username)
        return True

    @staticmethod
    def append_channels(
        username: str, channels: Iterable[str], keyspace: str | None = None
    ) -> bool:
        """Give a user more channels, in the default keyspace or in ``keyspace``."""
        new = texts(channels, "channels")
        principals.change(
            "user", username, "admin_channels", lambda old: with_public(old + new), keyspace
        )
        return True

    @staticmethod
    def remove_channels(
        username: str, channels: Iterable[str], keyspace: str | None = None
    ) -> bool:
        """Remove channels from a user, in the default keyspace or in ``keyspace``."""
        gone = set(texts(channels, "channels"))
        principals.change(
            "user",
            username,
            "admin_channels",
            lambda old: with_public([name for name in old if name not in gone]),
            keyspace,
        )
        return True

    @staticmethod
    def append_roles(username: str, roles: Iterable[str]) -> bool:
        """Give a user more roles. The roles may be created later."""
        new = texts(roles, "roles")
        principals.change("user", username, "admin_roles", lambda old: old + new)
        return True

    @staticmethod
    def remove_roles(username: str, roles: Iterable[str]) -> bool:
        """Remove roles from a user."""
        gone = set(texts(roles, "roles"))
        principals.change(
            "user", username, "admin_roles", lambda old: [name for name in old if name not in gone]
        )
        return True

    @staticmethod
    def put_admin_user() -> None:
        """Create the user that the library logs in as, with access to all channels.

        The user also has access to the collections that SYNC_GATEWAY_DATABASE names.
        """
        Users._put_configured_user("SYNC_GATEWAY", "smadmin@mail.com", ["*"])

    @staticmethod
    def put_guest_user() -> None:
        """Create the user that mobile clients share, with access to the channel ``public``.

        The user also has access to this channel of the collections that SYNC_GATEWAY_DATABASE
        names.
        """
        Users._put_configured_user("SYNC_GATEWAY_GUEST", "smguest@mail.com", [CHANNEL_PUBLIC])

    @staticmethod
    def _put_configured_user(prefix: str, email: str, channels: list[str]) -> None:
        user, password = (
            conf.require(f"{prefix}_{part}", "there is no user to make without it")
            for part in ("USER", "PASSWORD")
        )
        access = {keyspace: channels for keyspace in of_settings() if keyspace is not None}
        Users.put_user(user, email, password, channels, access=access)

    # --------------------------------------------------------------- sessions

    @staticmethod
    def create_session(username: str, ttl: int | None = None) -> requests.Response:
        """Create a session for a user. ``ttl`` is its lifetime in seconds.

        Returns the response. Its JSON has ``cookie_name``, ``session_id`` and ``expires``.
        """
        body: dict[str, Any] = {"name": username}
        if ttl is not None:
            body["ttl"] = ttl
        response = request(ADMIN, "POST", "_session", body=body)
        found = loads(response)
        if not isinstance(found, dict) or "session_id" not in found:
            raise other(response, "it has no session", SyncGatewayAnswerLost)
        return response

    @staticmethod
    def get_session(session_id: str) -> dict[str, Any]:
        """Return the user of a session: ``userCtx`` has the name and the channels.

        Raises SyncGatewayNotFound if the session has ended or does not exist.
        """
        response = request(ADMIN, "GET", "_session", quote_name(session_id, "session"))
        found: dict[str, Any] = loads(response)
        if not isinstance(found, dict) or "userCtx" not in found:
            raise other(response, "it is no session")
        return found

    @staticmethod
    def delete_session(session_id: str) -> None:
        """End a session. Does nothing if the session does not exist."""
        path = quote_name(session_id, "session")
        _ended(lambda: request(ADMIN, "DELETE", "_session", path))

    @staticmethod
    def delete_sessions(username: str) -> None:
        """End all sessions of a user."""
        path = quote_name(username, "user")
        _ended(lambda: request(ADMIN, "DELETE", "_user", path, "_session"))


def with_public(channels: Iterable[str]) -> list[str]:
    """Return the channels, with the channel that every user may read added."""
    return list(dict.fromkeys([*channels, CHANNEL_PUBLIC]))


def _ended(end: Any) -> None:
    """End sessions. If the answer is lost, end them again, which does no harm."""
    try:
        principals.done_once(end)
    except SyncGatewayNotFound:
        return
