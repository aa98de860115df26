"""The keys of a view as expressions of the ORM's indexes.

The conditions made here are necessary for a key, but not sufficient.
"""

from __future__ import annotations

from typing import Any

from django_cbtools.models.fields import values
from django_cbtools.models.fields.arrays import ListField
from django_cbtools.models.fields.lookups import Contains
from django_cbtools.models.fields.object_lookups import has_objects
from django_cbtools.models.registry import documents
from django_cbtools.view_shapes import shapes
from django_cbtools.view_shapes.shapes import Value

from .. import columns, members
from .expressions import NAME, Compiler

#: By the type of a key, the shapes of the fields whose expressions have it as it is.
_KEPT: dict[type, frozenset[str]] = {
    str: frozenset(("text", "plain")),
    bool: frozenset(("boolean", "plain")),
    int: frozenset(("integer", "real", "plain")),
    float: frozenset(("real", "plain")),
}
#: Fields that are not members of a document's JSON.
_NO_MEMBERS = frozenset(("uid", "rev", "extra", "_document"))
_LARGEST = 2**53
_compiler = Compiler()


class Fields:
    """The fields of the class with this doc_type. Without a class, there are none."""

    def __init__(self, name: str | None) -> None:
        found: Any = next((each for each in documents() if each.type_name() == name), None)
        fields: Any = () if found is None else found._meta.concrete_fields
        self._fields = {
            values.json_key(field): field for field in fields if field.name not in _NO_MEMBERS
        }

    def expression(self, value: Value, key: Any) -> str:
        """Return the field's expression if the value is a field that is equal to the key, else the
        value's own."""
        field = self._field(value)
        if field is None or not _is_kept(values.kind(field).shape, key):
            return _compiler.value(value)
        return columns.column(NAME, field)

    def in_array(self, value: Value, key: Any) -> str | None:
        """Return a condition, with ``{0}`` in place of the key, that the key is in the array of a
        loop. None if the value is not an element of an array field."""
        if not isinstance(value, shapes.Element) or not isinstance(key, str):
            return None
        field = self._field(value.loop.source)
        if not isinstance(field, ListField) or has_objects(field) or value.loop.kind != "each":
            return None  # other loops go over the letters of a text, too
        shape = Contains(field.get_col(NAME), []).compared.shape
        if shape != "any" and not _is_kept(shape, key):
            return None
        given = members.compared(shape, "{0}") if shape == "any" else "{0}"
        array = columns.column(NAME, field)
        if values.kind(field).shape != "array":
            array = members.only_array(array)
        return f"ANY x IN {array} SATISFIES {members.compared(shape, 'x')} = {given} END"

    def _field(self, value: Value) -> Any:
        value = shapes.known(value)
        is_member = isinstance(value, shapes.Member) and isinstance(value.of, shapes.Document)
        return self._fields.get(value.key) if is_member else None  # type: ignore[attr-defined]


def _is_kept(shape: str, key: Any) -> bool:
    if type(key) in (int, float) and abs(key) >= _LARGEST:
        return False
    return shape in _KEPT.get(type(key), frozenset())
