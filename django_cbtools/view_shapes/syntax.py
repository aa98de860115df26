"""The syntax tree of JavaScript, by tree-sitter, which the extra ``views`` installs."""

from __future__ import annotations

import functools
import json
import re
from typing import Any

from django.core.exceptions import ImproperlyConfigured

#: The number of characters of a line that a message shows.
_SHOWN = 80
FUNCTIONS = ("function_expression", "arrow_function")
_AROUND = ("program", "expression_statement", "parenthesized_expression")
_HEX = "[0-9a-fA-F]"
_ESCAPE = re.compile(rf"\\(?:u\{{({_HEX}+)\}}|u({_HEX}{{4}})|x({_HEX}{{2}})|(\r\n|.))", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0",
            "\n": "", "\r": "", "\r\n": "", "\u2028": "", "\u2029": ""}  # fmt: skip


class Unreadable(Exception):
    """A function has a form that cannot be read. ``line`` is the line, ``text`` is the text there,
    and ``why`` is the reason."""

    def __init__(self, line: int, text: str, why: str) -> None:
        self.line = line
        self.text = text
        self.why = why
        super().__init__(f"line {line}: `{text}`: {why}")


class Node:
    """A node of a function's syntax tree."""

    def __init__(self, node: Any) -> None:
        self._node = node
        self.type: str = node.type
        self.line: int = node.start_point[0] + 1

    @property
    def text(self) -> str:
        return str(self._node.text.decode())

    @property
    def children(self) -> list[Node]:
        """The children with a name, without comments."""
        return [Node(each) for each in self._node.named_children if each.type != "comment"]

    def get(self, field: str) -> Node | None:
        found = self._node.child_by_field_name(field)
        return None if found is None else Node(found)

    def __getitem__(self, field: str) -> Node:
        found = self.get(field)
        if found is None:
            raise self.unreadable(f"it has no {field}")
        return found

    def has(self, token: str) -> bool:
        """Return whether the node has the token as a child."""
        return any(each.type == token for each in self._node.children)

    def unreadable(self, why: str) -> Unreadable:
        first = " ".join(self.text.split())
        return Unreadable(self.line, first if len(first) < _SHOWN else first[:_SHOWN] + "...", why)


def parse_function(source: str) -> Node:
    """Return the function in the text of a view file.

    Raises Unreadable if the text is no function, and ImproperlyConfigured if tree-sitter is not
    installed.
    """
    tree = _parser().parse(f"({source}\n)".encode())
    if tree.root_node.has_error:
        raise _first_error(tree.root_node).unreadable("it is not JavaScript")
    found = [Node(tree.root_node)]
    while len(found) == 1 and found[0].type in _AROUND:
        found = found[0].children
    if len(found) == 1 and found[0].type in FUNCTIONS and not found[0].has("async"):
        return found[0]
    raise Unreadable(1, source.strip()[:_SHOWN], "it is not one function")


def text_of(node: Node) -> str:
    """Return the text of a string literal."""
    inner = node.text[1:-1]

    def unescaped(found: re.Match[str]) -> str:
        code = found[1] or found[2] or found[3]
        return chr(int(code, 16)) if code else _ESCAPES.get(found[4], found[4])

    text = _ESCAPE.sub(unescaped, inner)
    # Two adjacent halves of a surrogate pair are one character in JavaScript, too.
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def number_of(node: Node) -> int | float:
    """Return the number of a literal. Raise Unreadable if JSON has no such number."""
    try:
        found: int | float = json.loads(node.text)
    except ValueError:
        raise node.unreadable("write the number as JSON has it") from None
    return found


def _first_error(node: Any) -> Node:
    for child in node.children:
        if child.has_error:
            return _first_error(child)
    return Node(node)


@functools.cache
def _parser() -> Any:
    try:
        import tree_sitter
        import tree_sitter_javascript
    except ImportError as error:
        raise ImproperlyConfigured(
            "Views are read by tree-sitter: `pip install django-cbtools[views]`."
        ) from error
    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_javascript.language()))
