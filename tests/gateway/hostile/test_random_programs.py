"""Random programs leave no mark for others."""

from __future__ import annotations

import json
import random

import pytest

from django_cbtools.embedded import javascript
from tests.counts import SEED, TORTURE
from tests.gateway.access.client import ADMIN, channels_of, create_database, function
from tests.gateway.hostile.looking import LOOK

PROGRAMS = 20_000 if TORTURE else 2_000


# ------------------------------------------------------------- random programs

ROOTS = [
    "this", "doc", "meta", "[]", "{}", "/x/", "''", "0", "true", "Symbol()", "1n", "emit", "sum",
    "decodeBase64", "arguments", "eval", "JSON", "Math", "Object", "Array", "Function", "Error",
    "Map", "Set", "Promise", "Proxy", "Reflect", "Symbol", "RegExp", "Date", "Iterator", "BigInt",
    "WeakMap", "String", "Number", "globalThis", "look", "[].values()", "(new Map()).keys()",
    "''.matchAll(/x/g)", "(new Error(''))", "(() => 1)", "(function () {})", "(function* () {})",
    "(function* () {})()", "(async () => 1)", "(async function* () {})", "Promise.resolve()",
    "(function () { return arguments; })()", "(x => x)`x`", "[].values().map(x => x)",
]  # fmt: skip
STEPS = [
    "{}.constructor", "{}.prototype", "{}.__proto__", "Object.getPrototypeOf({})", "{}.caller",
    "{}.callee", "{}.raw", "{}[Symbol.iterator]", "{}.toString", "{}.constructor.prototype",
    "Object.getOwnPropertyDescriptor({}, Object.getOwnPropertyNames({})[0])",
    "Object.getOwnPropertyDescriptor({}, 'stack').get", "{}[Object.getOwnPropertyNames({})[1]]",
    "Reflect.ownKeys({}).map(k => {}[k])[3]", "{}.next", "{}.then", "new {}()", "{}()",
    "{}.bind(0)",
    "{}.__lookupGetter__('__proto__')", "{}.__lookupSetter__('__proto__')", "{}[Symbol.species]",
    "Object({})", "{}.arguments", "{}.get", "{}.value",
]  # fmt: skip
ENDS = [
    "{}.MARK = 1", "{}.toString = () => 'MARK'", "{}[0] = 'MARK'", "{}.constructor = 'MARK'",
    "Object.defineProperty({}, 'MARK', {{value: 1}})", "Object.setPrototypeOf({}, {{MARK: 1}})",
    "{}.__proto__ = {{MARK: 1}}", "{}.push('MARK')", "{}.unshift('MARK')", "{}.set('MARK', {{}})",
    "Object.assign({}, {{MARK: 1}})", "{}.__defineGetter__('MARK', () => 1)", "{}.compile('MARK')",
    "{}.call = {}.apply = 'MARK'", "Reflect.set({}, 'MARK', 1)", "{}.input = 'MARK'",
    "delete {}.length", "{}.name = 'MARK'", "{}.lastIndex = 'MARK'", "{}.add('MARK')",
]  # fmt: skip


def program(source):
    text = source.choice(ROOTS)
    for _ in range(source.randrange(5)):
        text = source.choice(STEPS).replace("{}", text)
    return source.choice(ENDS).format(*[text] * 3)


@pytest.mark.torture
def test_random_programs_leave_no_mark():
    print(f"seed {SEED}")
    source = random.Random(SEED)
    worlds = 0
    known, found = None, [None, [], []]
    programs = [program(source) for _ in range(PROGRAMS)]
    with javascript.world(javascript.VIEW, "looking") as other:
        other.call("compile", f"function (doc) {{ {LOOK} emit(look(), 0); }}")
        while programs:
            worlds += 1
            with javascript.world(javascript.VIEW, ("random", worlds)) as world:
                body = f"{LOOK} if (doc.program) eval(doc.program); else emit(look(), 0);"
                world.call("compile", f"function (doc, meta) {{ {body} }}")
                # A program may have left what cannot be taken away, or does not end.
                while programs and world.call("begin", True):
                    batch, programs = programs[:50], programs[50:]
                    world.call("load", [batch, batch, batch, [{"program": text} for text in batch]])
                    try:
                        world.call("map", 0, time_limit=javascript.TIME_LIMIT)
                    except javascript.JavaScriptTimeout:
                        break
                    if not world.call("begin", True):
                        break
                    for place in (world, other):
                        place.call("begin", True)
                        place.call("load", [["look"], ["1-a"], [0], [{}]])
                        made = place.call("map", 0)
                        assert made["errors"] == []
                        found = json.loads(made["rows"][2])
                        assert found[1:] == [[], []], batch
                    known = known or found[0]
                world.full = True
    assert (known or 0) > 400


def test_worlds_have_a_limit(monkeypatch):
    """Those that have not been used for long are closed."""
    javascript.close()
    for n in range(javascript.MAX_IDLE + 10):
        with javascript.world(javascript.VIEW, n) as world:
            world.call("compile", "function () {}")
    assert len(javascript._pool.every) == javascript.MAX_IDLE
    for n in range(10, javascript.MAX_IDLE + 10):
        with javascript.world(javascript.VIEW, n) as world:
            assert world.call("reduce", [], [], False) is None
    javascript.close()


def test_what_is_seen_by_sync_functions_is_frozen(db):
    create_database(function(LOOK + "var found = look(); channel('n' + (found[0] > 300));"))
    assert ADMIN.put("/a", {})[0] == 201
    assert channels_of("a") == ["ntrue"]
