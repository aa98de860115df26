"""Lookups of arrays and objects as SQL++, by Django's hook for a vendor."""

from __future__ import annotations

from typing import Any

from django_cbtools.backends import compiling
from django_cbtools.models.fields.lookups import (
    ArrayExact,
    ContainedBy,
    Contains,
    OfArrays,
    Overlap,
    SetExact,
)
from django_cbtools.models.fields.object_lookups import Declared, ObjectExact, same_as
from django_cbtools.models.fields.paths import element_of

from . import members
from .templates import Compiled, filled


def of_arrays(node: OfArrays, compiler: Any, connection: Any) -> Compiled:
    array = members.array(compiler, node.lhs)
    if node.is_of_objects:
        return _of_objects(node, compiler, array)
    if hasattr(node.rhs, "resolve_expression"):
        node.check_array()
        right = members.array(compiler, node.rhs)
    else:
        field = node.lhs.output_field
        right = "%s", (field.get_db_prep_value(node.rhs, connection, prepared=True),)
        if id(node) in compiler.truths and isinstance(node, (Contains, Overlap)):
            return _has_elements(node, array, right[1][0])
    shape = node.compared.shape
    left_item, right_item = (members.compared(shape, name) for name in ("l", "r"))
    same = f"({left_item} = {right_item} OR (l IS NULL AND r IS NULL))"
    sql, params = filled(
        _TEMPLATES[type(node)].replace("{same}", same.replace("{", "{{").replace("}", "}}")),
        [array, right],
    )
    return sql, params


_LEFT_IN_RIGHT = "EVERY l IN {0} SATISFIES (ANY r IN {1} SATISFIES {same} END) END"
_RIGHT_IN_LEFT = "EVERY r IN {1} SATISFIES (ANY l IN {0} SATISFIES {same} END) END"
_ARE_ARRAYS = "ISARRAY({0}) AND ISARRAY({1})"
_TEMPLATES = {
    Contains: f"({_ARE_ARRAYS} AND {_RIGHT_IN_LEFT})",
    ContainedBy: f"({_ARE_ARRAYS} AND {_LEFT_IN_RIGHT})",
    Overlap: (
        "IFMISSINGORNULL(ANY l IN {0} SATISFIES (ANY r IN {1} SATISFIES {same} END) END, FALSE)"
    ),
    ArrayExact: (
        "({0} IS NOT NULL AND ARRAY_LENGTH({0}) = ARRAY_LENGTH({1}) AND "
        "EVERY i IN ARRAY_RANGE(0, ARRAY_LENGTH({0})) SATISFIES "
        "(ANY l IN [{0}[i]] SATISFIES (ANY r IN [{1}[i]] SATISFIES {same} END) END) END)"
    ),
    SetExact: f"({_ARE_ARRAYS} AND {_LEFT_IN_RIGHT} AND {_RIGHT_IN_LEFT})",
}


def _has_elements(node: OfArrays, array: Compiled, items: list[Any]) -> Compiled:
    """Return a condition that an array has all (or any) of the items, in a form that an index of
    its elements serves."""
    name, shape = element_of(node.lhs, node.lhs.output_field).alias, node.compared.shape
    item = members.compared(shape, name).replace("%", "%%")
    given = members.compared(shape, "\0").replace("%", "%%")
    sql, times = given.replace("\0", "%s"), given.count("\0")
    wanted = [value for value in items if value is not None]
    has_null = len(wanted) < len(items)
    if isinstance(node, Overlap):
        listed = ", ".join([sql] * len(wanted))
        choices = [f"{item} IN [{listed}]"] if wanted else []
        choices += [f"{name} IS NULL"] if has_null else []
        conditions = [(" OR ".join(choices) or "FALSE", wanted)]
    else:
        conditions = [(f"{item} = {sql}", [value]) for value in wanted]
        conditions += [(f"{name} IS NULL", [])] if has_null else []
    found = [f"ANY {name} IN {array[0]} SATISFIES {each} END" for each, _ in conditions]
    params = []
    for _, values in conditions:
        params += [*array[1], *(value for value in values for _ in range(times))]
    if not found:
        return f"{array[0]} IS NOT NULL", array[1]
    return (f"({' AND '.join(found)})" if len(found) > 1 else found[0]), tuple(params)


def _of_objects(node: OfArrays, compiler: Any, array: Compiled) -> Compiled:
    element = element_of(node.lhs, node.lhs.output_field.base_field)

    def any_is(items: list[Any], negation: str = "") -> Compiled:
        each = [compiler.compile(same_as(element, item)) for item in items]
        found = " OR ".join(sql for sql, _ in each) or "FALSE"
        params = tuple(param for _, more in each for param in more)
        condition = f"{negation} IFMISSINGORNULL({found}, FALSE)"
        return (
            f"IFMISSINGORNULL(ANY {element.alias} IN {array[0]} SATISFIES {condition} END, FALSE)",
            (*array[1], *params),
        )

    items = node.rhs
    if isinstance(node, Overlap):
        return any_is(items)
    if isinstance(node, ContainedBy):
        sql, params = any_is(items, "NOT")
        return f"({array[0]} IS NOT NULL AND NOT {sql})", (*array[1], *params)
    if isinstance(node, Contains):
        return _all(array, [any_is([item]) for item in items])
    length = f"ARRAY_LENGTH({array[0]}) = {len(items)}", array[1]
    in_place = []
    for place, item in enumerate(items):
        sql, params = compiler.compile(same_as(element, item))
        in_place.append(
            (
                f"IFMISSINGORNULL(ANY {element.alias} IN [{array[0]}[{place}]] "
                f"SATISFIES {sql} END, FALSE)",
                (*array[1], *params),
            )
        )
    return _all(array, [length, *in_place])


def _all(array: Compiled, conditions: list[Compiled]) -> Compiled:
    sql = " AND ".join([f"{array[0]} IS NOT NULL", *(each for each, _ in conditions)])
    return f"({sql})", (*array[1], *(param for _, more in conditions for param in more))


def object_exact(node: ObjectExact, compiler: Any, connection: Any) -> Compiled:
    if isinstance(node.rhs, Declared):
        condition, found = node.by_fields(compiler)
        return f"IFMISSINGORNULL({condition}, FALSE)", found
    left, params = compiler.compile(node.lhs)
    if hasattr(node.rhs, "resolve_expression"):
        right: Compiled = compiler.compile(node.rhs)
    else:
        right = "%s", (node.rhs,)
    return filled(
        "({0} IS NOT NULL AND ENCODE_JSON({0}) = ENCODE_JSON({1}))", [(left, params), right]
    )


def register() -> None:
    """Register the lookups with this backend."""
    compiled: dict[Any, Any] = {OfArrays: of_arrays, ObjectExact: object_exact}
    compiling.register("couchbase", compiled)
