"""Documents, views of the shape that is read, and what is asked of them: at random, from a seed."""

from __future__ import annotations

import json
import random
from typing import Any

TEXTS = [
    "", " ", "a", "A", "ab", "a b", "a-b", "aa", "b", "B", "z", "_", "5", " 7 ", "-1.5e1", "10",
    "9", "true", "é", "e\u0301", "ä", "日本", "2024-01-05", "2024-02-01T10:00:00Z", "2024", "100%",
    "it's",
]  # fmt: skip
NUMBERS = [0, 1, -1, 2, 5, 7, 10, 1.5, -0.25, 2**31, 1e21]
TYPES = ["article", "author"]
SCALARS = [*TEXTS, *NUMBERS, True, False, None]


class Random(random.Random):
    def scalar(self) -> Any:
        return self.choice(SCALARS)

    def value(self, depth: int = 2) -> Any:
        kind = self.random()
        if depth == 0 or kind < 0.6:
            return self.scalar()
        if kind < 0.85:
            return [self.value(depth - 1) for _ in range(self.randrange(4))]
        names = self.sample(["a", "b", "c"], self.randrange(3))
        return {name: self.value(depth - 1) for name in sorted(names)}

    # --------------------------------------------------------------- documents

    def documents(self) -> dict[str, Any]:
        found = {self.choice("abcXYZ") + f"{n:02}": self.document() for n in range(16)}
        return {uid: found[uid] for uid in sorted(found)}

    def document(self) -> dict[str, Any]:
        members = {
            # What is compared loosely is no array, nor an object.
            "title": self.choice(TEXTS) if self.random() < 0.7 else self.scalar(),
            "year_published": self.choice(NUMBERS) if self.random() < 0.7 else self.scalar(),
            "st_deleted": self.choice([True, False, False]),
            "tags": [self.scalar() for _ in range(self.randrange(4))]
            if self.random() < 0.7
            else self.value(),
            "items": [{"a": self.scalar(), "b": self.scalar()} for _ in range(self.randrange(3))]
            if self.random() < 0.6
            else self.value(),
            "o": {"a": self.value(1), "b": self.scalar()} if self.random() < 0.6 else self.value(1),
            "details": self.value(),
        }
        kept = {name: value for name, value in members.items() if self.random() < 0.85}
        doc_type = self.choice([*TYPES, *TYPES, "article", None])
        return kept if doc_type is None else {"doc_type": doc_type, **kept}

    # -------------------------------------------------------------- functions

    def path(self) -> str:
        return self.choice(
            ["doc.title", "doc.year_published", "doc.details", "doc.o.a", "doc.o.b",
             "doc['title']", "doc.tags[0]", "doc.o?.a", "meta.id", "doc.doc_type",
             "doc.details.a", "doc.tags"]
        )  # fmt: skip

    def expression(self, depth: int = 2) -> str:
        kind = self.randrange(12) if depth else 0
        if kind < 5:
            return self.path()
        inner = [self.expression(depth - 1) for _ in range(2)]
        return [
            f"[{inner[0]}, {inner[1]}]",
            f"{{a: {inner[0]}, b: {inner[1]}}}",
            f"({self.condition(0)} ? {inner[0]} : {inner[1]})",
            f"({inner[0]} || {json.dumps(self.scalar())})",
            "(doc.title || '').substring(0, 4)"
            if self.random() < 0.3
            else "meta.id.substring(0, 2)",
            f"parseFloat({self.choice(['doc.title', 'doc.year_published'])})",
            f"({self.path()} && {inner[1]})",
        ][kind - 5]

    def condition(self, depth: int = 2) -> str:
        kind = self.randrange(13) if depth else self.randrange(9)
        text, number = json.dumps(self.choice(TEXTS)), json.dumps(self.choice(NUMBERS))
        loose = self.choice(["doc.title", "doc.year_published"])
        strict = self.choice(["===", "!=="])
        found = [
            f"{loose} {self.choice(['==', '!='])} {self.choice([text, number, 'true', 'null'])}",
            f"{self.path()} {strict} {self.choice([text, number, 'null', 'undefined'])}",
            f"{loose} {self.choice(['<', '<=', '>', '>='])} {self.choice([text, number])}",
            self.path(),
            f"!{self.path()}",
            f"Array.isArray({self.path()})",
            f"typeof {self.path()} {strict} '{self.choice(['string', 'number', 'object'])}'",
            f"(doc.tags || []).indexOf({text}) {self.choice(['>= 0', '=== -1'])}",
            "doc.tags.length > 1" if self.random() < 0.3 else "typeof doc.title == 'undefined'",
        ]
        if kind < 9:
            return found[kind]
        inner = [self.condition(depth - 1) for _ in range(2)]
        return [
            f"({inner[0]} && {inner[1]})", f"({inner[0]} || {inner[1]})", f"!({inner[0]})",
            f"({inner[0]} && {inner[1]})",
        ][kind - 9]  # fmt: skip

    def emit(self, key: str | None = None) -> str:
        value = "null" if self.random() < 0.4 else self.expression(1)
        return f"emit({key or self.expression()}, {value});"

    def emissions(self) -> str:
        kind = self.randrange(10)
        if kind < 4:
            return self.emit()
        if kind == 4:
            return f"{self.emit()} {self.emit()}"
        if kind == 5:
            tag = self.choice(["tag", "[tag, doc.title]", "[doc.title, tag]"])
            guard = self.choice(["", "if (!tag) return; ", "if (tag === 'a') { return; } "])
            return f"doc.tags.forEach(function (tag) {{ {guard}{self.emit(tag)} }});"
        if kind == 6:
            return f"for (var i in doc.tags) {self.emit(self.choice(['doc.tags[i]', 'i']))}"
        if kind == 7:
            guard = self.choice(["", "if (!items[i].a) continue; "])
            return (
                "var items = doc.items; for (let i = 0; i < items.length; i++) "
                f"{{ {guard}{self.emit('[items[i].a, doc.year_published]')} }}"
            )
        if kind == 8:
            return f"for (const tag of doc.tags) {{ {self.emit('tag')} }} {self.emit()}"
        return f"doc.items.forEach((item, i) => {self.emit('[item.a, i]')[:-1]});"

    def map(self) -> str:
        kind = self.choice(TYPES)
        deleted = self.choice(["", " && !doc.st_deleted", " && doc.st_deleted !== true"])
        more = f" && {self.condition()}" if self.random() < 0.4 else ""
        if self.random() < 0.3:
            return (
                f"function (doc, meta) {{\n  if (doc.doc_type != '{kind}'"
                f"{' || doc.st_deleted' if deleted else ''}) return;\n  {self.emissions()}\n}}"
            )
        if self.random() < 0.1:
            return f"(doc, meta) => {{\n  const s = doc.title;\n  {self.emit('s')}\n}}"
        otherwise = f" else {{ {self.emissions()} }}" if self.random() < 0.15 else ""
        equals = self.choice(["==", "==="])
        return (
            f"function (doc, meta) {{\n  if (doc.doc_type {equals} '{kind}'{deleted}{more}) {{\n"
            f"    {self.emissions()}\n  }}{otherwise}\n}}"
        )

    # ----------------------------------------------------------------- queries

    def key(self, keys: list[Any]) -> Any:
        if keys and self.random() < 0.75:
            return self.choice(keys)
        return self.choice([self.value(), [self.scalar()], [self.scalar(), {}], {}])

    def query(self, keys: list[Any], uids: list[str], reduce: str | None) -> dict[str, Any]:
        """What is asked of a view that emits some keys."""
        found: dict[str, Any] = {}
        kind = self.randrange(6)
        if kind == 0:
            found["key"] = self.key(keys)
        elif kind == 1:
            found["keys"] = [self.key(keys) for _ in range(self.randrange(4))]
        elif kind < 5:
            for name in self.choice([["startkey"], ["endkey"], ["startkey", "endkey"]]):
                found[name] = self.key(keys)
                if self.random() < 0.2:
                    found[f"{name}_docid"] = self.choice(uids)
            if self.random() < 0.2 and "endkey" in found:
                found["inclusive_end"] = False
            if self.random() < 0.2 and isinstance(found.get("startkey"), list):
                found["endkey"] = [*found["startkey"][:1], {}]
        if self.random() < 0.3:
            found["descending"] = True
        if self.random() < 0.2:
            found |= {"limit": self.randrange(1, 5), "skip": self.randrange(3)}
        if reduce:
            found |= self.choice(
                [{}, {"reduce": False}, {"group": True}, {"group_level": self.randrange(3)}]
            )
        return found
