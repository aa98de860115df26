"""What the sync function has said and granted."""

from __future__ import annotations

from django.db import connection

from tests.gateway.access.client import function


def said(*expressions):
    """A sync function that shows values of JavaScript, as channels."""
    shown = ", ".join(f"'{n}:' + ({text})" for n, text in enumerate(expressions))
    return function(f"channel([{shown}].map(function (t) {{ return t.replace(/,/g, ';'); }}));")


def grants():
    """All that documents open, by whom and what."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT principal, kind, name FROM cbtools_grants ORDER BY 1, 2, 3")
        return cursor.fetchall()
