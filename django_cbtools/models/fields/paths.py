"""Expressions for members and elements of arrays and objects.

A value is compared as a field of its type; a value of another type counts as NULL. Each backend
compiles these expressions in its module ``members``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.core.exceptions import FieldError
from django.db import models
from django.db.models import Lookup, Transform
from django.db.models.expressions import Expression
from django.db.models.fields.json import KeyTransform

from . import values


class Part(Transform):
    """The value at a key of an object or an index of an array, as a field of its type."""

    def __init__(self, key: str | int, field: values.Field, lhs: Any) -> None:
        super().__init__(lhs, output_field=field)
        self.key = key

    @property
    def path(self) -> tuple[Any, list[str | int]]:
        """The expression of the outermost object or array, and the keys from there to this
        value."""
        keys: list[str | int] = [self.key]
        root = self.lhs
        while isinstance(root, Part):
            keys.insert(0, root.key)
            root = root.lhs
        return root, keys


class Element(Expression):
    """The current element of an array in a loop of the statement. ``alias`` is its name there."""

    def __init__(self, alias: str, field: values.Field) -> None:
        super().__init__(output_field=field)
        self.alias = alias


def element_of(lhs: Any, field: values.Field) -> Element:
    """Return the current element of an expression's array, with an alias that is not in use
    there."""
    root = root_of(lhs)
    depth = root.alias.count("_") if isinstance(root, Element) else 0
    return Element("cbtools" + "_e" * (depth + 1), field)


def is_array(expression: Any) -> bool:
    """Return whether the expression is an array whose elements have a known field."""
    try:
        field = getattr(expression, "_output_field_or_none", None)
    except FieldError:  # it combines several types, so it is no array
        return False
    return isinstance(expression, AnyElement) or hasattr(field, "base_field")


def may_lack(expression: Any) -> bool:
    """Return whether the expression is a part of a JSON value, which may be missing there."""
    while isinstance(expression, Transform):
        if isinstance(expression, (Part, Length)):
            return True
        if isinstance(expression, (AnyElement, KeyTransform)):
            return False
        expression = expression.lhs
    return False


# ------------------------------------------------------------- any of the elements


class AnyElement(Transform):
    """An expression over each element of an array. Its lookups are true if they are true of any
    element.

    By itself, as in ``values()``, it is the list of the expression's values. ``inner`` is an
    expression over an :class:`Element`. ``listed`` is a function that makes a field of lists from a
    field.
    """

    def __init__(self, inner: Any, listed: Callable[[Any], values.Field], lhs: Any) -> None:
        super().__init__(lhs, output_field=listed(inner.output_field))
        self.inner = inner
        self.listed = listed

    @property
    def alias(self) -> str:
        return str(root_of(self.inner).alias)

    def get_lookup(self, lookup: str) -> Any:
        found = self.inner.get_lookup(lookup)
        return None if found is None else _named(lookup, partial(AnyLookup, lookup))

    def get_transform(self, name: str) -> Any:
        found = self.inner.get_transform(name)
        if found is None:
            return None
        return lambda found_in: AnyElement(found(found_in.inner), found_in.listed, found_in.lhs)


class AnyLookup(Lookup):
    """A lookup that is true if another lookup is true of any element of an array."""

    prepare_rhs = False

    def __init__(self, name: str, lhs: Any, rhs: Any) -> None:
        self.lookup_name = name
        super().__init__(lhs, rhs)
        # The element's lookup refuses values that it cannot compare.
        self.can_use_none_as_rhs = self.of_element().can_use_none_as_rhs

    @property
    def identity(self) -> Any:
        return (*super().identity, self.lookup_name)

    def of_element(self) -> Any:
        inner = self.lhs.inner
        return inner.get_lookup(self.lookup_name)(inner, self.rhs)


def any_element(field: Any, listed: Callable[[Any], values.Field], name: str) -> Any:
    """Return a transform of arrays that applies a transform of the element's field to each
    element."""
    find = field.get_transform(name)
    if find is None:
        return None

    return lambda lhs: AnyElement(find(element_of(lhs, field)), listed, lhs)


def any_lookup(field: Any, listed: Callable[[Any], values.Field], name: str) -> Any:
    """Return a lookup of arrays that is true if a lookup of the element's field is true of any
    element."""
    if field.get_lookup(name) is None:
        return None

    def lookup(lhs: Any, rhs: Any) -> AnyLookup:
        return AnyLookup(name, AnyElement(element_of(lhs, field), listed, lhs), rhs)

    return _named(name, lookup)


def _named(name: str, lookup: Any) -> Any:
    """Set the attribute ``lookup_name``, which django-filter reads, on a function in place of a
    class."""
    lookup.lookup_name = name
    return lookup


def root_of(expression: Any) -> Any:
    while isinstance(expression, Transform):
        expression = expression.lhs
    return expression


class Length(Transform):
    """The number of elements of an array."""

    lookup_name = "len"
    output_field = models.IntegerField()
