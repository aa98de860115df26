"""The memory that functions take, and who has the worlds that they run in."""

from __future__ import annotations

import contextlib
import json

import pytest

from django_cbtools.embedded import javascript
from tests.gateway.access.client import ADMIN, channels_of, create_database, function
from tests.gateway.v8.helpers import put_design, rows, write

# ---------------------------------------------------------------------- memory

OFF_HEAP = [
    "ArrayBuffer", "SharedArrayBuffer", "DataView", "Atomics", "WebAssembly", "Intl", "Int8Array",
    "Uint8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array", "Int32Array", "Uint32Array",
    "Float16Array", "Float32Array", "Float64Array", "BigInt64Array", "BigUint64Array", "Temporal",
    "WeakRef", "FinalizationRegistry", "ShadowRealm", "setTimeout", "clearTimeout",
    "__timer_manager",
]  # fmt: skip


def test_nothing_takes_memory_past_the_limit_or_waits(db):
    """Typed arrays are no part of V8's heap, whose size is limited."""
    typeof = f"{json.dumps(OFF_HEAP)}.filter(function (name) {{ return global[name]; }})"
    get_global = "var global = (function () { return this; })();"
    write({"a": {}})
    put_design("d", v=f"function (doc) {{ {get_global} emit({typeof}, typeof console); }}")
    assert [(row.key, row.value) for row in rows("d/v")] == [([], "undefined")]
    create_database(function(f"{get_global} channel('n' + {typeof}.join());"))
    ADMIN.put("/a", {})
    assert channels_of("a") == ["n"]


@pytest.mark.parametrize(
    "program",
    ["new Uint8Array(1e9)", "''.constructor.prototype.constructor.fromBuffer(1)",
     "structuredClone({}, {transfer: []})", "Object.getPrototypeOf(Int8Array)", "Array.fromAsync",
     "Uint8Array.fromBase64('AA==')", "new Intl.Collator()", "Atomics.wait()"],
)  # fmt: skip
def test_programs_that_want_such_memory_fail(program):
    with javascript.world(javascript.VIEW, program) as world:
        world.call("compile", f"function (doc) {{ emit(1, {program}.x.y); }}")
        assert world.call("begin", True)
        world.call("load", [["a"], ["1-a"], [0], [{}]])
        made = world.call("map", 0)
        assert made["rows"] == []
        assert len(made["errors"]) == 1


def test_worlds_that_are_not_used_give_their_garbage_back(monkeypatch):
    javascript.close()
    monkeypatch.setattr(javascript, "UNTIDY", 100)
    tidied = []
    tidy = javascript.Engine.tidy
    monkeypatch.setattr(javascript.Engine, "tidy", lambda self: tidied.append(self) or tidy(self))
    worlds = []
    for name in "abc":
        with javascript.world(javascript.VIEW, name) as world:
            worlds.append(world)
            world.call("compile", "function () {} //" + "x" * 100)
            world.call("begin", True)
    assert tidied == worlds[: 3 - javascript.MAX_UNTIDY]
    with javascript.world(javascript.VIEW, "a") as world:
        assert world is worlds[0]
        assert world.taken == 0


# --------------------------------------------------------------- at the same time


def test_one_user_does_not_have_all_the_worlds_of_a_function():
    """Whoever's documents make it slow leaves room for others; nobody waits for another one."""
    with contextlib.ExitStack() as stack:
        for user in "aab":
            stack.enter_context(javascript.world(javascript.SYNC, "f", user))
        turns = javascript._pool.turns_of((javascript.SYNC, "f"))
        assert not turns.enter("a", timeout=0)
        assert turns.enter("c", timeout=0)
        turns.leave("c")
    used = {id(engine) for key, engine in javascript._pool.idle if key == (javascript.SYNC, "f")}
    assert len(used) == 3
