"""A page of documents by REST API, beside a page of ordinary rows with the same fields."""

from __future__ import annotations

from typing import Any

from .timing import report, timed

PAGE = 100
RUNS, TURNS = 20, 5


def rest() -> None:
    """Expects all airports, as documents and as rows."""
    from rest_framework.pagination import LimitOffsetPagination
    from rest_framework.serializers import ModelSerializer
    from rest_framework.test import APIRequestFactory
    from rest_framework.viewsets import ModelViewSet

    from benchmarks.app.models import CBAirport, Twin
    from django_cbtools.rest_framework import DocumentSerializer, DocumentViewSet

    class Pages(LimitOffsetPagination):
        default_limit = PAGE

    def listing(model: Any, serializer: Any, viewset: Any) -> Any:
        meta = type("Meta", (), {"model": model, "fields": "__all__"})
        options = {
            "queryset": model.objects.order_by("icao"),
            "serializer_class": type("Serializer", (serializer,), {"Meta": meta}),
            "pagination_class": Pages,
        }
        view = type("ViewSet", (viewset,), options).as_view({"get": "list"})
        request = APIRequestFactory().get("/")
        return lambda: view(request).render()

    documents = listing(CBAirport, DocumentSerializer, DocumentViewSet)
    rows = listing(Twin, ModelSerializer, ModelViewSet)
    assert documents().data["count"] == rows().data["count"]
    assert len(documents().data["results"]) == PAGE
    seconds = [float("inf")] * 2
    for _ in range(TURNS):  # in turns, since what else the machine does comes and goes
        for place, ask in enumerate((documents, rows)):
            seconds[place] = min(seconds[place], timed(ask, RUNS))
    report(f"REST list of {PAGE} documents, beside ordinary rows", *seconds, 1.5)
