"""Changes to Django's own fields and managers that belong to documents."""

from __future__ import annotations

import sys
from functools import cache, partial
from typing import Any

from django.db import models
from django.db.models.fields.related_descriptors import ReverseOneToOneDescriptor
from django.db.models.manager import BaseManager

from .fields.members import Members
from .fields.preparing import comparing
from .files import keep_in_document
from .queryset import AllDocuments, Documents
from .relations import is_loaded_by_key


def adopt(field: Any) -> None:
    """Prepare a field or a manager for documents before it is added to its class."""
    keep_in_document(field)
    if isinstance(field, models.JSONField) and not isinstance(field, Members):
        field.get_db_prep_value = partial(_prepared_json, field)  # type: ignore[method-assign]
    elif isinstance(field, models.ImageField):
        field.update_dimension_fields = partial(_read_dimensions, field)  # type: ignore[method-assign]
    elif _is_generic(field):
        field.get_content_type = partial(_content_type, field)
    elif isinstance(field, models.OneToOneField):
        field.related_accessor_class = _ReverseDescriptor
    elif isinstance(field, BaseManager) and not is_adopted(field):
        kind: Any = type(field)
        field.__class__ = _hiding(kind)


class _ReverseDescriptor(ReverseOneToOneDescriptor):  # type: ignore[type-arg]
    def get_queryset(self, **hints: Any) -> Any:
        """Return Django's QuerySet, without softly deleted documents, as reverse managers do."""
        return super().get_queryset(**hints).filter(st_deleted=False)


def is_adopted(manager: Any) -> bool:
    """Return whether a manager knows of soft deletion."""
    return isinstance(manager, AllDocuments)


@cache
def _hiding(manager: Any) -> Any:
    """Return a manager class that leaves out softly deleted documents, as :class:`Documents` does,
    before the manager's own ``get_queryset()`` goes on."""
    if issubclass(Documents, manager):  # one of Django's own classes
        return Documents
    names = {name: getattr(manager, name) for name in ("__module__", "__qualname__", "__doc__")}
    return type(manager)(manager.__name__, (manager, Documents), names)


def _prepared_json(field: Any, value: Any, connection: Any, prepared: bool = False) -> Any:
    """Prepare JSON for a comparison in the form in which documents store it."""
    return type(field).get_db_prep_value(field, value, comparing(connection), prepared)


def _read_dimensions(
    field: Any, instance: Any, force: bool = False, *args: Any, **kwargs: Any
) -> None:
    """Call Django's ``update_dimension_fields()``, except while a document is loaded: that would
    read the image file."""
    if not instance._is_loading:
        type(field).update_dimension_fields(field, instance, force, *args, **kwargs)


# ------------------------------------------------------------------ content types


def _is_generic(field: Any) -> bool:
    # If nobody has imported the module, there is no such field.
    generic = sys.modules.get("django.contrib.contenttypes.fields")
    return generic is not None and isinstance(field, generic.GenericForeignKey)


def _content_type(
    field: Any, obj: Any = None, id: Any = None, using: Any = None, model: Any = None
) -> Any:
    """Return the content type as Django's ``get_content_type()`` does, but from the database that
    the router chooses. Django would ask the documents' alias."""
    from django.contrib.contenttypes.models import ContentType

    if id is not None:
        return _Type(ContentType.objects.get_for_id(id))
    if obj is None and model is None:
        return type(field).get_content_type(field)  # which raises Django's error
    return ContentType.objects.get_for_model(
        model if obj is None else obj, for_concrete_model=field.for_concrete_model
    )


class _Type:
    """A content type that loads its objects from where they are stored, documents by key."""

    def __init__(self, content_type: Any) -> None:
        self._content_type = content_type

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content_type, name)

    def get_object_for_this_type(self, using: Any = None, **kwargs: Any) -> Any:
        model = self._content_type.model_class()
        if is_loaded_by_key(model):
            return model(kwargs["pk"])
        return model._base_manager.get(**kwargs)

    def get_all_objects_for_this_type(self, **kwargs: Any) -> Any:
        return self._content_type.model_class()._base_manager.filter(**kwargs)
