"""The public face: what django_cbtools 1.x offered, and the bulk calls beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .attachments import Attachments
from .changes import ChangeFeeds
from .client import PUBLIC
from .documents import Documents
from .revisions import Revisions
from .users import Users

if TYPE_CHECKING:
    from requests.auth import HTTPBasicAuth


class SyncGateway(Attachments, ChangeFeeds, Documents, Revisions, Users):
    """Documents, their attachments and changes, and users by the gateway's REST API.

    All methods raise :exc:`SyncGatewayException`, or the subclass that says why.
    """

    @staticmethod
    def get_auth() -> HTTPBasicAuth | None:
        """The login that documents are read and written with."""
        from . import transport

        return transport.auth(PUBLIC)
