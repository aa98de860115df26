"""Compiles Django's database functions to SQL++, by templates where these are enough."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import functions as django
from django.db.models.aggregates import StdDev, Variance
from django.db.models.functions.text import ConcatPair

from django_cbtools.backends import compiling

from . import columns, refusals, templates
from .templates import Compiled, filled

_SAFE = "IFNANORINF({call}, NULL)"

#: ``{0}`` is the first argument, and so on.
_TEMPLATES: dict[Any, str] = {
    django.Length: "MB_LENGTH({0})",
    django.Lower: "LOWER({0})",
    django.Upper: "UPPER({0})",
    django.Reverse: "REVERSE({0})",
    django.Replace: "REPLACE({0}, {1}, {2})",
    django.Repeat: "REPEAT({0}, GREATEST({1}, 0))",
    # Without the second argument, tabs and line breaks would be removed, too.
    django.Trim: "TRIM({0}, ' ')",
    django.LTrim: "LTRIM({0}, ' ')",
    django.RTrim: "RTRIM({0}, ' ')",
    django.LPad: "MB_LPAD({0}, {1}, {2})",
    django.RPad: "MB_RPAD({0}, {1}, {2})",
    django.StrIndex: "MB_POSITION1({0}, {1})",
    django.Left: "CASE WHEN {0} IS VALUED THEN IFNULL(MB_SUBSTR1({0}, 1, {1}), '') END",
    django.Right: "CASE WHEN MB_LENGTH({0}) <= {1} THEN {0} ELSE MB_SUBSTR({0}, -{1}) END",
    django.MD5: "HASHBYTES({0}, 'md5')",
    django.SHA224: "HASHBYTES({0}, 'sha224')",
    django.SHA256: "HASHBYTES({0}, 'sha256')",
    django.SHA384: "HASHBYTES({0}, 'sha384')",
    django.SHA512: "HASHBYTES({0}, 'sha512')",
    django.Chr: (
        "DECODE_JSON('\"\\\\u' || LPAD(CONCAT2('', ARRAY MB_SUBSTR('0123456789abcdef', "
        "IMOD(IDIV({0}, TONUMBER(k)), 16), 1) FOR k IN [4096, 256, 16, 1] END), 4, '0') || '\"')"
    ),
    django.Abs: "ABS({0})",
    django.ACos: _SAFE.format(call="ACOS({0})"),
    django.ASin: _SAFE.format(call="ASIN({0})"),
    django.ATan: "ATAN({0})",
    django.ATan2: "ATAN2({0}, {1})",
    django.Ceil: "CEIL({0})",
    django.Cos: "COS({0})",
    django.Cot: "CASE WHEN {0} <> 0 THEN 1 / TAN({0}) END",
    django.Degrees: "DEGREES({0})",
    django.Exp: _SAFE.format(call="EXP({0})"),
    django.Floor: "FLOOR({0})",
    django.Ln: _SAFE.format(call="LN({0})"),
    django.Log: _SAFE.format(call="LN({1}) / LN({0})"),
    django.Mod: "CASE WHEN {0} IS VALUED THEN {0} % {1} END",
    django.Pi: "PI()",
    django.Power: _SAFE.format(call="POWER({0}, {1})"),
    django.Radians: "RADIANS({0})",
    django.Random: "RANDOM()",
    django.Round: "ROUND_NEAREST({0}, {1})",
    django.Sign: "SIGN({0})",
    django.Sin: "SIN({0})",
    django.Sqrt: _SAFE.format(call="SQRT({0})"),
    django.Tan: "TAN({0})",
    # The service's own NULLIF(x, NULL) is NULL.
    django.NullIf: "CASE WHEN {0} = {1} THEN NULL ELSE {0} END",
    django.Now: "NOW_UTC('2006-01-02T15:04:05.000000Z')",
}


def concat_pair(node: Any, compiler: Any, connection: Any, **context: Any) -> Compiled:
    """Compile the concatenation of two texts. NULL counts as empty."""
    parts = []
    for each in node.get_source_expressions():
        sql, params = compiler.compile(each)
        kind = getattr(each, "_output_field_or_none", None)
        is_text = kind is not None and kind.get_internal_type() in ("CharField", "TextField")
        parts.append((sql if is_text else f"TOSTRING({sql})", params))
    return filled("COALESCE({0}, '') || COALESCE({1}, '')", parts)


def substr(node: Any, compiler: Any, connection: Any, **context: Any) -> Compiled:
    parts = [compiler.compile(each) for each in node.get_source_expressions()]
    rest = ", {2}" if len(parts) > 2 else ""
    template = f"CASE WHEN {{0}} IS VALUED THEN IFNULL(MB_SUBSTR1({{0}}, {{1}}{rest}), '') END"
    return filled(template, parts)


def ordinal(node: Any, compiler: Any, connection: Any, **context: Any) -> Compiled:
    """Compile the code of a character, for printable ASCII. The service has no function for
    others."""
    (text,) = (compiler.compile(each) for each in node.get_source_expressions())
    printable = columns.literal("".join(map(chr, range(32, 127)))).replace("%", "%%")
    sql, params = text
    return (
        f"(FIRST 32 + p FOR p IN [MB_POSITION({printable}, MB_SUBSTR({sql}, 0, 1))] "
        f"WHEN p >= 0 AND {sql} <> '' END)",
        (*params, *params),
    )


def among(name: str) -> Callable[..., Compiled]:
    """Return a method that compiles Greatest or Least. They are NULL if one of the values is, as on
    SQLite."""

    def as_couchbase(node: Any, compiler: Any, connection: Any, **context: Any) -> Compiled:
        parts = [compiler.compile(each) for each in node.get_source_expressions()]
        places = [f"{{{number}}}" for number in range(len(parts))]
        valued = " AND ".join(f"{place} IS VALUED" for place in places)
        return filled(f"CASE WHEN {valued} THEN {name}({', '.join(places)}) END", parts)

    return as_couchbase


def coalesce(node: Any, compiler: Any, connection: Any, **context: Any) -> Compiled:
    parts = [compiler.compile(each) for each in node.get_source_expressions()]
    places = ", ".join(f"{{{number}}}" for number in range(len(parts)))
    return filled(f"COALESCE({places})", parts)


def json_object(node: Any, compiler: Any, connection: Any, **context: Any) -> Compiled:
    parts = [compiler.compile(each) for each in node.get_source_expressions()]
    pairs = [
        f"{parts[place][0]}: IFMISSING({parts[place + 1][0]}, NULL)"
        for place in range(0, len(parts), 2)
    ]
    params = tuple(param for _, more in parts for param in more)
    return "{" + ", ".join(pairs) + "}", params


def json_array(node: Any, compiler: Any, connection: Any, **context: Any) -> Compiled:
    parts = [compiler.compile(each) for each in node.get_source_expressions()]
    params = tuple(param for _, more in parts for param in more)
    return f"[{', '.join(sql for sql, _ in parts)}]", params


def cast(node: Any, compiler: Any, connection: Any, **context: Any) -> Compiled:
    """Compile a conversion to another type. A value that cannot be converted as a whole is NULL."""
    (source,) = node.get_source_expressions()
    found = compiler.compile(source)
    there = getattr(source, "_output_field_or_none", None)
    kind = "" if there is None else there.get_internal_type()
    wanted = node.output_field.get_internal_type()
    return filled(_cast(kind, wanted), [found])


def _cast(kind: str, wanted: str) -> str:
    if wanted in ("CharField", "TextField", "SlugField"):
        if kind == "BooleanField":
            return "TOSTRING(TONUMBER({0}))"
        if kind == "DateTimeField":
            return "RTRIM(RTRIM(REPLACE(SUBSTR({0}, 0, 26), 'T', ' '), '0'), '.')"
        if kind == "JSONField":
            return "CASE WHEN {0} IS VALUED THEN ENCODE_JSON({0}) END"
        is_text = kind in ("CharField", "TextField", "SlugField", "DateField", "UUIDField")
        return "{0}" if is_text else "TOSTRING({0})"
    if wanted.endswith("IntegerField"):
        number = _number(kind)
        if kind.endswith(("IntegerField", "AutoField")) or kind in (
            "BooleanField",
            "DurationField",
        ):
            return number
        # Numbers beyond 64 bits are no integers.
        return f"CASE WHEN {number} BETWEEN -9.2e18 AND 9.2e18 THEN TRUNC({number}) END"
    if wanted in ("FloatField", "DecimalField"):
        return _number(kind)
    if wanted == "BooleanField":
        return "{0}" if kind == "BooleanField" else "CASE WHEN {0} IS VALUED THEN {0} <> 0 END"
    if wanted == "DateField":
        return "SUBSTR({0}, 0, 10)" if kind == "DateTimeField" else columns.read("day", "{0}")
    if wanted == "DateTimeField" and kind == "DateField":
        return "{0} || 'T00:00:00.000000Z'"
    if wanted == "DateTimeField" and kind != wanted:
        return columns.read("moment", "{0}").replace("{{", "{").replace("}}", "}")
    if wanted == "TimeField" and kind == "DateTimeField":
        return "DATE_FORMAT_STR({0}, '15:04:05.000000')"
    return "{0}"


def _number(kind: str) -> str:
    """Return a template that converts a value to a number. TONUMBER accepts more texts than SQL
    does."""
    if kind in ("CharField", "TextField", "SlugField", ""):
        return f"IFNANORINF({columns.read('decimal', '{0}')}, NULL)"
    return "TONUMBER({0})" if kind == "BooleanField" else "{0}"


def spread(name: str) -> Callable[..., Compiled]:
    def as_couchbase(node: Any, compiler: Any, connection: Any, **context: Any) -> Compiled:
        function = name + ("_SAMP" if node.function.endswith("_SAMP") else "_POP")
        found: Compiled = node.as_sql(compiler, connection, function=function, **context)
        return found

    return as_couchbase


def refused(node: Any, compiler: Any, connection: Any, **context: Any) -> Compiled:
    name = type(node).__name__
    raise refusals.refused(connection, name, f"{name}()")


def register() -> None:
    """Register the functions with this backend, by Django's hook for vendors."""
    compiled: dict[Any, Any] = {
        **{function: templates.compiling(template) for function, template in _TEMPLATES.items()},
        ConcatPair: concat_pair,
        django.Substr: substr,
        django.Ord: ordinal,
        django.Greatest: among("GREATEST"),
        django.Least: among("LEAST"),
        django.Coalesce: coalesce,
        django.Cast: cast,
        django.JSONObject: json_object,
        StdDev: spread("STDDEV"),
        Variance: spread("VAR"),
        django.SHA1: refused,
        django.Collate: refused,
    }
    if hasattr(django, "JSONArray"):
        compiled[django.JSONArray] = json_array
    compiling.register("couchbase", compiled)
