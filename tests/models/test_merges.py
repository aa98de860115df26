"""Functions that merge revisions in conflict, by class."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_cbtools.models import merges, register_merge
from tests.branches import push
from tests.testapp.models import CBArticle


@pytest.fixture
def no_merges(monkeypatch):
    monkeypatch.setattr(merges, "_registered", {})


def test_functions_that_merge_are_registered(db, no_merges):
    """They stand in for merge=, for a class and for those that inherit it."""
    push("atl_1", "fff", title="one")
    push("atl_1", "eee", title="two")
    with pytest.raises(TypeError, match="a function has to be registered for CBArticle"):
        CBArticle.resolve_conflict("atl_1")

    @register_merge(CBArticle)
    def join(leaves):
        leaves[0].title = " and ".join(leaf.title for leaf in leaves)
        return leaves[0]

    class CBLongArticle(CBArticle):
        class Meta:
            abstract = True
            app_label = "testapp"

        doc_type = "long_article"

    assert merges.registered_merge(CBLongArticle) is join
    assert CBArticle.resolve_conflict("atl_1").title == "one and two"
    with pytest.raises(ImproperlyConfigured, match="Only one can be"):
        register_merge(CBArticle)(lambda leaves: leaves[0])
    with pytest.raises(ImproperlyConfigured, match="int is no document class"):
        register_merge(int)(join)
