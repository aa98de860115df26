"""What the client logs of its requests, and the spans that OpenTelemetry gets of them."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from django_cbtools.exceptions import SyncGatewayException, SyncGatewayUnavailable
from django_cbtools.sync_gateway import SyncGateway
from tests.sync_gateway.faults.proxy import page
from tests.sync_gateway.scripted import (
    ADMIN_CALLS,
    GIVING_UP,
    HTTP,
    READS,
    SECRET,
    USER,
    WRITES,
    check_nothing_secret,
    closed_port,
    reply,
    save_answer,
    url_of,
    use,
)
from tests.testapp.models import CBArticle

ROOT = Path(__file__).parents[2]
CALLS = READS | WRITES | ADMIN_CALLS
everything = pytest.mark.parametrize("call", CALLS)
METHODS = {"get": "GET", "all": "GET", "delete": "DELETE", "save": "PUT", "get_user": "GET",
           "put_user": "PUT", "query_view": "GET"}  # fmt: skip
#: A uid that would write a log's line of its own.
FORGED = "a\nERROR django_cbtools.sync_gateway: forged\r\x1b[2J\u2028\x85b"


@pytest.fixture
def log(caplog):
    """The client's own records; a gateway that serves other tests has some of its own."""
    with caplog.at_level(logging.DEBUG, "django_cbtools"):
        yield lambda level=logging.DEBUG: [
            record
            for record in caplog.records
            if record.name.startswith("django_cbtools.sync_gateway") and record.levelno >= level
        ]


def after(count, answer, then=save_answer):
    """What answers so often with something else."""
    left = iter(range(count))
    return lambda request: answer if next(left, None) is not None else then(request)


def with_login(url):
    return url.replace("://", f"://{USER}:{quote(SECRET, safe='')}@")


# -------------------------------------------------------------------------- log


@everything
def test_request(call, log, settings):
    with HTTP(save_answer) as server:
        use(settings, with_login(server.url))
        CALLS[call]()
    (record,) = log()
    (asked,) = server.seen
    text = record.getMessage()
    assert record.levelno == logging.DEBUG
    assert asked.method in text
    assert asked.target.partition("?")[0] in text
    assert re.search(r"\b20[01]\b", text)
    assert re.search(r"\d+(\.\d+)? ms\b", text)
    check_nothing_secret(text)


@pytest.mark.parametrize("status", [400, 401, 404, 409, 500])
@everything
def test_error(call, status, log, settings):
    words = {"error": "x", "reason": "y"}
    with HTTP(lambda request: reply(words, status)) as server:
        use(settings, server.url)
        with pytest.raises(SyncGatewayException):
            CALLS[call]()
    assert any(re.search(rf"\b{status}\b.* \d+(\.\d+)? ms\b", r.getMessage()) for r in log())


@pytest.mark.parametrize("failure", ["cut", 429, 503])
@pytest.mark.parametrize("call", [*READS, "get_user", "query_view"])
def test_retry_is_a_warning(call, failure, log, settings):
    answer = None if failure == "cut" else reply({"error": "busy"}, failure)
    with HTTP(after(2, answer)) as server:
        use(settings, server.url)
        CALLS[call]()
    warnings = [record.getMessage() for record in log(logging.WARNING)]
    assert len(warnings) == 2
    for text in warnings:
        assert server.seen[0].target.partition("?")[0] in text or "document a" in text
        assert failure == "cut" or str(failure) in text
    check_nothing_secret("".join(warnings))


@pytest.mark.parametrize("failure", ["cut", 502, "page"])
@pytest.mark.parametrize("call", WRITES)
def test_lost_answer_is_a_warning(call, failure, log, settings):
    answers = {"cut": None, 502: reply({"error": "x"}, 502), "page": page(200)}
    with HTTP(after(1, answers[failure], save_answer)) as server:
        use(settings, server.url)
        CALLS[call]()
    warnings = [record.getMessage() for record in log(logging.WARNING)]
    assert warnings
    assert server.seen[0].target.partition("?")[0] in warnings[0] or "document a" in warnings[0]
    check_nothing_secret("".join(warnings))


def test_no_gateway(log, settings):
    with closed_port() as closed:
        use(settings, with_login(url_of(closed)), retries=2)
        for call in CALLS.values():
            with pytest.raises(SyncGatewayUnavailable):
                call()
    assert log(logging.WARNING)
    check_nothing_secret("".join(record.getMessage() for record in log()))


def forge_lines():
    """Ask for what is called so that it would write a log's line; the errors."""
    errors = []
    for call in (
        lambda: CBArticle(FORGED),
        lambda: CBArticle(uid=FORGED, channels=["a"]).save(),
        lambda: SyncGateway.save_documents([CBArticle(uid=FORGED, channels=["a"])]),
        lambda: SyncGateway.delete_document(FORGED, "1-a"),
        lambda: SyncGateway.put_user(FORGED, password="x"),
    ):
        try:
            call()
        except SyncGatewayException as error:
            errors.append(str(error))
    return errors


def check_lines(lines):
    assert lines
    for line in lines:
        assert len(line.splitlines()) == 1, line
        assert "\x1b" not in line


@pytest.mark.parametrize("failure", [None, 404, 409, 502, 503])
def test_no_line_is_broken(failure, log, settings):
    """By a name, or by what a server says."""
    words = {"error": "bad\nERROR forged", "reason": "bad\r\nERROR forged"}
    with HTTP(lambda request: reply(words, failure) if failure else save_answer(request)) as server:
        use(settings, server.url, **GIVING_UP)
        forge_lines()
    check_lines([record.getMessage() for record in log()])


@pytest.mark.parametrize("failure", [404, 409, 502, "silence"])
def test_no_exceptions_line_is_broken(failure, settings):
    """By a name: programs log exceptions."""
    answer = None if failure == "silence" else reply({"error": "x", "reason": "y"}, failure)
    with HTTP(lambda request: answer) as server:
        use(settings, server.url, **GIVING_UP)
        check_lines(forge_lines())


def test_silence_where_nobody_listens(gateway_by_http, capfd):
    """Without a configured log nothing is written to standard error when all is well."""
    CBArticle(uid="a", channels=["a"]).save()
    assert capfd.readouterr().err == ""


def test_in_process(db, log):
    article = CBArticle(uid="a", channels=["a"])
    article.save()
    assert [re.sub(r"[\d.]+ ms", "ms", record.getMessage()) for record in log()] != []
    assert all("/test_documents/" in record.getMessage() for record in log())


# ------------------------------------------------------------------------- spans


@pytest.fixture(scope="session")
def exporter():
    """OpenTelemetry takes one provider for the process."""
    found = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(found))
    trace.set_tracer_provider(provider)
    return found


@pytest.fixture
def spans(exporter):
    """The client's spans, as far as they have ended."""
    exporter.clear()
    return lambda: [span for span in exporter.get_finished_spans() if span.kind is SpanKind.CLIENT]


def check_span(span, request, server):
    """By OpenTelemetry's semantic conventions for HTTP clients."""
    attributes = span.attributes
    assert attributes["http.request.method"] == request.method
    assert attributes["server.address"] == "127.0.0.1"
    assert attributes["server.port"] == server.port
    assert attributes["url.full"].startswith(server.url)
    assert attributes["url.full"].partition("?")[0] == server.url + request.target.partition("?")[0]
    assert span.name.startswith(request.method)
    assert request.place not in span.name or request.place.startswith("_")  # one name for many
    assert span.instrumentation_scope.name.startswith("django_cbtools")
    check_nothing_secret(span.to_json())


@everything
def test_span(call, spans, settings):
    with HTTP(save_answer) as server:
        use(settings, with_login(server.url))
        CALLS[call]()
        ((span,), (asked,)) = spans(), server.seen
        check_span(span, asked, server)
    assert span.attributes["http.response.status_code"] in (200, 201)
    assert "error.type" not in span.attributes
    assert "http.request.resend_count" not in span.attributes
    assert span.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize("status", [400, 401, 404, 409, 500])
@everything
def test_span_of_an_error(call, status, spans, settings):
    with HTTP(lambda request: reply({"error": "x", "reason": "y"}, status)) as server:
        use(settings, server.url)
        with pytest.raises(SyncGatewayException):
            CALLS[call]()
        span = spans()[0]
        check_span(span, server.seen[0], server)
    assert span.attributes["http.response.status_code"] == status
    assert span.attributes["error.type"] == str(status)
    assert span.status.status_code is StatusCode.ERROR


@everything
def test_span_of_no_answer(call, spans, settings):
    with closed_port() as closed:
        use(settings, with_login(url_of(closed)), **GIVING_UP)
        with pytest.raises(SyncGatewayUnavailable):
            CALLS[call]()
    assert spans()
    for span in spans():
        assert span.status.status_code is StatusCode.ERROR
        assert span.attributes["error.type"]
        assert "http.response.status_code" not in span.attributes
        check_nothing_secret(span.to_json())


@pytest.mark.parametrize("call", [*READS, "get_user", "query_view"])
def test_spans_of_retries(call, spans, settings):
    """A span for each, and the later ones say so."""
    with HTTP(after(2, reply({"error": "busy"}, 503))) as server:
        use(settings, server.url)
        CALLS[call]()
        for span, asked in zip(spans(), server.seen, strict=True):
            check_span(span, asked, server)
    found = [span.attributes for span in spans()]
    assert [a["http.response.status_code"] for a in found] == [503, 503, 200]
    assert [a.get("http.request.resend_count") for a in found] == [None, 1, 2]
    assert [span.status.status_code for span in spans()] == [
        StatusCode.ERROR, StatusCode.ERROR, StatusCode.UNSET,
    ]  # fmt: skip


def test_span_is_the_callers_child(spans, exporter, settings):
    tracer = trace.get_tracer("tests")
    with HTTP(save_answer) as server, tracer.start_as_current_span("view") as parent:
        use(settings, server.url)
        READS["get"]()
    (span,) = spans()
    assert span.parent.span_id == parent.get_span_context().span_id


def test_no_tracing_without_the_package():
    """Nor is it looked for in each request."""
    program = """
import sys

class Hiding:
    # A finder of modules for whom this one does not exist.

    asked = 0

    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, *args):
        if name.partition(".")[0] == "opentelemetry":
            Hiding.asked += 1
            return None
        return self.finder.find_spec(name, *args)

    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path[:] = [Hiding(finder) for finder in sys.meta_path]

import django
from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "django_cbtools.backends.embedded", "NAME": ":memory:"}},
    INSTALLED_APPS=["django_cbtools"],
    SYNC_GATEWAY_BUCKET="test_documents",
)
django.setup()
import django_cbtools.models
assert Hiding.asked == 0

from django_cbtools.sync_gateway import SyncGateway

for number in range(3):
    SyncGateway.save_json(f"a{number}", {})
assert len(SyncGateway.all_docs([], really_all=True)["rows"]) == 3
assert Hiding.asked <= len(sys.meta_path)
assert not [name for name in sys.modules if name.startswith("opentelemetry")]
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_models_import_no_tracing():
    program = """
import sys, django
from django.conf import settings
settings.configure(INSTALLED_APPS=["django_cbtools"])
django.setup()
import django_cbtools.models, django_cbtools.sync_gateway
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
