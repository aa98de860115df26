"""Numbers that SQLite cannot be asked about get the error that an ordinary model gives."""

from __future__ import annotations

import pytest

from ..test_bad_values import LOOKUPS, NAMES, outcome
from ..values_models import PlainValued, Valued

pytestmark = pytest.mark.django_db(databases=["default", "plain"])


@pytest.mark.parametrize("lookup", LOOKUPS)
@pytest.mark.parametrize("name", NAMES)
def test_large_integers(name, lookup):
    value = (10**30, 10**30) if lookup == "range" else 10**30

    def ask(objects):
        return objects.filter(**{f"{name}__{lookup}": value})

    assert outcome(Valued, ask) == outcome(PlainValued, ask)
