"""Pages that Django's admin makes of documents, beside those of an ordinary model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .timing import report, timed

FIELDS = ["icao", "name", "city", "country", "elevation"]
RUNS = 20


def pages() -> None:
    """Expects all airports, as documents and as rows."""
    from django.contrib import admin

    from benchmarks.app.models import CBAirport, Twin
    from django_cbtools.admin import CouchbaseModelAdmin

    print("\nPages over all airports, beside those of an ordinary model:")
    in_both = {"list_display": FIELDS, "search_fields": ["=icao", "name"], "ordering": ["icao"]}
    admin.site.register(CBAirport, type("Documents", (CouchbaseModelAdmin,), in_both))
    admin.site.register(Twin, type("Rows", (admin.ModelAdmin,), in_both))
    _compared("the admin's list", *(_list_of(model) for model in (CBAirport, Twin)), aim=1.5)


def _list_of(model: Any) -> Callable[[], Any]:
    """What makes the admin's list of a model, for somebody who may do everything."""
    from django.contrib import admin
    from django.contrib.auth.models import User
    from django.test import RequestFactory
    from django.urls import resolve, reverse

    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    request: Any = RequestFactory().get(address)
    request.user = User(pk=1, username="boss", is_staff=True, is_superuser=True, is_active=True)
    request.resolver_match = resolve(address)
    changelist = admin.site.get_model_admin(model).changelist_view

    def make() -> None:
        response = changelist(request)
        assert response.status_code == 200
        response.render()

    return make


def _compared(what: str, ours: Callable[[], Any], other: Callable[[], Any], aim: float) -> None:
    seconds = [float("inf")] * 2
    for _ in range(3):  # in turns, since what else the machine does comes and goes
        for place, make in enumerate((ours, other)):
            seconds[place] = min(seconds[place], timed(make, RUNS))
    report(what, *seconds, aim)
