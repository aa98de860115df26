"""The indexes that documents declare. Backends create them.

They come from a class's Meta (``indexes`` and unique constraints), from fields with ``db_index`` or
``unique``, from the setting COUCHBASE_INDEXES, and from modules ``cb_indexes`` of the apps, which
call :func:`register_index` or have FIELD_INDEXES. The setting and FIELD_INDEXES have a list for
each class. Its items are names of fields, lists of names (``-`` means descending), or instances of
Index. A dictionary may replace the list. It has the list ``indexed``, and the list ``unindexed`` of
indexes that the class declares itself and that are not created.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist, FieldError, ImproperlyConfigured
from django.db import models
from django.db.models.sql import Query
from django.utils.module_loading import autodiscover_modules

from django_cbtools import conf

from .base import CouchbaseModel
from .registry import documents

Document = type[CouchbaseModel]

MODULE = "cb_indexes"
SETTING = "COUCHBASE_INDEXES"
FIELD_INDEXES = "FIELD_INDEXES"
#: The keys of a dictionary that a class may have in place of a list.
INDEXED, UNINDEXED = "indexed", "unindexed"


@dataclass(frozen=True)
class Declared:
    """A named index, and the class whose documents it contains."""

    model: Document
    index: models.Index


class IndexChange(NamedTuple):
    """A step that a backend takes to create, change or drop an index.

    ``model`` is the label of the class that declares the index, or None. ``unfinished`` is a query
    of the names and states of indexes that the step is still working on; it is empty if the step is
    done at once.
    """

    verb: str
    name: str
    model: str | None
    sql: str
    unfinished: str = ""


class Declaration(NamedTuple):
    """An index that is declared outside of its class. ``where`` names the place of the declaration,
    ``model`` is the class (or the value found in its place), ``item`` is the index. ``is_wanted``
    is false if the index must not be created."""

    where: str
    model: Any
    item: Any
    is_wanted: bool = True


_registered: dict[Document, list[Any]] = {}


def register_index(model: Document, *indexes: Any) -> None:
    """Declare indexes of a document class, in a module ``cb_indexes`` of an app.

    Each index is the name of a field, a list of names, or an instance of Index.
    """
    items = _registered.setdefault(model, [])
    items += [item for item in indexes if item not in items]


def declared_indexes() -> list[Declared]:
    """Return all declared indexes, each once.

    Raises ImproperlyConfigured for the first declaration that is not valid.
    """
    found: list[Declared] = []
    for where, model, item in _declarations():
        index = read_index(where, model, item)
        if not any(each.model is model and _same(each.index, index) for each in found):
            found.append(Declared(model, index))
    names: dict[str, Declared] = {}
    for each in found:
        first = names.setdefault(each.index.name.lower(), each)
        if first is not each:
            raise ImproperlyConfigured(
                f"Two indexes have the name {each.index.name!r}: one of {first.model._meta.label}, "
                f"and one of {each.model._meta.label}. (In a Meta that others inherit, a name has "
                "'%(class)s' in it.)"
            )
    return found


def declared_outside() -> Iterator[Declaration]:
    """Yield the indexes that are declared outside of their classes. Raise ImproperlyConfigured if a
    declaration has a wrong form."""
    yield from _tables()
    for model, items in _registered.items():
        for item in items:
            yield Declaration("register_index()", model, item)


def _tables() -> Iterator[Declaration]:
    """Yield the declarations of the setting and of the apps' modules, which are dictionaries by
    class."""
    try:
        autodiscover_modules(MODULE)
    except Exception as error:
        raise ImproperlyConfigured(
            f"A module {MODULE} of the installed apps fails: {type(error).__name__}: {error}"
        ) from error
    tables = {SETTING: conf.get(SETTING)}
    for config in apps.get_app_configs():
        module = sys.modules.get(f"{config.name}.{MODULE}")
        if hasattr(module, FIELD_INDEXES):
            tables[f"{config.name}.{MODULE}.{FIELD_INDEXES}"] = getattr(module, FIELD_INDEXES)
    for name, table in tables.items():
        if not isinstance(table, Mapping):
            raise ImproperlyConfigured(
                f"{name} is {table!r}. It is a dictionary, of lists by 'app_label.ModelName'."
            )
        for model, said in table.items():
            label = model if isinstance(model, str) else getattr(model, "__name__", model)
            where = f"{name}[{label!r}]"
            lists = said if isinstance(said, Mapping) else {INDEXED: said}
            if unknown := set(lists) - {INDEXED, UNINDEXED}:
                raise ImproperlyConfigured(
                    f"{where} has {', '.join(sorted(map(repr, unknown)))}: a dictionary there has "
                    f"the lists {INDEXED!r} and {UNINDEXED!r}."
                )
            for kind, items in lists.items():
                # A single item is one index. A value of a wrong type is refused as such.
                for item in items if isinstance(items, (list, tuple)) else [items]:
                    yield Declaration(where, model, item, kind == INDEXED)


def read_index(where: str, model: Any, item: Any) -> models.Index:
    """Return an item of a declaration as a named index. Raise ImproperlyConfigured if it is not
    valid."""
    document = _document(where, model)
    index = item
    if not isinstance(item, models.Index):
        fields = [item] if isinstance(item, str) else item
        if not isinstance(fields, (list, tuple)) or not all(isinstance(f, str) for f in fields):
            raise ImproperlyConfigured(
                f"{where}: an index of {document._meta.label} is the name of a field, a list of "
                f"names, or an Index, not {item!r}."
            )
        index = _broken(where, document, lambda: models.Index(fields=fields))
    return _broken(where, document, lambda: _named(document, index))


def _declarations() -> Iterator[tuple[str, Document, Any]]:
    outside = list(declared_outside())
    unwanted = [
        (_document(where, model), read_index(where, model, item))
        for where, model, item, is_wanted in outside
        if not is_wanted
    ]
    for model in documents():
        for index in _of_class(model):
            if not any(of is model and _same(each, index) for of, each in unwanted):
                yield model._meta.label, model, index
    for where, model, item, is_wanted in outside:
        if is_wanted:
            yield where, _document(where, model), item


def _of_class(model: Document) -> Iterator[models.Index]:
    """Yield the indexes that a class declares itself. Unique fields and constraints need an index
    too, as a query checks them."""
    yield from model._meta.indexes
    for constraint in model._meta.constraints:
        if isinstance(constraint, models.UniqueConstraint):
            yield models.Index(
                *constraint.expressions,
                fields=constraint.fields,
                condition=constraint.condition,
                name=constraint.name,
            )
    for names in model._meta.unique_together:
        yield models.Index(fields=list(names))
    for field in model._meta.concrete_fields:
        if (field.db_index or field.unique) and not field.primary_key:
            yield models.Index(fields=[field.name])


def _document(where: str, model: Any) -> Document:
    found = model
    if isinstance(model, str):
        try:
            found = apps.get_model(model)
        except (LookupError, ValueError) as error:
            raise ImproperlyConfigured(f"{where} names no document class: {error}") from error
    if not isinstance(found, type) or not issubclass(found, CouchbaseModel):
        raise ImproperlyConfigured(
            f"{where}: {getattr(found, '__name__', found)} is no document class. (Indexes of "
            "ordinary models are made by migrations.)"
        )
    return found


def _broken(where: str, model: Document, read: Any) -> models.Index:
    try:
        index: models.Index = read()
    except (FieldDoesNotExist, FieldError, TypeError, ValueError) as error:
        raise ImproperlyConfigured(
            f"{where}: an index of {model._meta.label} cannot be made: {error}"
        ) from error
    return index


def _named(model: Document, index: models.Index) -> models.Index:
    """Return a copy of the index with a name. Raise an error if the class lacks a field that it
    refers to."""
    for name, _ in index.fields_orders:
        field: Any = model._meta.get_field(name)
        if not field.concrete or field.many_to_many:
            raise FieldError(f"{name!r} is no field of its own.")
    query = Query(model, alias_cols=False)
    for expression in index.expressions:
        resolvable: Any = expression
        resolvable.resolve_expression(query, allow_joins=False)
    if index.condition is not None:
        query.build_where(index.condition)
    if not index.name:
        index = index.clone()
        index.set_name_with_model(model)
    return index


def _same(one: models.Index, other: models.Index) -> bool:
    """Return whether two indexes differ only in their names."""
    return bool(_definition(one) == _definition(other))


def _definition(index: models.Index) -> Any:
    path, expressions, options = index.deconstruct()
    return path, expressions, {**options, "name": None}
