"""Documents behind REST framework's own serializers and viewsets, filters and pages."""

from __future__ import annotations

import datetime
import json

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import include, path
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import filters, pagination, permissions, serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.routers import DefaultRouter
from rest_framework.test import APIClient
from rest_framework.viewsets import ModelViewSet, ReadOnlyModelViewSet

from django_cbtools.rest_framework import exception_handler
from django_cbtools.sync_gateway import SyncGateway
from tests.testapp.models import CBArticle, CBAuthor, CBEverything, CBParcel

pytestmark = pytest.mark.urls(__name__)


class ArticleSerializer(serializers.ModelSerializer):
    rev = serializers.CharField(required=False)

    class Meta:
        model = CBArticle
        fields = "__all__"


class NestedSerializer(serializers.ModelSerializer):
    class Meta:
        model = CBArticle
        fields = ["uid", "title", "author"]
        depth = 1


class AuthorSerializer(serializers.ModelSerializer):
    class Meta:
        model = CBAuthor
        fields = ["uid", "name", "articles"]
        read_only_fields = ["articles"]


class EverythingSerializer(serializers.ModelSerializer):
    class Meta:
        model = CBEverything
        fields = "__all__"


class ParcelSerializer(serializers.ModelSerializer):
    class Meta:
        model = CBParcel
        fields = ["labels", "days", "codes", "place", "stops"]


class Pages(pagination.PageNumberPagination):
    page_size = 2


class Offsets(pagination.LimitOffsetPagination):
    default_limit = 2


class Cursors(pagination.CursorPagination):
    page_size = 2
    ordering = ["created", "uid"]


class ArticleViewSet(ModelViewSet):
    queryset = CBArticle.objects.order_by("uid")
    serializer_class = ArticleSerializer
    pagination_class = Pages
    filter_backends = [DjangoFilterBackend, filters.OrderingFilter, filters.SearchFilter]
    filterset_fields = {"year_published": ["exact", "gte"], "author": ["exact"]}
    search_fields = ["title", "author__name"]
    ordering_fields = ["year_published", "author__name"]

    def get_exception_handler(self):
        return exception_handler

    def perform_create(self, serializer):
        serializer.save(channels=["c"])


class OffsetViewSet(ArticleViewSet):
    pagination_class = Offsets


class CursorViewSet(ArticleViewSet):
    pagination_class = Cursors
    filter_backends = []


class NestedViewSet(ReadOnlyModelViewSet):
    queryset = CBArticle.objects.select_related("author").order_by("uid")
    serializer_class = NestedSerializer


class AuthorViewSet(ModelViewSet):
    queryset = CBAuthor.objects.prefetch_related("articles")
    serializer_class = AuthorSerializer
    permission_classes = [permissions.DjangoModelPermissionsOrAnonReadOnly]

    def perform_create(self, serializer):
        serializer.save(channels=["c"])


class EverythingViewSet(ModelViewSet):
    queryset = CBEverything.objects.all()
    serializer_class = EverythingSerializer

    def perform_create(self, serializer):
        serializer.save(channels=["c"])


router = DefaultRouter()
router.register("articles", ArticleViewSet)
router.register("by-offset", OffsetViewSet, "offset")
router.register("by-cursor", CursorViewSet, "cursor")
router.register("nested", NestedViewSet, "nested")
router.register("authors", AuthorViewSet)
router.register("everything", EverythingViewSet)
urlpatterns = [
    path("", include(router.urls)),
    path("auth/", include("rest_framework.urls")),
]

READ_ONLY = ["uid", "channels", "created", "updated", "st_deleted", "extra"]


@pytest.fixture
def articles(db):
    authors = [CBAuthor(uid=name, name=name, channels=["c"]) for name in ("Ann", "Bob")]
    CBAuthor.objects.bulk_create(authors)
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    CBArticle.objects.bulk_create(
        CBArticle(
            uid=str(n), title=f"Title {n}", year_published=2020 - n % 3, author=authors[n % 2],
            created=start + datetime.timedelta(microseconds=n // 2), channels=["c"],
            extra={"color": "red"},
        )
        for n in range(5)
    )  # fmt: skip


@pytest.fixture
def api():
    return APIClient()


def uids(answer):
    assert answer.status_code == 200, answer.data
    return "".join(row["uid"] for row in answer.data["results"])


def get(api, address, **query):
    return api.get(address, query)


# ------------------------------------------------------------------------ CRUD


def test_fields_of_the_library_are_read_only():
    fields = ArticleSerializer().fields
    assert [name for name, field in fields.items() if field.read_only] == READ_ONLY
    assert set(fields) - set(READ_ONLY) == {
        "rev", "title", "year_published", "is_draft", "author", "published", "price", "tags",
        "details",
    }  # fmt: skip
    assert isinstance(fields["author"], serializers.PrimaryKeyRelatedField)


def test_create_retrieve_list(articles, api):
    given = {"title": "new", "author": "Ann", "tags": ["a"], "details": {"k": [1]}, "price": "1.50"}
    created = api.post("/articles/", {**given, "uid": "mine", "st_deleted": True}, format="json")
    assert created.status_code == 201, created.data
    uid = created.data["uid"]
    assert uid.startswith("atl_")
    found = api.get(f"/articles/{uid}/")
    assert found.data == created.data
    assert {key: found.data[key] for key in given} == given
    assert (found.data["channels"], found.data["st_deleted"]) == (["c"], False)
    stored = CBArticle(uid)
    assert (stored.author_uid, stored.tags, stored.rev) == ("Ann", ["a"], found.data["rev"])
    assert get(api, "/articles/").data["count"] == 6


def test_wrong_values_are_told_by_field(articles, api):
    answer = api.post(
        "/articles/",
        {
            "title": "x" * 46, "author": "nobody", "year_published": "many", "price": "1.555",
            "tags": {"a": 1}, "details": [1],
        },
        format="json",
    )  # fmt: skip
    assert answer.status_code == 400
    assert set(answer.data) == {
        "title", "author", "year_published", "price", "tags", "details"
    }  # fmt: skip
    assert answer.data["author"][0].code == "does_not_exist"


def test_put_keeps_undeclared_keys(articles, api):
    answer = api.put("/articles/1/", {"title": "changed"}, format="json")
    assert answer.status_code == 200
    assert answer.data["extra"] == {"color": "red"}
    document = SyncGateway.all_docs(["1"])["rows"][0]["doc"]
    assert (document["title"], document["color"]) == ("changed", "red")
    assert document["_rev"] == answer.data["rev"]


def test_patch(articles, api):
    answer = api.patch("/articles/1/", {"author": None}, format="json")
    assert answer.status_code == 200
    assert (CBArticle("1").author, CBArticle("1").title) == (None, "Title 1")


@pytest.mark.parametrize("method", ["put", "patch"])
def test_a_stale_revision_is_a_conflict(articles, api, method):
    change = getattr(api, method)
    read = api.get("/articles/1/").data
    rev = read["rev"]
    ours = change("/articles/1/", {"title": "ours", "rev": rev}, format="json")
    assert ours.status_code == 200
    theirs = change("/articles/1/", {"title": "theirs", "rev": rev}, format="json")
    assert (theirs.status_code, theirs.data["detail"].code) == (409, "conflict")
    assert CBArticle("1").title == "ours"


def test_what_was_read_can_be_put_back(articles, api):
    read = api.get("/articles/1/").data
    answer = api.put("/articles/1/", {**read, "title": "changed"}, format="json")
    assert answer.status_code == 200
    same = set(read) - {"title", "rev", "updated"}
    assert {key: answer.data[key] for key in same} == {key: read[key] for key in same}


def test_destroy_is_soft(articles, api):
    assert api.delete("/articles/1/").status_code == 204
    assert api.get("/articles/1/").status_code == 404
    assert uids(get(api, "/articles/")) == "02"
    assert CBArticle("1").st_deleted


def test_missing(db, api):
    assert api.get("/articles/nobody/").status_code == 404
    assert api.put("/articles/nobody/", {}, format="json").status_code == 404


def test_every_type_of_field(db, api):
    given = {
        "text": "t", "integer": 2**53, "real": 0.5, "boolean": True,
        "moment": "2020-05-17T12:30:15.000007Z", "day": "2020-05-17", "hour": "01:02:03.000007",
        "duration": "1 02:03:04.000005", "amount": "10.2500",
        "key": "00000000-0000-0000-0000-000000000007", "json": {"a": [1, None]},
        "address": "10.0.0.1",
    }  # fmt: skip
    created = api.post("/everything/", given, format="json")
    assert created.status_code == 201, created.data
    found = api.get(f"/everything/{created.data['uid']}/").data
    assert {key: found[key] for key in given} == given
    nulls = dict.fromkeys(given)
    changed = api.put(f"/everything/{created.data['uid']}/", nulls, format="json")
    assert {key: changed.data[key] for key in given} == nulls


def test_what_a_phone_wrote_in_another_type_can_be_read(db, api):
    wrong = {"boolean": "maybe", "json": 5, "text": 7, "moment": "yesterday", "amount": "1e3"}
    SyncGateway.save_json("e", {"doc_type": "cbeverything", "channels": ["c"], **wrong})
    answer = api.get("/everything/e/")
    assert answer.status_code == 200
    assert (answer.data["json"], answer.data["moment"]) == (5, "yesterday")


def test_members_of_arrays_and_objects(db):
    given = {
        "labels": ["a"], "days": ["2020-05-17"], "codes": [1, 2, 2],
        "place": {"city": "Oslo"}, "stops": [{"city": "Rome", "since": "2020-05-17"}],
    }  # fmt: skip
    serializer = ParcelSerializer(data=given)
    assert serializer.is_valid(), serializer.errors
    saved = serializer.save(channels=["c"])
    found = json.loads(JSONRenderer().render(ParcelSerializer(CBParcel(saved.uid)).data))
    assert (found["labels"], found["days"], found["codes"]) == (["a"], ["2020-05-17"], [1, 2])
    assert found["place"]["city"] == "Oslo"
    assert found["stops"][0]["since"] == "2020-05-17"
    assert CBParcel.objects.get(place__city="Oslo").stops[0].since == datetime.date(2020, 5, 17)


def test_wrong_members_of_arrays_and_objects():
    given = {
        "labels": ["long"], "days": {"a": 1}, "codes": ["x"],
        "place": {"city": "x" * 11}, "stops": [{"since": "2020-05-17"}],
    }  # fmt: skip
    serializer = ParcelSerializer(data=given)
    assert not serializer.is_valid()
    assert set(serializer.errors) == set(given)


# ------------------------------------------------------------------- relations


def test_depth(articles, api):
    rows = api.get("/nested/").data
    assert [row["author"]["name"] for row in rows] == ["Ann", "Bob", "Ann", "Bob", "Ann"]


def test_reverse_relation(articles, api, django_assert_num_queries):
    with django_assert_num_queries(2):
        rows = {row["name"]: set(row["articles"]) for row in api.get("/authors/").data}
    assert rows == {"Ann": {"0", "2", "4"}, "Bob": {"1", "3"}}


# -------------------------------------------------- filters, search, order, pages


def test_filter_search_order(articles, api):
    assert uids(get(api, "/articles/", year_published=2019)) == "14"
    assert uids(get(api, "/articles/", year_published__gte=2020)) == "03"
    assert uids(get(api, "/articles/", author="Bob")) == "13"
    assert uids(get(api, "/articles/", search="title 2")) == "2"
    assert uids(get(api, "/articles/", search="bob")) == "13"
    assert uids(get(api, "/articles/", ordering="-author__name,year_published")) == "13"
    assert get(api, "/articles/", author="nobody").status_code == 400
    assert get(api, "/articles/", year_published="many").status_code == 400


def followed(api, address):
    found = []
    while address:
        answer = api.get(address)
        found.append(uids(answer))
        address = answer.data["next"]
    return found


@pytest.mark.parametrize("address", ["/articles/", "/by-offset/", "/by-cursor/"])
def test_pages(articles, api, address):
    assert followed(api, address) == ["01", "23", "4"]


def test_cursor_goes_back(articles, api):
    second = api.get(api.get("/by-cursor/").data["next"])
    assert uids(api.get(second.data["previous"])) == "01"


def test_page_that_is_not_there(articles, api):
    assert get(api, "/articles/", page=4).status_code == 404


# ------------------------------------------------------- the browser, permissions


def test_browsable_pages(articles, api):
    for address in ("/articles/", "/articles/1/"):
        answer = api.get(address, HTTP_ACCEPT="text/html")
        assert answer.status_code == 200
        page = answer.content.decode()
        assert "Title 1" in page
        assert 'value="Bob"' in page  # an author to choose


def test_permissions_of_documents(articles, api):
    assert api.get("/authors/Ann/").status_code == 200
    user = User.objects.create_user("staff")
    api.force_authenticate(user)
    assert api.post("/authors/", {"name": "Cid"}, format="json").status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="add_cbauthor"))
    api.force_authenticate(User.objects.get(pk=user.pk))
    assert api.post("/authors/", {"name": "Cid"}, format="json").status_code == 201
    assert api.delete("/authors/Ann/").status_code == 403
