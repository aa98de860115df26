"""Dates and times in SQL++: strings in UTC, of a fixed width, with exact arithmetic."""

from __future__ import annotations

from . import columns

#: Parts, as DATE_PART_STR names them: weeks are ISO weeks, as Django's are.
_PARTS = {
    "week": "iso_week",
    "iso_week_day": "iso_dow",
    "iso_year": "iso_year",
}
#: The layout of the part of a time that a truncation keeps, and the text for the rest.
_LAYOUTS = {
    "year": ("2006", "-01-01T00:00:00"),
    "month": ("2006-01", "-01T00:00:00"),
    "day": ("2006-01-02", "T00:00:00"),
    "hour": ("2006-01-02T15", ":00:00"),
    "minute": ("2006-01-02T15:04", ":00"),
    "second": ("2006-01-02T15:04:05", ""),
}
#: Expressions for whole microseconds, by type of field. They are exact, while the milliseconds of
#: the whole text would be rounded.
MICROSECONDS = {
    "DateTimeField": (
        "(STR_TO_MILLIS(SUBSTR({x}, 0, 19) || 'Z') * 1000 + TONUMBER(SUBSTR({x}, 20, 6)))"
    ),
    "DateField": "(STR_TO_MILLIS({x} || 'T00:00:00Z') * 1000)",
    "TimeField": (
        "(TONUMBER(SUBSTR({x}, 0, 2)) * 3600000000 + TONUMBER(SUBSTR({x}, 3, 2)) * 60000000 "
        "+ TONUMBER(SUBSTR({x}, 6, 2)) * 1000000 + TONUMBER(SUBSTR({x}, 9, 6)))"
    ),
}
#: A time of microseconds since 1970. FIRST .. FOR n IN [..] names a value within an expression.
FROM_MICROSECONDS = (
    "(FIRST MILLIS_TO_UTC(IDIV(n - IMOD(IMOD(n, 1000) + 1000, 1000), 1000), "
    "'2006-01-02T15:04:05.000') || LPAD(TOSTRING(IMOD(IMOD(n, 1000) + 1000, 1000)), 3, '0') "
    "|| 'Z' FOR n IN [{x}] WHEN n IS VALUED END)"
)


def in_zone(sql: str, zone: str | None) -> str:
    """Return SQL of a time in a zone, from one in UTC."""
    if zone in (None, "UTC"):
        return sql
    return f"STR_TO_TZ({sql}, {columns.literal(_offset(zone))})"


def shown(sql: str, zone: str | None, layout: str) -> str:
    """Return SQL of a time in a zone and a layout, from one in UTC."""
    if zone in (None, "UTC"):
        return f"DATE_FORMAT_STR({sql}, '{layout}')"
    return f"STR_TO_TZ({sql}, {columns.literal(_offset(zone))}, '', '{layout}')"


def extracted(part: str, sql: str) -> str:
    """Return SQL of a part of a date or a time, as a number."""
    if part == "week_day":
        return f"(DATE_PART_STR({sql}, 'dow') + 1)"
    return f"DATE_PART_STR({sql}, {columns.literal(_PARTS.get(part, part))})"


def truncated(part: str, sql: str, zone: str | None) -> str:
    """Return SQL of a time truncated to a part, in local time without an offset."""
    if part in _LAYOUTS:
        layout, rest = _LAYOUTS[part]
        return f"({shown(sql, zone, layout)} || '{rest}')"
    unit = "iso_week" if part == "week" else part
    return f"SUBSTR(DATE_TRUNC_STR({in_zone(sql, zone)}, {columns.literal(unit)}), 0, 19)"


def truncated_time(part: str, sql: str, zone: str | None) -> str:
    """Return SQL of a time of day truncated to a part."""
    lengths = {"hour": (2, ":00:00"), "minute": (5, ":00"), "second": (8, "")}
    length, rest = lengths[part]
    if zone not in (None, "UTC"):
        sql = shown(sql, zone, "15:04:05.000000")
    return f"(SUBSTR({sql}, 0, {length}) || '{rest}')"


def _offset(zone: str | None) -> str:
    """Return a zone's name, or its offset. Django writes a zone without a name as ``UTC+02:00``."""
    name = str(zone)
    return name[3:] if name.startswith("UTC") and name[3:4] in ("+", "-") else name
