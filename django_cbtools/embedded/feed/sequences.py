"""Sequence ids: positions in a change feed.

A plain id is a number. ``5:3`` is a document that was written at sequence 3, and that the user
gained (or lost) at sequence 5, where its channel was granted (or revoked). A real gateway that has
not seen all sequences yet puts the last sequence before the gap in front: ``2::5``, ``2:5:3``. The
embedded gateway has no gaps, but accepts ids with gaps from clients of a real gateway.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from ..errors import bad_request

#: SQLite's largest integer.
LAST = (1 << 63) - 1
_NUMBER = r"([0-9]{1,20})"
_FORMS = re.compile(rf"(?:(?:{_NUMBER}:)?{_NUMBER}?:)?{_NUMBER}")
_MOST = (1 << 64) - 1


class SequenceId(NamedTuple):
    """A position in a feed.

    ``trigger`` is the sequence that granted or revoked the channel, 0 for a plain position.
    ``low`` is the last sequence before a gap, 0 if there is no gap.
    """

    number: int = 0
    trigger: int = 0
    low: int = 0

    @classmethod
    def parse(cls, text: str) -> SequenceId:
        """Parse a sequence id; '' means the start of the feed.

        Raises a 400 GatewayError if the text is not a sequence id.
        """
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
        """The id as JSON: a number if the id is plain, else a string."""
        return f'"{self}"' if self.trigger or self.low else str(self.number)

    @property
    def safe(self) -> int:
        """The sequence up to which the client has seen everything."""
        return self.low if 0 < self.low < self.number else self.number

    @property
    def order(self) -> tuple[int, bool, int]:
        """The sort key. Entries that a sequence triggered come just before that sequence."""
        return self.trigger or self.number, not self.trigger, self.number

    def before(self, number: int) -> bool:
        """Return whether the position comes before a plain sequence."""
        if self.low:
            return self.low < number
        return self.trigger <= number if self.trigger else self.number < number


#: The beginning of a feed.
START = SequenceId()
