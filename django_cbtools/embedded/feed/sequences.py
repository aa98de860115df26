"""Sequence ids: where a reader of a change feed is.

A plain one is a number. Documents that were there before their channel was opened to the reader
come as ``5:3``: number 3, which he gets because of what happened at number 5. A real gateway that
has not seen all numbers yet puts the last one before the gap in front: ``2::5``, ``2:5:3``. The
embedded one sees all of them, but it understands what clients have from a real one.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from ..errors import bad_request

#: What SQLite can count.
LAST = (1 << 63) - 1
_NUMBER = r"([0-9]{1,20})"
_FORMS = re.compile(rf"(?:(?:{_NUMBER}:)?{_NUMBER}?:)?{_NUMBER}")
_MOST = (1 << 64) - 1


class SequenceId(NamedTuple):
    """A place in a feed: its number, by which one it was triggered, and the last before a gap."""

    number: int = 0
    trigger: int = 0
    low: int = 0

    @classmethod
    def parse(cls, text: str) -> SequenceId:
        """The id that a text stands for, '' being the start; raises a 400 GatewayError."""
        if not text:
            return cls()
        found = _FORMS.fullmatch(text)
        low, trigger, number = found.groups() if found else ("", "", "")
        numbers = [int(part or 0) for part in (number, trigger, low)]
        is_form = found and (trigger or low or ":" not in text)
        if not is_form or max(numbers) > _MOST:
            raise bad_request(f"Invalid sequence: {json.dumps(text, ensure_ascii=False)}")
        return cls(*numbers)

    def __str__(self) -> str:
        if self.number < self.trigger:
            low = f"{self.low}:" if 0 < self.low < self.trigger else ""
            return f"{low}{self.trigger}:{self.number}"
        return f"{self.low}::{self.number}" if 0 < self.low < self.number else str(self.number)

    @property
    def json(self) -> str:
        """How it stands in a feed: a number as such, another form as a string."""
        return f'"{self}"' if self.trigger or self.low else str(self.number)

    @property
    def safe(self) -> int:
        """The number up to which its owner has everything."""
        return self.low if 0 < self.low < self.number else self.number

    @property
    def order(self) -> tuple[int, bool, int]:
        """What ids are compared by: what a number has triggered comes just before it."""
        return self.trigger or self.number, not self.trigger, self.number

    def before(self, number: int) -> bool:
        """Whether it comes before a plain number."""
        if self.low:
            return self.low < number
        return self.trigger <= number if self.trigger else self.number < number


#: Where nobody has read anything yet.
START = SequenceId()
