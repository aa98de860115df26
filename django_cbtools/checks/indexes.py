"""A check of indexes that are declared outside of document classes. Django checks the others."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

from django_cbtools.models.indexes import declared_indexes, declared_outside, read_index


@register("cbtools")
def check_indexes(**kwargs: Any) -> list[CheckMessage]:
    """Check that all declared indexes can be created."""
    messages: list[CheckMessage] = []
    try:
        for declaration in declared_outside():
            try:
                read_index(*declaration[:3])
            except ImproperlyConfigured as error:
                messages.append(Error(str(error), id="cbtools.E006"))
        if not messages:
            declared_indexes()
    except ImproperlyConfigured as error:
        messages.append(Error(str(error), id="cbtools.E006"))
    return messages
