"""The gateway through the eyes of one of its users."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction

from .documents.attachments import Attachments
from .documents.documents import Documents
from .documents.revisions import Revisions
from .feed.changes import ChangeFeeds
from .transport import transport

#: What a user can do: all of it goes by the public API.
_OF_USERS = (Attachments, ChangeFeeds, Documents, Revisions)


class AsUser:
    """What :meth:`SyncGateway.as_user` returns: the calls of documents, as that user's own.

    Everything that a user may not do raises SyncGatewayForbidden, as it would on a phone.
    """

    def __init__(self, client: type, login: transport.Login) -> None:
        self._client = client
        self._login = login

    def __repr__(self) -> str:
        return f"SyncGateway.as_user({self._login.name!r}, ...)"

    def __dir__(self) -> list[str]:
        names = {name for part in _OF_USERS for name in vars(part) if not name.startswith("_")}
        return sorted({*object.__dir__(self), *names})

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if not name.startswith("_"):
            method = getattr(self._client, name, None)
            names = {name, name.removeprefix("a")}
            if method is not None and any(not names.isdisjoint(vars(part)) for part in _OF_USERS):
                return self._called(method)
        raise AttributeError(
            f"{self!r} has no {name!r}. Users have what is about documents; SyncGateway itself has "
            "users, roles and sessions."
        )

    def _called(self, method: Callable[..., Any]) -> Callable[..., Any]:
        if iscoroutinefunction(method):

            @functools.wraps(method)
            async def awaited(*args: Any, **kwargs: Any) -> Any:
                with transport.acting_as(self._login):
                    return await method(*args, **kwargs)

            return awaited

        @functools.wraps(method)
        def called(*args: Any, **kwargs: Any) -> Any:
            with transport.acting_as(self._login):
                return method(*args, **kwargs)

        return called
