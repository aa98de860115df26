"""Users of the gateway, and their sessions."""

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
        """Make a user, or change what is given; the channel ``public`` is always granted.

        Without ``admin_channels`` or ``admin_roles`` a user who is there keeps his own. ``access``
        has channels of other keyspaces than the default one, by ``"scope.collection"``; those that
        it does not name stay as they are.
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
        """A user's configuration: ``name``, ``email``, ``admin_channels``, ``disabled``, ..."""
        return principals.get("user", username)

    @staticmethod
    def get_users() -> list[str]:
        """The names of all users."""
        return principals.names("user")

    @staticmethod
    def change_username(old_username: str, new_username: str, password: str) -> bool:
        """Give a user another name (and e-mail address); False where it is the same.

        Gateways cannot rename, nor tell a password: he is made anew with ``password``.
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
        """Delete a user; SyncGatewayNotFound where there is none."""
        principals.delete("user", username)
        return True

    @staticmethod
    def append_channels(
        username: str, channels: Iterable[str], keyspace: str | None = None
    ) -> bool:
        """Open channels (of a keyspace) to a user, beside those he has."""
        new = texts(channels, "channels")
        principals.change(
            "user", username, "admin_channels", lambda old: with_public(old + new), keyspace
        )
        return True

    @staticmethod
    def remove_channels(
        username: str, channels: Iterable[str], keyspace: str | None = None
    ) -> bool:
        """Close channels (of a keyspace) to a user."""
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
        """Give a user roles, beside those he has. A role may be made later."""
        new = texts(roles, "roles")
        principals.change("user", username, "admin_roles", lambda old: old + new)
        return True

    @staticmethod
    def remove_roles(username: str, roles: Iterable[str]) -> bool:
        """Take roles from a user."""
        gone = set(texts(roles, "roles"))
        principals.change(
            "user", username, "admin_roles", lambda old: [name for name in old if name not in gone]
        )
        return True

    @staticmethod
    def put_admin_user() -> None:
        """Make the user that the library itself logs in as, with access to all channels, also in
        the collections that SYNC_GATEWAY_DATABASE names."""
        Users._put_configured_user("SYNC_GATEWAY", "smadmin@mail.com", ["*"])

    @staticmethod
    def put_guest_user() -> None:
        """Make the user that mobile clients share, with access to ``public``, also in the
        collections that SYNC_GATEWAY_DATABASE names."""
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
    def get_session(session_id: str) -> dict[str, Any]:
        """Whose a session is, ``userCtx``, and what he may read; SyncGatewayNotFound where it has
        ended."""
        response = request(ADMIN, "GET", "_session", quote_name(session_id, "session"))
        found: dict[str, Any] = loads(response)
        if not isinstance(found, dict) or "userCtx" not in found:
            raise other(response, "it is no session")
        return found

    @staticmethod
    def delete_session(session_id: str) -> None:
        """End a session. It is no error where there is none."""
        path = quote_name(session_id, "session")
        _ended(lambda: request(ADMIN, "DELETE", "_session", path))

    @staticmethod
    def delete_sessions(username: str) -> None:
        """End all sessions of a user."""
        path = quote_name(username, "user")
        _ended(lambda: request(ADMIN, "DELETE", "_user", path, "_session"))


def with_public(channels: Iterable[str]) -> list[str]:
    """Channels, and the one that every user may read."""
    return list(dict.fromkeys([*channels, CHANNEL_PUBLIC]))


def _ended(end: Any) -> None:
    """End sessions; again where the answer is lost, since ending them twice does no harm."""
    try:
        principals.done_once(end)
    except SyncGatewayNotFound:
        return
