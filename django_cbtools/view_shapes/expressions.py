"""Parses JavaScript expressions into the classes of :mod:`.shapes`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from . import shapes
from .shapes import Literal, Value
from .syntax import Node, number_of, text_of

#: Names of properties that all objects, strings or arrays of JavaScript have, besides the
#: document's own.
_INHERITED = frozenset(
    ("__proto__", "__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__",
     "constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString",
     "toString", "valueOf")
)  # fmt: skip
_MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "===": "===", "==": "=="}
_TYPES = frozenset(("string", "number", "boolean", "undefined", "object"))
#: The comparisons of an index that indexOf() returns: the operator, the number, and whether the
#: result means that the value was found.
_FOUND = {
    ("<", 0): False, (">=", 0): True, (">", -1): True, ("<=", -1): False,
    ("==", -1): False, ("===", -1): False,
}  # fmt: skip

#: The values of names, or "doc" for the document and "meta" for its metadata.
Names = Mapping[str, Value | str]


class Reader:
    """A reader of expressions. ``names`` are the values of names in them."""

    def __init__(self, names: Names) -> None:
        self.names = names

    def read(self, node: Node) -> Value:
        """Return the value of an expression. Raise Unreadable if it cannot be read."""
        read: Callable[[Reader, Node], Value] | None = _READERS.get(node.type)
        if read is None:
            raise node.unreadable("this cannot be read")
        return read(self, node)

    def identifier(self, node: Node) -> Value:
        found = self.names.get(node.text)
        if node.text == "undefined" and found is None:
            return shapes.Undefined()
        if not isinstance(found, Value):
            raise node.unreadable(f"{node.text} cannot stand here")
        return found

    def string(self, node: Node) -> Value:
        return Literal(text_of(node))

    def template(self, node: Node) -> Value:
        if any(child.type == "template_substitution" for child in node.children):
            raise node.unreadable("a text that is put together cannot be read")
        return Literal(text_of(node))

    def number(self, node: Node) -> Value:
        return Literal(number_of(node))

    def parenthesized(self, node: Node) -> Value:
        if len(node.children) != 1:
            raise node.unreadable("this cannot be read")
        return self.read(node.children[0])

    # ----------------------------------------------------------------- members

    def member(self, node: Node) -> Value:
        key = node["property"].text
        optional = node.get("optional_chain") is not None
        if self._is_meta(node["object"]):
            if key == "id":
                return shapes.DocumentId()
            raise node.unreadable("of meta, only its id can be read")
        of = self.read(node["object"])
        if key == "length":
            if optional:
                raise node.unreadable("write it without ?.")
            return shapes.Size(of)
        return self._member(node, of, key, optional)

    def subscript(self, node: Node) -> Value:
        of, inner = self.read(node["object"]), self.read(node["index"])
        index = shapes.known(inner)
        if isinstance(index, shapes.Index) and shapes.known(of) == shapes.known(index.loop.source):
            return shapes.Element(index.loop)
        if isinstance(index, Literal) and isinstance(index.value, (str, int, float)):
            optional = node.get("optional_chain") is not None
            return self._member(node, of, index.value, optional)
        raise node.unreadable(
            "a key must be a constant, or the index of a loop over the same array"
        )

    def _member(self, node: Node, of: Value, key: Any, optional: bool) -> Value:
        if isinstance(key, str) and key.isascii() and key.isdigit() and str(int(key)) == key:
            key = int(key)
        if isinstance(key, bool) or (not isinstance(key, str) and (key != int(key) or key < 0)):
            raise node.unreadable("this is no key, nor a place in an array")
        if key in _INHERITED or key == "":
            raise node.unreadable(f"a key cannot be {key!r}")
        return shapes.Member(of, key if isinstance(key, str) else int(key), optional)

    def _is_meta(self, node: Node) -> bool:
        return node.type == "identifier" and self.names.get(node.text) == "meta"

    # ------------------------------------------------------- arrays, and objects

    def array(self, node: Node) -> Value:
        return shapes.ArrayOf(tuple(self.read(child) for child in node.children))

    def object(self, node: Node) -> Value:
        members: dict[str, Value] = {}
        for child in node.children:
            if child.type == "shorthand_property_identifier":
                name, value = child.text, self.identifier(child)
            elif child.type == "pair" and child["key"].type in ("property_identifier", "string"):
                key = child["key"]
                name = text_of(key) if key.type == "string" else key.text
                value = self.read(child["value"])
            else:
                raise child.unreadable("a member must be a name with a value")
            if name in members or name == "__proto__":
                raise child.unreadable(f"a member cannot be {name!r} here")
            members[name] = value
        return shapes.ObjectOf(tuple(members.items()))

    # --------------------------------------------------------------- operators

    def choice(self, node: Node) -> Value:
        test, yes, no = (
            self.read(node[name]) for name in ("condition", "consequence", "alternative")
        )
        return shapes.Choice(test, yes, no)

    def unary(self, node: Node) -> Value:
        operator, argument = node["operator"].text, node["argument"]
        if operator == "!":
            return shapes.Not(self.read(argument))
        if operator == "-" and argument.type == "number":
            return Literal(-number_of(argument))
        if operator == "+":
            return shapes.Number(self.read(argument))
        raise node.unreadable("this operator cannot be read")

    def binary(self, node: Node) -> Value:
        operator = node["operator"].text
        if operator in ("&&", "||"):
            left, right = self.read(node["left"]), self.read(node["right"])
            return shapes.And(left, right) if operator == "&&" else shapes.Or(left, right)
        if operator in ("!==", "!="):
            return shapes.Not(self._compared(node, operator.replace("!", "=", 1)))
        if operator in _MIRRORED:
            return self._compared(node, operator)
        raise node.unreadable("this operator cannot be read")

    def _compared(self, node: Node, operator: str) -> Value:
        left, right = node["left"], node["right"]
        if not _is_constant(right) and _is_constant(left):
            left, right, operator = right, left, _MIRRORED[operator]
        constant = self.read(right) if _is_constant(right) else None
        if not isinstance(constant, (Literal, shapes.Undefined)):
            raise node.unreadable("one side of a comparison must be a constant")
        value = constant.value if isinstance(constant, Literal) else None
        if operator not in ("==", "===") and (value is None or isinstance(value, bool)):
            raise node.unreadable("only texts and numbers can be compared so")
        if left.type == "unary_expression" and left["operator"].text == "typeof":
            if value not in _TYPES or operator not in ("==", "==="):
                raise node.unreadable("this is no type that a value can have")
            return shapes.TypeOf(self.read(left["argument"]), str(value))
        if _method(left) == "indexOf":
            return self._index(node, left, operator, value)
        if isinstance(value, str) and any(character >= "\ud800" for character in value):
            raise node.unreadable("this text cannot be compared")
        return shapes.Compare(operator, self.read(left), constant)

    def _index(self, node: Node, call: Node, operator: str, number: Any) -> Value:
        of, value = self._on(call), self._constants(call, 1)[0]
        is_first = operator in ("==", "===") and number == 0
        if is_first and isinstance(of, shapes.DocumentId) and isinstance(value.value, str):
            return shapes.StartsWith(of, value.value)
        found = None if isinstance(number, bool) else _FOUND.get((operator, number))
        if found is None:
            raise node.unreadable("compare an index with -1")
        has = self._has(node, of, value)
        return has if found else shapes.Not(has)

    def _has(self, node: Node, of: Value, value: Literal) -> Value:
        if isinstance(value.value, bool) or not isinstance(value.value, (str, int)):
            raise node.unreadable("only a text or a whole number can be looked for")
        return shapes.Has(of, value)

    # ------------------------------------------------------------------- calls

    def call(self, node: Node) -> Value:
        name, function = _method(node), node["function"]
        if function.text == "Array.isArray":
            return shapes.IsArray(self._argument(node))
        if function.type == "identifier" and function.text not in self.names:
            if function.text == "Boolean":
                return shapes.Not(shapes.Not(self._argument(node)))
            if function.text in ("Number", "parseFloat"):
                return shapes.Number(self._argument(node), function.text == "parseFloat")
        if name in ("includes", "startsWith"):
            value = self._constants(node, 1)[0]
            if name == "includes":
                return self._has(node, self._on(node), value)
            if isinstance(value.value, str):
                return shapes.StartsWith(self._on(node), value.value)
        if name in ("substring", "substr"):
            return self._part(node, name)
        if name == "toLowerCase" and not node["arguments"].children:
            return shapes.Lower(self._on(node))
        raise node.unreadable("this call cannot be read")

    def _part(self, node: Node, name: str) -> Value:
        numbers = [each.value for each in self._constants(node, 1, 2)]
        if not all(isinstance(each, int) and not isinstance(each, bool) for each in numbers):
            raise node.unreadable("the places must be whole numbers")
        if min(numbers) < 0:
            raise node.unreadable("a place cannot be negative")
        start, *rest = numbers
        end = rest[0] if rest else None
        if name == "substr" and end is not None:
            end += start
        if end is not None and end < start:
            start, end = end, start
        return shapes.Part(self._on(node), start, end)

    def _on(self, node: Node) -> Value:
        """Return the value that a method is called on."""
        function = node["function"]
        if function.get("optional_chain") is not None or node.get("optional_chain") is not None:
            raise node.unreadable("write the call without ?.")
        return self.read(function["object"])

    def _argument(self, node: Node) -> Value:
        arguments = node["arguments"].children
        if len(arguments) != 1 or arguments[0].type == "spread_element":
            raise node.unreadable("it must have one argument")
        return self.read(arguments[0])

    def _constants(self, node: Node, least: int, most: int | None = None) -> list[Literal]:
        arguments = node["arguments"].children
        found = [self.read(each) for each in arguments if _is_constant(each)]
        constants = [each for each in found if isinstance(each, Literal)]
        if len(constants) != len(arguments) or not least <= len(constants) <= (most or least):
            raise node.unreadable("its arguments must be constants")
        return constants


def _is_constant(node: Node) -> bool:
    if node.type == "unary_expression":
        return node["operator"].text == "-" and node["argument"].type == "number"
    if node.type == "identifier":
        return node.text == "undefined"
    return node.type in ("string", "number", "true", "false", "null", "undefined")


def _method(node: Node) -> str | None:
    """Return the name of the method that an expression calls, or None."""
    if node.type != "call_expression" or node["function"].type != "member_expression":
        return None
    return node["function"]["property"].text


_READERS: dict[str, Callable[[Reader, Node], Value]] = {
    "identifier": Reader.identifier,
    "string": Reader.string,
    "template_string": Reader.template,
    "number": Reader.number,
    "true": lambda reader, node: Literal(True),
    "false": lambda reader, node: Literal(False),
    "null": lambda reader, node: Literal(None),
    "undefined": lambda reader, node: shapes.Undefined(),
    "parenthesized_expression": Reader.parenthesized,
    "member_expression": Reader.member,
    "subscript_expression": Reader.subscript,
    "array": Reader.array,
    "object": Reader.object,
    "ternary_expression": Reader.choice,
    "unary_expression": Reader.unary,
    "binary_expression": Reader.binary,
    "call_expression": Reader.call,
}
