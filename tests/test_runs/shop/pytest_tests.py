"""The same by pytest-django."""

import pytest

from .models import Item
from .tests import *  # noqa: F403
from .tests import names


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["one", "other"])
def test_rolled_back(name):
    Item(name=name, channels=["c"]).save()
    assert names() == [name]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["one", "other"])
def test_emptied(name):
    Item(name=name, channels=["c"]).save()
    assert names() == [name]


def test_without_databases():
    with pytest.raises(RuntimeError, match="Database access not allowed"):
        Item(name="x", channels=["c"]).save()
