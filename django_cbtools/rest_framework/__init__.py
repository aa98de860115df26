"""Serializers, viewsets and errors for documents in Django REST framework."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

try:
    from .showing import register
except ModuleNotFoundError as error:
    if error.name != "rest_framework":
        raise
    raise ModuleNotFoundError(
        "django_cbtools.rest_framework needs Django REST framework: pip install "
        'djangorestframework, and put "rest_framework" into INSTALLED_APPS.',
        name=error.name,
    ) from error

if TYPE_CHECKING:
    from .errors import Conflict, PreconditionFailed, PreconditionRequired, exception_handler
    from .fields import ChannelsField
    from .serializers import DocumentSerializer, PartSerializer
    from .viewsets import DocumentViewSet, ReadOnlyDocumentViewSet

__all__ = [
    "ChannelsField",
    "Conflict",
    "DocumentSerializer",
    "DocumentViewSet",
    "PartSerializer",
    "PreconditionFailed",
    "PreconditionRequired",
    "ReadOnlyDocumentViewSet",
    "exception_handler",
    "register",
]

#: The modules of the names. They are imported on first use: the classes of views read the site's
#: settings, which may name modules that import these.
_MODULES = {
    "ChannelsField": "fields",
    "Conflict": "errors",
    "DocumentSerializer": "serializers",
    "DocumentViewSet": "viewsets",
    "PartSerializer": "serializers",
    "PreconditionFailed": "errors",
    "PreconditionRequired": "errors",
    "ReadOnlyDocumentViewSet": "viewsets",
    "exception_handler": "errors",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
