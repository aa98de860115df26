"""Answers in pieces: the rows are those of json.loads, and a cut answer is no answer."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_cbtools.sync_gateway.calls.parsing import Answer, NotAnAnswer

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(['],\n"status": "success"', "],", "\n]", ",\n", '\\"', "é🍺", "\ud800"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
FORMS = st.fixed_dictionaries(
    {"indent": st.sampled_from([None, 0, 2]), "ensure_ascii": st.booleans()}
)
#: What is between rows: of the query service's, of a gateway's feed, of anybody's.
COMMAS = st.sampled_from([",\n", "\n,", ", "])
END = '"warnings": [{"code": 5036, "msg": "Division by 0."}],\n"status": "success"\n}\n'


def answer(rows, form=None, comma=",\n"):
    """An answer as a service writes it, whose documents may have lines of their own."""
    form = form or {}
    texts = comma.join(json.dumps(row, **form) for row in rows)
    text = '{\n"requestID": "x",\n"signature": {"$1":"json"},\n"results": [\n' + texts
    return (text + "\n],\n" + END).encode("utf-8", "surrogatepass")


def read(data, size):
    """The rows of an answer that comes in pieces, and what is around them."""
    pieces = iter([data[at : at + size] for at in range(0, len(data), size)])
    found = Answer(lambda: next(pieces, b""))
    return list(found.rows()), found.members


@given(st.lists(VALUES), FORMS, COMMAS, st.integers(1, 200))
def test_rows(rows, form, comma, size):
    data = answer(rows, form, comma)
    found, members = read(data, size)
    assert repr(found) == repr(json.loads(data)["results"])
    assert members == {key: value for key, value in json.loads(data).items() if key != "results"}


@given(st.lists(VALUES), st.sampled_from([None, 0, 1]), st.integers(1, 200))
def test_answers_that_are_laid_out_in_another_way(rows, indent, size):
    whole = {"results": rows, "last_seq": "5", "more": ["a", {"results": [1]}], "b": 1}
    data = json.dumps(whole, indent=indent).encode()
    found, members = read(data, size)
    assert repr([*found, members]) == repr(
        [
            *json.loads(data).pop("results"),
            {key: value for key, value in json.loads(data).items() if key != "results"},
        ]
    )


@pytest.mark.parametrize("rows", [[], [1, 2.5, "x"], [{"a": [1, {"b": "]"}]}, 12, [-1e10]]])
def test_cut_answers(rows):
    data = answer(rows)
    for end in range(len(data) - 2):
        for size in (7, len(data)):
            with pytest.raises(NotAnAnswer):
                read(data[:end], size)


def test_numbers():
    digits = "9" * 5000
    text = (
        f'{{"results": [12345678901234567890, 1.10, 1e2, -0.0, [{digits}], 1],"status":"success"}}'
    )
    for size in (1, 10, 10000):
        rows, _ = read(text.encode(), size)
        assert repr(rows) == "[12345678901234567890, 1.1, 100.0, -0.0, [inf], 1]"


@pytest.mark.parametrize(
    "text",
    ["", "[]", "<html>", "{", '{"results": [1 2]}', '{"results": [1,]}', '{"a" 1}',
     '{"a": 1 "b": 2}', '{"results": []} {}', '{"results": [nil]}', '{"results": [1}',
     '{"results": [1]]'],
)  # fmt: skip
def test_no_answers(text):
    for size in (1, 100):
        with pytest.raises(NotAnAnswer):
            read(text.encode(), size)


def test_nothing_is_kept():
    """What is held is a piece, or the longest row, however many rows there are."""
    row = json.dumps("x" * 1000).encode()

    def pieces():
        yield b'{"results": ['
        for _ in range(20000):
            yield row + b",\n"
        yield b'1], "status": "success"}'

    source = pieces()
    found = Answer(lambda: next(source, b""))
    longest = 0
    for _ in found.rows():
        longest = max(longest, len(found._text))
    assert longest < 300 * len(row)


def test_row_that_is_too_long():
    data = answer([1, "x" * 5000, 2])
    pieces = iter([data[:3000], data[3000:]])
    found = Answer(lambda: next(pieces, b""), 1000)
    rows = found.rows()
    assert next(rows) == 1
    with pytest.raises(NotAnAnswer, match="more than 1000 bytes"):
        next(rows)
