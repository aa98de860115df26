"""The values that map functions compute, as SQL++. JavaScript's ``undefined`` is MISSING here."""

from __future__ import annotations

from collections.abc import Sequence

from django_cbtools.view_shapes import shapes
from django_cbtools.view_shapes.shapes import Failure, Literal, Loop, Value

from ..columns import literal, quoted, uid
from . import conversions
from .conversions import constant, exactly

#: The alias of documents in statements.
NAME = "d"
DOCUMENT, DOCUMENT_ID = quoted(NAME), uid(NAME)
_NESTED = (shapes.Choice, shapes.And, shapes.Or)
_TYPES = {"string": "ISSTRING", "number": "ISNUMBER", "boolean": "ISBOOLEAN"}
_WANTED = {
    "text": ("ISSTRING({0})", "TYPE({0}) != 'string'"),
    "array": ("ISARRAY({0})", "TYPE({0}) != 'array'"),
    "iterable": ("TYPE({0}) IN ['string', 'array']", "TYPE({0}) NOT IN ['string', 'array']"),
    "something": ("{0} IS VALUED", "{0} IS NOT VALUED"),
}


class Compiler:
    """A compiler of values and conditions of map functions. ``prefix`` begins the names of loops'
    elements."""

    def __init__(self, prefix: str = "e") -> None:
        self._prefix = prefix

    def alias(self, loop: Loop) -> str:
        return quoted(f"{self._prefix}{loop.number}")

    # ------------------------------------------------------------------ values

    def value(self, value: Value) -> str:
        value = shapes.known(value)
        if isinstance(value, Literal):
            return constant(value.value)
        if isinstance(value, shapes.Undefined):
            return "MISSING"
        if isinstance(value, shapes.Document):
            return DOCUMENT
        if isinstance(value, shapes.DocumentId):
            return DOCUMENT_ID
        if isinstance(value, shapes.Member):
            return self._member(value)
        if isinstance(value, shapes.Element):
            return self.alias(value.loop) + (".val" if value.loop.has_index else "")
        if isinstance(value, shapes.Index):
            return f"{self.alias(value.loop)}.name"
        if isinstance(value, shapes.ArrayOf):
            return f"[{', '.join(map(self.value, value.items))}]"
        if isinstance(value, shapes.ObjectOf):
            members = [f"{literal(name)}: {self.value(each)}" for name, each in value.members]
            return f"{{{', '.join(members)}}}"
        if isinstance(value, _NESTED):
            return self._chosen(value)
        if isinstance(value, shapes.Part):
            rest = "" if value.end is None else f", {value.end - value.start}"
            of = self.value(value.of)
            return f"IFMISSINGORNULL(MB_SUBSTR({of}, {value.start}{rest}), '')"
        if isinstance(value, shapes.Lower):
            return conversions.lower(self.value(value.of))
        if isinstance(value, shapes.Number):
            convert = conversions.leading_number if value.is_prefix else conversions.number
            return convert(self.value(value.of))
        if isinstance(value, shapes.Size):
            of = self.value(value.of)
            return (
                f"CASE WHEN ISARRAY({of}) THEN ARRAY_LENGTH({of}) "
                f"WHEN ISSTRING({of}) THEN MB_LENGTH({of}) ELSE ({of}).`length` END"
            )
        return exactly(self.true(value))

    def _member(self, member: shapes.Member) -> str:
        of = self.value(member.of)
        if isinstance(shapes.known(member.of), _NESTED):
            of = f"({of})"
        if isinstance(member.key, str):
            return f"{of}.{quoted(member.key)}"
        key = member.key
        return (
            f"(CASE WHEN ISARRAY({of}) THEN {of}[{key}] WHEN ISOBJECT({of}) THEN {of}.`{key}` "
            f"WHEN MB_LENGTH({of}) > {key} THEN MB_SUBSTR({of}, {key}, 1) ELSE MISSING END)"
        )

    def _chosen(self, value: Value) -> str:
        if isinstance(value, shapes.Choice):
            test, yes, no = value.test, value.yes, value.no
        elif isinstance(value, shapes.And):
            test, yes, no = value.left, value.right, value.left
        else:
            assert isinstance(value, shapes.Or)  # noqa: S101 (for mypy)
            test, yes, no = value.left, value.left, value.right
        return f"CASE WHEN {self.true(test)} THEN {self.value(yes)} ELSE {self.value(no)} END"

    # -------------------------------------------------------------- conditions

    def true(self, value: Value) -> str:
        """Return a condition that is TRUE if the value is truthy, else FALSE, NULL or MISSING."""
        return self._when(value, True)

    def false(self, value: Value) -> str:
        """Return a condition that is TRUE if the value is falsy, else FALSE, NULL or MISSING."""
        return self._when(value, False)

    def _when(self, value: Value, wanted: bool) -> str:
        value = shapes.known(value)
        if isinstance(value, shapes.Not):
            return self._when(value.of, not wanted)
        if isinstance(value, (shapes.And, shapes.Or)):
            joined = "AND" if isinstance(value, shapes.And) is wanted else "OR"
            return f"({self._when(value.left, wanted)} {joined} {self._when(value.right, wanted)})"
        if isinstance(value, shapes.Choice):
            yes = f"({self.true(value.test)} AND {self._when(value.yes, wanted)})"
            return f"({yes} OR ({self.false(value.test)} AND {self._when(value.no, wanted)}))"
        fixed = _fixed(value)
        if fixed is not None:
            return "TRUE" if fixed is wanted else "FALSE"
        condition = self._condition(value)
        if condition is None:
            return (conversions.truthy if wanted else conversions.falsy)(self.value(value))
        return condition if wanted else f"NOT {exactly(condition)}"

    def _condition(self, value: Value) -> str | None:
        """Return the SQL++ of a value that is a condition, or None for other values."""
        if isinstance(value, shapes.Compare):
            return self._compared(value)
        if isinstance(value, shapes.TypeOf):
            of = self.value(value.of)
            if value.name == "undefined":
                return f"{of} IS MISSING"
            if value.name == "object":
                return f"TYPE({of}) IN ['object', 'array', 'null']"
            return f"{_TYPES[value.name]}({of})"
        if isinstance(value, shapes.IsArray):
            return f"ISARRAY({self.value(value.of)})"
        if isinstance(value, shapes.StartsWith):
            text = value.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            return f"{self.value(value.of)} LIKE {literal(text + '%')}"
        if isinstance(value, shapes.Has):
            of, found = self.value(value.of), value.value.value
            return (
                f"CASE WHEN ISARRAY({of}) THEN {constant(found)} IN {of} "
                f"ELSE CONTAINS({of}, {literal(str(found))}) END"
            )
        return None

    def _compared(self, value: shapes.Compare) -> str:
        sql, operator, right = self.value(value.left), value.operator, value.right
        if isinstance(value.left, _NESTED):
            sql = f"({sql})"
        found = right.value if isinstance(right, Literal) else None
        if found is None:
            if operator == "==":
                return f"{sql} IS NOT VALUED"
            return f"{sql} IS {'NULL' if isinstance(right, Literal) else 'MISSING'}"
        if operator == "===":
            return f"{sql} = {constant(found)}"
        if not isinstance(found, str):
            number = constant(int(found) if isinstance(found, bool) else found)
            if operator == "==":
                return f"({sql} IS VALUED AND {conversions.number(sql)} = {number})"
            return f"{conversions.number(sql)} {operator} {number}"
        of_text = conversions.number_of(found)
        if operator == "==":
            if of_text is None:
                return f"{sql} = {literal(found)}"
            values = [found, of_text, *([bool(of_text)] if of_text in (0, 1) else [])]
            return f"{sql} IN [{', '.join(map(constant, values))}]"
        compared = f"{sql} {operator} {literal(found)}"
        if of_text is None:
            return f"(ISSTRING({sql}) AND {compared})"
        number = f"{conversions.number(sql)} {operator} {constant(of_text)}"
        return f"(CASE WHEN ISSTRING({sql}) THEN {compared} ELSE {number} END)"

    # ------------------------------------------------------------------- loops

    def source(self, loop: Loop) -> str:
        """Return the array of a loop: of its elements, or of objects with their ``name`` and
        ``val``. A value that is no array has no elements."""
        of = self.value(loop.source)
        if isinstance(shapes.known(loop.source), _NESTED):
            of = f"({of})"
        letters = f"SPLIT({of}, '')"
        if not loop.has_index:
            return (
                of
                if loop.kind == "each"
                else f"(CASE WHEN ISSTRING({of}) THEN {letters} ELSE {of} END)"
            )
        name = "TOSTRING(i)" if loop.kind == "in" else "i"
        pairs = "(CASE WHEN ISARRAY({0}) THEN ARRAY {{'name': {1}, 'val': v}} FOR i:v IN {0} END"
        found = pairs.format(of, name)
        if loop.kind != "each":
            each = f"ARRAY {{'name': {name}, 'val': v}} FOR i:v IN {letters} END"
            found += f" WHEN ISSTRING({of}) THEN {each}"
        if loop.kind == "in":
            found += f" WHEN ISOBJECT({of}) THEN OBJECT_PAIRS({of})"
        return f"{found} END)"

    def all(self, values: Sequence[Value]) -> str:
        return " AND ".join(map(self.true, values))

    def good(self, failure: Failure) -> str:
        """Return a condition that a failure does not happen, for documents whose map function
        reaches it."""
        return _WANTED[failure.wanted][0].format(self._operand(failure.of))

    def failing(self, failure: Failure) -> str:
        """Return a condition that a failure happens to a document. It is TRUE or FALSE."""
        bad = _WANTED[failure.wanted][1].format(self._operand(failure.of))
        reach = [exactly(self.true(each)) for each in failure.reach]
        found = " AND ".join([*reach, bad])
        for loop in reversed(failure.loops):
            any_ = f"ANY {self.alias(loop)} IN {self.source(loop)} SATISFIES {found} END"
            found = exactly(any_)
        return f"({found})"

    def _operand(self, value: Value) -> str:
        sql = self.value(value)
        return f"({sql})" if isinstance(shapes.known(value), _NESTED) else sql


def _fixed(value: Value) -> bool | None:
    """Return whether a value is truthy, if this is the same for all documents. None for other
    values."""
    if isinstance(value, Literal):
        return bool(value.value)
    if isinstance(value, shapes.Undefined):
        return False
    if isinstance(value, (shapes.Document, shapes.ArrayOf, shapes.ObjectOf)):
        return True
    return None
