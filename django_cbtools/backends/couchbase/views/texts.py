"""Ranges of strings in the order of views, as far as SQL++ can exclude strings outside of them."""

from __future__ import annotations

from typing import NamedTuple


class Prefix(NamedTuple):
    """A prefix of all texts in a range. Texts in ASCII, in lower case, begin with ``common`` and
    are at least ``first``."""

    common: str
    first: str

    @property
    def has_letters(self) -> bool:
        return any(character.isalpha() for character in self.common)

    @property
    def beyond(self) -> str:
        """A string that is greater than all strings with the prefix."""
        return f"{self.common}\x7f"


def prefix(low: str, high: str) -> Prefix | None:
    """Return the common prefix of all strings between ``low`` and ``high``, or None if they have
    none.

    In ICU's order, strings differ first in their characters, and only then in their case. So all
    strings between two strings with the same beginning share it. Characters outside of ASCII may
    count as equal to these, so strings with such characters have to be compared one by one.
    """
    length = 0
    for one, other in zip(low, high, strict=False):
        if one.lower() != other.lower() or not (" " <= one <= "~" and " " <= other <= "~"):
            break
        length += 1
    common, rest = low[:length].lower(), low[length : length + 1]
    # In both orders, digits come after punctuation, and letters after digits.
    first = common + rest if rest.isascii() and rest.isdigit() else common
    return Prefix(common, first) if first else None


#: A pattern for texts that are not printable ASCII.
OTHERS = "[^ -~]"
