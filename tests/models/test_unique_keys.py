"""Unique keys of a class whose fields have the names that the library's own objects have."""

from __future__ import annotations

import pytest
from django.db import models

from django_cbtools.models import CouchbaseModel, UniqueKey, UniqueKeyTaken


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
