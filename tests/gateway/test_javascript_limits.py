"""Functions in V8 that do not end, or grow: they are given up, and all others go on."""

from __future__ import annotations

import logging

import pytest

from django_cbtools.embedded import gojson, javascript
from django_cbtools.embedded.views import index
from django_cbtools.exceptions import SyncGatewayBadRequest
from tests.gateway.v8.helpers import BY_N, ids, loads, put_design, put_view, rows, write

FOREVER = "for (;;) try { for (;;); } catch (error) {}"
#: Its end is a matter of years, inside of V8.
BACKTRACKING = "/^(a+)+$/.test('a'.repeat(60) + 'b');"


@pytest.mark.parametrize("statement", [FOREVER, BACKTRACKING])
def test_a_document_at_which_a_function_does_not_end_is_left_out(
    db, caplog, statement, monkeypatch
):
    assert javascript.TIME_LIMIT == 2.0
    monkeypatch.setattr(javascript, "TIME_LIMIT", 0.5)
    write({f"u{n:02}": {"n": n} for n in range(30)})
    put_view(
        "function (doc, meta) { emit(doc.n, null); "
        f"if (doc.n === 20) {{ emit('more', null); {statement} }} }}"
    )
    with caplog.at_level(logging.WARNING):
        assert ids() == [f"u{n:02}" for n in range(30) if n != 20]
    (record,) = caplog.records
    assert "document 'u20', which is left out: 'stopped after 0.5 s'" in record.getMessage()
    # It is not tried again until it is written again.
    caplog.clear()
    write({"u31": {"n": 31}})
    assert len(ids()) == 30
    write({"u20": {"n": 21}})
    assert len(ids()) == 31
    assert caplog.records == []


def test_a_slow_function_is_not_one_that_does_not_end(db, caplog, monkeypatch):
    """All documents together take longer than the limit, each by itself does not."""
    monkeypatch.setattr(javascript, "TIME_LIMIT", 1.0)
    write({f"u{n}": {"n": n} for n in range(6)})
    put_view(
        "function (doc, meta) { emit(doc.n, null); "
        "for (var end = Date.now() + 200; Date.now() < end; ); }"
    )
    assert ids() == [f"u{n}" for n in range(6)]
    assert caplog.records == []


def test_a_function_that_never_ends_is_given_up(db, monkeypatch):
    monkeypatch.setattr(index, "MAX_STOPPED", 2)
    write({f"u{n}": {"n": n} for n in range(5)})
    put_design("d", v=f"function (doc, meta) {{ if (doc.n) {FOREVER} emit(doc.n, null); }}", w=BY_N)
    for _ in range(2):
        with monkeypatch.context() as patched:
            patched.setattr(javascript, "TIME_LIMIT", 0.2)
            with pytest.raises(SyncGatewayBadRequest, match="view d/v was stopped for 2 document"):
                ids()
        # Everything else goes on.
        assert ids("d/w") == ["u0", "u1", "u2", "u3", "u4"]
    # After as many questions as it takes, the index has reached the end.
    assert ids("d/v") == ["u0"]


def test_a_reduce_that_never_ends_is_given_up(db, monkeypatch):
    write({"a": {"n": 1}})
    put_view(BY_N, f"function (keys, values) {{ {FOREVER} }}")
    assert ids(reduce=False) == ["a"]
    monkeypatch.setattr(javascript, "TIME_LIMIT", 0.2)
    with pytest.raises(SyncGatewayBadRequest, match=r"reduce function of view d/v.*stopped"):
        rows()
    assert ids(reduce=False) == ["a"]


#: Bytes. V8 takes some of them for itself.
LITTLE = 10 * 1024 * 1024


@pytest.fixture
def little_memory(monkeypatch):
    monkeypatch.setattr(javascript, "MEMORY_LIMIT", LITTLE)
    # Growing takes a while.
    monkeypatch.setattr(javascript, "TIME_LIMIT", 60.0)
    javascript.close()
    yield
    javascript.close()


GROWING = {
    "array": "var a = []; for (;;) a.push({x: [1, 2, 3]});",
    "global": "all = []; for (;;) all.push({x: [1, 2, 3]});",
    "strings": "var s = []; for (;;) s.push(('x' + s.length).repeat(1e5).split(''));",
}


@pytest.mark.parametrize("statement", GROWING.values(), ids=GROWING)
def test_a_document_at_which_a_function_grows_is_left_out(db, caplog, little_memory, statement):
    write({f"u{n:02}": {"n": n, "text": f"text {n:02}"} for n in range(8)})
    put_view(
        "function (doc, meta) { emit(doc.text, null); "
        f"if (doc.n === 5) {{ emit('more', null); {statement} }} }}"
    )
    with caplog.at_level(logging.WARNING):
        assert ids() == [f"u{n:02}" for n in range(8) if n != 5]
    (record,) = caplog.records
    assert "document 'u05'" in record.getMessage()
    assert f"stopped at {LITTLE} bytes of memory" in record.getMessage()
    write({"u31": {"text": "text 06"}})
    assert ids(key="text 06") == ["u06", "u31"]


def test_a_function_that_grows_from_one_document_to_the_next(db, caplog, little_memory):
    """It is not the fault of the document at which it is too much."""
    write({f"u{n:03}": {"n": n} for n in range(50)})
    put_view(
        "function (doc, meta) { if (typeof all === 'undefined') all = []; "
        "for (var i = 0; i < 20000; i++) all.push({x: i}); emit(doc.n, null); }"
    )
    assert len(ids()) == 50
    assert caplog.records == []


def test_a_function_that_always_grows_is_given_up(db, little_memory, monkeypatch):
    monkeypatch.setattr(index, "MAX_STOPPED", 2)
    write({f"u{n}": {"n": n} for n in range(3)})
    put_design("d", v=f"function (doc, meta) {{ {GROWING['array']} }}", w=BY_N)
    with pytest.raises(SyncGatewayBadRequest, match="view d/v was stopped for 2 documents"):
        ids()
    assert ids("d/w") == ["u0", "u1", "u2"]


def test_a_reduce_that_grows_is_given_up(db, little_memory):
    write({"a": {"n": 1}})
    put_view(BY_N, f"function (keys, values) {{ {GROWING['global']} }}")
    with pytest.raises(SyncGatewayBadRequest, match=r"reduce function of view d/v.*memory"):
        rows()
    assert ids(reduce=False) == ["a"]


def test_documents_that_are_too_much_together(db, caplog, little_memory, monkeypatch):
    """They are mapped in smaller batches; one that is too much by itself is left out."""
    sizes = loads(monkeypatch)
    monkeypatch.setattr(gojson, "MAX_MEMORY", 1 << 40)  # a request would be too much as well
    write({f"u{n}": {"n": n, "parts": [{}] * 200_000} for n in range(3)})
    write({"v": {"n": 6, "parts": [{}] * 600_000}, "w": {"n": 7}})
    put_view(BY_N)
    with caplog.at_level(logging.WARNING):
        assert ids() == ["u0", "u1", "u2", "w"]
    assert sizes[:2] == [5, 1]
    (record,) = caplog.records
    assert "document 'v'" in record.getMessage()
