"""What mypy has to say of each line: the type that it reveals, or the code of its error."""

from django_cbtools.models import (
    CouchbaseModel,
    aload_objects,
    aload_objects_dict,
    aquery_objects,
    aquery_view,
    atry_else_return_none_obj,
    load_objects,
    load_objects_dict,
    query_objects,
    query_view,
    retry_on_conflict,
    try_else_return_none_obj,
)

from .forms import ArticleForm
from .models import Bookmark, CBArticle, CBAuthor, CBNews

article = CBArticle("atl_x")
author = CBAuthor(name="Ann", channels=["a"])

reveal_type(article)  # -> CBArticle
reveal_type(CBArticle(title="x", channels=["a"]))  # -> CBArticle
reveal_type(CBArticle(title="x", uid_prefix="art", extra={"unknown": 1}))  # -> CBArticle
reveal_type(article.uid)  # -> str
reveal_type(article.pk)  # -> str
reveal_type(article.rev)  # -> str | None
reveal_type(article.channels)  # -> list[str]
reveal_type(article.created)  # -> datetime | None
reveal_type(article.updated)  # -> datetime | None
reveal_type(article.st_deleted)  # -> bool
reveal_type(article.extra)  # -> dict[str, Any]
reveal_type(article.title)  # -> str | None
reveal_type(article.year_published)  # -> int
reveal_type(article.tags)  # -> list[Any]
reveal_type(article.links)  # -> dict[str, Any]
reveal_type(article.author)  # -> CBAuthor | None
reveal_type(article.author_uid)  # -> str | None
reveal_type(Bookmark(article=article).article)  # -> CBArticle
reveal_type(Bookmark(article_uid="atl_x").article_uid)  # -> str

reveal_type(CBArticle.objects)  # -> Documents[CBArticle]
reveal_type(CBArticle.all_objects)  # -> AllDocuments[CBArticle]
reveal_type(CBArticle.objects.get(title="x"))  # -> CBArticle
reveal_type(CBArticle.all_objects.get(pk="atl_x"))  # -> CBArticle
reveal_type(CBArticle.objects.filter(author=author))  # -> DocumentQuerySet[CBArticle]
reveal_type(CBArticle.objects.filter(title="x").hard_delete())  # -> tuple[int, dict[str, int]]
reveal_type(CBArticle.all_objects.all().undelete())  # -> int
reveal_type(CBArticle.objects.exclude(author__name="Ann").first())  # -> CBArticle | None
reveal_type(CBArticle.objects.values_list("title", flat=True)[0])  # -> str | None
reveal_type(CBArticle.objects.bulk_create([article]))  # -> list[CBArticle]
reveal_type(author.cbarticle_set.all())  # -> DocumentQuerySet[CBArticle]
reveal_type(CBArticle.objects.values_list("title", "rev")[0])  # -> tuple[str | None, str | None]
reveal_type(CBArticle.objects.values("channels").get()["channels"])  # -> list[str]
reveal_type(CBArticle.objects.values_list("author__name", flat=True).get())  # -> str
reveal_type(CBArticle.objects.filter(tags__len=1, extra__a="b"))  # -> DocumentQuerySet[CBArticle]
reveal_type(CBArticle.objects.get_or_create(title="x"))  # -> tuple[CBArticle, bool]
reveal_type(CBArticle.objects.select_related("author").get().author)  # -> CBAuthor | None
reveal_type(Bookmark.objects.filter(article__title="x").get().article)  # -> CBArticle
reveal_type(article.bookmark_set.get())  # -> Bookmark
reveal_type(article.hard_delete())  # -> tuple[int, dict[str, int]]

reveal_type(CBNews.objects.recent())  # -> DocumentQuerySet[CBNews]
reveal_type(CBNews.objects.get())  # -> CBNews
reveal_type(CBNews.by_state.drafts())  # -> NewsQuerySet
reveal_type(CBNews.by_state.all().drafts().hard_delete())  # -> tuple[int, dict[str, int]]
reveal_type(CBNews.drafts.drafts().get())  # -> CBNews
reveal_type(CBNews.drafts.filter(is_draft=False).undelete())  # -> int
reveal_type(author.news.all())  # -> DocumentQuerySet[CBNews]
reveal_type(author.news.recent())  # -> DocumentQuerySet[CBNews]
reveal_type(author.news.create(is_draft=False))  # -> CBNews
reveal_type(CBNews().author)  # -> CBAuthor
reveal_type(CBNews().author_uid)  # -> str


async def in_async_code() -> None:
    reveal_type(await CBArticle.objects.aget(title="x"))  # -> CBArticle
    reveal_type(await CBArticle.objects.acreate(title="x"))  # -> CBArticle
    reveal_type(await CBArticle.objects.all().ahard_delete())  # -> tuple[int, dict[str, int]]
    reveal_type([found async for found in CBArticle.objects.all()])  # -> list[CBArticle]
    reveal_type(await article.adelete())  # -> tuple[int, dict[str, int]]
    reveal_type(await aload_objects(["atl_x"], CBArticle))  # -> list[CBArticle]
    reveal_type(await aload_objects_dict(["atl_x"], CBArticle))  # -> dict[str, CBArticle]
    reveal_type(await aquery_objects("by_author", "aut_x", CBArticle))  # -> list[CBArticle]
    reveal_type(await aquery_view("by_author", "aut_x"))  # -> list[str]
    reveal_type(await atry_else_return_none_obj("atl_x", CBArticle))  # -> CBArticle | None
    await aload_objects(["atl_x"], Bookmark)  # error: type-var
    await aquery_view(1, "aut_x")  # error: arg-type


reveal_type(query_view("by_author", author.uid))  # -> list[str]
reveal_type(query_objects("by_author", author.uid, CBArticle))  # -> list[CBArticle]
reveal_type(load_objects(["atl_x"], CBArticle))  # -> list[CBArticle]
reveal_type(load_objects_dict(["atl_x"], CBArticle))  # -> dict[str, CBArticle]
reveal_type(try_else_return_none_obj("atl_x", CBArticle))  # -> CBArticle | None
reveal_type(ArticleForm().save())  # -> CBArticle
reveal_type(CBArticle.update_document("atl_x", lambda found: None))  # -> CBArticle


@retry_on_conflict(attempts=5)
def publish(title: str) -> CBArticle:
    return CBArticle(title)


reveal_type(publish("x"))  # -> CBArticle
reveal_type(retry_on_conflict(publish)("x"))  # -> CBArticle
publish(1)  # error: arg-type

try:
    article.load("atl_y")
except CBArticle.DoesNotExist as missing:
    reveal_type(missing)  # -> CBArticle.DoesNotExist
    reveal_type(missing.status)  # -> int | None
except CBArticle.MultipleObjectsReturned as several:
    reveal_type(several)  # -> CBArticle.MultipleObjectsReturned


class CBReview(CBArticle):
    """Is abstract neither with a Meta of its own nor without."""


class CBLongReview(CBReview):
    class Meta:
        abstract = True


reveal_type(CBReview("atl_x").title)  # -> str | None
reveal_type(CBLongReview.objects.get())  # -> CBLongReview
try:
    CBLongReview("atl_x")
except CBArticle.DoesNotExist as missing_review:
    reveal_type(missing_review.reason)  # -> str


def any_document(model: type[CouchbaseModel]) -> CouchbaseModel:
    return model("atl_x")


reveal_type(any_document(CBArticle).uid)  # -> str

article.title = ["x"]  # error: assignment
article.author = article  # error: assignment
article.author_uid = author  # error: assignment
article.channels = "public"  # error: assignment
article.channels = [1]  # error: list-item
article.titel  # error: attr-defined
article.author.name  # error: union-attr
CBArticle(titel="x")  # error: misc
CBArticle(title=["x"])  # error: misc
CBArticle(author=article)  # error: misc
CBArticle(uid_prefix=1)  # error: arg-type
CBArticle.objects.filter(titel="x")  # error: misc
CBArticle.objects.filter(author=article)  # error: misc
CBArticle.objects.create(titel="x")  # error: misc
CBArticle.objects.values("titel")  # error: misc
CBArticle.objects.order_by("titel")  # error: misc
Bookmark.objects.filter(article=author)  # error: misc
author.news.create(titel="x")  # error: misc
CBArticle.objects.all().gte(title="x")  # error: attr-defined
CouchbaseModel("atl_x")  # error: abstract
any_document(Bookmark)  # error: arg-type
load_objects(["atl_x"], Bookmark)  # error: type-var
