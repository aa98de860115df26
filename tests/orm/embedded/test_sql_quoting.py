"""Keys of fields that SQLite's paths cannot say."""

from __future__ import annotations

import pytest

from ..test_sql_quoting import UNSAID, document_class, unregistered

__all__ = ["unregistered"]  # pytest's, for each test


@pytest.mark.parametrize("hostile", UNSAID)
def test_keys_of_fields_are_refused(db, hostile):
    with pytest.raises(ValueError, match="cannot be a field's key"):
        list(document_class(hostile_key=hostile).objects.all())
