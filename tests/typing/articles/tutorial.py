"""The tutorial's code, line by line; its views have to be deployed."""

from django_cbtools.models import (
    CHANNEL_PUBLIC,
    STALE_UPDATE_BEFORE,
    CouchbaseModelError,
    Query,
    get_stale,
    load_objects,
    load_objects_dict,
    load_related_objects,
    query_objects,
    query_view,
    view_rows,
)
from django_cbtools.sync_gateway import SyncGateway, SyncGatewayConflict

from .forms import ArticleForm
from .models import Bookmark, CBArticle, CBAuthor


def documents() -> None:
    article = CBArticle()
    article.title = "You & Couchbase"

    article = CBArticle(title="Couchbase & You")
    try:
        article.save()
    except CouchbaseModelError as error:
        print(error)

    article = CBArticle(title="Couchbase & You", channels=["channel_name"])
    article.save()

    article = CBArticle(title="Couchbase & You")
    article.channels = ["channel_name"]
    article.save()

    article = CBArticle(title="Couchbase & You")
    article.append_channel("channel_name")
    article.save()
    assert article.uid.startswith("atl_")
    assert article.rev is not None
    assert article.rev.startswith("1-")
    assert article.created is not None
    assert article.created == article.updated

    loaded = CBArticle(article.uid)
    assert loaded.title == "Couchbase & You"
    assert loaded == article
    print(loaded.to_dict()["title"])

    loaded.title = "Us & Couchbase"
    loaded.save()
    try:
        article.save()
    except SyncGatewayConflict as conflict:
        print(conflict.status, conflict.uid == article.uid)

    loaded.delete()
    assert CBArticle(loaded.uid).st_deleted
    assert not CBArticle.objects.filter(pk=loaded.pk).exists()
    assert CBArticle.all_objects.get(pk=loaded.pk).st_deleted

    try:
        CBArticle("atl_unknown")
    except CBArticle.DoesNotExist as missing:
        print(missing.status, missing.uid)


def relations() -> None:
    author = CBAuthor(name="Ann", channels=[CHANNEL_PUBLIC])
    author.save()
    article = CBArticle(title="By Ann", author=author, channels=[CHANNEL_PUBLIC])
    article.save()
    assert article.author_uid == author.uid

    loaded = CBArticle.objects.get(title="By Ann")
    assert loaded.author is not None
    assert loaded.author.name == "Ann"
    assert [article.title for article in author.cbarticle_set.all()] == ["By Ann"]

    bookmark = Bookmark.objects.create(article=article)
    assert bookmark.article_uid == article.uid
    assert Bookmark.objects.get(article=article).article.title == "By Ann"

    form = ArticleForm({"title": "By a form", "year_published": 2015, "author": author.uid})
    assert form.is_valid(), form.errors
    made = form.save(commit=False)
    made.append_channel(CHANNEL_PUBLIC)
    made.save()
    by_ann = CBArticle.objects.filter(author=author).order_by("-title")
    assert list(by_ann.values_list("title", "author")) == [
        ("By a form", author.uid),
        ("By Ann", author.uid),
    ]


def views() -> None:
    authors = [CBAuthor(name=name, channels=[CHANNEL_PUBLIC]) for name in ("Ann", "Bob")]
    for author in authors:
        author.save()
        CBArticle(title=f"By {author.name}", author_uid=author.uid, channels=["a", "b"]).save()
    ann, bob = authors

    uids = query_view("by_author", ann.uid)
    assert get_stale() is False
    # get all articles of these two authors, what was saved just now included
    query = Query(keys=[ann.uid, bob.uid], stale=STALE_UPDATE_BEFORE)
    uids = query_view("by_author", query_key=None, query=query)
    assert len(uids) == 2

    articles = query_objects("by_author", bob.uid, CBArticle)
    assert [article.title for article in articles] == ["By Bob"]
    load_related_objects(articles, "author", CBAuthor)
    assert articles[0].author == bob

    assert load_objects(uids, CBArticle) == query_objects("by_author", None, CBArticle, query)
    assert load_objects_dict(uids, CBArticle).keys() == set(uids)
    counts = view_rows("by_author", Query(group=True, key=ann.uid))
    assert [(row.key, row.value) for row in counts] == [(ann.uid, 1)]

    assert len(query_view("by_channel", None, Query(stale=STALE_UPDATE_BEFORE))) > 0
    assert len(query_view("by_type", None, Query(stale=STALE_UPDATE_BEFORE))) > 0


def users() -> None:
    SyncGateway.put_user("username", "", "pass", ["user_channel"])
    assert set(SyncGateway.get_user("username")["admin_channels"]) == {"public", "user_channel"}
    SyncGateway.append_channels("username", ["another_channel"])
    SyncGateway.remove_channels("username", ["user_channel"])
    assert SyncGateway.create_session("username").json()["session_id"]
    assert SyncGateway.change_username("username", "new_username", "pass")
    assert "new_username" in SyncGateway.get_users()
    SyncGateway.delete_user("new_username")

    article = CBArticle(title="For everybody")
    article.append_channel(CHANNEL_PUBLIC)
    article.save()


def run() -> None:
    documents()
    relations()
    views()
    users()
