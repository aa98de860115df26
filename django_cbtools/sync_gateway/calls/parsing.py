"""Parses a response with rows while it arrives: a gateway's feed, or a query service's.

The response is a JSON object whose member ``results`` is a list of rows. Only the text that has not
been parsed yet, and the other members, are kept in memory.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from .client import whole_number

#: The number of bytes to parse at once, unless a row is longer.
_PIECE = 128 * 1024
#: The characters that may follow a value.
_ENDS = frozenset(" \t\n\r,:]}")
_comma = re.compile(r"[ \t\n\r]*,[ \t\n\r]*").match
_space = re.compile(r"[ \t\n\r]*").match
_scan = json.JSONDecoder().raw_decode
#: A slower function that also reads numbers of thousands of digits.
_scan_any = json.JSONDecoder(parse_int=whole_number).raw_decode


class NotAnAnswer(ValueError):
    """The content is no JSON, has no rows, ends too early, or has a row that is too long."""


class Answer:
    """A response that is parsed while it arrives.

    ``read`` returns the next piece, and an empty one at the end. A row, or another member, has at
    most ``most`` characters. ``members`` are those around the rows, as far as they have arrived. It
    has all of them when :meth:`rows` has ended.
    """

    def __init__(self, read: Callable[[], bytes], most: float = math.inf) -> None:
        self.members: dict[str, Any] = {}
        self._most = most
        self._read = read
        self._decode = codecs.getincrementaldecoder("utf-8")("surrogatepass").decode
        self._ended = False
        #: The number of bytes that have been read.
        self._length = 0
        #: The text that has arrived, and the position of the next item to parse.
        self._text = ""
        self._at = 0
        self._scan = _scan
        #: True if rows end with lines, as far as is known.
        self._in_lines = True

    def rows(self) -> Iterator[Any]:
        """Yield the rows. Raise NotAnAnswer, RecursionError, or an error of ``read``."""
        self._expect("{")
        first = True
        while self._next() != "}":
            if not first:
                self._expect(",")
            first = False
            name = self._value()
            self._expect(":")
            if name == "results" and self._next() == "[":
                self._at += 1
                yield from self._results()
            else:
                self.members[str(name)] = self._value()
        self._at += 1
        while self._more():
            pass
        if _space(self._text, self._at).end() != len(self._text):  # type: ignore[union-attr]
            raise NotAnAnswer("something follows it")

    def _results(self) -> Iterator[Any]:
        if self._next() == "]":
            self._at += 1
            return
        while True:
            if self._in_lines:
                rows, is_last = self._lines()
                yield from rows
                if is_last:
                    return
            else:
                yield from self._one_by_one()
            # The text that has arrived ends inside of a row.
            yield self._value()
            if self._next() == "]":
                self._at += 1
                return
            self._expect(",")

    def _one_by_one(self) -> Iterator[Any]:
        """Yield the rows that have arrived and are followed by another row."""
        self._next()
        text, scan = self._text, self._scan
        while True:
            try:
                value, end = scan(text, self._at)
            except ValueError:
                return
            comma = _comma(text, end)
            if comma is None:
                return
            self._at = comma.end()
            yield value

    def _lines(self) -> tuple[list[Any], bool]:
        """Return the rows that have arrived as whole lines, and whether they are the last ones.

        Parsing them at once takes much less time. The rows are only assumed to be lines, since
        documents may contain line breaks. But if the lines can be parsed, they are rows.
        """
        text, start = self._text, self._at
        is_last = text.find("\n]", start) >= 0
        # The query service puts the comma at the end of a line, a gateway at the beginning.
        end = len(text) if is_last else max(text.rfind(",\n", start), text.rfind("\n,", start))
        if end < 0:
            return [], False
        lines = f"[{text[start:end]}" if is_last else f"[{text[start:end]}]"
        try:
            rows, length = _scan(lines)
        except (ValueError, RecursionError):
            length = -1
        # If rows are not lines, the list of rows may end within these lines.
        if length < 0 or (length < len(lines) and not is_last):
            self._in_lines = False
            return [], False
        self._at = start + length - 1 if is_last else end + 2
        return rows, is_last

    def _value(self) -> Any:
        self._next()
        while True:
            try:
                value, end = self._scan(self._text, self._at)
            except json.JSONDecodeError as error:
                if not self._more():
                    raise NotAnAnswer(f"it ends too early, or is no JSON: {error.msg}") from None
            except ValueError:
                self._scan = _scan_any
            else:
                # The digits of a number may continue.
                if self._text[end : end + 1] in _ENDS or not self._more():
                    self._at = end
                    return value

    def _next(self) -> str:
        """Return the next character that is no space."""
        while True:
            self._at = _space(self._text, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                raise NotAnAnswer("it ends too early")

    def _expect(self, character: str) -> None:
        found = self._next()
        if found != character:
            raise NotAnAnswer(f"{found!r} stands where {character!r} should")
        self._at += 1

    def _more(self) -> bool:
        """Read on. Read twice the rest, so that a long row is not parsed too often, or as much as
        before, so that many rows are parsed at once but the first ones early."""
        rest = self._text[self._at :]
        if len(rest) > self._most:
            raise NotAnAnswer(f"a row has more than {self._most} bytes")
        pieces = [rest]
        wanted = max(len(rest), min(self._length, _PIECE), 1)
        while wanted > 0 and not self._ended:
            data = self._read()
            self._ended = not data
            self._length += len(data)
            pieces.append(self._decode(data, self._ended))
            wanted -= len(pieces[-1])
        self._text, self._at = "".join(pieces), 0
        return len(self._text) > len(rest)
