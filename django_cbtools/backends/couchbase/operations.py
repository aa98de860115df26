"""The parts of SQL++ that Django leaves to backends, and the conversion of values."""

from __future__ import annotations

import base64
import datetime
import decimal
import json
import uuid
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import NotSupportedError
from django.db.backends.base.operations import BaseDatabaseOperations
from django.db.models import Avg, StdDev, Sum, Variance
from django.db.models.expressions import Col
from django.utils import dateparse, timezone

from django_cbtools.models.fields import conversions
from django_cbtools.query_service.options import keyspace

from . import columns, moments

_UTC = datetime.timezone.utc
#: Types of fields whose values are texts in SQL++.
_TEXTS = frozenset(
    ("CharField", "TextField", "SlugField", "FilePathField", "FileField", "GenericIPAddressField",
     "UUIDField", "DateTimeField", "DateField", "TimeField", "BinaryField", "URLField",
     "EmailField", None)
)  # fmt: skip
_AS_TEXT: dict[str | None, str] = {"JSONField": "ENCODE_JSON(%s)"}
_OF_TEXT = frozenset(
    ("iexact", "contains", "icontains", "startswith", "istartswith", "endswith", "iendswith",
     "regex", "iregex")
)  # fmt: skip


class DatabaseOperations(BaseDatabaseOperations):
    compiler_module = "django_cbtools.backends.couchbase.compiler"
    #: The attribute by which documents recognize a database that can query them.
    reads_documents = True
    explain_prefix = "EXPLAIN"

    # ------------------------------------------------------------------- names

    def quote_name(self, name: str) -> str:
        return name if name.startswith("`") and name.endswith("`") else columns.quoted(name)

    def keyspace(self, connection: Any, named: str | None = None) -> str:
        """Return the keyspace ``bucket[.scope.collection]`` of documents, quoted for SQL++.
        ``named`` is the collection of their class; without it, NAME tells the collection."""
        return ".".join(map(columns.quoted, self.keyspace_parts(connection, named)))

    def keyspace_parts(self, connection: Any, named: str | None = None) -> tuple[str, ...]:
        """Return the parts of :meth:`keyspace`, without quotes."""
        parts = keyspace(connection.settings_dict)
        return parts if named is None else (parts[0], *named.split("."))

    # ------------------------------------------------------------- expressions

    def lookup_cast(self, lookup_type: str, internal_type: str | None = None) -> str:
        if lookup_type not in _OF_TEXT:
            return "%s"
        text = _AS_TEXT.get(internal_type, "%s" if internal_type in _TEXTS else "TOSTRING(%s)")
        return (
            f"LOWER({text})" if lookup_type.startswith("i") and "regex" not in lookup_type else text
        )

    def prep_for_iexact_query(self, x: str) -> str:
        """Return the text unchanged, since ``iexact`` compares values and uses no pattern."""
        return x

    def regex_lookup(self, lookup_type: str) -> str:
        return (
            "REGEXP_CONTAINS(%s, %s)"
            if lookup_type == "regex"
            else "REGEXP_CONTAINS(%s, '(?i)' || %s)"
        )

    def combine_expression(self, connector: str, sub_expressions: list[str]) -> str:
        if connector in _FUNCTIONS:
            return _FUNCTIONS[connector].format(*sub_expressions)
        combined: str = super().combine_expression(connector, sub_expressions)
        return combined

    def check_expression_support(self, expression: Any) -> None:
        """Raise NotSupportedError for sums of times: they are stored as texts, which cannot be
        added."""
        if isinstance(expression, (Sum, Avg, Variance, StdDev)) and any(
            getattr(each, "_output_field_or_none", None) is not None
            and each.output_field.get_internal_type() in moments.MICROSECONDS
            for each in expression.get_source_expressions()
        ):
            raise NotSupportedError(
                "You cannot use Sum, Avg, StdDev, and Variance aggregations on date/time fields in "
                "SQL++ since date/time is saved as text."
            )

    def conditional_expression_supported_in_where_clause(self, expression: Any) -> bool:
        """Return whether the expression may be a condition by itself. A boolean field may not: it
        is compared, so that an index serves it."""
        return not isinstance(expression, Col)

    def no_limit_value(self) -> None:
        return None

    def random_function_sql(self) -> str:
        return "RANDOM()"

    def sql_flush(self, *args: Any, **kwargs: Any) -> list[str]:
        """Return no statements, since documents are deleted through the gateway."""
        return []

    def explain_query_prefix(self, format: str | None = None, **options: Any) -> str:
        prefix: str = super().explain_query_prefix(None if format == "JSON" else format, **options)
        return prefix

    # ------------------------------------------------------------------- times

    def date_extract_sql(self, lookup_type: str, sql: str, params: Any) -> Any:
        return moments.extracted(lookup_type, sql), params

    def datetime_extract_sql(self, lookup_type: str, sql: str, params: Any, tzname: Any) -> Any:
        return moments.extracted(lookup_type, moments.in_zone(sql, tzname)), params

    def time_extract_sql(self, lookup_type: str, sql: str, params: Any) -> Any:
        return moments.extracted(lookup_type, sql), params

    def date_trunc_sql(self, lookup_type: str, sql: str, params: Any, tzname: Any = None) -> Any:
        return f"SUBSTR({moments.truncated(lookup_type, sql, tzname)}, 0, 10)", tuple(params)

    def datetime_trunc_sql(self, lookup_type: str, sql: str, params: Any, tzname: Any) -> Any:
        return moments.truncated(lookup_type, sql, tzname), params

    def time_trunc_sql(self, lookup_type: str, sql: str, params: Any, tzname: Any = None) -> Any:
        return moments.truncated_time(lookup_type, sql, tzname), params

    def datetime_cast_date_sql(self, sql: str, params: Any, tzname: Any) -> Any:
        return moments.shown(sql, tzname, "2006-01-02"), params

    def datetime_cast_time_sql(self, sql: str, params: Any, tzname: Any) -> Any:
        return moments.shown(sql, tzname, "15:04:05.000000"), params

    def format_for_duration_arithmetic(self, sql: str) -> str:
        return sql

    def combine_duration_expression(self, connector: str, sub_expressions: list[str]) -> str:
        return f"({f' {connector} '.join(sub_expressions)})"

    def subtract_temporals(self, internal_type: str, lhs: Any, rhs: Any) -> Any:
        (left, left_params), (right, right_params) = lhs, rhs
        times = moments.MICROSECONDS[internal_type]
        sql, number = f"({times.format(x=left)} - {times.format(x=right)})", times.count("{x}")
        return sql, (*(tuple(left_params) * number), *(tuple(right_params) * number))

    # ------------------------------------------------------------------ values

    def adapt_datefield_value(self, value: Any) -> Any:
        return None if value is None else value.isoformat()

    def adapt_datetimefield_value(self, value: Any) -> Any:
        if value is None or hasattr(value, "resolve_expression"):
            return value
        if timezone.is_aware(value):
            value = value.astimezone(_UTC)
        return value.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"

    def adapt_timefield_value(self, value: Any) -> Any:
        if value is None or hasattr(value, "resolve_expression"):
            return value
        if timezone.is_aware(value):
            raise ValueError("Couchbase backend does not support timezone-aware times.")
        return value.replace(tzinfo=None).isoformat(timespec="microseconds")

    def adapt_decimalfield_value(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        return number(value)

    def adapt_json_value(self, value: Any, encoder: type[json.JSONEncoder] | None) -> Any:
        """Return the value as JSON itself, since the service takes it without a conversion to
        text."""
        return json.loads(json.dumps(value, cls=encoder))

    def adapt_document_json(self, value: Any, encoder: type[json.JSONEncoder] | None) -> Any:
        return self.adapt_json_value(value, encoder)

    def adapt_unknown_value(self, value: Any) -> Any:
        if isinstance(value, decimal.Decimal):
            return number(value)
        if isinstance(value, datetime.timedelta):
            return value // datetime.timedelta(microseconds=1)
        if isinstance(value, uuid.UUID):
            return value.hex
        if isinstance(value, (bytes, memoryview)):
            return base64.b64encode(value).decode()
        return super().adapt_unknown_value(value)

    def get_db_converters(self, expression: Any) -> list[Any]:
        converters: list[Any] = super().get_db_converters(expression)
        convert = _CONVERTERS.get(expression.output_field.get_internal_type())
        return converters if convert is None else [*converters, convert]

    def bulk_batch_size(self, fields: Any, objs: Any) -> int:
        return len(objs)

    def document_index_changes(self, declared: Iterable[Any]) -> list[Any]:
        """Return the steps that create the indexes that documents declare and drop all others."""
        from .indexes import changes  # it needs models, and the first model loads this module

        return list(changes(self.connection, declared))

    def view_rows(self, connection: Any, *asked: Any) -> list[Any]:
        """Return the rows of a view from the project's folders."""
        from .views.answering import view_rows

        return view_rows(connection, *asked)

    def raw_document_sql(self, sql: str, has_params: bool) -> str:
        """Return SQL++ unchanged. It names keyspaces, and has its own conditions."""
        return sql


#: Connectors of expressions that are functions here.
_FUNCTIONS = {
    "^": "POWER({}, {})",
    "&": "BITAND({}, {})",
    "|": "BITOR({}, {})",
    "#": "BITXOR({}, {})",
    "<<": "BITSHIFT({}, {})",
    # BITSHIFT to the right ignores the sign.
    ">>": "FLOOR({} / POWER(2, {}))",
    "//": "IDIV({}, {})",
}


_FIFTEEN_DIGITS = decimal.Context(prec=15)


def number(value: Any) -> Any:
    """Return a decimal as a JSON number: an integer if possible, else a double."""
    if value is None or hasattr(value, "resolve_expression"):
        return value
    exact = decimal.Decimal(value)
    return int(exact) if exact == exact.to_integral_value() and abs(exact) < 2**53 else float(exact)


def _moment(value: Any, expression: Any, connection: Any) -> Any:
    if not isinstance(value, str):
        return value
    found = _parsed(dateparse.parse_datetime, value)
    if found is None:
        return None
    zone = connection.timezone
    if not settings.USE_TZ:
        return timezone.make_naive(found, _UTC) if timezone.is_aware(found) else found
    if timezone.is_naive(found):
        return timezone.make_aware(found, zone)
    return found.astimezone(zone)


def _day(value: Any, expression: Any, connection: Any) -> Any:
    return _parsed(dateparse.parse_date, value[:10]) if isinstance(value, str) else value


def _time(value: Any, expression: Any, connection: Any) -> Any:
    return _parsed(conversions.time_of_day, value) if isinstance(value, str) else value


def _parsed(parse: Any, text: str) -> Any:
    """Parse a date, a time, or both. None if Python cannot represent it, as in the year 10000."""
    try:
        return parse(text)
    except ValueError:
        return None


def _decimal(value: Any, expression: Any, connection: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float):
        # As Django does for SQLite: a double has no more digits than that.
        return _FIFTEEN_DIGITS.create_decimal_from_float(value)
    return decimal.Decimal(value)


def _uuid(value: Any, expression: Any, connection: Any) -> Any:
    return None if value is None else uuid.UUID(value)


def _binary(value: Any, expression: Any, connection: Any) -> Any:
    return None if value is None else base64.b64decode(value)


def _json(value: Any, expression: Any, connection: Any) -> Any:
    """Return the JSON text that JSON fields read."""
    return None if value is None else json.dumps(value)


def _real(value: Any, expression: Any, connection: Any) -> Any:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _integer(value: Any, expression: Any, connection: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


_CONVERTERS = {
    "DateTimeField": _moment,
    "DateField": _day,
    "TimeField": _time,
    "DecimalField": _decimal,
    "UUIDField": _uuid,
    "BinaryField": _binary,
    "JSONField": _json,
    "FloatField": _real,
    **dict.fromkeys(
        ("IntegerField", "BigIntegerField", "SmallIntegerField", "PositiveIntegerField",
         "PositiveBigIntegerField", "PositiveSmallIntegerField", "AutoField", "BigAutoField"),
        _integer,
    ),
}  # fmt: skip
