"""Brings users of the gateway up to date with Django's users."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.contrib.auth import get_user_model

from django_cbtools.exceptions import SyncGatewayException, SyncGatewayNotFound
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.admin.principals import access_of as collections_of
from django_cbtools.sync_gateway.admin.principals import agrees, with_access
from django_cbtools.sync_gateway.admin.users import CHANNEL_PUBLIC, with_public

from .access import Access, access_of, name_of


def synchronize(user: Any, *, dry_run: bool = False) -> str | None:
    """Bring the gateway's user of a Django user up to date with the rule.

    Users who are not active, or for whom the rule returns None, are disabled, and their sessions
    end. It takes one request if nothing has changed. With ``dry_run``, nothing is written.

    Returns ``"made"``, ``"changed"`` or ``"disabled"``, or None if there was nothing to do. Raises
    SyncGatewayException.
    """
    name, access = name_of(user), access_of(user)
    try:
        found = SyncGateway.get_user(name)
    except SyncGatewayNotFound:
        found = None
    if access is None:
        if found is None or found.get("disabled"):
            return None
        if not dry_run:
            SyncGateway.put_user(name, disabled=True)
            SyncGateway.delete_sessions(name)
        return "disabled"
    if found is not None and _agrees(found, access):
        return None
    if not dry_run:
        SyncGateway.put_user(
            name,
            # Nobody knows the password, since phones get sessions.
            password=secrets.token_urlsafe(32) if found is None else None,
            admin_channels=access.channels,
            disabled=False,
            admin_roles=access.roles,
            access=_collections(found, access),
        )
    return "made" if found is None else "changed"


def remove(name: str) -> None:
    """Delete a user of the gateway and their sessions. Do nothing if the user does not exist."""
    try:
        SyncGateway.delete_sessions(name)
        SyncGateway.delete_user(name)
    except SyncGatewayNotFound:
        return


def synchronize_all(
    users: Iterable[Any], *, dry_run: bool = False
) -> Iterator[tuple[str, str | SyncGatewayException | None]]:
    """Bring the gateway's users of many Django users up to date, as :func:`synchronize`.

    Yields pairs of the user's name at the gateway and what was done, or the exception.
    """
    for user in users:
        try:
            yield name_of(user), synchronize(user, dry_run=dry_run)
        except SyncGatewayException as error:
            yield name_of(user), error


def unknown_names() -> list[str]:
    """Return the names of gateway users that look like ours but have no Django user."""
    ours = {name for name in SyncGateway.get_users() if name.startswith("user-")}
    if not ours:
        return []
    users = get_user_model()._default_manager.iterator()
    return sorted(ours.difference(map(name_of, users)))


def _agrees(found: dict[str, Any], access: Access) -> bool:
    wanted = {
        "admin_channels": with_public(access.channels),
        "admin_roles": access.roles,
        "disabled": False,
    }
    return agrees(found, with_access(wanted, _collections(found, access), [CHANNEL_PUBLIC]))


def _collections(found: dict[str, Any] | None, access: Access) -> dict[str, Sequence[str]]:
    """Return the channels of a user in collections. Channels that the rule no longer names are
    removed."""
    former: dict[str, Sequence[str]] = {
        keyspace: ()
        for keyspace, has in collections_of(found or {}).items()
        if has.get("admin_channels")
    }
    return {**former, **access.collections}
