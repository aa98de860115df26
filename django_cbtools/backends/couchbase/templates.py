"""Templates of SQL++ with placeholders for expressions."""

from __future__ import annotations

import json
import re
import string
from collections.abc import Callable, Sequence
from typing import Any

Compiled = tuple[str, Any]


def filled(template: str, parts: Sequence[tuple[str, Any]]) -> Compiled:
    """Return a template with ``{0}``, ``{1}`` and so on replaced by compiled expressions. Each may
    occur several times. The parameters have the order of the placeholders. Percent signs of the
    template are doubled, as in Django's statements."""
    sql: list[str] = []
    params: list[Any] = []
    for text, name, _, _ in string.Formatter().parse(template.replace("%", "%%")):
        sql.append(text)
        if name is not None:
            part, more = parts[int(name)]
            sql.append(part)
            params += more
    return "".join(sql), params


def inlined(sql: str, params: Sequence[Any]) -> str:
    """Return a statement with its parameters as literals, for indexes. Percent signs in it are no
    longer doubled."""
    left = iter(params)
    return re.sub("%([%s])", lambda it: "%" if it[1] == "%" else json.dumps(next(left)), sql)


def compiling(template: str) -> Callable[..., Compiled]:
    """Return a method that compiles one of Django's functions by a template over its arguments."""

    def as_couchbase(node: Any, compiler: Any, connection: Any, **context: Any) -> Compiled:
        return filled(template, [compiler.compile(each) for each in node.get_source_expressions()])

    return as_couchbase
