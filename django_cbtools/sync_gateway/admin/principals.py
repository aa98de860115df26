"""Users and roles: their configurations, and how they are written.

They have no revisions: the last write wins. If the answer to a write is lost, it is sent again,
unless the configuration is already the one that was sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django_cbtools.exceptions import SyncGatewayNotFound, SyncGatewayUnavailable, shown

from ..calls.client import ADMIN, loads, quote_name, request
from ..calls.matching import other
from ..documents.documents import texts
from ..keyspaces import checked, nested

#: Lists that are compared as sets.
_SETS = frozenset(("admin_channels", "admin_roles"))
#: The member of a configuration for named keyspaces, by scope and collection.
ACCESS = "collection_access"


def get(kind: str, name: str) -> dict[str, Any]:
    """Return the configuration of a user or role. Raise SyncGatewayNotFound if it does not exist.

    ``kind`` is ``"user"`` or ``"role"``.
    """
    response = request(ADMIN, "GET", f"_{kind}", quote_name(name, kind))
    found: dict[str, Any] = loads(response)
    # The user GUEST has no name.
    if not isinstance(found, dict) or found.get("name", "GUEST") != name:
        raise other(response, f"it is not {kind} {shown(name)}")
    return found


def names(kind: str) -> list[str]:
    """Return the names of all users or roles."""
    response = request(ADMIN, "GET", f"_{kind}", "")
    found: list[str] = loads(response)
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise other(response, f"it has no names of {kind}s")
    return found


def put(kind: str, name: str, config: Mapping[str, Any]) -> None:
    """Create a user or role, or change the members that ``config`` has."""
    path = quote_name(name, kind)

    def is_done() -> bool:
        # Gateways do not return passwords. Setting the same one again does no harm.
        if "password" in config:
            return False
        try:
            return agrees(get(kind, name), config)
        except SyncGatewayNotFound:
            return False

    done_once(lambda: request(ADMIN, "PUT", f"_{kind}", path, body=config), is_done)


def delete(kind: str, name: str) -> None:
    """Delete a user or role. Raise SyncGatewayNotFound if it does not exist."""
    path = quote_name(name, kind)

    def is_gone() -> bool:
        try:
            get(kind, name)
        except SyncGatewayNotFound:
            return True
        return False

    done_once(lambda: request(ADMIN, "DELETE", f"_{kind}", path), is_gone)


def change(
    kind: str,
    name: str,
    key: str,
    wanted: Callable[[list[str]], Iterable[str]],
    keyspace: str | None = None,
) -> None:
    """Change one of the lists of a user or role, in a keyspace if one is given. Raise
    SyncGatewayNotFound if the user or role does not exist."""
    path = quote_name(name, kind)
    keyspace = checked(keyspace)

    def config(found: Mapping[str, Any]) -> dict[str, Any]:
        has = found if keyspace is None else access_of(found).get(keyspace, {})
        config = {key: list(dict.fromkeys(wanted(has.get(key) or [])))}
        return config if keyspace is None else {ACCESS: nested([(keyspace, config)])}

    def is_done() -> bool:
        found = get(kind, name)
        return agrees(found, config(found))

    done_once(
        lambda: request(ADMIN, "PUT", f"_{kind}", path, body=config(get(kind, name))), is_done
    )


def done_once(write: Callable[[], Any], is_done: Callable[[], bool] = lambda: False) -> None:
    """Call ``write``. If the answer is lost, call it again unless ``is_done()`` is true. A write
    without ``is_done`` must do no harm if it is done twice."""
    from ..settling.done_once import persist

    def attempt(lost: SyncGatewayUnavailable | None) -> None:
        try:
            if lost is None or not is_done():
                write()
        except SyncGatewayNotFound:
            # An earlier attempt may have arrived late.
            if lost is None or not is_done():
                raise

    lost = persist(attempt)
    if lost is not None:
        raise lost


def access_of(found: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the access of a user or a role in each keyspace except the default one."""
    return {
        f"{scope}.{collection}": has
        for scope, collections in (found.get(ACCESS) or {}).items()
        for collection, has in collections.items()
    }


def with_access(
    config: dict[str, Any], access: Mapping[str, Iterable[str]] | None, more: Iterable[str] = ()
) -> dict[str, Any]:
    """Return a configuration with channels in keyspaces, and with the channels ``more`` in each of
    them. Raise ValueError if a name is no keyspace."""
    if not access:
        return config
    channels = {
        keyspace: list(dict.fromkeys([*texts(names, f"access[{keyspace!r}]"), *more]))
        for keyspace, names in access.items()
    }
    given = [(keyspace, {"admin_channels": names}) for keyspace, names in channels.items()]
    return {**config, ACCESS: nested(given)}


def agrees(found: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    """Return whether a user or role has the configuration that is wanted. Missing and empty members
    are equal."""
    if not all(
        set(access_of(found).get(keyspace, {}).get(key) or ()) == set(value)
        for keyspace, wanted in access_of(config).items()
        for key, value in wanted.items()
    ):
        return False
    return all(
        set(found.get(key) or ()) == set(value)
        if key in _SETS
        else (found.get(key) or None) == (value or None)
        for key, value in config.items()
        if key != ACCESS
    )
