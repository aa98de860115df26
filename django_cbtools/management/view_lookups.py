"""Converts the conditions of map functions to lookups of QuerySets."""

from __future__ import annotations

from typing import Any

from django.db import models

from django_cbtools.models.fields import values
from django_cbtools.models.fields.arrays import ArrayMembers, ListField
from django_cbtools.view_shapes import shapes
from django_cbtools.view_shapes.conditions import TYPE
from django_cbtools.view_shapes.shapes import Literal, Value

_OPERATORS = {"<": "__lt", "<=": "__lte", ">": "__gt", ">=": "__gte"}
_OWN = "_sync"


class NoQuerySet(Exception):
    """Raised if QuerySets cannot express a part of a view."""


class Lookups:
    """The lookups for a class's documents."""

    def __init__(self, model: Any) -> None:
        self._fields = {
            values.json_key(field): field
            for field in model._meta.concrete_fields
            if field.name not in ("uid", "rev", "extra", "_document")
        }

    # ------------------------------------------------------------------- names

    def path(self, value: Value) -> tuple[str, Any]:
        """Return the path by which a lookup names a member of documents, and the field if the
        member is a whole field."""
        keys: list[Any] = []
        found = shapes.known(value)
        while isinstance(found, shapes.Member):
            keys.insert(0, found.key)
            found = shapes.known(found.of)
        if not keys or not isinstance(found, shapes.Document):
            raise NoQuerySet("what it emits, or asks for, is computed in a way of its own")
        field = self._fields.get(keys[0])
        names = [field.name, *keys[1:]] if field is not None else ["extra", *keys]
        for name in names:
            if isinstance(name, str) and (not name.isidentifier() or "__" in name):
                raise NoQuerySet(f"no lookup can name the key {name!r}")
        return "__".join(map(str, names)), field if len(keys) == 1 else None

    def element_of(self, value: Value) -> shapes.Loop | None:
        """Return the loop whose element, or a member of whose element, the value is, or None."""
        found = shapes.known(value)
        while isinstance(found, shapes.Member):
            found = shapes.known(found.of)
        return found.loop if isinstance(found, shapes.Element) else None

    def element(self, value: Value) -> tuple[str, bool]:
        """Return the path by which a lookup names any element of an array or a member of any
        element, and whether it is a member."""
        loop = self.element_of(value)
        if loop is None or self.element_of(loop.source) is not None:
            raise NoQuerySet("it has a loop within a loop")
        name, _ = self.path(loop.source)
        keys: list[str] = []
        found = shapes.known(value)
        while isinstance(found, shapes.Member):
            keys.insert(0, str(found.key))
            found = shapes.known(found.of)
        return "__".join([name, *keys]), bool(keys)

    # -------------------------------------------------------------- conditions

    def terms(self, value: Value, positive: bool) -> list[str]:
        """Return the arguments of filter() for a value that is truthy, or falsy if ``positive`` is
        false."""
        value = shapes.known(value)
        if isinstance(value, shapes.Not):
            return self.terms(value.of, not positive)
        if isinstance(value, (shapes.And, shapes.Or)):
            left, right = self.terms(value.left, positive), self.terms(value.right, positive)
            if isinstance(value, shapes.And) == positive:
                return [*left, *right]
            if not left or not right:
                raise NoQuerySet("it asks for one of two things, one of which is no condition")
            return [f"{_q(left)} | {_q(right)}"]
        if self._is_of_class(value, positive):
            return []
        term = self._term(value)
        if term.endswith("__isnull=True") and not positive:
            return [term.replace("=True", "=False")]
        if not positive and value == shapes.Member(shapes.Document(), "st_deleted"):
            return ["st_deleted=False"]
        return [term] if positive else [f"~Q({term})"]

    def _is_of_class(self, value: Value, positive: bool) -> bool:
        """Return whether all documents of the class's QuerySet fulfil the condition."""
        if isinstance(value, shapes.Compare):
            left = shapes.known(value.left)
            is_id = isinstance(left, shapes.Part) and isinstance(left.of, shapes.DocumentId)
            is_own = isinstance(value.right, Literal) and str(value.right.value).startswith(_OWN)
            return (left == TYPE and positive) or (is_id and is_own and not positive)
        if isinstance(value, shapes.StartsWith):
            is_own = isinstance(value.of, shapes.DocumentId) and value.text.startswith(_OWN)
            return is_own and not positive
        if isinstance(value, shapes.IsArray):
            _, field = self.path(value.of)
            return positive and isinstance(field, (ListField, ArrayMembers))
        return False

    def _term(self, value: Value) -> str:
        if isinstance(value, shapes.Compare):
            return self._compared(value)
        if isinstance(value, shapes.Has):
            return f"{self.path(value.of)[0]}__contains={value.value.value!r}"
        if isinstance(value, shapes.StartsWith):
            return f"{self.path(value.of)[0]}__startswith={value.text!r}"
        if isinstance(value, shapes.TypeOf) and value.name == "undefined":
            return f"{self.path(value.of)[0]}__isnull=True"
        if not isinstance(value, shapes.Member) or self.element_of(value) is not None:
            raise NoQuerySet("it has a condition that is no lookup")
        name, field = self.path(value)
        shape = None if field is None else values.kind(field).shape
        if shape == "boolean" or name == "st_deleted":
            return f"{name}=True"
        if isinstance(field, (models.CharField, models.TextField)):
            return f"{name}__gt=''"
        if shape in ("integer", "real"):
            return f"Q({name}__isnull=False) & ~Q({name}=0)"
        return f"{name}__isnull=False"

    def _compared(self, value: shapes.Compare) -> str:
        if self.element_of(value.left) is not None:
            raise NoQuerySet("it has a condition on single elements")
        if shapes.known(value.left) == TYPE:
            raise NoQuerySet("its documents are of all classes but one")
        name, _ = self.path(value.left)
        constant = value.right.value if isinstance(value.right, Literal) else None
        if constant is None:
            return f"{name}__isnull=True"
        return f"{name}{_OPERATORS.get(value.operator, '')}={constant!r}"


def _q(terms: list[str]) -> str:
    (first, *others) = terms
    if not others and first.startswith(("Q(", "~Q(")):
        return f"({first})" if " | " in first else first
    return f"Q({', '.join(sorted(terms, key=lambda term: not term.startswith(('Q(', '~Q('))))})"
