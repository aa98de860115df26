"""What the query service cannot be asked: it is refused, with the reason and what to do instead."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import NotSupportedError, connections
from django.db.models import Count, F, OuterRef, Subquery, Value
from django.db.models.functions import SHA1, Collate

from django_cbtools.backends.couchbase.features import DatabaseFeatures
from tests.orm.models import Article
from tests.testapp.models import CBArticle

ALL = CBArticle.objects.all()
OWN = CBArticle.objects.filter(pk=OuterRef("pk"))


@pytest.fixture(autouse=True)
def nobody(couchbase_alias, settings):
    """A query service that is not asked for anything."""
    settings.SYNC_GATEWAY_URL = "http://127.0.0.1:9"
    couchbase_alias()


def compiled(queryset):
    return queryset.query.get_compiler(connection=connections["server"]).as_sql()[0]


#: By what the features name as refused.
REFUSED = {
    "rev": [
        ALL.values("rev"), ALL.values_list("uid", "rev"), ALL.values_list(), ALL.values(),
        ALL.filter(rev="1-a"), ALL.exclude(rev=None), ALL.order_by("rev"), ALL.annotate(r=F("rev")),
        ALL.values("title").annotate(n=Count("rev")), ALL.annotate(r=Subquery(OWN.values("rev"))),
        CBArticle.objects.filter(author__rev="1-a"),
    ],
    "extra(tables)": [ALL.extra(tables=["auth_user"]), ALL.extra(tables=["testapp_cbauthor"])],
    "SHA1": [ALL.annotate(x=SHA1("title"))],
    "Collate": [ALL.order_by(Collate("title", "nocase"))],
}  # fmt: skip


def test_what_the_features_name_is_refused():
    assert REFUSED.keys() == DatabaseFeatures.refused.keys()
    for name, querysets in REFUSED.items():
        for queryset in querysets:
            with pytest.raises(NotSupportedError) as told:
                compiled(queryset)
            assert str(told.value).endswith(DatabaseFeatures.refused[name])
            assert "cannot be in a query here" in str(told.value)


@pytest.mark.parametrize("lookup", ["contains", "contained_by"])
def test_json_within_json_is_refused_as_on_the_embedded_backend(lookup):
    queryset = Article.objects.filter(**{f"meta__{lookup}": {"a": 1}})
    with pytest.raises(NotSupportedError, match=f"{lookup} lookup is not supported"):
        compiled(queryset)
    for alias in ("server", "default"):
        assert not connections[alias].features.supports_json_field_contains


def test_instances_have_their_versions():
    for queryset in (
        ALL, ALL.distinct(), ALL.select_related("author"), ALL.annotate(n=Count("author")),
        ALL.union(ALL), CBArticle.select_subclasses(),
    ):  # fmt: skip
        assert "'cas:' || TOSTRING(META(" in compiled(queryset)


def test_an_ordinary_model():
    """It is nothing that documents would be joined with."""
    message = r"^auth.User is an ordinary model, and the database 'server' has documents alone. Lea"
    users = User.objects.using("server")
    for ask in (
        lambda: list(users), users.count, users.exists, users.delete,
        lambda: users.update(first_name="x"), lambda: users.create(username="ann"),
        lambda: users.bulk_create([User(username="ann")]), lambda: User(pk=1).save(using="server"),
    ):  # fmt: skip
        with pytest.raises(NotSupportedError, match=message):
            ask()


def test_ordinary_rows_beside_documents():
    with pytest.raises(NotSupportedError, match=r"a subquery of it: .+\. Ask in two steps"):
        list(ALL.filter(title__in=User.objects.values("username")))
    with pytest.raises(NotSupportedError, match=r"a subquery of it: .+\. Ask in two steps"):
        list(ALL.annotate(x=Subquery(User.objects.values("username")[:1], Value("").output_field)))
