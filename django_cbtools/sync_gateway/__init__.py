"""A client of Sync Gateway's REST API."""

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
