"""Aggregates over the elements of arrays.

``Sum("payments__amount")`` adds up the amounts of all payments of all documents. Of each document,
SQL first makes one value of its elements; the values of the documents are then put together as
those of any field are.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import FieldError
from django.db.models import Aggregate, Avg, Count, IntegerField, Max, Min, Sum, Value, Window
from django.db.models.expressions import Expression, Func
from django.db.models.functions import Coalesce

from .paths import AnyElement, element_of, is_array


class OfElements(Expression):
    """The value that an aggregate function computes from the elements of one array."""

    def __init__(self, function: str, array: Any, element: Any, alias: str, output: Any) -> None:
        super().__init__(output_field=output)
        self.function, self.array, self.element, self.alias = function, array, element, alias

    def get_source_expressions(self) -> list[Any]:
        return [self.array, self.element]

    def set_source_expressions(self, exprs: Any) -> None:
        self.array, self.element = exprs


class _Ratio(Func):
    """A quotient, which is NULL if the divisor is zero."""

    template = "(1.0 * %(expressions)s)"
    arg_joiner = " / "


class OverElements:
    """An unresolved aggregate. If it resolves to one of an array, it is computed over the
    elements."""

    contains_aggregate = True
    contains_over_clause = False
    contains_column_references = True

    def __init__(self, aggregate: Any) -> None:
        self._aggregate = aggregate

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._aggregate, name)

    def resolve_expression(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        bare: Any = self._aggregate.copy()
        bare.default = None
        resolved = bare.resolve_expression(query, *args, **kwargs)
        source = resolved.get_source_expressions()[0]
        if not is_array(source):
            if self._aggregate.default is None:
                return resolved
            return self._aggregate.resolve_expression(query, *args, **kwargs)
        made = self._over(resolved, source)
        default: Any = self._aggregate.default
        if default is not None:
            if hasattr(default, "resolve_expression"):
                default = default.resolve_expression(query, *args, **kwargs)
            else:
                default = Value(default, made.output_field)
            made = Coalesce(made, default, output_field=made.output_field)
        made.is_summary = resolved.is_summary
        return made

    def _over(self, resolved: Any, source: Any) -> Any:
        kind = type(resolved)
        if kind not in (Sum, Avg, Min, Max, Count):
            raise FieldError(
                f"{kind.__name__}() is not computed over the elements of a list; Sum, Avg, Min, "
                "Max and Count are."
            )
        if resolved.distinct:
            raise FieldError(
                f"{kind.__name__}(distinct=True) is not computed over the elements of a list."
            )
        if kind is Count:
            count = self._aggregated(Sum, resolved, _reduced("COUNT", source, IntegerField()))
            return Coalesce(count, 0, output_field=IntegerField())
        field = _element_field(source)
        if not hasattr(field, "get_internal_type") or field.get_internal_type() == "JSONField":
            raise FieldError(
                f"{kind.__name__}() cannot compute with {type(field).__name__}: name a member of "
                'the objects ("payments__amount"), or say what the elements of a ListField are: '
                "ListField(models.IntegerField())."
            )
        output = vars(self._aggregate).get("output_field")
        if kind is not Avg:
            row = _reduced(kind.function, source, field)
            return self._aggregated(kind, resolved, row, output)
        row = _reduced("SUM", source, field)
        total = self._aggregated(Sum, resolved, row)
        count = self._aggregated(Sum, resolved, _reduced("COUNT", source, IntegerField()))
        return _Ratio(total, count, output_field=output or Avg(row).output_field)

    @staticmethod
    def _aggregated(kind: Any, resolved: Any, row: Any, output: Any = None) -> Any:
        options = {} if output is None else {"output_field": output}
        made = kind(row, **options)
        made.filter, made.is_summary = resolved.filter, resolved.is_summary
        return made


def over_elements(expression: Any) -> Any:
    """Return an unresolved expression whose aggregates can be over the elements of arrays."""
    if isinstance(expression, Aggregate):
        return OverElements(expression)
    # A window computes with one value for each row.
    if isinstance(expression, Window) or not hasattr(expression, "get_source_expressions"):
        return expression
    sources = expression.get_source_expressions()
    found = [over_elements(source) for source in sources]
    if all(one is other for one, other in zip(sources, found, strict=True)):
        return expression
    copy = expression.copy()
    copy.set_source_expressions(found)
    return copy


def check_aggregate(aggregate: Any) -> None:
    """Raise FieldError if an aggregate of an array is not computed over the elements."""
    sources = aggregate.get_source_expressions()
    if sources and is_array(sources[0]):
        name = type(aggregate).__name__
        raise FieldError(
            f"{name}() over the elements of a list is computed in annotate() and aggregate() of "
            f"documents, by no window: annotate(x={name}(...)), and then order or filter by x."
        )


def _element_field(source: Any) -> Any:
    """Return the field of the elements of an array. Nested arrays are followed to their
    elements."""
    if isinstance(source, AnyElement):
        inner = source.inner
        return _element_field(inner) if is_array(inner) else inner.output_field
    field = source.output_field.base_field
    return _field_within(field)


def _field_within(field: Any) -> Any:
    base = getattr(field, "base_field", None)
    return field if base is None else _field_within(base)


def _reduced(function: str, source: Any, output: Any) -> Any:
    """Return the expression of one value for all elements of an array, including those of nested
    arrays."""
    if isinstance(source, AnyElement):
        array, element = source.lhs, source.inner
        alias = source.alias
    else:
        array = source
        element = element_of(source, source.output_field.base_field)
        alias = element.alias
    if is_array(element):
        element = _reduced(function, element, output)
        function = "SUM" if function == "COUNT" else function
    return OfElements(function, array, element, alias, output)
