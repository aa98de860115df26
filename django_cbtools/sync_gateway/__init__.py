"""Sync Gateway's REST API: the library's, and the program's, way to documents and users."""

from django_cbtools.exceptions import (
    SyncGatewayAnswerLost,
    SyncGatewayBadRequest,
    SyncGatewayBulkError,
    SyncGatewayConflict,
    SyncGatewayException,
    SyncGatewayForbidden,
    SyncGatewayNotFound,
    SyncGatewayUnavailable,
)

from .facade import SyncGateway

__all__ = [
    "SyncGateway",
    "SyncGatewayAnswerLost",
    "SyncGatewayBadRequest",
    "SyncGatewayBulkError",
    "SyncGatewayConflict",
    "SyncGatewayException",
    "SyncGatewayForbidden",
    "SyncGatewayNotFound",
    "SyncGatewayUnavailable",
]
