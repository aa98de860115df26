"""Documents in async code: every method that reaches the gateway has a twin for it."""

from __future__ import annotations

import inspect

import pytest
from asgiref.sync import async_to_sync, iscoroutinefunction
from django.core.exceptions import SynchronousOnlyOperation
from django.core.management import call_command
from django.db.models import Count
from django.http import JsonResponse
from django.test import AsyncClient
from django.urls import path

from django_cbtools import models, query
from django_cbtools.models import CouchbaseModel, Query, related
from django_cbtools.models.queryset import DocumentQuerySet
from django_cbtools.sync_gateway import SyncGatewayConflict
from tests.testapp.models import CBArticle, CBAuthor

# ------------------------------------------------------------------- the table

#: What reaches the gateway, of the methods that the library has or overrides.
NETWORK = {
    CouchbaseModel: {
        "load", "save", "update_document", "refresh_from_db", "delete", "hard_delete", "undelete",
        "conflicts", "resolve_conflict", "revisions",
    },
    DocumentQuerySet: {
        "update", "bulk_update", "bulk_create", "bulk_save", "delete", "hard_delete", "undelete",
    },
    query: {
        "view_rows", "query_view", "query_objects", "iter_objects", "load_objects",
        "load_objects_dict",
    },
    related: {"load_related_objects", "try_else_return_none_obj"},
}  # fmt: skip
#: What does not, or is a step of what does.
LOCAL = {
    CouchbaseModel: {
        "after_delete", "after_save", "append_channel", "append_to_references_list",
        "before_delete", "before_save", "check", "clear_channels", "declared_keys",
        "delete_from_references_list", "document_columns", "fields_as_json", "from_db",
        "from_cleaned_data", "from_dict", "from_dict_nested", "from_json", "from_row",
        "from_sync_gateway_row", "get_constraints", "get_doc_type", "get_references_list",
        "get_uid", "is_gone", "is_new", "prepare_field", "save_base", "saved_as",
        "select_subclasses", "to_dict",
        "to_dict_nested", "to_json", "type_name", "unread", "unread_as",
        # Django has no twins of these.
        "clean_fields", "full_clean", "validate_unique", "validate_constraints",
        "get_deferred_fields",
    },
    DocumentQuerySet: {"defer", "only", "as_manager", "raw", "scan_consistency"},
    query: {"stale_text", "get_stale", "parse_view_name"},
    related: {"dt2ts", "st2dt"},
}  # fmt: skip


def public(place):
    """The functions of ours that are in a class or in a module."""
    if not isinstance(place, type):
        found = vars(place).items()
        ours = [pair for pair in found if getattr(pair[1], "__module__", "") == place.__name__]
    else:
        classes = [cls for cls in place.__mro__ if cls.__module__.startswith("django_cbtools.")]
        ours = [pair for cls in classes for pair in vars(cls).items()]
    functions = {name: getattr(value, "__func__", value) for name, value in ours if name[0] != "_"}
    return {name: value for name, value in functions.items() if inspect.isfunction(value)}


def is_async(method):
    return iscoroutinefunction(method) or inspect.isasyncgenfunction(method)


@pytest.mark.parametrize("place", NETWORK, ids=lambda place: place.__name__)
def test_every_method_that_reaches_the_gateway_has_a_twin(place):
    sync = {name for name, method in public(place).items() if not is_async(method)}
    assert sync - LOCAL[place] == NETWORK[place]  # a new method belongs into one of the tables
    for name in NETWORK[place]:
        assert is_async(getattr(place, f"a{name}")), name
        if not isinstance(place, type):
            assert f"a{name}" in models.__all__


# ------------------------------------------------------------------- in action


def in_async(test):
    """Runs an async test, and what it asks of the database in the test's own transaction."""

    def run(db):
        async_to_sync(test)()

    run.__name__ = test.__name__
    return run


async def uids(queryset):
    return [document.uid async for document in queryset]


async def uids_of_values(queryset):
    return [row["uid"] async for row in queryset]


@in_async
async def test_one_document():
    author = await CBAuthor.objects.acreate(uid="ann", name="Ann", channels=["c"])
    assert author.rev.startswith("1-")
    author.name = "Anne"
    await author.asave()
    other = CBAuthor()
    await other.aload("ann")
    assert (other.name, other.rev) == ("Anne", author.rev)
    other.name = "Anna"
    await other.asave()
    with pytest.raises(SyncGatewayConflict):
        await author.asave()
    await author.arefresh_from_db()
    assert author.name == "Anna"
    assert await author.adelete() == (1, {"testapp.CBAuthor": 1})
    assert not await CBAuthor.objects.aexists()
    await author.aundelete()
    assert await CBAuthor.objects.acount() == 1
    await author.ahard_delete()
    assert not await CBAuthor.all_objects.aexists()
    with pytest.raises(CBAuthor.DoesNotExist):
        await author.aload("ann")
    with pytest.raises(CBAuthor.DoesNotExist):
        await CBAuthor.objects.aget(pk="ann")


@in_async
async def test_querysets():
    authors = CBAuthor.objects
    made = await authors.abulk_create(
        CBAuthor(uid=uid, name=name, channels=["c"])
        for uid, name in (("a", "Ann"), ("b", "Bob"), ("c", "Cid"))
    )
    assert [author.rev[:2] for author in made] == ["1-"] * 3
    assert await uids(authors.order_by("uid")) == ["a", "b", "c"]
    assert [author.uid async for author in authors.order_by("-uid").aiterator()] == ["c", "b", "a"]
    assert await uids_of_values(authors.order_by("-uid").values("uid")) == ["c", "b", "a"]
    assert (await authors.aget(name="Bob")).uid == "b"
    assert (await authors.order_by("uid").afirst()).uid == "a"
    assert (await authors.order_by("uid").alast()).uid == "c"
    assert (await authors.aearliest("name")).uid == "a"
    assert (await authors.alatest("name")).uid == "c"
    assert await authors.aaggregate(n=Count("uid")) == {"n": 3}
    assert set(await authors.ain_bulk(["a", "c"])) == {"a", "c"}
    assert await authors.acontains(made[0])
    assert "cbtools_documents" in await authors.filter(name="Ann").aexplain()
    assert await authors.filter(name="Ann").aupdate(name="Anne") == 1
    made[1].name = "Bobby"
    assert await authors.abulk_update(made[1:2], ["name"]) == 1
    assert {author.name async for author in authors.all()} == {"Anne", "Bobby", "Cid"}
    assert (await authors.filter(name="Anne").adelete())[0] == 1
    assert await authors.acount() == 2
    assert await CBAuthor.all_objects.all().aundelete() == 1
    assert (await authors.all().ahard_delete())[0] == 3


@in_async
async def test_get_or_create_and_update_or_create():
    defaults = {"channels": ["c"]}
    first, created = await CBAuthor.objects.aget_or_create(name="Ann", defaults=defaults)
    again, created_again = await CBAuthor.objects.aget_or_create(name="Ann", defaults=defaults)
    assert (first, created, created_again) == (again, True, False)
    changed, created = await CBAuthor.objects.aupdate_or_create(
        name="Ann", defaults={"name": "Anne"}
    )
    assert (changed, changed.name, created) == (first, "Anne", False)
    assert await CBAuthor.objects.acount() == 1


@in_async
async def test_relations():
    author = await CBAuthor.objects.acreate(uid="ann", name="Ann", channels=["c"])
    await author.articles.acreate(uid="a", channels=["c"])
    await CBArticle.objects.acreate(uid="b", channels=["c"])
    assert await uids(author.articles.all()) == ["a"]
    (joined,) = [a async for a in CBArticle.objects.filter(pk="a").select_related("author")]
    assert joined.author.name == "Ann"
    (found,) = [a async for a in CBAuthor.objects.prefetch_related("articles")]
    assert [article.uid for article in found.articles.all()] == ["a"]
    article = CBArticle()
    await article.aload("a")
    with pytest.raises(SynchronousOnlyOperation):
        article.author  # noqa: B018
    await models.aload_related_objects([article], "author", CBAuthor)
    assert article.author == author


@in_async
async def test_update_document():
    await CBAuthor.objects.acreate(uid="ann", name="Ann", channels=["c"])

    async def change(author):
        author.name += "e"

    assert (await CBAuthor.aupdate_document("ann", change)).name == "Anne"


def test_helpers(db):
    call_command("create_cb_views", verbosity=0)
    CBAuthor(uid="ann", name="Ann", channels=["c"]).save()
    article = CBArticle(uid="a", author_uid="ann", channels=["c"])
    article.save()

    async def ask():
        view = "testapp/by_author"
        assert await models.aquery_view(view, "ann") == ["a"]
        assert await models.aquery_objects(view, "ann", CBArticle) == [article]
        (row,) = await models.aview_rows(view, Query(group=True))
        assert (row.key, row.value) == ("ann", 1)
        assert await models.aload_objects(["a"], CBArticle) == [article]
        assert await models.aload_objects_dict(["a"], CBArticle) == {"a": article}
        assert await models.atry_else_return_none_obj("a", CBArticle) == article
        assert await models.atry_else_return_none_obj("x", CBArticle) is None

    async_to_sync(ask)()


# ---------------------------------------------------------------- an async view


async def names(request):
    await CBAuthor(name=request.GET["name"], channels=["c"]).asave()
    return JsonResponse({"names": [a.name async for a in CBAuthor.objects.order_by("name")]})


urlpatterns = [path("names/", names)]


@pytest.mark.urls(__name__)
def test_async_view(db):
    async def ask(name):
        return (await AsyncClient().get("/names/", {"name": name})).json()["names"]

    assert async_to_sync(ask)("Bob") == ["Bob"]
    assert async_to_sync(ask)("Ann") == ["Ann", "Bob"]
