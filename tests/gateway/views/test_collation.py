"""Strings in keys: their order is V8's own, whatever happens to the labels that bring it about."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.test import TestCase
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from django_cbtools.embedded import javascript
from tests.counts import TORTURE
from tests.gateway.v8.helpers import ids, put_view, ranks, rows, write

ROOT = Path(__file__).parents[3]
BY_TEXT = "function (doc, meta) { emit(doc.text, null); }"
EXAMPLES = 2000 if TORTURE else 20

any_number = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
# All of Unicode, and what an order stumbles over: texts that differ in what it ignores, texts that
# are one and the same to it, contractions, what Unicode has composed, and what it has not assigned.
ODD = [
    "\0", "\x01", "\x7f", "\u00ad", "\u200b", "\u200d", "\u2060", "\ufeff", "\ufffe", "\uffff",
    "\ufffd", "\U0010ffff", "\U000e0001", "\u0378", "a", "A", "á", "a\u0301", "\u0301", "\u1ea5",
    "a\u0302\u0301", "\u212b", "Å", "A\u030a", "\uac00", "\u1100\u1161", "ch", "ll", "ss", "ß", "ẞ",
    "ﬁ", "fi", "i", "\u0131", "İ", "\u4e00", "\u3400", "\U00020000", "\uf900", "\u8c48", "か",
    "\u30ab", "\uff76", "1", "\u0661", "Ⅷ", "½", " ", "\u00a0", "-", "\u2010", "_", "'",
    "🍺", "👩‍👩‍👧",
]  # fmt: skip
texts = st.lists(st.sampled_from(ODD) | st.characters(exclude_categories=["Cs"]), max_size=5).map(
    "".join
)


@pytest.fixture
def view(db):
    """A view of documents' texts; what the test writes is rolled back after it."""
    put_view(BY_TEXT)


@pytest.fixture
def committing_view(transactional_db):
    """The same, where transactions end for good."""
    put_view(BY_TEXT)


def labels():
    with connection.cursor() as cursor:
        cursor.execute("SELECT text, label FROM cbtools_collation")
        return dict(cursor.fetchall())


def assert_in_order(found, expected):
    """Rows are all there, in the order of V8 and then of their ids."""
    places = ranks(text for _, text in expected)
    assert [(row.id, row.key) for row in found] == sorted(
        expected, key=lambda pair: (places[pair[1]], pair[0].encode())
    )


def assert_consistent():
    """Labels sort as their texts do, and are such that one always fits between two."""
    known = labels()
    places = ranks(known)
    by_place = {}
    for text, label in known.items():
        assert re.fullmatch("[0-9A-Za-z]*[1-9A-Za-z]", label)
        assert by_place.setdefault(places[text], label) == label
    in_order = [by_place[place] for place in sorted(by_place)]
    assert in_order == sorted(in_order)
    assert len(set(in_order)) == len(in_order)


def forget():
    """Go on with a new engine, which knows nothing, as another process has one."""
    javascript.close()


class RolledBack(Exception):
    pass


# ----------------------------------------------------------------------- order


@pytest.mark.torture
@any_number
@given(st.lists(st.lists(texts, min_size=1, max_size=8), min_size=1, max_size=4))
@example([ODD])
@example([[text] for text in ODD])
def test_order_is_that_of_v8(view, batches):
    expected = []
    with suppress(RolledBack), transaction.atomic():
        for number, batch in enumerate(batches):
            written = [(f"{number}-{n}", text) for n, text in enumerate(batch)]
            write({uid: {"text": text} for uid, text in written})
            expected += written
            assert_in_order(rows(), expected)
        for text in {text for _, text in expected}:
            assert set(ids(key=text)) == equal_to(text, expected)
        assert_consistent()
        raise RolledBack


def equal_to(text, expected):
    places = ranks([text, *(other for _, other in expected)])
    return {uid for uid, other in expected if places[other] == places[text]}


@pytest.mark.torture
@any_number
@given(
    st.lists(
        st.lists(
            st.integers(0xD7F0, 0xE010) | st.sampled_from([0, 0x61, 0xFFFD, 0xFFFF]), max_size=3
        ),
        min_size=1,
        max_size=8,
    )
)
@example([[0xD83C], [0xDF7A], [0xD83C, 0xDF7A], [0xDF7A, 0xD83C], [0xFFFD], [0xFFFE], [0x61]])
def test_order_of_half_characters(view, texts):
    """JavaScript cuts texts where it likes; half a character counts as U+FFFD."""
    with suppress(RolledBack), transaction.atomic():
        put_view("function (doc, meta) { emit(String.fromCharCode.apply(null, doc.units), null); }")
        write({str(n): {"units": units} for n, units in enumerate(texts)})
        units = ["".join(map(chr, units)).encode("utf-16", "surrogatepass") for units in texts]
        keys = [text.decode("utf-16", "surrogatepass") for text in units]
        expected = [(str(n), key) for n, key in enumerate(keys)]
        assert_in_order(rows(), expected)
        for key in keys:
            assert set(ids(key=key)) == equal_to(key, expected)
        assert_consistent()
        raise RolledBack


@any_number
@given(st.lists(texts, min_size=1, max_size=8), st.lists(texts, min_size=1, max_size=5))
@example(["a", "é"], ["a\0", "e\u0301", "A", "á"])
def test_bounds_that_are_no_key_keep_no_label(view, known, asked):
    with suppress(RolledBack), transaction.atomic():
        written = [(str(n), text) for n, text in enumerate(known)]
        write({uid: {"text": text} for uid, text in written})
        rows()
        before = labels()
        for text in asked:
            places = ranks([text, *known])
            above = {uid for uid, other in written if places[other] >= places[text]}
            assert set(ids(startkey=text)) == above
            assert set(ids(endkey=text, inclusive_end=False)) == set(dict(written)) - above
            assert set(ids(key=text)) == equal_to(text, written)
        assert labels() == before
        raise RolledBack


def test_texts_inside_of_arrays_and_objects(view):
    put_view("function (doc, meta) { emit(doc.key, null); }")
    # In order, each a key of its own.
    keys = [
        [], ["a"], ["a", "b"], ["A"], ["ab"], ["a b".replace(" ", "c")], [["a"]], [["a", "\0"], 1],
        [{"a": "b"}], [{"a": "B"}], [{"b": "a"}], {}, {"a": "a"}, {"a": "a", "b": "a"}, {"a": "A"},
        {"a\u0301": "a"}, {"b": None},
    ]  # fmt: skip
    write({f"{n:02}": {"key": key} for n, key in reversed(list(enumerate(keys)))})
    assert ids() == [f"{n:02}" for n in range(len(keys))]
    assert_consistent()


# ---------------------------------------------------------------------- labels


def test_labels_stay_what_they_are(committing_view):
    source = random.Random(5)
    alphabet = "aAáb \0-éz\u200bßs" + "".join(chr(c) for c in range(0x3041, 0x3060))
    expected, before = [], {}
    for number in range(60 if TORTURE else 30):
        batch = [
            "".join(source.choices(alphabet, k=source.randrange(6)))
            for _ in range(source.choice([1, 1, 2, 40]))
        ]
        written = [(f"{number}-{n}", text) for n, text in enumerate(batch)]
        write({uid: {"text": text} for uid, text in written})
        expected += written
        assert_in_order(rows(), expected)
        after = labels()
        assert before.items() <= after.items()
        assert after.keys() == {text for _, text in expected}
        before = after
        if number % 10 == 9:
            forget()
    assert_consistent()


def test_labels_stay_short_where_texts_come_in_rising_order():
    """As dates do, one at a time, with other texts behind them."""
    with javascript.engine() as engine:
        engine.call("learn", "rising", [["z", "V"]], True)
        longest = ""
        for number in range(500):
            _, ((_, label),) = engine.call("encode", "rising", [f"{number:08}"])
            longest = max(longest, label, key=len)
    assert len(longest) <= 10


# ------------------------------------------------------------------- rollbacks


@pytest.mark.parametrize("forgets", [False, True])
def test_rolled_back_labels_are_forgotten(committing_view, forgets):
    write({"a": {"text": "m"}})
    assert ids() == ["a"]
    with suppress(RolledBack), transaction.atomic():
        write({"b": {"text": "b"}, "c": {"text": "x"}})
        assert ids() == ["b", "a", "c"]
        raise RolledBack
    assert labels().keys() == {"m"}
    write({"d": {"text": "x"}, "e": {"text": "c"}})
    assert ids() == ["e", "a", "d"]
    write({"f": {"text": "b"}})
    if forgets:
        forget()
    assert_in_order(rows(), [("a", "m"), ("d", "x"), ("e", "c"), ("f", "b")])
    assert labels().keys() == {"m", "x", "c", "b"}
    assert ids(key="b") == ["f"]
    assert ids(key="x") == ["d"]
    assert_consistent()


@pytest.mark.parametrize("goes_on", [False, True])
def test_labels_of_a_rolled_back_savepoint(committing_view, goes_on):
    expected = ["b", "a"]
    with transaction.atomic():
        write({"a": {"text": "m"}})
        assert ids() == ["a"]
        with suppress(RolledBack), transaction.atomic():
            write({"b": {"text": "b"}})
            assert ids() == ["b", "a"]
            raise RolledBack
        if goes_on:
            write({"c": {"text": "c"}})
            assert ids() == ["c", "a"]
            expected = ["b", "c", "a"]
    write({"b": {"text": "b"}})
    assert ids() == expected
    assert labels().keys() == ({"m", "c", "b"} if goes_on else {"m", "b"})
    forget()
    assert ids() == expected
    assert ids(startkey="b", endkey="c") == expected[:-1]
    assert_consistent()


def test_index_that_cannot_be_written_keeps_no_labels(committing_view, monkeypatch):
    write({"a": {"text": "m"}})
    assert ids() == ["a"]
    write({"b": {"text": "b"}, "c": {"text": "x"}})
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TRIGGER full BEFORE INSERT ON cbtools_view_rows "
            "BEGIN SELECT raise(FAIL, 'disk full'); END"
        )
        try:
            with pytest.raises(Exception, match="disk full"):
                ids()
        finally:
            cursor.execute("DROP TRIGGER full")
    assert labels().keys() == {"m"}
    write({"b": None, "d": {"text": "c"}})
    assert ids() == ["d", "a", "c"]
    write({"b": {"text": "b"}})
    assert ids() == ["b", "d", "a", "c"]
    assert_consistent()


class TestRolledBackTests(TestCase):
    """Each method's documents are gone in the next, their labels too."""

    def check(self, before, text, after):
        assert labels() == {}
        put_view(BY_TEXT)
        write({"x": {"text": "x"}, "t": {"text": text}})
        self.assertEqual(ids(), before)
        write({"m": {"text": "m"}})
        self.assertEqual(ids(), after)
        self.assertEqual(labels().keys(), {"x", "m", text})
        assert_consistent()
        forget()
        self.assertEqual(ids(), after)

    def test_one(self):
        self.check(["t", "x"], "b", ["t", "m", "x"])

    def test_another(self):
        self.check(["x", "t"], "y", ["m", "x", "t"])

    def test_a_third(self):
        self.check(["t", "x"], "n", ["m", "t", "x"])


# -------------------------------------------------------------- other processes


def start(file, prefix, batches):
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.gateway.v8.writer", str(file), prefix, json.dumps(batches)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    return process


def finish(process):
    """Let it write; what it has found in the end."""
    output, _ = process.communicate("go\n")
    assert process.returncode == 0
    return json.loads(output)


def in_order(pairs):
    places = ranks(text for text, _ in pairs)
    return sorted(pairs, key=lambda pair: (places[pair[0]], pair[1].encode()))


def test_processes_that_give_out_labels_at_the_same_time(tmp_path):
    source = random.Random(7)
    file = tmp_path / "documents.sqlite3"
    everything = []
    processes = []
    for prefix in "abc" if TORTURE else "ab":
        batches = [
            ["".join(source.choices("aábßz-", k=source.randrange(5))) for _ in range(4)]
            for _ in range(10)
        ]
        processes.append(start(file, prefix, batches))
        everything += [
            [text, f"{prefix}{number}-{n}"]
            for number, batch in enumerate(batches)
            for n, text in enumerate(batch)
        ]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    found = [finish(process) for process in processes]
    everything = in_order(everything)
    assert everything in found  # the one that was last has seen it all
    assert finish(start(file, "d", [])) == everything


def test_another_process_gives_out_labels_in_the_place_of_those_rolled_back(committing_view):
    """As many, up to the same text: nothing but their ids tells the two apart."""
    file = connection.settings_dict["NAME"]
    with suppress(RolledBack), transaction.atomic():
        write({"own1": {"text": "b"}, "own2": {"text": "x"}})
        assert ids() == ["own1", "own2"]
        assert ids(key="b") == ["own1"]
        raise RolledBack
    assert finish(start(file, "other", [["c", "x"]])) == [["c", "other0-0"], ["x", "other0-1"]]
    assert ids(key="c") == ["other0-0"]
    write({"own3": {"text": "bb"}, "own4": {"text": "cc"}, "own5": {"text": "b"}})
    after = ["own5", "own3", "other0-0", "own4", "other0-1"]
    assert ids() == after
    assert labels().keys() == {"b", "bb", "c", "cc", "x"}
    assert_consistent()
    forget()
    assert ids() == after
    assert ids(key="b") == ["own5"]
