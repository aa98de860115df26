"""save(merge=...): whatever there is in the documents."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from django_cbtools.models import MergeConflict, merge_fields
from django_cbtools.models.writing.merge import is_same

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from([0.0, 1.0, "", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("pqr"), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = ["a", "b", "c", "channels", "created", "updated", "_attachments", "_exp"]
DOCUMENTS = st.dictionaries(st.sampled_from(KEYS), VALUES)


def strictly(document):
    """A document as JSON, in which true is not 1 (and 1.0 is 1, as in JavaScript)."""
    return json.dumps(document, sort_keys=True).replace(".0", "")


@given(DOCUMENTS, DOCUMENTS)
def test_one_side_alone_wins(base, changed):
    assert strictly(merge_fields(base, changed, base)) == strictly(changed)
    assert strictly(merge_fields(base, base, changed)) == strictly(changed)
    assert strictly(merge_fields(base, changed, changed)) == strictly(changed)


@given(DOCUMENTS, DOCUMENTS, DOCUMENTS, st.sets(st.sampled_from(KEYS)))
def test_changes_of_different_keys_are_both_kept(base, ours, theirs, our_keys):
    """Each side changes keys of its own: the order of the sides makes no difference."""

    def changed(by, keys):
        return {key: value for key in KEYS for value in _value(by if key in keys else base, key)}

    their_keys = set(KEYS) - our_keys
    one, other = changed(ours, our_keys), changed(theirs, their_keys)
    expected = {
        key: value for key in KEYS for value in _value(ours if key in our_keys else theirs, key)
    }
    assert strictly(merge_fields(base, one, other)) == strictly(expected)
    assert strictly(merge_fields(base, other, one)) == strictly(expected)


def _value(document, key):
    return [document[key]] if key in document else []


@given(DOCUMENTS, DOCUMENTS, DOCUMENTS, st.sampled_from(["ours", "theirs"]))
def test_no_key_gets_lost(base, ours, theirs, prefer):
    sides = {"ours": ours, "theirs": theirs}
    winner = merge_fields(base, ours, theirs, prefer=prefer)
    for key in winner:
        assert key in ours or key in theirs
    for key in ours.keys() | theirs.keys():
        removed_by = [name for name in sides if key in base and key not in sides[name]]
        if not removed_by or (prefer not in removed_by and key in sides[prefer]):
            unchanged = removed_by and is_same(sides[prefer][key], base[key])
            assert key in winner or unchanged
        if key in ours and key in theirs and not is_same(ours[key], theirs[key]):
            # A change of one side alone is never overruled.
            for mine, yours in (("ours", "theirs"), ("theirs", "ours")):
                if key in base and is_same(sides[yours][key], base[key]):
                    assert is_same(winner[key], sides[mine][key])


@given(DOCUMENTS, DOCUMENTS, DOCUMENTS)
def test_keys_of_a_conflict_are_those_that_both_changed(base, ours, theirs):
    nothing = object()
    try:
        winner = merge_fields(base, ours, theirs)
    except MergeConflict as clash:
        for key in {path.partition(".")[0] for path in clash.keys}:
            was, our, their = (side.get(key, nothing) for side in (base, ours, theirs))
            assert not is_same(was, our)
            assert not is_same(was, their)
            assert not is_same(our, their)
    else:
        # Nobody had to be preferred.
        for prefer in ("ours", "theirs"):
            assert strictly(merge_fields(base, ours, theirs, prefer=prefer)) == strictly(winner)


@given(*[st.lists(st.sampled_from("abcd"), unique=True)] * 3)
def test_channels_are_sets(base, ours, theirs):
    sides = ({"channels": side} for side in (base, ours, theirs))
    merged = merge_fields(*sides)["channels"]
    was, our, their = map(set, (base, ours, theirs))
    assert len(merged) == len(set(merged))
    assert set(merged) == (our & their) | (our - was) | (their - was)
