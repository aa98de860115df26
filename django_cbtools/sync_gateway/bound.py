"""The methods of documents for one keyspace, one user, or both."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async

from . import keyspaces
from .calls.client import PUBLIC, loads, request
from .calls.matching import other
from .documents.attachments import Attachments
from .documents.documents import Documents
from .documents.revisions import Revisions
from .feed.changes import ChangeFeeds
from .feed.leaves import Leaves
from .transport import transport

#: The methods for documents. Users can call all of them, since they use the public API.
_OF_DOCUMENTS = frozenset(
    name
    for part in (Attachments, ChangeFeeds, Documents, Leaves, Revisions)
    for name in vars(part)
    if not name.startswith("_")
)
#: The further methods for a keyspace.
_OF_KEYSPACES = frozenset(("get_sync_function", "purge", "put_sync_function"))


class Bound:
    """The methods of documents, bound to a user, a keyspace or both, with their async versions.

    :meth:`SyncGateway.as_user` and :meth:`SyncGateway.in_keyspace` return it. Every call that the
    user may not make raises SyncGatewayForbidden, as it would on a phone.
    """

    def __init__(
        self, client: type, login: transport.Login | None = None, keyspace: str | None = None
    ) -> None:
        self._client, self._login, self._keyspace = client, login, keyspace
        self._names = _OF_DOCUMENTS if login is not None else _OF_DOCUMENTS | _OF_KEYSPACES

    def as_user(self, name: str, password: str) -> Bound:
        """Return the methods of documents for another user, in the same keyspace."""
        if not name:
            raise ValueError("as_user() needs the name of a user.")
        return Bound(self._client, transport.Login(name, password), self._keyspace)

    def in_keyspace(self, keyspace: str | None) -> Bound:
        """Return the methods of documents for another keyspace, as the same user."""
        return Bound(self._client, self._login, keyspaces.checked(keyspace))

    def get_session(self) -> dict[str, Any]:
        """Return the gateway's description of the user: ``userCtx`` has the name and the channels.

        Raises SyncGatewayForbidden if the user does not exist or is disabled, or if the password is
        wrong.
        """
        with transport.acting_as(self._login), keyspaces.inside(None):
            response = request(PUBLIC, "GET", "_session")
        found: dict[str, Any] = loads(response)
        if not isinstance(found, dict) or not isinstance(found.get("userCtx"), dict):
            raise other(response, "it does not say who asks")
        return found

    async def aget_session(self) -> dict[str, Any]:
        """Async version of :meth:`get_session`."""
        return await sync_to_async(self.get_session)()

    def close(self) -> None:
        """Close the connections of the user. The next call makes new ones."""
        found = self._login.transport if self._login else None
        if self._login is not None and found is not None:
            self._login.transport = None
            found.session.close()

    def __repr__(self) -> str:
        user = "" if self._login is None else f".as_user({self._login.name!r}, ...)"
        is_elsewhere = self._keyspace is not None or not user
        return f"SyncGateway{user}" + (f".in_keyspace({self._keyspace!r})" if is_elsewhere else "")

    def __dir__(self) -> list[str]:
        return sorted({*object.__dir__(self), *self._names})

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if not name.startswith("_"):
            method = getattr(self._client, name, None)
            if method is not None and not self._names.isdisjoint((name, name.removeprefix("a"))):
                return self._called(method)
        raise AttributeError(
            f"{self!r} has no {name!r}. It has what is about documents; SyncGateway itself has "
            "users, roles, sessions and the database."
        )

    @contextmanager
    def _asking(self) -> Generator[None, None, None]:
        login = transport.login() if self._login is None else self._login
        with transport.acting_as(login), keyspaces.inside(self._keyspace):
            yield

    def _called(self, method: Callable[..., Any]) -> Callable[..., Any]:
        if iscoroutinefunction(method):

            @functools.wraps(method)
            async def awaited(*args: Any, **kwargs: Any) -> Any:
                with self._asking():
                    return await method(*args, **kwargs)

            return awaited

        @functools.wraps(method)
        def called(*args: Any, **kwargs: Any) -> Any:
            with self._asking():
                return method(*args, **kwargs)

        return called
