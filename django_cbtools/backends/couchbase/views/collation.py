"""The order of views: null, false, true, numbers, texts, arrays, objects; texts in ICU's order.

SQL++ has the same order of types, but compares texts by their bytes. ICU's order of ASCII is known
here. For all other texts, the JavaScript engine of the ``embedded`` extra is needed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ImproperlyConfigured

#: Characters as ICU's root order has them. Letters differ first as letters, then in case.
_ORDER = "_-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_FIRST = {
    character: chr(number)
    for number, characters in enumerate(
        [" ", *_ORDER, *zip(_LETTERS, _LETTERS.upper(), strict=True)]
    )
    for character in characters
}
_PRIMARY = str.maketrans(_FIRST)
_CASE = str.maketrans({c: "1" if c.isupper() else "0" for c in _FIRST})
_is_ascii = re.compile("[ -~]*").fullmatch


class Order:
    """The order of keys. It knows the texts in ``keys``, and no others.

    Raises ImproperlyConfigured if the engine is needed and not installed.
    """

    def __init__(self, keys: Iterable[Any]) -> None:
        texts: set[str] = set()
        for key in keys:
            _collect(key, texts)
        self._ranks: dict[str, Any] = {}
        if not all(map(_is_ascii, texts)):
            self._ranks = _ranks({text: unicodedata.normalize("NFC", text) for text in texts})

    def of(self, key: Any) -> tuple[Any, ...]:
        """Return a tuple that sorts in Python as the key sorts in views."""
        if key is None:
            return (1,)
        if isinstance(key, bool):
            return (3,) if key else (2,)
        if isinstance(key, (int, float)):
            return (4, key)
        if isinstance(key, str):
            rank = self._ranks.get(key)
            return (5, (key.translate(_PRIMARY), key.translate(_CASE)) if rank is None else rank)
        if isinstance(key, (list, tuple)):
            return (6, tuple(map(self.of, key)))
        return (7, tuple(part for name in key for part in (self.of(name), self.of(key[name]))))


def _collect(key: Any, texts: set[str]) -> None:
    if isinstance(key, str):
        texts.add(key)
    elif isinstance(key, (list, tuple)):
        for item in key:
            _collect(item, texts)
    elif isinstance(key, dict):
        for name, value in key.items():
            texts.add(name)
            _collect(value, texts)


def _ranks(texts: dict[str, str]) -> dict[str, int]:
    """Return the place of each text among all. Equal texts have the same place."""
    different = sorted(set(texts.values()))
    if len(different) == 1:
        return dict.fromkeys(texts, 0)
    from django_cbtools.embedded.views.collation import ranks

    try:
        found = dict(zip(different, ranks(different), strict=True))
    except ImproperlyConfigured as error:
        raise ImproperlyConfigured(
            "Keys of the view have other letters than ASCII's. Their order is known by the "
            "JavaScript engine: `pip install django-cbtools[embedded]`. (A QuerySet needs none.)"
        ) from error
    return {text: found[own] for text, own in texts.items()}
