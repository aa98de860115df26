"""Habits of Django's models that Django's own tests know, and documents have, too."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import DecimalField, F, FloatField, Sum

from .models import Article

pytestmark = pytest.mark.django_db


# -------------------------------------------------------------------- managers


# ---------------------------------------------------------------------- places


# --------------------------------------------------------------------- queries


@pytest.mark.parametrize("output", [FloatField(), DecimalField()])
def test_an_aggregate_of_several_types_that_says_its_own(output: Any) -> None:
    Article.objects.create(channels=["c"], price="2.50", score=1.5)
    total = Sum(F("price") + F("score"), output_field=output)
    assert Article.objects.aggregate(total=total) == {"total": 4}
    assert Article.objects.annotate(total=total).get().total == 4
