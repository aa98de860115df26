"""Canonical JSON and revision digests, beside the worked examples of a real gateway."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_cbtools import canonical

EXAMPLES = json.loads(
    (Path(__file__).parent / "gateway/transcripts/rev-digest-examples.json").read_text("utf-8")
)["examples"]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)  # fmt: skip


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["what"][:40])
def test_recorded_revision(example):
    body, _ = canonical.loads(example["body_text"])
    text = canonical.digest_body(body)
    assert text == example["canonical_body"]
    assert canonical.revision_id(example["parent_rev"], text) == example["live_rev"]


@given(json_values)
def test_canonical_text_is_a_fixed_point_of_the_same_value(value):
    text = canonical.dumps(canonical.loads(json.dumps(value))[0])
    again, end = canonical.loads(text)
    assert canonical.dumps(again) == text
    assert end == len(text)
    assert not {"<", ">", "&", "\u2028", "\u2029"} & set(text)


@pytest.mark.parametrize(
    "number", ["1.0", "1E+2", "-0", "-0.0", "0.1e-7", "12345678901234567890", "2.50", "9" * 5000]
)
def test_text_of_numbers_is_kept(number):
    text = f'{{"a":[{number}]}}'
    assert canonical.dumps(canonical.loads(text)[0]) == text


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "[" * 100_000])
def test_what_is_no_json_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        canonical.loads(text)


@pytest.mark.parametrize("start", ["[", '{"a":', '[{"]":', '["\\\\", "\\"]]",'])
def test_a_text_is_too_deep_before_it_is_parsed(start):
    """Where Python's stack ends, finalizers that run in between would fail."""
    with pytest.raises(ValueError, match="exceeded max depth") as caught:
        canonical.loads(start * 10_000)
    assert caught.value.__context__ is None


def test_depth_counts_what_is_nested():
    def nested(levels):
        return '[{"[[{": 1},"]",' * (levels - 1) + "[]" + "]" * (levels - 1)

    deepest = nested(canonical.MAX_DEPTH)
    value, end = canonical.loads(deepest + "[" * 1000)
    assert end == len(deepest)
    assert value[0] == {"[[{": 1}
    with pytest.raises(ValueError, match="exceeded max depth"):
        canonical.loads(nested(canonical.MAX_DEPTH + 1))
