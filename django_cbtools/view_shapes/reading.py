"""Parses the statements of map functions: the emissions, and the conditions to reach them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from . import shapes
from .expressions import Names, Reader
from .failures import Reach, failures
from .shapes import Emission, Failure, Loop, Value, View
from .syntax import FUNCTIONS, Node, parse_function

#: The conditions under which the code after a statement is reached. None if it never is.
After = Reach | None
_NESTED = ("statement_block", "else_clause")


def read_view(functions: Mapping[str, str]) -> View:
    """Return the view for the texts of its functions: ``map``, and ``reduce`` if it has one.

    Raises :exc:`.Unreadable` if the map function cannot be read, and ImproperlyConfigured if the
    parser is not installed.
    """
    reduce = (functions.get("reduce") or "").strip() or None
    emissions, found = _read_map(functions["map"])
    return View(emissions, found, reduce)


@functools.lru_cache(maxsize=256)
def _read_map(source: str) -> tuple[tuple[Emission, ...], tuple[Failure, ...]]:
    function = parse_function(source)
    names: dict[str, Value | str] = {}
    values: list[Value | str] = [shapes.Document(), "meta"]
    for name, value in zip(_parameters(function), values, strict=False):
        names[name] = value
    reader = _Statements()
    reader.body(function, (), names, _Place((), ()))
    return tuple(reader.emissions), tuple(dict.fromkeys(reader.failures))


class _Place:
    """The place of a statement: the loops around it, and its position, which orders its rows.
    ``leaves`` is the statement that ends a turn: ``return`` in a callback, ``continue`` in a
    loop."""

    def __init__(
        self, loops: tuple[Loop, ...], place: tuple[int | None, ...], leaves: str = "return"
    ) -> None:
        self.loops = loops
        self.place = place
        self.leaves = leaves


class _Statements:
    def __init__(self) -> None:
        self.emissions: list[Emission] = []
        self.failures: list[Failure] = []
        self._count = 0
        self._loops = 0

    def body(self, function: Node, reach: Reach, names: Names, place: _Place) -> None:
        """Read the body of a function."""
        body = function["body"]
        if body.type == "statement_block":
            self._block(body.children, reach, dict(names), place)
        else:
            self._expression(body, reach, names, place)

    def _block(
        self, statements: list[Node], reach: Reach, names: dict[str, Value | str], place: _Place
    ) -> After:
        for number, statement in enumerate(statements):
            after = self._statement(statement, reach, names, place)
            if after is None:
                for each in statements[number + 1 :]:
                    if each.type != "empty_statement":
                        raise each.unreadable("it is never reached")
                return None
            reach = after
        return reach

    def _statement(
        self, node: Node, reach: Reach, names: dict[str, Value | str], place: _Place
    ) -> After:
        kind = node.type
        if kind in _NESTED:
            return self._block(node.children, reach, dict(names), place)
        if kind == "if_statement":
            return self._if(node, reach, names, place)
        if kind in ("return_statement", "continue_statement"):
            word = kind.partition("_")[0]
            if word != place.leaves or (word == "continue" and node.children):
                raise node.unreadable(f"a loop with {word} in it cannot be read")
            if node.children and node.children[0].type not in ("null", "undefined", "identifier"):
                self._expression(node.children[0], reach, names, place)
            return None
        if kind in ("variable_declaration", "lexical_declaration"):
            for declared in node.children:
                self._declare(declared, reach, names, place)
        elif kind == "expression_statement":
            (expression,) = node.children
            if expression.type != "string":  # "use strict"
                self._expression(expression, reach, names, place)
        elif kind == "for_in_statement":
            self._for_in(node, reach, names, place)
        elif kind == "for_statement":
            self._count_up(node, reach, names, place)
        elif kind != "empty_statement":
            raise node.unreadable("this statement cannot be read")
        return reach

    def _value(self, node: Node, reach: Reach, names: Names, place: _Place) -> Value:
        value = Reader(names).read(node)
        self.failures += failures(value, reach, place.loops)
        return value

    def _if(self, node: Node, reach: Reach, names: dict[str, Value | str], place: _Place) -> After:
        test = self._value(node["condition"], reach, names, place)
        yes, no = (*reach, test), (*reach, shapes.Not(test))
        other = node.get("alternative")
        # Names that are declared in a branch are unknown after it.
        after_yes = self._statement(node["consequence"], yes, dict(names), place)
        after_no = no if other is None else self._statement(other, no, dict(names), place)
        if after_yes == yes and after_no == no:
            return reach
        if after_yes is None or after_no is None:
            return after_no if after_yes is None else after_yes
        return (*reach, shapes.Or(_all(after_yes[len(reach) :]), _all(after_no[len(reach) :])))

    def _declare(
        self, node: Node, reach: Reach, names: dict[str, Value | str], place: _Place
    ) -> None:
        name, value = node["name"], node.get("value")
        if value is None:
            raise node.unreadable("a variable must have a value where it is declared")
        found = self._value(value, reach, names, place)
        if name.type == "identifier":
            _name(name, names, shapes.Known(found))
            return
        if name.type != "object_pattern":
            raise node.unreadable("this cannot be read")
        for each in name.children:
            if each.type == "shorthand_property_identifier_pattern":
                key, own = each, each
            elif each.type == "pair_pattern" and each["value"].type == "identifier":
                key, own = each["key"], each["value"]
            else:
                raise each.unreadable("this cannot be read")
            member = shapes.Member(found, key.text)
            self.failures += failures(member, reach, place.loops)
            _name(own, names, shapes.Known(member))

    # ------------------------------------------------------------------- calls

    def _expression(self, node: Node, reach: Reach, names: Names, place: _Place) -> None:
        """Read an expression statement: a call of emit() or forEach()."""
        while node.type == "parenthesized_expression" and len(node.children) == 1:
            node = node.children[0]
        if node.type == "binary_expression" and node["operator"].text == "&&":
            test = self._value(node["left"], reach, names, place)
            self._expression(node["right"], (*reach, test), names, place)
            return
        if node.type != "call_expression":
            raise node.unreadable("it does nothing that can be read")
        function = node["function"]
        if function.type == "identifier" and function.text == "emit" and "emit" not in names:
            self._emit(node, reach, names, place)
        elif function.type == "member_expression" and function["property"].text == "forEach":
            self._for_each(node, reach, names, place)
        else:
            raise node.unreadable("only emit() and forEach() can be called so")

    def _emit(self, node: Node, reach: Reach, names: Names, place: _Place) -> None:
        arguments = node["arguments"].children
        if len(arguments) > 2:
            raise node.unreadable("emit() takes a key and a value")
        found: list[Value] = [self._value(each, reach, names, place) for each in arguments]
        key, value, *_ = [*found, shapes.Undefined(), shapes.Undefined()]
        self._count += 1
        order = (*place.place, self._count)
        self.emissions.append(Emission(key, value, reach, place.loops, order, node.line))

    # ------------------------------------------------------------------- loops

    def _loop(self, source: Value, kind: str, has_index: bool) -> Loop:
        self._loops += 1
        return Loop(self._loops, source, kind, has_index)

    def _within(self, loop: Loop, place: _Place, leaves: str) -> _Place:
        self._count += 1
        return _Place((*place.loops, loop), (*place.place, self._count, None), leaves)

    def _for_each(self, node: Node, reach: Reach, names: Names, place: _Place) -> None:
        arguments = node["arguments"].children
        if len(arguments) != 1 or arguments[0].type not in FUNCTIONS:
            raise node.unreadable("forEach() must be given one function")
        if node["function"].get("optional_chain") is not None:
            raise node.unreadable("write it without ?.")
        callback = arguments[0]
        parameters = _parameters(callback)
        source = self._value(node["function"]["object"], reach, names, place)
        self.failures += _not_a(source, "array", reach, place)
        loop = self._loop(shapes.Known(source), "each", len(parameters) > 1)
        inner = dict(names)
        values: list[Value] = [shapes.Element(loop), shapes.Index(loop), loop.source]
        inner.update(zip(parameters, values, strict=False))
        self.body(callback, reach, inner, self._within(loop, place, "return"))

    def _for_in(
        self, node: Node, reach: Reach, names: dict[str, Value | str], place: _Place
    ) -> None:
        kind, left = node["operator"].text, node["left"]
        if left.type != "identifier" or node.get("kind") is None or node.has("await"):
            raise node.unreadable("declare the variable in the loop")
        source = self._value(node["right"], reach, names, place)
        if kind == "of":
            self.failures += _not_a(source, "iterable", reach, place)
        loop = self._loop(shapes.Known(source), kind, kind == "in")
        value = shapes.Element(loop) if kind == "of" else shapes.Index(loop)
        self._turns(node, loop, left, value, reach, names, place)

    def _count_up(
        self, node: Node, reach: Reach, names: dict[str, Value | str], place: _Place
    ) -> None:
        """Read a loop such as ``for (var i = 0; i < doc.tags.length; i++)``."""
        wrong = node.unreadable("a loop must be as for (var i = 0; i < doc.tags.length; i++)")
        start = node["initializer"]
        if start.type not in ("variable_declaration", "lexical_declaration"):
            raise wrong
        declared, step, condition = start.children, node.get("increment"), node["condition"]
        if condition.type == "expression_statement":
            (condition,) = condition.children
        if step is None or len(declared) != 1 or declared[0]["name"].type != "identifier":
            raise wrong
        name, first = declared[0]["name"], declared[0].get("value")
        steps = (f"{name.text}++", f"++{name.text}", f"{name.text} += 1", f"{name.text}+=1")
        if first is None or first.text != "0" or step.text not in steps:
            raise wrong
        if condition.type != "binary_expression" or condition["operator"].text != "<":
            raise wrong
        limit = condition["right"]
        if condition["left"].text != name.text or limit.type != "member_expression":
            raise wrong
        if limit["property"].text != "length":
            raise wrong
        source = self._value(limit["object"], reach, names, place)
        self.failures += _not_a(source, "something", reach, place)
        loop = self._loop(shapes.Known(source), "count", True)
        self._turns(node, loop, name, shapes.Index(loop), reach, names, place)

    def _turns(
        self, node: Node, loop: Loop, name: Node, value: Value, reach: Reach, names: Any,
        place: _Place,
    ) -> None:  # fmt: skip
        inner = dict(names)
        _name(name, inner, value)
        within = self._within(loop, place, "continue")
        self._statement(node["body"], reach, inner, within)


def _not_a(source: Value, wanted: str, reach: Reach, place: _Place) -> list[Failure]:
    return [Failure(reach, place.loops, source, wanted)]


def _name(node: Node, names: dict[str, Value | str], value: Value) -> None:
    if node.text in names:
        raise node.unreadable(f"{node.text} has a value already")
    names[node.text] = value


def _all(values: Reach) -> Value:
    return functools.reduce(shapes.And, values) if values else shapes.Literal(True)


def _parameters(function: Node) -> list[str]:
    single = function.get("parameter")
    found = [single] if single is not None else function["parameters"].children
    for each in found:
        if each.type != "identifier":
            raise each.unreadable("a parameter must be a name")
    return [each.text for each in found]
