"""What mypy has to say of each line: the type that it reveals, or the code of its error."""

from django_cbtools.models import (
    CouchbaseModel,
    load_objects,
    load_objects_dict,
    query_objects,
    query_view,
    retry_on_conflict,
    try_else_return_none_obj,
)

from .forms import ArticleForm
from .models import Bookmark, CBArticle, CBAuthor

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
reveal_type(CBArticle.objects.filter(author=author))  # -> QuerySet[CBArticle, CBArticle]
reveal_type(CBArticle.objects.exclude(author__name="Ann").first())  # -> CBArticle | None
reveal_type(CBArticle.objects.values_list("title", flat=True)[0])  # -> str | None
reveal_type(CBArticle.objects.bulk_create([article]))  # -> list[CBArticle]
reveal_type(author.cbarticle_set.all())  # -> QuerySet[CBArticle, CBArticle]

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
CBArticle.objects.all().gte(title="x")  # error: attr-defined
CouchbaseModel("atl_x")  # error: abstract
any_document(Bookmark)  # error: arg-type
load_objects(["atl_x"], Bookmark)  # error: type-var
