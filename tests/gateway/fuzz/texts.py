"""Texts, odd and plain, and JSON made of them, as text: so that it can be wrong too."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from random import Random

ODD = [
    "", ".", "..", "%", "%2F", "%zz", "%25", "\0", "a\0b", "\n", "\r\nX: y", "\t", "\x7f", "\x1b",
    "é", "e\u0301", "ﬁ", "ß", "İ", "🍺", "👨‍👩‍👧", "\u202e", "\u200b", "\ufeff", "\ufffd", "\ufffe",
    "\u2028", "\ud800", '"', "'", "\\", "<b>", "a/b", "a//b", "/", "a,b", "a:b", "a;b=c", "a b",
    "*", "+", "!", "_a", "_sync", "_sync:user:x", "_local/a", "_design/d", "__proto__",
    "constructor", "null", "true", "0", "-1", "1e999", "9" * 19, "9" * 5000, "x" * 250, "x" * 251,
    "é" * 126, "x" * 20_000, "1-", "-a", "1-a", "0-a", "9" * 18 + "-a", "1-" + "x" * 5000,
    "' OR 1=1 --", "%s", "{}", "${x}", "%(a)s", "GUEST", "$.a", '$."a', "sha1-", "2026-01-01",
]  # fmt: skip

NUMBERS = [
    "0", "-0", "-0.0", "1", "-1", "1.0", "1.50", "1E+2", "1e-400", "1e999", "-1e999", "2147483648",
    "9007199254740993", "9223372036854775807", "9223372036854775808", "18446744073709551616",
    "9" * 400, "9" * 5000, "0." + "9" * 500, "1" + "0" * 40 + ".5",
]  # fmt: skip

#: What no parser should take, or only a careful one.
BROKEN = [
    "", " ", "{", "}", "[", '"', "nul", "NaN", "Infinity", "-Infinity", "-", "01", "1.", ".5", "+1",
    "0x10", "//", "{'a':1}", '{"a":1,}', "[1,]", '{"a"}', '{a:1}', '"\\x"', '"\\ud800"', '"\\u12"',
    '"\t"', "\ufeff{}", "{} {}", "{}x", "[[]", '{"a":"b', "null", "[]", "5", '"text"', "true",
    "[" * 10_000, "[" * 10_000 + "]" * 10_000, '{"a":' * 10_000 + "1" + "}" * 10_000,
    "[" * 199 + "]" * 199, '{"a":' * 150 + "1.50" + "}" * 150, "{" + '"a":1,' * 5000 + '"a":2}',
]  # fmt: skip

ALPHABET = 'abcxyz019 _-./%é🍺\u4e2d\u0301\n"\\'


class Texts:
    """Draws texts and JSON."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def text(self) -> str:
        if self.chance(0.6):
            return self.random.choice(ODD)
        return "".join(self.random.choices(ALPHABET, k=self.random.randrange(12)))

    def number(self) -> str:
        if self.chance(0.5):
            return self.random.choice(NUMBERS)
        if self.chance(0.5):
            return str(self.random.randrange(-5, 100))
        return json.dumps(
            self.random.uniform(-1, 1) * math.pow(10, self.random.randrange(-300, 300))
        )

    def integer(self) -> str:
        small = ["0", "1", "2", "3", "10", "100"]
        odd = ["-1", "", "x", "²", "1.5", "1e3", "0x1", "9" * 19, "9" * 30, "9" * 5000, "+1", " 1"]
        return self.random.choice(small if self.chance(0.7) else odd)

    def flag(self) -> str:
        return self.random.choice(["true", "true", "true", "false", "", "1", "TRUE", "x"])

    def quoted(self, text: str) -> str:
        return json.dumps(text, ensure_ascii=self.chance(0.5))

    def value(self, depth: int = 3) -> str:
        """Any JSON value, and sometimes none."""
        kind = self.random.randrange(12 if depth else 8)
        if kind < 3:
            return self.quoted(self.text())
        if kind < 6:
            return self.number()
        if kind == 6:
            return self.random.choice(["true", "false", "null"])
        if kind == 7:
            return self.random.choice(BROKEN) if self.chance(0.05) else "{}"
        if kind < 10:
            return self.array(lambda: self.value(depth - 1))
        return self.object({self.text(): self.value(depth - 1) for _ in range(3)})

    def array(self, draw: Callable[[], str], most: int = 4) -> str:
        return "[" + ",".join(draw() for _ in range(self.random.randrange(most + 1))) + "]"

    def object(self, members: dict[str, str], *, spare: float = 0.0) -> str:
        """An object of members that are JSON; each is left out with the probability ``spare``."""
        pairs = [
            f"{self.quoted(name)}:{value}"
            for name, value in members.items()
            if not self.chance(spare)
        ]
        if pairs and self.chance(0.02):
            pairs.append(self.random.choice(pairs))  # a key that is there twice
        if self.chance(0.1):
            self.random.shuffle(pairs)
        return "{" + ",".join(pairs) + "}"

    def strings(self, draw: Callable[[], str], most: int = 3) -> str:
        """An array of strings."""
        return self.array(lambda: self.quoted(draw()), most)
