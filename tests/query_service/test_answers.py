"""Answers that break off, wherever they do, and answers that are long."""

from __future__ import annotations

import json
import threading
import tracemalloc

import pytest

from django_cbtools.query_service import errors
from tests.query_service.services import body, service
from tests.query_service.stand_in import EXCHANGES, recorded
from tests.sync_gateway.scripted import HTTP, head

ROWS = [["a1", {"n": 1, "text": "],\n é"}], ["a2", {"n": 12.5}], 7]
ANSWER = body(*ROWS)


def unframed(data):
    """An answer that ends with its connection."""
    return [head(), data]


def chunked(data, size=50):
    """An answer in pieces, the last of which is empty."""
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    lines = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in [*pieces, b""]]
    return [head(Transfer_Encoding="chunked"), *lines]


def measured(data):
    """An answer that says how long it is."""
    return [head(Content_Length=len(data)), data]


FRAMES = [unframed, chunked, measured]
framed = pytest.mark.parametrize("frame", FRAMES)


@framed
def test_whole_answers(frame):
    with HTTP(lambda request: frame(ANSWER)) as server:
        assert list(service(server).query("SELECT 1")) == ROWS


@framed
def test_cut_answers(frame):
    """Wherever an answer is cut, its rows end with an exception, or do not begin."""
    whole = b"".join(frame(ANSWER))
    # What follows the last brace is of no matter where nothing says how much it is.
    ends = range(len(whole) - (2 if frame is unframed else 1), 0, -3)
    cuts = iter(ends)
    with HTTP(lambda request: [whole[: next(cuts)]]) as server:
        asked = service(server, retries=0)
        for end in ends:
            found = []
            with pytest.raises(errors.OperationalError) as caught:
                found.extend(asked.query("SELECT 1"))
            assert found == ROWS[: len(found)], end
            assert caught.value.statement == "SELECT 1"
        assert len(server.seen) == len(ends)


def test_answers_that_are_cut_before_the_first_row_are_asked_for_again():
    answers = [[*unframed(ANSWER[:40])], [*unframed(ANSWER[:40])], unframed(ANSWER)]
    with HTTP(lambda request: answers.pop(0)) as server:
        assert list(service(server).query("SELECT 1")) == ROWS


def test_answers_that_are_cut_after_it_are_not():
    with HTTP(lambda request: unframed(ANSWER[:-30])) as server:
        rows = service(server).query("SELECT 1")
        assert next(rows) == ROWS[0]
        with pytest.raises(errors.OperationalError):
            list(rows)
        assert list(rows) == []
        assert len(server.seen) == 1


@pytest.mark.parametrize("name", ["1080, after rows", "5010, after rows"])
def test_failures_after_rows(name):
    with HTTP(lambda request: recorded(name)) as server:
        rows = service(server).query(EXCHANGES[name]["statement"])
        assert next(rows) is not None
        with pytest.raises(errors.DatabaseError) as caught:
            list(rows)
        assert str(caught.value.code) == name[:4]


def test_long_answers_take_no_room():
    """What is held is some rows, whether there are few or many."""
    row = json.dumps(["x" * 1000]).encode() + b",\n"
    count = 20000

    def answer(request):
        yield head()
        yield b'{"results": [\n'
        for _ in range(count // 100):
            yield row * 100
        yield b'null\n],\n"status": "success"\n}'

    with HTTP(answer) as server:
        rows = service(server).query("SELECT 1")
        tracemalloc.start()
        try:
            assert sum(1 for _ in rows) == count + 1
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert most < 4_000_000 < count * len(row)


def test_rows_come_before_the_answer_ends():
    """The first rows are there while the service is at the others."""
    taken = threading.Event()

    def answer(request):
        parts = chunked(body([1], [2], [3]), 65)
        assert b"[2]" in parts[1]
        yield b"".join(parts[:2])
        taken.wait()
        yield b"".join(parts[2:])

    with HTTP(answer) as server:
        rows = service(server).query("SELECT 1")
        first = next(rows)
        taken.set()
        assert [first, *rows] == [[1], [2], [3]]
