"""Unique keys of a class whose fields have the names that the library's own objects have."""

from __future__ import annotations

import pytest
from django.db import models

from django_cbtools.models import CouchbaseModel, UniqueKey, UniqueKeyTaken
from tests.branches import push


class Letter(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "testapp"
        constraints = [UniqueKey(fields=["document"], name="letter_document")]

    doc_type = "letter_of_names"

    document = models.CharField(max_length=10)


@pytest.mark.django_db
def test_a_field_named_document() -> None:
    Letter(document="x", channels=["a"]).save()
    with pytest.raises(UniqueKeyTaken):
        Letter(document="x", channels=["a"]).save()


@pytest.mark.django_db
def test_keys_are_those_of_the_revision_that_is_chosen() -> None:
    Letter(document="w", channels=["a"]).save()
    letter = Letter(document="x", channels=["a"])
    letter.save()
    letter.save()
    loser = push(letter.uid, "abc", document="y", doc_type="letter_of_names")
    with pytest.raises(UniqueKeyTaken):
        Letter.resolve_conflict(letter.uid, merge=lambda _: Letter(document="w", channels=["a"]))
    assert Letter.resolve_conflict(letter.uid, winner=loser).document == "y"
    with pytest.raises(UniqueKeyTaken):
        Letter(document="y", channels=["a"]).save()
    Letter(document="x", channels=["a"]).save()
