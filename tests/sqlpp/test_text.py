"""Names, texts and parameters in SQL++."""

from __future__ import annotations

import pytest

from django_cbtools.backends.couchbase import columns, cursor


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a", "`a`"),
        ("two words", "`two words`"),
        ("tick`y", "`tick``y`"),
        ("back\\slash", "`back\\\\slash`"),
        ("$1", "`$1`"),
        ("/* no comment */ --", "`/* no comment */ --`"),
    ],
)
def test_names(name, expected):
    assert columns.quoted(name) == expected


@pytest.mark.parametrize("name", ["", "a\0b"])
def test_names_that_there_cannot_be(name):
    with pytest.raises(ValueError, match="cannot be a name in SQL"):
        columns.quoted(name)


def test_texts():
    assert columns.literal("it's \\ `$1` %s") == "'it''s \\\\ `$1` %s'"


def test_paths():
    assert columns.path("`d`", ["a", 0, "b`c"]) == "`d`.`a`[0].`b``c`"
    # No path reaches an empty key.
    assert columns.path("`d`", [""]).startswith("(FIRST q.val FOR q IN IFNULL(OBJECT_PAIRS(`d`)")


def test_equal_parameters_have_one_number():
    statement = "SELECT %s, %s, %s, %s, %s, %s, %s FROM a WHERE b LIKE '%%'"
    params = [1, 1.0, True, "1", 1, [1], [1]]
    assert cursor.positional(statement, params) == (
        "SELECT $1, $2, $3, $4, $1, $5, $5 FROM a WHERE b LIKE '%'",
        [1, 1.0, True, "1", [1]],
    )
