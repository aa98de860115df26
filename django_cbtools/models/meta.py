"""The metaclass of documents.

Documents are declared ``abstract = True`` so that migrations ignore them, but Django refuses to
instantiate abstract models. So the metaclass makes each document class a concrete model that is not
managed and has no table. Migrations leave it out (:mod:`django_cbtools.migrating`). Everything else
treats it as any other model.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from functools import partial
from typing import Any, cast

from django.apps import apps
from django.core.exceptions import MultipleObjectsReturned, ObjectDoesNotExist
from django.db import models
from django.db.models import ForeignObject
from django.db.models.base import ModelBase
from django.db.models.fields.related import resolve_relation
from django.db.models.utils import make_model_tuple
from django.utils.functional import cached_property

from django_cbtools import installed  # noqa: F401  (its check registers itself)
from django_cbtools.exceptions import SyncGatewayNotFound

from .adopting import adopt, is_adopted
from .fields.extra import DocumentColumn
from .naming import make_safe
from .sql import where_documents_are

#: The app of documents that are declared outside of all installed apps.
FALLBACK_APP = "django_cbtools"
_ERRORS: dict[str, tuple[type, ...]] = {
    "DoesNotExist": (ObjectDoesNotExist, SyncGatewayNotFound),
    "MultipleObjectsReturned": (MultipleObjectsReturned,),
}


class DocumentBase(ModelBase):
    """The metaclass of documents. A class with ``base=True`` has no documents of its own and is
    only inherited, as an abstract model in Django."""

    def __new__(
        mcs, name: str, bases: tuple[type, ...], attrs: dict[str, Any], *, base: bool = False
    ) -> DocumentBase:
        parents = [parent for parent in bases if isinstance(parent, DocumentBase)]
        if not parents:
            return cast("DocumentBase", super().__new__(mcs, name, bases, attrs))
        declared: Any = attrs.get("Meta")
        is_nested = any(parent.is_nested for parent in parents)
        is_proxy = getattr(declared, "proxy", False)
        # A subclass of a base has its own ``managed``, since a base is in no migration.
        says_managed = "managed" in vars(declared) if declared else False
        in_migrations = not (base or is_nested or getattr(declared, "abstract", False)) and all(
            parent.in_migrations or (parent.is_base and says_managed) for parent in parents
        )
        attrs["Meta"] = meta = _make_meta(declared, parents, attrs["__module__"], is_nested)
        if not in_migrations:
            meta.managed = False
            _forget_former(meta, name, attrs["__module__"])
        meta.abstract, meta.proxy = base, is_proxy
        with _as_abstract([] if is_proxy else parents):
            cls = cast("DocumentBase", super().__new__(mcs, name, bases, attrs))
        cls.Meta, cls.in_migrations, cls.is_base = meta, in_migrations, base
        make_safe(cls)
        _adopt_inherited_managers(cls)
        if is_proxy:
            return cls
        cls.document_column = DocumentColumn.of(cls)
        for error, default in _ERRORS.items():
            inherited = [getattr(parent, error) for parent in parents if hasattr(parent, error)]
            setattr(cls, error, _exception(cls, error, tuple(inherited) or default))
        cls.tables[cls._meta.db_table] = cls
        if base:
            _resolve_relations(cls)
        return cls

    def __init__(
        cls, name: str, bases: tuple[type, ...], attrs: dict[str, Any], *, base: bool = False
    ) -> None:
        super().__init__(name, bases, attrs)

    Meta: Any
    _meta: Any
    #: True if migrations include the class: it was declared without ``abstract = True``.
    in_migrations: bool = True
    is_nested: bool
    #: True if the class has no documents of its own.
    is_base: bool = True
    tables: dict[str, Any]
    document_column: DocumentColumn

    def add_to_class(cls, name: str, value: Any) -> None:
        """Add an attribute to the class. Django's own fields become fields of documents."""
        kind = type(value)
        if isinstance(value, models.Field):
            _forget_cached(value)
            if value.remote_field:
                _forget_cached(value.remote_field)
                _be_to_self(value.remote_field)
        if issubclass(kind, ForeignObject):
            value.get_extra_restriction = partial(where_documents_are, value)
            if _is_inherited(cls, name, value):  # its first declarer keeps the reverse name
                value.remote_field.related_name = "+"
                value.remote_field.related_query_name = None
        # A base manager has to find every document. Options are the first attribute.
        if name == "_meta" or name != cls._meta.base_manager_name:
            adopt(value)
        super().add_to_class(name, value)


def _adopt_inherited_managers(cls: Any) -> None:
    """Adopt the managers of ordinary abstract models that the class inherits."""
    options = cls._meta
    default = options.default_manager
    for manager in options.managers:
        if not is_adopted(manager) and manager.name != options.base_manager_name:
            cls.add_to_class(manager.name, copy.copy(manager))
    if options.default_manager != default:
        options.default_manager_name = default.name


def _make_meta(
    declared: type | None, parents: list[DocumentBase], module: str, is_nested: bool
) -> Any:
    inherited = [parent.Meta for parent in parents if hasattr(parent, "_meta")]
    # Nested models only need fields. As "auto-created" models they are hidden in the registry.
    attrs: dict[str, Any] = {"auto_created": is_nested}
    base: Any = declared or (inherited[0] if inherited else object)
    attrs["_is_managed_declared"] = hasattr(declared, "managed")
    if not attrs["_is_managed_declared"]:
        attrs["managed"] = False
    if not hasattr(base, "base_manager_name"):
        attrs["base_manager_name"] = "all_objects"
    if declared is None and getattr(base, "db_table", None):
        attrs["db_table"] = ""
    app_config = apps.get_containing_app_config(module)
    if "app_label" not in getattr(declared, "__dict__", {}):
        attrs["app_label"] = app_config.label if app_config else FALLBACK_APP
    return type("Meta", (base,), attrs)


def _forget_former(meta: Any, name: str, module: str) -> None:
    """Unregister a former class of the same name and module. A document class may be declared
    again, in a function or by a reload."""
    known = apps.all_models[meta.app_label]
    former = known.get(name.lower())
    if isinstance(former, DocumentBase) and former.__module__ == module:
        del known[name.lower()]


@contextlib.contextmanager
def _as_abstract(parents: list[DocumentBase]) -> Iterator[None]:
    """Let Django copy the parents' fields, as from abstract models, in place of joins. A proxy has
    the fields of its class."""
    former = []
    for options in [parent._meta for parent in parents if not parent._meta.abstract]:
        fields = options.concrete_model._meta.local_fields
        former.append((options, options.local_fields, options.parents))
        options.abstract, options.local_fields, options.parents = True, fields, {}
    try:
        yield
    finally:
        for options, fields, inherited in former:
            options.abstract, options.local_fields, options.parents = False, fields, inherited


def _exception(cls: type, name: str, bases: tuple[type, ...]) -> type:
    namespace = {"__module__": cls.__module__, "__qualname__": f"{cls.__qualname__}.{name}"}
    return type(name, bases, namespace)


def _forget_cached(part: Any) -> None:
    """Delete the cached properties that a copied field has from the parent's field."""
    # A CharField has already added the validator of its max_length to the validators.
    for name in vars(part).keys() - {"validators"}:
        if isinstance(getattr(type(part), name, None), cached_property):
            del vars(part)[name]


def _resolve_relations(base: Any) -> None:
    """Resolve a base's relations by name, since a base can be queried. Django leaves them
    unresolved in abstract models."""
    for field in base._meta.local_fields:
        if field.is_relation and isinstance(field.remote_field.model, str):
            if (related := resolve_relation(base, field.remote_field.model)) is base:
                field.remote_field.model = base
            else:
                found = partial(setattr, field.remote_field, "model")
                apps.lazy_model_operation(found, make_model_tuple(related))


def _be_to_self(relation: Any) -> None:
    """Let a copy of a base's relation to itself point to the class that has the copy."""
    if isinstance(relation.model, DocumentBase) and relation.model.is_base:
        relation.model = "self"


def _is_inherited(cls: type, name: str, field: ForeignObject[Any, Any]) -> bool:
    # A copied field keeps the counter of the one it was copied from.
    return any(
        former.name == name and former.creation_counter == field.creation_counter
        for base in cls.__mro__[1:]
        if isinstance(base, DocumentBase) and not base.is_base
        for former in (*base._meta.local_fields, *base._meta.private_fields)
    )
