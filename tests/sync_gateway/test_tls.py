"""HTTPS: which certificates are taken, and what is said of those that are not."""

from __future__ import annotations

import contextlib
import datetime
import re
import socket
import ssl
import warnings
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from django.core.exceptions import ImproperlyConfigured
from urllib3.exceptions import InsecureRequestWarning

from django_cbtools.exceptions import SyncGatewayException, SyncGatewayUnavailable
from django_cbtools.sync_gateway import SyncGateway
from tests.certificates import HOSTS
from tests.sync_gateway.scripted import (
    ADMIN_CALLS,
    ADMIN_LOGIN,
    GIVING_UP,
    HTTP,
    LOGIN,
    READS,
    WRITES,
    check_refused,
    header,
    pass_on,
    reply,
    save_answer,
    use,
)
from tests.testapp.models import CBArticle

PUBLIC_CALLS = READS | WRITES
CALLS = PUBLIC_CALLS | ADMIN_CALLS
everything = pytest.mark.parametrize("call", CALLS)


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """Nothing of the machine's own."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def fronts(http_gateway):
    """Puts the gateway's ports behind HTTPS."""
    with contextlib.ExitStack() as stack:
        yield lambda context: [
            stack.enter_context(HTTP(pass_on(url), context)) for url in http_gateway.urls
        ]


def check_use(fronts):
    """Documents, users and views by HTTPS, and each login at its own port only."""
    SyncGateway.put_admin_user()
    SyncGateway.put_user("ann", password="pa:s/w@rd? %-wörd", admin_channels=["*"])
    article = CBArticle(title="One", channels=["a"])
    article.save()
    assert CBArticle(article.uid).title == "One"
    article.title = "Two"
    SyncGateway.save_documents([article])
    SyncGateway.delete_document(article.uid, article.rev)
    with pytest.raises(CBArticle.DoesNotExist):
        CBArticle(article.uid)
    public, admin = fronts
    assert set(public.headers("Authorization")) == {LOGIN}
    assert set(admin.headers("Authorization")) == {ADMIN_LOGIN}


# ----------------------------------------------------------------- what works


@pytest.mark.parametrize("host", HOSTS)
def test_bundle_of_the_settings(fronts, ca, host, settings):
    both = fronts(ca.server())
    use(settings, *(front.url.replace("127.0.0.1", host) for front in both), verify=ca.file)
    check_use(both)


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_bundle_of_the_environment(fronts, ca, name, settings, monkeypatch):
    monkeypatch.setenv(name, ca.file)
    both = fronts(ca.server())
    use(settings, *(front.url for front in both))
    check_use(both)


def test_bundle_of_the_settings_goes_before_that_of_the_environment(
    ca, stranger, settings, monkeypatch
):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", stranger.file)
    with HTTP(save_answer, ca.server()) as server:
        use(settings, server.url, verify=ca.file)
        READS["get"]()
        WRITES["save"]()
    assert server.handshakes == []


@pytest.mark.parametrize("bundle", ["none", "another"])
def test_no_verification(ca, stranger, bundle, settings, monkeypatch):
    if bundle == "another":
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", stranger.file)
    with HTTP(save_answer, ca.server("elsewhere.example")) as server, warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureRequestWarning)
        use(settings, server.url, verify=False)
        for call in CALLS.values():
            call()
    assert len(server.seen) == len(CALLS)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("form", ["one file", "pair", "list"])
def test_client_certificate(fronts, ca, stranger, form, version, settings):
    file, certificate, key = stranger.client()
    cert = {"one file": file, "pair": (certificate, key), "list": [certificate, key]}[form]
    both = fronts(ca.server(clients=stranger, version=version))
    use(settings, *(front.url for front in both), verify=ca.file, cert=cert)
    check_use(both)


# -------------------------------------------------------- what is refused, and how


def check_call(call, error, *names, caplog, server):
    """One attempt, at which nothing was said, and an error that names one of the settings.

    ``SYNC_GATEWAY_URL`` stands for that of the port.
    """
    if call in ADMIN_CALLS:
        names = [name.replace("GATEWAY_URL", "GATEWAY_ADMIN_URL") for name in names]
    with caplog.at_level(0), pytest.raises(error) as caught:
        CALLS[call]()
    check_refused(caught.value, *names, caplog=caplog)
    assert server.seen == []
    assert len(server.accepted) == 1
    return caught.value


VERIFY = "SYNC_GATEWAY_OPTIONS['verify']"
CERT = "SYNC_GATEWAY_OPTIONS['cert']"
YEAR = datetime.timedelta(days=365)


@everything
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_unknown_authority(ca, stranger, call, version, settings, caplog):
    with HTTP(save_answer, stranger.server(version=version)) as server:
        use(settings, server.url, verify=ca.file)
        check_call(call, SyncGatewayUnavailable, VERIFY, caplog=caplog, server=server)
    assert len(server.handshakes) == 1


@everything
def test_authority_that_nobody_has_told_of(ca, call, settings, caplog):
    with HTTP(save_answer, ca.server()) as server:
        use(settings, server.url)
        check_call(call, SyncGatewayUnavailable, VERIFY, caplog=caplog, server=server)


@everything
def test_expired_certificate(ca, call, settings, caplog):
    now = datetime.datetime.now(datetime.timezone.utc)
    context = ca.server(not_before=now - 2 * YEAR, not_after=now - YEAR)
    with HTTP(save_answer, context) as server:
        use(settings, server.url, verify=ca.file)
        error = check_call(
            call, SyncGatewayUnavailable, VERIFY, "SYNC_GATEWAY_URL",
            caplog=caplog, server=server,
        )  # fmt: skip
    assert "expired" in str(error)


@everything
@pytest.mark.parametrize("hosts", [["elsewhere.example"], ["127.0.0.2", "*.127.0.0.1.example"]])
def test_certificate_of_another_host(ca, call, hosts, settings, caplog):
    with HTTP(save_answer, ca.server(*hosts)) as server:
        use(settings, server.url, verify=ca.file)
        error = check_call(
            call, SyncGatewayUnavailable, VERIFY, "SYNC_GATEWAY_URL",
            caplog=caplog, server=server,
        )  # fmt: skip
    assert "127.0.0.1" in str(error)


@everything
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("who", ["nobody", "stranger"])
def test_client_certificate_that_is_not_let_in(ca, stranger, call, who, version, settings, caplog):
    cert = None if who == "nobody" else stranger.client()[0]
    with HTTP(save_answer, ca.server(clients=ca, version=version)) as server:
        use(settings, server.url, verify=ca.file, cert=cert)
        check_call(call, SyncGatewayUnavailable, CERT, caplog=caplog, server=server)


@everything
def test_https_to_a_http_port(ca, call, settings, caplog):
    came = []

    def answer(request):
        came.append(request)
        return reply({"error": "Bad Request"}, 400)

    class Plain(HTTP):
        def _talk(self, connection):
            came.append(connection.recv(65536))
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n400 Bad Request")

    with Plain(answer) as server:
        use(settings, server.url.replace("http:", "https:"), verify=ca.file)
        check_call(
            call, SyncGatewayUnavailable, "SYNC_GATEWAY_URL",
            caplog=caplog, server=server,
        )  # fmt: skip
    assert b"HTTP" not in came[0]


@everything
@pytest.mark.parametrize("says", ["alert", "Go's words", "nginx's words"])
def test_http_to_a_https_port(ca, call, says, settings, caplog):
    """What listens there says so in TLS, which is no HTTP, or in HTTP."""
    words = {
        # What Sync Gateway itself says.
        "Go's words": b"HTTP/1.0 400 Bad Request\r\n\r\n"
        b"Client sent an HTTP request to an HTTPS server.\n",
        "nginx's words": b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n"
        b"Content-Length: 78\r\nConnection: close\r\n\r\n"
        b"<html><center>The plain HTTP request was sent to HTTPS port</center></html>   ",
    }
    if says == "alert":
        with HTTP(save_answer, ca.server()) as server:
            _check_http_to_https(server, call, settings, caplog)
            assert server.seen == []
    else:
        with HTTP(lambda request: [words[says]]) as server:
            _check_http_to_https(server, call, settings, caplog)


def _check_http_to_https(server, call, settings, caplog):
    use(settings, server.url.replace("https:", "http:"), **GIVING_UP)
    setting = "SYNC_GATEWAY_ADMIN_URL" if call in ADMIN_CALLS else "SYNC_GATEWAY_URL"
    with caplog.at_level(0), pytest.raises(SyncGatewayUnavailable) as caught:
        CALLS[call]()
    check_refused(caught.value, setting, caplog=caplog)


@pytest.mark.parametrize("call", WRITES)
def test_garbled_answer(ca, call, settings):
    """TLS that breaks when all has been said says nothing of what became of a write."""
    garbled = []

    class Garbling(HTTP):
        def _talk(self, connection):
            self._connection = connection
            super()._talk(connection)

    def answer(request):
        if request.place == "_revs_diff":
            return save_answer(request)  # the gateway has it
        garbled.append(request)
        socket.socket.sendall(server._connection, b"\x17\x03\x03\x00\x20" + b"garbled." * 4)
        return None

    with Garbling(answer, ca.server()) as server:
        use(settings, server.url, verify=ca.file)
        CALLS[call]()
    assert len(garbled) == 1
    assert server.seen[1].place == "_revs_diff"


# ----------------------------------------------------------- files that are none


@pytest.fixture
def bad_files(tmp_path, ca, stranger):
    """Values of ``verify`` and of ``cert`` that cannot be, by what they are."""
    (tmp_path / "garbage.pem").write_text("This is no certificate.")
    (tmp_path / "empty.pem").touch()
    _, certificate, key = ca.client()
    private = load_pem_private_key(Path(key).read_bytes(), None)
    locked = private.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"locked")
    )
    (tmp_path / "locked.key").write_bytes(locked)
    (tmp_path / "locked.pem").write_bytes(Path(certificate).read_bytes() + locked)
    own = {name: str(tmp_path / name) for name in
           ("missing.pem", "garbage.pem", "empty.pem", "locked.pem", "locked.key")}  # fmt: skip
    return {
        "verify: missing": {"verify": own["missing.pem"]},
        "verify: garbage": {"verify": own["garbage.pem"]},
        "verify: empty": {"verify": own["empty.pem"]},
        "cert: missing": {"cert": own["missing.pem"]},
        "cert: garbage": {"cert": own["garbage.pem"]},
        "cert: no key": {"cert": certificate},
        "cert: missing key": {"cert": (certificate, own["missing.pem"])},
        "cert: another's key": {"cert": (certificate, stranger.client()[2])},
        "cert: locked key": {"cert": (certificate, own["locked.key"])},
        "cert: locked": {"cert": own["locked.pem"]},
    }


@pytest.mark.parametrize("call", ["get", "save", "get_user"])
@pytest.mark.parametrize(
    "what",
    [
        "verify: missing", "verify: garbage", "verify: empty",
        "cert: missing", "cert: garbage", "cert: no key", "cert: missing key",
        "cert: another's key", "cert: locked key", "cert: locked",
    ],
)  # fmt: skip
def test_files_that_cannot_be_used(ca, call, what, bad_files, settings, caplog):
    with HTTP(save_answer, ca.server()) as server:
        use(settings, server.url, **{"verify": ca.file, **bad_files[what]})
        name = what.partition(":")[0]
        with (
            caplog.at_level(0),
            pytest.raises((ImproperlyConfigured, SyncGatewayUnavailable)) as caught,
        ):
            CALLS[call]()
        check_refused(caught.value, f"[{name!r}]", caplog=caplog)
    assert server.seen == []
    assert len(server.accepted) <= 1


def test_bundle_of_the_environment_that_is_none(ca, settings, monkeypatch, tmp_path):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    with HTTP(save_answer, ca.server()) as server:
        use(settings, server.url)
        with pytest.raises(
            (ImproperlyConfigured, SyncGatewayUnavailable), match="REQUESTS_CA_BUNDLE"
        ):
            READS["get"]()


# -------------------------------------------------------------------- redirects


def test_redirect_to_https(ca, settings):
    """As load balancers do; what was asked by mistake in the clear is asked again."""
    with (
        HTTP(save_answer, ca.server()) as secure,
        HTTP(lambda request: reply({}, 308, Location=secure.url + request.target)) as plain,
    ):
        use(settings, plain.url, verify=ca.file)
        READS["get"]()
        WRITES["save"]()
    assert [request.method for request in secure.seen] == ["GET", "PUT"]
    assert [request.body for request in secure.seen] == [request.body for request in plain.seen]


@pytest.mark.parametrize("call", ["get", "load", "save", "get_user", "put_user"])
def test_no_login_in_the_clear(ca, call, settings):
    """However a redirect leads from HTTPS to HTTP."""
    with HTTP(lambda request: reply({"error": "x", "reason": "x"}, 401)) as plain:

        def answer(request):
            return reply({}, 307, Location=plain.url + request.target)

        with HTTP(answer, ca.server()) as secure:
            use(settings, secure.url, verify=ca.file)
            with pytest.raises(SyncGatewayException):
                CALLS[call]()
    assert header(secure.seen[0], "Authorization") in (LOGIN, ADMIN_LOGIN)
    assert set(plain.headers("Authorization")) <= {None}
    assert not re.search("(?i)cookie", "".join(str(request.head) for request in plain.seen))
