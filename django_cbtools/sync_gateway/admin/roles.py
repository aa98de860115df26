"""Methods about roles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..documents.documents import texts
from . import principals


class Roles:
    """The part of :class:`SyncGateway` that is about roles; it goes through the admin API."""

    @staticmethod
    def put_role(
        name: str,
        admin_channels: Iterable[str] | None = None,
        access: Mapping[str, Iterable[str]] | None = None,
    ) -> bool:
        """Create a role, or change its channels.

        ``admin_channels`` are the channels that the role gives; without it, an existing role keeps
        its channels. ``access`` has channels in other keyspaces than the default one, as in
        :meth:`SyncGateway.put_user`.
        """
        given = None if admin_channels is None else texts(admin_channels, "admin_channels")
        config = {} if given is None else {"admin_channels": given}
        principals.put("role", name, principals.with_access(config, access))
        return True

    @staticmethod
    def get_role(name: str) -> dict[str, Any]:
        """Return the configuration of a role: ``name``, ``admin_channels``, ``all_channels``, ...

        Raises SyncGatewayNotFound if the role does not exist.
        """
        return principals.get("role", name)

    @staticmethod
    def get_roles() -> list[str]:
        """Return the names of all roles."""
        return principals.names("role")

    @staticmethod
    def delete_role(name: str) -> bool:
        """Delete a role. Its users lose its channels until the role is created again.

        Raises SyncGatewayNotFound if the role does not exist.
        """
        principals.delete("role", name)
        return True
