"""Values that refer to the instance that has them."""

from __future__ import annotations

from typing import Any

import pytest

from django_cbtools.exceptions import CouchbaseModelError, SyncGatewayBadRequest
from tests.orm.values_models import Valued

REFUSED = (CouchbaseModelError, SyncGatewayBadRequest)


def in_a_list(document: Any) -> Any:
    return [document]


def in_an_object(document: Any) -> Any:
    return {"me": [document]}


def in_itself(document: Any) -> Any:
    value: list[Any] = [document]
    value.append(value)
    return value


FIELDS = [
    field.name
    for field in Valued._meta.concrete_fields
    if not field.is_relation and field.name not in ("uid", "rev", "st_deleted", "_document")
]


@pytest.mark.django_db
@pytest.mark.parametrize("make", [lambda document: document, in_a_list, in_an_object, in_itself])
@pytest.mark.parametrize("name", FIELDS)
def test_a_document_is_a_value_of_its_own(name: str, make: Any) -> None:
    document = Valued(uid="v", channels=["c"])
    document.save()
    setattr(document, name, make(document))
    assert "v" in repr(document)
    assert str(document)
    told = "v"
    try:
        document.save()
    except REFUSED as error:
        told = str(error)
    assert "v" in told
    assert len(told) < 1000


@pytest.mark.django_db
def test_two_documents_that_are_values_of_each_other() -> None:
    one, two = Valued(uid="one", channels=["c"]), Valued(uid="two", channels=["c"])
    one.integer, two.integer = two, one
    for document in (one, two):
        assert document.uid in repr(document)
        with pytest.raises(CouchbaseModelError, match="cannot store"):
            document.save()
