"""Design documents: what is deployed, and by which command."""

from __future__ import annotations

import pytest
from couchbase.management.views import DesignDocumentNamespace, ViewIndexManager
from django.core.management import CommandError, call_command

from django_cbtools import cluster
from django_cbtools.exceptions import SyncGatewayBadRequest
from django_cbtools.query import query_view
from tests.cluster.asking import BY_N, view_indexes, write


def deployed(design):
    views = view_indexes().get_design_document(
        design, DesignDocumentNamespace.PRODUCTION
    ).views  # fmt: skip
    return {name: (view.map, view.reduce) for name, view in views.items()}


def test_deploy(mock):
    text = "function (doc, meta) {\n  emit('é🍺', meta.id);\n}\n"
    cluster.deploy("replaced", {"v": BY_N, "w": BY_N})
    cluster.deploy("replaced", {"v": {"map": text, "reduce": "_sum"}})
    assert deployed("replaced") == {"v": (text, "_sum")}


def test_what_is_there_is_not_deployed_again(mock, monkeypatch):
    upserted = []
    upsert = ViewIndexManager.upsert_design_document

    def spy(self, design, *args):
        upserted.append(design.name)
        upsert(self, design, *args)

    monkeypatch.setattr(ViewIndexManager, "upsert_design_document", spy)
    views = {"v": BY_N, "w": {**BY_N, "reduce": "_count"}}
    changes = [
        views,
        {"v": BY_N},
        {"v": {"map": BY_N["map"] + "\n"}},
        {"v": {**BY_N, "reduce": "_count"}},
        {"v": {**BY_N, "reduce": "_sum"}},
        {"w": {**BY_N, "reduce": "_sum"}},
    ]
    for number, change in enumerate(changes):
        assert cluster.deploy("changing", change) is True, number
        assert cluster.deploy("changing", change) is False, number
    assert upserted == ["changing"] * len(changes)


def test_command(mock, capsys):
    for _ in range(2):
        call_command("create_cb_views")
        assert capsys.readouterr().out == "5 views in 2 design documents are deployed.\n"
    write({"a": {"doc_type": "article", "channels": ["x"]}})
    assert query_view("by_type", "article") == ["a"]


def test_command_that_fails(mock, monkeypatch):
    monkeypatch.setattr(
        "django_cbtools.management.commands.create_cb_views.design_documents",
        lambda: {"broken": {"views": {"v": {"map": "function (doc { emit("}}}},
    )
    with pytest.raises(CommandError, match="Design document broken was not deployed") as caught:
        call_command("create_cb_views")
    assert isinstance(caught.value.__cause__, SyncGatewayBadRequest)


def test_names_of_views_in_development(mock):
    """The SDK would take the beginning away, and deploy over another app's views."""
    with pytest.raises(SyncGatewayBadRequest, match="'dev_'"):
        cluster.deploy("dev_tools", {"v": BY_N})
