"""Encodes uids as parts of URLs, whatever characters they contain.

A server decodes the path of a URL, so that ``a%2Fb`` and ``a/b`` are the same for an application.
So characters that cannot be in a part of a path are escaped twice: the URL of document ``a/b`` is
``/articles/a%252Fb/``. Other uids are used as they are.
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
