"""Converts views to Django code: the index to declare, and QuerySets with the same results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import models

from django_cbtools.models.base import CouchbaseModel
from django_cbtools.models.indexes import declared_indexes
from django_cbtools.models.registry import documents
from django_cbtools.view_shapes import View, shapes
from django_cbtools.view_shapes.conditions import TYPE, doc_type
from django_cbtools.view_shapes.shapes import Emission, Value

from .view_lookups import Lookups, NoQuerySet

__all__ = ["NoQuerySet", "described"]

_SUMS = {
    "_count": 'count=Count("pk")',
    "_sum": "sum=Sum({0})",
    "_stats": "sum=Sum({0}), count=Count({0}), min=Min({0}), max=Max({0})",
}


@dataclass(frozen=True)
class _Part:
    """A part of a key. ``name`` is its name in conditions and orders, ``index`` its entry in an
    index, and ``code`` the expression to annotate under the name."""

    name: str
    index: str
    code: str = ""
    is_element: bool = False
    is_field: bool = True


def described(view: View, name: str) -> str:
    """Return the code for a view. Raise NoQuerySet if QuerySets cannot express it."""
    if not view.emissions:
        raise NoQuerySet("it emits nothing")
    blocks = ["\n".join(_Code(each, view.reduce, name).lines()) for each in view.emissions]
    several = "# It emits in several places: its rows are those of all of these together.\n"
    return (several if len(blocks) > 1 else "") + "\n\n".join(blocks)


class _Code:
    """The code for one emission of a view."""

    def __init__(self, emission: Emission, reduce: str | None, view: str) -> None:
        self._emission = emission
        self._reduce = reduce
        self._view = view
        type_name = doc_type(emission)
        self._model: Any = next((m for m in documents() if m.type_name() == type_name), None)
        if type_name is not None and self._model is None:
            raise NoQuerySet(f"line {emission.line}: no class has the doc_type {type_name!r}")
        self._lookups = Lookups(self._model or CouchbaseModel)
        self._name = self._model.__name__ if self._model else "Model"
        try:
            self._parts = [_part(each, self._lookups) for each in self._items()]
            self._terms = [
                term for each in emission.reach for term in self._lookups.terms(each, True)
            ]
        except NoQuerySet as error:
            raise NoQuerySet(f"line {emission.line}: {error}") from None

    def _items(self) -> list[Value]:
        """Return the parts of a key, without constants."""
        key = shapes.known(self._emission.key)
        items = key.items if isinstance(key, shapes.ArrayOf) else (key,)
        return [each for each in items if not _is_fixed(each)]

    def lines(self) -> Iterator[str]:
        yield f"# line {self._emission.line}: {self._about()}"
        yield from self._index()
        yield ""
        yield from self._rows()
        yield from self._reduced()

    def _about(self) -> str:
        if self._model is None:
            return "documents of all classes, of which Model stands for one: ask each of them"
        return f"documents of {self._model._meta.label}"

    # ------------------------------------------------------------------- index

    def _index(self) -> Iterator[str]:
        if not self._parts:
            return
        label = self._model._meta.label if self._model else "app.Model"
        declared = self._declared()
        if declared:
            yield f"# The index of {', '.join(declared)} serves it: no other is needed."
            return
        if all(part.is_field for part in self._parts):
            names = ", ".join(f'"{part.index}"' for part in self._parts)
            item = f"[{names}]"
        else:
            of = [part.code or f'"{part.index}"' for part in self._parts]
            item = f'models.Index({", ".join(of)}, name="{self._view[:30]}")'
        yield "# In the settings (or in Meta.indexes), and then: manage.py create_cb_indexes"
        yield f'COUCHBASE_INDEXES = {{"{label}": [{item}]}}'

    def _declared(self) -> list[str]:
        """Return the fields of a declared index that begins with the parts of the key."""
        wanted = [part.index for part in self._parts]
        if wanted == ["uid"]:
            return ["uid"]
        try:
            declared = declared_indexes() if all(part.is_field for part in self._parts) else []
        except ImproperlyConfigured:
            return []  # which a system check says
        for each in declared:
            names = [name for name, _ in each.index.fields_orders]
            is_whole = each.model is self._model and each.index.condition is None
            if is_whole and names[: len(wanted)] == wanted:
                return names
        return []

    # -------------------------------------------------------------- QuerySets

    def _base(self) -> str:
        terms = self._terms
        manager = "all_objects"
        if "st_deleted=False" in terms:
            manager, terms = "objects", [each for each in terms if each != "st_deleted=False"]
        code = f"{self._name}.{manager}"
        # Positional arguments come first.
        ordered = sorted(dict.fromkeys(terms), key=lambda term: not term.startswith(("Q(", "~Q(")))
        if ordered:
            code += f".filter({', '.join(ordered)})"
        annotated = [f"{part.name}={part.code}" for part in self._parts if part.code]
        if annotated:
            code += f".annotate({', '.join(annotated)})"
        return code

    def _rows(self) -> Iterator[str]:
        names = [part.name for part in self._parts if not part.is_element]
        order = ", ".join(f'"{name}"' for name in [*names, "pk"])
        value = shapes.known(self._emission.value)
        yield f"rows = {self._base()}.order_by({order})"
        elements = [part for part in self._parts if part.is_element]
        shown = [*(part.name for part in self._parts), *self._values(value)]
        if not isinstance(value, shapes.Document):
            listed = ", ".join(f'"{name}"' for name in dict.fromkeys(["pk", *shown]))
            yield f"rows.values_list({listed})  # id, key and value"
        if elements:
            yield "# A document is one row here, whatever number of elements its array has."
        for asked, terms in self._asked(bool(elements)):
            yield f"rows.filter({terms})  # {asked}"
        yield "rows.reverse()  # descending=True; [skip : skip + limit] is skip and limit"

    def _values(self, value: Value) -> list[str]:
        """Return the names of the emitted value's parts."""
        if isinstance(value, shapes.ArrayOf):
            found = [self._values(shapes.known(each)) for each in value.items]
        elif isinstance(value, shapes.ObjectOf):
            found = [self._values(shapes.known(each)) for _, each in value.members]
        elif _is_fixed(value) or isinstance(value, (shapes.Document, shapes.Undefined)):
            found = []
        else:
            try:
                found = [[_part(value, self._lookups).name]]
            except NoQuerySet as error:
                raise NoQuerySet(f"line {self._emission.line}: {error}") from None
        return [name for names in found for name in names]

    def _asked(self, has_elements: bool) -> Iterator[tuple[str, str]]:
        parts = self._parts
        if not parts:
            return
        if len(parts) == 1:
            (part,) = parts
            suffix = "__contains" if part.is_element and part.is_field else ""
            yield "key=key", f"{part.name}{suffix}=key"
            if suffix:
                yield "keys=keys", f"{part.name}__overlap=keys"
            else:
                yield "keys=keys", f"{part.name}__in=keys"
            if not has_elements:
                yield "startkey=a, endkey=b", f"{part.name}__gte=a, {part.name}__lte=b"
            return
        equal = [
            f"{part.name}{'__contains' if part.is_element and part.is_field else ''}=key[{place}]"
            for place, part in enumerate(parts)
        ]
        yield "key=key", ", ".join(equal)
        yield "startkey=[key[0]], endkey=[key[0], {}]", equal[0]

    def _reduced(self) -> Iterator[str]:
        if self._reduce is None:
            return
        template = _SUMS.get(self._reduce)
        if template is None:
            yield "# Its reduce is a function of its own: reduce the rows in Python."
            return
        summed = self._values(shapes.known(self._emission.value))
        if self._reduce != "_count" and len(summed) != 1:
            raise NoQuerySet(f"line {self._emission.line}: the value is no field to be summed")
        sums = template.format(f'"{summed[0]}"' if summed else "")
        yield f"rows.aggregate({sums})  # {self._reduce}"
        if any(part.is_element for part in self._parts):
            yield "# Groups of elements: count the rows in Python."
            return
        names = [f'"{part.name}"' for part in self._parts]
        for level in range(1, len(names) + 1):
            group = ", ".join(names[:level])
            how = "group=True" if level == len(names) else f"group_level={level}"
            yield f"{self._base()}.values({group}).annotate({sums}).order_by({group})  # {how}"


def _is_fixed(value: Value) -> bool:
    value = shapes.known(value)
    return isinstance(value, (shapes.Literal, shapes.Undefined)) or value == TYPE


def _part(value: Value, lookups: Lookups) -> _Part:
    """Return the part for an item of a key, or of a value."""
    value = shapes.known(value)
    if isinstance(value, shapes.DocumentId):
        return _Part("pk", "uid")
    if isinstance(value, shapes.Number):
        return _part(value.of, lookups)  # fields have numbers
    if isinstance(value, shapes.Choice) and shapes.known(value.test) == _innermost(value.yes):
        return _part(value.yes, lookups)  # the other one is for a missing value
    if isinstance(value, shapes.Or) and isinstance(value.right, shapes.Literal):
        return _part(value.left, lookups)
    if isinstance(value, (shapes.Lower, shapes.Part)):
        name, field = lookups.path(value.of)
        if isinstance(value, shapes.Lower):
            return _Part(f"lower_{name}", name, f'Lower("{name}")', is_field=False)
        if isinstance(field, models.DateTimeField) and (value.start, value.end) == (0, 10):
            return _Part(f"{name}__date", name)
        if isinstance(field, (models.DateField, models.TimeField)):
            raise NoQuerySet(f"a part of the text of {name}, which is a date or a time")
        length = "" if value.end is None else f", {value.end - value.start}"
        code = f'Substr("{name}", {value.start + 1}{length})'
        return _Part(f"part_of_{name}", name, code, is_field=False)
    if lookups.element_of(value) is not None:
        name, is_member = lookups.element(value)
        return _Part(name, name, is_element=True, is_field=not is_member)
    name, field = lookups.path(value)
    is_simple = field is not None and "__" not in name
    return _Part(name, name, is_field=is_simple)


def _innermost(value: Value) -> Value:
    value = shapes.known(value)
    while isinstance(value, (shapes.Part, shapes.Lower, shapes.Number)):
        value = shapes.known(value.of)
    return value
