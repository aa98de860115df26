"""Doing it again where somebody else was first: retry_on_conflict and update_document."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import time

import pytest
from asgiref.sync import async_to_sync, iscoroutinefunction, sync_to_async
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, RawPostDataException
from django.test import AsyncRequestFactory, RequestFactory
from django.utils.decorators import method_decorator
from django.utils.functional import SimpleLazyObject
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from django_cbtools.models import MergeConflict, retry_on_conflict
from django_cbtools.sync_gateway import (
    SyncGateway,
    SyncGatewayBulkError,
    SyncGatewayConflict,
    SyncGatewayNotFound,
)
from tests.testapp.models import CBArticle, CBReview

at_once = retry_on_conflict(delay=0)


class Rival:
    """Is first, so many times: call it between a load and a save."""

    def __init__(self, times=1, **members):
        self.document = CBArticle(title="t", channels=["c"], **members)
        self.document.save()
        self.uid = self.document.uid
        self.times = times
        self.called = 0

    def __call__(self):
        self.called += 1
        if self.called <= self.times:
            other = CBArticle(self.uid)
            other.year_published += 100
            other.save()


@pytest.fixture
def rival(db):
    return Rival


@pytest.fixture
def slept(monkeypatch):
    """The seconds that were waited for, without waiting."""
    seconds = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    return seconds


def failing(times, error=None):
    """A function that fails so many times, and the arguments that it was called with."""
    calls = []

    def function(*args, **kwargs):
        calls.append((args, kwargs))
        if len(calls) <= times:
            raise error or SyncGatewayConflict(f"attempt {len(calls)}", status=409, uid="atl_x")
        return f"attempt {len(calls)}"

    return function, calls


# ------------------------------------------------------------------ functions


@pytest.mark.parametrize("times", [1, 2])
def test_it_is_done_again_until_it_succeeds(rival, times):
    first = rival(times)

    @at_once
    def publish(uid, *, title):
        """Publish it."""
        document = CBArticle(uid)
        document.title = title
        first()
        document.save()
        return document.rev

    rev = publish(first.uid, title="new")
    saved = CBArticle(first.uid)
    assert (saved.title, saved.year_published, saved.rev) == ("new", 2014 + 100 * times, rev)
    assert (publish.__name__, publish.__doc__) == ("publish", "Publish it.")


def test_the_last_conflict_is_raised(rival):
    first = rival(times=99)

    @at_once
    def publish():
        document = CBArticle(first.uid)
        first()
        document.save()

    with pytest.raises(SyncGatewayConflict) as caught:
        publish()
    assert (caught.value.uid, first.called) == (first.uid, 3)
    assert CBArticle(first.uid).title == "t"


def test_no_arguments_are_needed(slept):
    function, calls = failing(2)
    assert retry_on_conflict(function)(1, b=2) == "attempt 3"
    assert calls == [((1,), {"b": 2})] * 3
    assert len(slept) == 2


def test_each_wait_is_longer_and_none_is_like_another(slept):
    for _ in range(50):
        function, _ = failing(9)
        with pytest.raises(SyncGatewayConflict, match="attempt 5"):
            retry_on_conflict(attempts=5, delay=2, backoff=3)(function)()
    assert len(slept) == 4 * 50
    for number, expected in enumerate([2, 6, 18, 54]):
        waited = slept[number::4]
        assert all(expected / 2 <= seconds <= expected * 1.5 for seconds in waited)
        assert len(set(waited)) > 1


def test_one_attempt_never_waits(slept):
    function, calls = failing(1)
    with pytest.raises(SyncGatewayConflict, match="attempt 1"):
        retry_on_conflict(attempts=1)(function)()
    assert (len(calls), slept) == (1, [])


def test_a_merge_conflict_is_one_too():
    function, calls = failing(1, MergeConflict(("title",), "atl_x"))
    assert at_once(function)() == "attempt 2"
    assert len(calls) == 2


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x"),
        SyncGatewayNotFound("x"),
        # The documents beside the refused ones are saved, and would be once more.
        SyncGatewayBulkError({"a": SyncGatewayConflict("x", status=409)}, saved=1),
    ],
)
def test_nothing_else_is_done_again(error):
    function, calls = failing(1, error)
    with pytest.raises(type(error)):
        at_once(function)()
    assert len(calls) == 1


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"delay": -1}, {"backoff": -0.5}])
def test_numbers_that_make_no_sense(wrong):
    with pytest.raises(ValueError, match=r"retry_on_conflict\(\) takes"):
        retry_on_conflict(**wrong)


def test_a_number_is_no_function():
    with pytest.raises(TypeError, match="decorates a function, not 3"):
        retry_on_conflict(3)


def test_log(caplog, slept):
    function, _ = failing(1)
    with caplog.at_level(logging.INFO, "django_cbtools"):
        retry_on_conflict(function)()
    (record,) = caplog.records
    assert record.name == "django_cbtools.conflicts"
    assert re.fullmatch(
        r"failing.<locals>.function: 'attempt 1'. Again in 0\.[2-7]\d seconds\.",
        record.getMessage(),
    )


# ----------------------------------------------------------------------- async


def test_async_function(rival, monkeypatch):
    first = rival(times=2)
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)

    @retry_on_conflict
    async def publish(title):
        document = CBArticle()
        await document.aload(first.uid)
        document.title = title
        await sync_to_async(first)()
        await document.asave()
        return document.title

    assert iscoroutinefunction(publish)
    assert async_to_sync(publish)("new") == "new"
    assert CBArticle(first.uid).year_published == 2214
    assert len(slept) == 2
    assert 0.25 <= slept[0] <= 0.75


def test_async_function_raises_the_last_conflict():
    tried = []

    @at_once
    async def publish():
        tried.append(1)
        raise SyncGatewayConflict(f"attempt {len(tried)}")

    with pytest.raises(SyncGatewayConflict, match="attempt 3"):
        asyncio.run(publish())


# ---------------------------------------------------------------- transactions


def test_inside_atomic(rival):
    first = rival()

    @at_once
    def publish():
        document = CBArticle(first.uid)
        document.title = "new"
        first()
        document.save()

    with transaction.atomic():
        publish()
    assert CBArticle(first.uid).title == "new"
    assert first.called == 2


def test_each_attempt_may_be_a_transaction(rival):
    first = rival()

    @at_once
    @transaction.atomic
    def publish():
        CBArticle(uid="atl_other", channels=["c"]).save()
        document = CBArticle(first.uid)
        if first.called == 0:
            first()
            # As it would have been: the rival's write is not undone with ours.
            first.called = 1
            raise SyncGatewayConflict("stale")
        document.save()

    publish()
    assert CBArticle("atl_other").rev.startswith("1-")


@pytest.mark.django_db(transaction=True)
def test_a_broken_transaction_is_left_alone(caplog):
    function, calls = failing(1)

    @at_once
    def publish():
        with transaction.atomic(savepoint=False):
            function()

    with pytest.raises(SyncGatewayConflict, match="attempt 1"), transaction.atomic():
        publish()
    assert len(calls) == 1
    assert not connection.needs_rollback
    assert "the transaction is broken" in caplog.text


# ----------------------------------------------------------------------- views


def answers(reading, request, attempts=3):
    """What ``reading`` returns in each attempt of a view, the last of which succeeds."""
    seen = []

    @at_once
    def view(request):
        seen.append(reading(request))
        if len(seen) < attempts:
            raise SyncGatewayConflict("stale")
        return HttpResponse("done")

    assert view(request).content == b"done"
    return seen


def upload(size):
    return SimpleUploadedFile("a.txt", b"x" * size)


READINGS = {
    "body": lambda request: request.body,
    "stream": lambda request: request.read(),
    "lines": lambda request: list(request),
    "json": json.load,
    "body, then stream": lambda request: (request.body, request.read()),
    "nothing": lambda request: None,
}


@pytest.mark.parametrize("how", READINGS)
@pytest.mark.parametrize("factory", [RequestFactory, AsyncRequestFactory])
def test_body_is_read_again(how, factory):
    request = factory().put("/", '{"a":\n1}', content_type="application/json")
    seen = answers(READINGS[how], request)
    assert len(seen) == 3
    assert seen == [READINGS[how](factory().put("/", '{"a":\n1}'))] * 3


@pytest.mark.parametrize("factory", [RequestFactory, AsyncRequestFactory])
def test_form_is_read_again(factory):
    request = factory().post("/", {"title": "t"})
    assert answers(lambda request: request.POST["title"], request) == ["t"] * 3
    encoded = factory().post("/", "title=t", content_type="application/x-www-form-urlencoded")
    assert answers(lambda request: request.POST["title"], encoded) == ["t"] * 3


@pytest.mark.parametrize("limit", [10, 10_000], ids=["on disk", "in memory"])
@pytest.mark.parametrize("factory", [RequestFactory, AsyncRequestFactory])
def test_files_are_read_again(factory, limit, settings):
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = limit
    request = factory().post("/", {"one": upload(1000), "two": upload(3)})
    seen = answers(lambda request: [(f.read(5), f.tell()) for f in request.FILES.values()], request)
    assert seen == [[(b"xxxxx", 5), (b"xxx", 3)]] * 3
    request.close()


@pytest.mark.parametrize("limit", [10, 10_000], ids=["on disk", "in memory"])
def test_files_are_stored_again(limit, settings, tmp_path):
    """A file on disk is moved to where it is stored."""
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = limit
    storage = FileSystemStorage(tmp_path)
    request = RequestFactory().post("/", {"one": upload(1000)})

    def stored(request):
        file = request.FILES["one"]
        assert file.tell() == 0
        if limit == 10:
            # Nobody else may read it before it is where it is stored.
            assert os.stat(file.temporary_file_path()).st_mode & 0o077 == 0
        return storage.save("a.txt", file)

    names = answers(stored, request)
    assert len(set(names)) == 3
    assert [storage.size(name) for name in names] == [1000] * 3
    request.close()


def test_files_are_not_read_into_memory(settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = None
    request = RequestFactory().post("/", {"one": upload(1000)})
    answers(lambda request: request.FILES["one"].read(), request)
    with pytest.raises(RawPostDataException):
        request.body  # noqa: B018
    request.close()


def use_up_stream(request):
    assert request.read()


def use_up_file(request):
    with request.FILES["one"] as file:
        assert file.read()


@pytest.mark.parametrize("use_up", [use_up_stream, use_up_file])
def test_a_request_that_is_used_up_is_left_alone(use_up, settings, caplog):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    factory = RequestFactory()
    if use_up is use_up_file:
        request = factory.post("/", {"one": upload(1000)})
    else:
        request = factory.put("/", b"x" * 1000)
    seen = []

    @at_once
    def view(request):
        seen.append(use_up(request))
        raise SyncGatewayConflict("stale")

    with pytest.raises(SyncGatewayConflict):
        view(request)
    assert len(seen) == 1
    assert "the request is used up" in caplog.text
    request.close()


def test_large_body_that_is_not_read_does_no_harm(settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    request = RequestFactory().put("/", b"x" * 1000)
    assert answers(lambda request: None, request) == [None] * 3
    assert len(request.read()) == 1000


def test_request_of_a_framework(rf):
    """Django REST framework's has Django's inside."""

    class Request:
        def __init__(self, request):
            self._request = request

    request = Request(rf.put("/", b"abc"))
    assert answers(lambda request: request._request.read(), request) == [b"abc"] * 3


def test_request_that_no_server_made():
    request = HttpRequest()
    assert answers(lambda request: request.method, request) == [None] * 3


def test_lazy_arguments_sleep_on():
    function, calls = failing(1)
    assert at_once(function)(SimpleLazyObject(lambda: pytest.fail("awake"))) == "attempt 2"
    assert len(calls) == 2


class Publish(View):
    """``fails`` says how often it does."""

    fails = 2
    tried = 0

    def post(self, request, name):
        type(self).tried += 1
        if self.tried <= self.fails:
            raise SyncGatewayConflict("stale")
        return HttpResponse(f"{name}: {request.POST['title']}, {self.tried}")


class PublishAsync(Publish):
    async def post(self, request, name):
        await asyncio.sleep(0)
        return super().post(request, name)


@pytest.mark.parametrize("cls", [Publish, PublishAsync])
@pytest.mark.parametrize("method", ["dispatch", "post"])
def test_method_of_a_class(cls, method):
    decorated = method_decorator(at_once, name=method)(type("Decorated", (cls,), {}))
    answer = called(decorated.as_view(), "me")
    assert answer.content == b"me: t, 3"


@pytest.mark.parametrize("cls", [Publish, PublishAsync])
def test_view_of_a_class(cls):
    view = at_once(csrf_exempt(type("Decorated", (cls,), {}).as_view()))
    assert view.csrf_exempt
    assert iscoroutinefunction(view) == (cls is PublishAsync)
    assert called(view, name="me").content == b"me: t, 3"


@pytest.mark.parametrize("method", ["dispatch", "post"])
def test_method_of_an_async_class_raises_the_last_conflict(method):
    attrs = {"fails": 9}
    decorated = method_decorator(at_once, name=method)(type("Decorated", (PublishAsync,), attrs))
    with pytest.raises(SyncGatewayConflict):
        called(decorated.as_view(), "me")
    assert decorated.tried == 3


def called(view, *args, **kwargs):
    request = RequestFactory().post("/", {"title": "t"})

    async def call():
        return await view(request, *args, **kwargs)

    return asyncio.run(call()) if iscoroutinefunction(view) else view(request, *args, **kwargs)


# ------------------------------------------------------------- update_document


def later(document):
    document.title = "new"


def test_update_document_takes_one_read_and_one_write(rival, round_trips):
    first = rival()
    round_trips.clear()
    saved = CBArticle.update_document(first.uid, later)
    assert round_trips == ["POST _bulk_get", f"PUT {first.uid}"]
    assert (saved.title, saved.rev) == ("new", CBArticle(first.uid).rev)
    assert CBArticle(first.uid).title == "new"


def test_update_document_is_done_again(rival):
    first = rival(times=2)

    def change(document):
        first()
        document.title = f"{document.year_published}"

    saved = CBArticle.update_document(first.uid, change, delay=0)
    assert (saved.title, saved.year_published) == ("2214", 2214)
    assert CBArticle(first.uid).title == "2214"


def test_update_document_raises_the_last_conflict(rival):
    first = rival(times=99)
    with pytest.raises(SyncGatewayConflict):
        CBArticle.update_document(first.uid, lambda document: first(), attempts=4, delay=0)
    assert first.called == 4


@pytest.mark.parametrize("answer", [None, True, 0, ""])
def test_only_false_saves_nothing(rival, answer, round_trips):
    first = rival()
    CBArticle.update_document(first.uid, lambda document: answer)
    assert CBArticle(first.uid).rev.startswith("2-")
    round_trips.clear()
    found = CBArticle.update_document(first.uid, lambda document: later(document) or False)
    assert round_trips == ["POST _bulk_get"]
    assert found.title == "new"
    assert CBArticle(first.uid).rev.startswith("2-")


def test_update_document_that_is_missing(rival):
    with pytest.raises(CBArticle.DoesNotExist):
        CBArticle.update_document("atl_missing", later)
    with pytest.raises(CBReview.DoesNotExist):
        CBReview.update_document(rival().uid, later)


@pytest.mark.parametrize("is_async", [False, True])
def test_aupdate_document(rival, is_async):
    first = rival()

    def change(document):
        first()
        document.title = "new"

    async def achange(document):
        await sync_to_async(change)(document)

    async def skip(document):
        later(document)
        return False

    async def work():
        await CBArticle.aupdate_document(first.uid, skip)
        if is_async:
            return await CBArticle.aupdate_document(first.uid, achange, delay=0)
        # The rival asks the gateway, which is not for an event loop to wait for.
        first.called = first.times
        return await CBArticle.aupdate_document(first.uid, later, delay=0)

    saved = async_to_sync(work)()
    assert saved.title == "new"
    assert saved.rev == CBArticle(first.uid).rev
    assert saved.rev.startswith("3-" if is_async else "2-")
    with pytest.raises(CBArticle.DoesNotExist):
        async_to_sync(CBArticle.aupdate_document)("atl_missing", later)


# ------------------------------------------------------- writes that are alike


def test_of_two_equal_writes_only_one_succeeds(rival):
    """Their revision would be the same: the second one must not take the first for its own."""
    first = rival()
    body = {"doc_type": "article", "channels": ["c"], "n": 1, "_rev": first.document.rev}
    SyncGateway.save_json(first.uid, body)
    with pytest.raises(SyncGatewayConflict):
        SyncGateway.save_json(first.uid, body)
    rows = SyncGateway.bulk_docs([{**body, "_id": first.uid}])
    assert rows[0]["status"] == 409
    new = {"doc_type": "article", "channels": ["c"]}
    SyncGateway.save_json("new", new)
    with pytest.raises(SyncGatewayConflict):
        SyncGateway.save_json("new", new)
