"""save(merge=...): two changes of one document made into one."""

from __future__ import annotations

import copy
import pickle

import pytest

from django_cbtools import models as exported
from django_cbtools.models import MergeConflict, merge_fields
from django_cbtools.models.writing.merge import is_same
from django_cbtools.sync_gateway import SyncGatewayConflict

# ---------------------------------------------------------------- merge_fields

MERGED = {
    "nothing": ({}, {}, {}, {}),
    "ours": ({"a": 1}, {"a": 2}, {"a": 1}, {"a": 2}),
    "theirs": ({"a": 1}, {"a": 1}, {"a": 2}, {"a": 2}),
    "the same": ({"a": 1}, {"a": 2}, {"a": 2}, {"a": 2}),
    "each another key": ({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 1, "b": 2}, {"a": 2, "b": 2}),
    "added on both sides": ({}, {"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
    "removed by us": ({"a": 1, "b": 1}, {"b": 1}, {"a": 1, "b": 2}, {"b": 2}),
    "removed by them": ({"a": 1, "b": 1}, {"a": 1, "b": 2}, {"b": 1}, {"b": 2}),
    "removed by both": ({"a": 1}, {}, {}, {}),
    "null is a value": ({"a": 1}, {"a": None}, {"a": 1}, {"a": None}),
    "null is not nothing": ({}, {"a": None}, {}, {"a": None}),
    "true is not 1": ({"a": 1}, {"a": True}, {"a": 1}, {"a": True}),
    "1.0 is 1": ({"a": 1}, {"a": 2}, {"a": 1.0}, {"a": 2}),
    "in lists too": ({"a": [1, {"b": 0}]}, {"a": [1, {"b": False}]}, {"a": [1.0, {"b": 0}]},
                     {"a": [1, {"b": False}]}),
    "objects": ({"o": {"a": {"b": 1, "c": 1}}}, {"o": {"a": {"b": 2, "c": 1}}},
                {"o": {"a": {"b": 1, "c": 2, "d": 1}}}, {"o": {"a": {"b": 2, "c": 2, "d": 1}}}),
    "objects that both added": ({}, {"o": {"a": 1}}, {"o": {"b": 1}}, {"o": {"a": 1, "b": 1}}),
    "channels": ({"channels": ["a", "b"]}, {"channels": ["b", "c"]}, {"channels": ["d", "b", "a"]},
                 {"channels": ["d", "b", "c"]}),
    "channels of new documents": ({}, {"channels": ["a", "b"]}, {"channels": ["b", "c"]},
                                  {"channels": ["b", "c", "a"]}),
    "channels removed": ({"channels": ["a", "b"]}, {"channels": ["b"]}, {}, {"channels": []}),
    "updated": ({"updated": "2020-01-01T00:00:00+00:00"}, {"updated": "2021-01-01T02:00:00+02:00"},
                {"updated": "2021-01-01T00:00:00.000001Z"},
                {"updated": "2021-01-01T00:00:00.000001Z"}),
    "updated by us": ({}, {"updated": "2021-01-01T00:00:00"}, {"updated": "2020-12-31T23:00:00Z"},
                      {"updated": "2021-01-01T00:00:00"}),
    "updated is unreadable": ({}, {"updated": "2021-01-01T00:00:00"}, {"updated": 7},
                              {"updated": "2021-01-01T00:00:00"}),
    "updated is no date": ({}, {"updated": "2021-99-01T00:00:00"}, {"updated": "1021-01-01T00:00Z"},
                           {"updated": "1021-01-01T00:00Z"}),
    "updated was removed": ({"updated": 1}, {"updated": "2021-01-01T00:00:00"}, {},
                            {"updated": "2021-01-01T00:00:00"}),
    "created": ({}, {"created": "2021-01-01T00:00:00Z"}, {"created": "2020-01-01T00:00:00Z"},
                {"created": "2020-01-01T00:00:00Z"}),
    "the gateway's": ({"_id": "x", "_rev": "1-a", "_cv": "1"}, {"_id": "x", "_rev": "1-a", "a": 1},
                      {"_id": "x", "_rev": "2-b", "_cv": "2"},
                      {"_id": "x", "_rev": "2-b", "_cv": "2", "a": 1}),
    "expiry": ({}, {"_exp": 60}, {"_rev": "1-a"}, {"_exp": 60, "_rev": "1-a"}),
    "attachments": ({"_attachments": {"a": {"stub": True, "digest": "1"}}},
                    {"_attachments": {"a": {"stub": True, "digest": "1"}, "b": {"data": "eA=="}}},
                    {"_attachments": {"a": {"stub": True, "digest": "2"}}},
                    {"_attachments": {"a": {"stub": True, "digest": "2"}, "b": {"data": "eA=="}}}),
}  # fmt: skip


@pytest.mark.parametrize("case", MERGED)
def test_merge(case):
    base, ours, theirs, expected = MERGED[case]
    before = copy.deepcopy((base, ours, theirs))
    winner = merge_fields(base, ours, theirs)
    assert is_same(winner, expected), winner
    assert isinstance(winner.get("a"), bool) == isinstance(expected.get("a"), bool)
    assert (base, ours, theirs) == before


CLASHES = {
    "values": ({"a": 1}, {"a": 2}, {"a": 3}, "a"),
    "added": ({}, {"a": 2}, {"a": 3}, "a"),
    "removed and changed": ({"a": 1}, {}, {"a": 3}, "a"),
    "changed and removed": ({"a": 1}, {"a": 3}, {}, "a"),
    "of other types": ({"a": 0}, {"a": 1}, {"a": True}, "a"),
    "two keys": ({}, {"a": 1, "b": 1, "c": 1}, {"a": 2, "b": 1, "c": 2}, "a, c"),
    "lists": ({"a": [1]}, {"a": [1, 2]}, {"a": [1, 3]}, "a"),
    "inside": ({"o": {"a": 1, "b": 1}}, {"o": {"a": 2, "b": 2}}, {"o": {"a": 3, "b": 1}}, "o.a"),
    "object and value": ({"a": 1}, {"a": {"b": 1}}, {"a": {"c": 1}}, "a"),
    "channels that are no list": ({}, {"channels": ["a"]}, {"channels": "a"}, "channels"),
    "one attachment": (
        {"_attachments": {"f": {"stub": True, "digest": "1"}}},
        {"_attachments": {"f": {"data": "eA=="}}},
        {"_attachments": {"f": {"stub": True, "digest": "2"}}},
        "_attachments.f",
    ),
}


@pytest.mark.parametrize("case", CLASHES)
def test_clash(case):
    base, ours, theirs, keys = CLASHES[case]
    with pytest.raises(MergeConflict, match=f"both sides have changed {keys}\\. ") as caught:
        merge_fields(base, ours, theirs)
    assert ", ".join(caught.value.keys) == keys
    assert caught.value.status == 409
    preferred = merge_fields(base, ours, theirs, prefer="ours")
    assert is_same(preferred, {} if case == "removed and changed" else {**theirs, **ours})
    preferred = merge_fields(base, ours, theirs, prefer="theirs")
    expected = {**ours, **theirs}
    if case == "inside":
        # What only we have changed stays.
        expected["o"]["b"] = 2
    if case == "changed and removed":
        del expected["a"]
    assert is_same(preferred, expected)


def test_prefer_is_checked():
    with pytest.raises(ValueError, match="not 'mine'"):
        merge_fields({}, {}, {}, prefer="mine")


def test_rules_decide():
    def added(base, ours, theirs):
        return ours + theirs - (base or 0)

    def undecided(base, ours, theirs):
        raise SyncGatewayConflict("no idea")

    rules = {"n": added, "new": added, "details": lambda *sides: "rule"}
    base = {"n": 5, "details": {}, "deep": {"n": 5}}
    ours = {"n": 6, "new": 1, "details": {"a": 1}, "deep": {"n": 5}}
    theirs = {"n": 8, "new": 2, "details": {"b": 1}, "deep": {"n": 6}}
    expected = {"n": 9, "new": 3, "details": "rule", "deep": {"n": 6}}
    assert merge_fields(base, ours, theirs, rules=rules) == expected
    with pytest.raises(MergeConflict) as caught:
        merge_fields({}, {"n": 1}, {"n": 2}, rules={"n": undecided})
    assert caught.value.keys == ("n",)
    # They have precedence over ours.
    rules = {"channels": lambda base, ours, theirs: ours}
    assert merge_fields({}, {"channels": [1]}, {"channels": [2]}, rules=rules) == {"channels": [1]}


def test_merge_conflict_travels():
    error = pickle.loads(pickle.dumps(MergeConflict(("a", "b.c"), "atl_x")))
    assert (error.keys, error.uid, error.status) == (("a", "b.c"), "atl_x", 409)
    assert "document atl_x: both sides have changed a, b.c." in str(error)


def test_it_is_exported():
    assert {"MergeConflict", "merge_fields", "retry_on_conflict"} <= set(exported.__all__)
