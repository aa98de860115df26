"""Arguments of wrong types, and settings that are no addresses: an error of ours for each."""

import io
import traceback

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_cbtools.embedded.api.gateway import respond
from django_cbtools.embedded.http.messages import Call
from django_cbtools.exceptions import CouchbaseModelError, SyncGatewayException
from django_cbtools.models import load_objects, query_view
from django_cbtools.sync_gateway import SyncGateway
from tests.testapp.models import CBArticle

OURS = (SyncGatewayException, CouchbaseModelError, ImproperlyConfigured)
pytestmark = pytest.mark.django_db


def ours(function, *args, **kwargs):
    with pytest.raises(OURS):
        function(*args, **kwargs)


def raw(uid, text):
    read = io.BytesIO(text.encode()).read
    assert (
        respond(Call("admin", "default", "PUT", f"/test_documents/{uid}", read=read)).status == 201
    )


# A phone's number of 5000 digits must not break the lists that its document is in.
def test_long_number_by_key():
    raw("p", '{"doc_type":"article","channels":["a"],"n":%s}' % ("9" * 5000))
    good = CBArticle(channels=["a"])
    good.save()
    assert good in load_objects(["p", good.uid], CBArticle)


def test_long_number_by_orm():
    raw("p", '{"doc_type":"article","channels":["a"],"n":%s}' % ("9" * 5000))
    list(CBArticle.objects.all())


# An `_id` among the extra keys is not the uid.
def test_bulk_id_in_extra():
    a = CBArticle(channels=["a"], extra={"_id": "other"})
    try:
        CBArticle.objects.bulk_create([a])
    except OURS:
        return
    assert CBArticle(a.uid).uid == a.uid


# Such a document would be in no channel.
@pytest.mark.parametrize("channels", [5, [5], {"a": 1}, [None]])
def test_channels_wrong_type(channels):
    ours(CBArticle(channels=channels).save)


@pytest.mark.parametrize("uid", [5, b"x", ["a"], object()])
def test_uid_wrong_type(uid):
    ours(CBArticle(uid=uid, channels=["a"]).save)


@pytest.mark.parametrize("values", [{"published": 5}, {"created": 5}])
def test_date_wrong_type(values):
    ours(CBArticle(channels=["a"], **values).save)


@pytest.mark.parametrize(
    "values",
    [{"year_published": "abc"}, {"is_draft": "x"}, {"price": float("nan")}, {"price": object()}],
)
def test_value_wrong_type(values):
    ours(CBArticle(channels=["a"], **values).save)


# UTF-8 cannot carry lone surrogates.
@pytest.mark.parametrize(
    "f",
    [
        lambda u: SyncGateway.save_json(u, {}),
        lambda u: SyncGateway.get_user(u),
        lambda u: query_view(u, "x"),
    ],
)
def test_surrogate(f):
    ours(f, "\ud800")


@pytest.mark.parametrize(
    "f",
    [
        SyncGateway.get_user,
        SyncGateway.put_user,
        SyncGateway.delete_user,
        lambda n: query_view(n, "x"),
        lambda n: SyncGateway.all_docs(n),
        lambda n: SyncGateway.bulk_docs(n),
        lambda n: SyncGateway.bulk_docs([n]),
        lambda n: SyncGateway.put_user("u", password="abc", admin_channels=n),
    ],
)
def test_no_string(f):
    ours(f, 5)


# A text is no list of its letters.
def test_text_as_channels():
    try:
        SyncGateway.put_user("u", password="abc", admin_channels="news")
    except OURS:
        return
    assert "n" not in SyncGateway.get_user("u")["admin_channels"]


def test_put_user_keeps_channels():
    SyncGateway.put_user("u", password="abc", admin_channels=["a"])
    SyncGateway.put_user("u", disabled=True)
    assert "a" in SyncGateway.get_user("u")["admin_channels"]


def test_deep():
    deep = x = []
    for _ in range(5000):
        x.append([])
        x = x[0]
    ours(SyncGateway.save_json, "d", {"x": deep})


def test_orm_with_both(settings):
    settings.SYNC_GATEWAY_URL = "http://127.0.0.1:9"
    ours(CBArticle.objects.count)


def test_bad_url(settings):
    settings.SYNC_GATEWAY_URL, settings.COUCHBASE_DATABASE = "http://[bad", "plain"
    ours(CBArticle, "x")


def test_password_in_cause(settings):
    settings.SYNC_GATEWAY_URL, settings.COUCHBASE_DATABASE = "http://user:hidden@", "plain"
    with pytest.raises(ImproperlyConfigured, match="SYNC_GATEWAY_URL") as caught:
        CBArticle("x")
    assert "hidden" not in "".join(traceback.format_exception(caught.value))


def test_auth_beyond_latin1(settings):
    settings.SYNC_GATEWAY_USER = "日本"
    CBArticle(channels=["a"]).save()


def test_bucket_none(settings):
    settings.SYNC_GATEWAY_BUCKET = None
    ours(CBArticle(channels=["a"]).save)


def test_view_dots():
    with pytest.raises(SyncGatewayException) as caught:
        query_view("../x", "k")
    assert "did not answer" not in str(caught.value)
