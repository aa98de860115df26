"""What the query service does before it answers, by QuerySet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import Count, Exists, OuterRef, Subquery

from tests.query_service.services import body
from tests.sync_gateway.scripted import HTTP, reply
from tests.testapp.models import CBArticle, CBAuthor

OLD = CBArticle.objects.scan_consistency("not_bounded")
NEW = CBArticle.objects.scan_consistency("request_plus")
AUTHORS = CBAuthor.objects.scan_consistency("request_plus")
AUTHORS_NOW = CBAuthor.objects.scan_consistency("not_bounded")

#: What is asked, and how, where OPTIONS say "request_plus" and "not_bounded".
ASKED: dict[str, tuple[Callable[[], Any], str, str]] = {
    "default": (lambda: list(CBArticle.objects.all()), "request_plus", "not_bounded"),
    "list": (lambda: list(OLD.all()), "not_bounded", "not_bounded"),
    "wait": (lambda: list(NEW.all()), "request_plus", "request_plus"),
    "last": (
        lambda: list(NEW.scan_consistency("not_bounded")), "not_bounded", "not_bounded"
    ),
    "all": (
        lambda: list(CBArticle.all_objects.scan_consistency("not_bounded")),
        "not_bounded", "not_bounded",
    ),
    "chain": (
        lambda: OLD.filter(title="t").exclude(pk="a").order_by("title").first(),
        "not_bounded", "not_bounded",
    ),
    "values": (lambda: list(OLD.values("title")), "not_bounded", "not_bounded"),
    "values_list": (
        lambda: list(OLD.values_list("title", flat=True).distinct()), "not_bounded", "not_bounded"
    ),
    "iterator": (lambda: list(OLD.iterator()), "not_bounded", "not_bounded"),
    "count": (lambda: OLD.count(), "not_bounded", "not_bounded"),
    "count of some": (lambda: OLD[:3].count(), "not_bounded", "not_bounded"),
    "aggregate": (lambda: OLD.aggregate(Count("pk")), "not_bounded", "not_bounded"),
    "exists": (lambda: OLD.exists(), "not_bounded", "not_bounded"),
    "in_bulk": (lambda: OLD.in_bulk(["a"]), "not_bounded", "not_bounded"),
    "update": (lambda: OLD.update(title="x"), "not_bounded", "not_bounded"),
    "delete": (lambda: OLD.delete(), "not_bounded", "not_bounded"),
    "subquery": (
        lambda: list(CBArticle.objects.filter(author__in=AUTHORS)), "request_plus", "request_plus"
    ),
    "in another": (lambda: list(OLD.filter(author__in=AUTHORS)), "request_plus", "request_plus"),
    "of those": (
        lambda: list(CBArticle.objects.filter(author__in=AUTHORS_NOW)),
        "request_plus", "not_bounded",
    ),
    "exists there": (
        lambda: list(OLD.filter(Exists(AUTHORS.filter(pk=OuterRef("author"))))),
        "request_plus", "request_plus",
    ),
    "annotated": (
        lambda: list(OLD.annotate(name=Subquery(AUTHORS.values("name")[:1]))),
        "request_plus", "request_plus",
    ),
    "union": (lambda: list(OLD.union(NEW)), "request_plus", "request_plus"),
    "union of them": (lambda: list(OLD.union(OLD)), "not_bounded", "not_bounded"),
    "count of a union": (lambda: OLD.union(NEW).count(), "request_plus", "request_plus"),
}  # fmt: skip


@pytest.mark.parametrize("place", [0, 1])
def test_what_is_asked(couchbase_alias, settings, place):
    settings.SYNC_GATEWAY_URL = "http://127.0.0.1:9"
    found: list[str] = []

    def answer(request):
        found.append(request.json["scan_consistency"])
        return reply(body())

    with HTTP(answer) as server:
        consistency = ("request_plus", "not_bounded")[place]
        couchbase_alias(server.url, OPTIONS={"scan_consistency": consistency})
        for name, (ask, *expected) in ASKED.items():
            found.clear()
            try:
                ask()
            except StopIteration:
                """An aggregate of no rows at all."""
            assert set(found) == {expected[place]}, name


def test_the_embedded_backend_always_waits(db):
    CBArticle(uid="a", title="t", channels=["c"]).save()
    assert OLD.filter(title="t").count() == NEW.count() == len(OLD.union(NEW)) == 1
    assert OLD.filter(author__in=AUTHORS).update(title="x") == 0


@pytest.mark.parametrize("value", ["at_plus", "", None, 1, ["request_plus"]])
def test_what_is_no_consistency(value):
    with pytest.raises(ValueError, match="takes 'request_plus' or 'not_bounded', not"):
        CBArticle.objects.scan_consistency(value)
