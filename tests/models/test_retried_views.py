"""retry_on_conflict of views: the request is read again."""

from __future__ import annotations

import asyncio
import json
import os

import pytest
from asgiref.sync import iscoroutinefunction
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpRequest, HttpResponse, RawPostDataException
from django.test import AsyncRequestFactory, RequestFactory
from django.utils.decorators import method_decorator
from django.utils.functional import SimpleLazyObject
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from django_cbtools.sync_gateway import SyncGatewayConflict
from tests.models.rivals import at_once, failing


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
