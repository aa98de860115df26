"""Uids as parts of URLs, whatever characters they have.

A server gives an application the path of a URL with its percent signs resolved, so that ``a%2Fb``
and ``a/b`` are the same. What a path cannot have in one of its parts is escaped once more: the URL
of document ``a/b`` is ``/articles/a%252Fb/``. Other uids are in URLs as in any other.
"""

from __future__ import annotations

import re

_ESCAPES = {"%": "%25", "/": "%2F"}
_ESCAPED = re.compile("%(25|2F)", re.IGNORECASE)


def part_of(uid: str) -> str:
    """Encode a uid as an argument of a URL pattern."""
    return "".join(_ESCAPES.get(each, each) for each in uid)


def uid_of(part: str) -> str:
    """Decode an argument of a URL pattern to a uid."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), part)
