"""What stands between the client and its gateway: logins, several addresses, redirects, cookies,
proxies, and what the environment says of them."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
from dataclasses import replace
from urllib.parse import quote, urlsplit

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_cbtools.exceptions import (
    SyncGatewayException,
    SyncGatewayForbidden,
    SyncGatewayNotFound,
    SyncGatewayUnavailable,
)
from django_cbtools.sync_gateway import SyncGateway
from tests.sync_gateway.faults.proxy import read
from tests.sync_gateway.scripted import (
    ADMIN_CALLS,
    ADMIN_LOGIN,
    ADMIN_SECRET,
    GIVING_UP,
    HTTP,
    LOGIN,
    PROXY_SECRET,
    READS,
    SECRET,
    USER,
    WRITES,
    Server,
    basic,
    check_nothing_secret,
    check_refused,
    closed_port,
    head,
    header,
    pass_on,
    relay,
    reply,
    save_answer,
    url_of,
    use,
)
from tests.testapp.models import CBArticle

PUBLIC_CALLS = READS | WRITES
CALLS = PUBLIC_CALLS | ADMIN_CALLS
everything = pytest.mark.parametrize("call", CALLS)
VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    """Nothing of the machine's own."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)


def without_logins(settings):
    for prefix in ("SYNC_GATEWAY", "SYNC_GATEWAY_ADMIN"):
        setattr(settings, f"{prefix}_USER", None)
        setattr(settings, f"{prefix}_PASSWORD", None)


def setting_of(call):
    return "SYNC_GATEWAY_ADMIN_URL" if call in ADMIN_CALLS else "SYNC_GATEWAY_URL"


def with_login(url, user, password):
    return url.replace("://", f"://{quote(user, safe='')}:{quote(password, safe='')}@")


# ----------------------------------------------------------------------- logins


def test_each_port_gets_its_own_login(settings):
    with HTTP(save_answer) as public, HTTP(save_answer) as admin:
        use(settings, public.url, admin.url)
        for call in CALLS.values():
            call()
    assert set(public.headers("Authorization")) == {LOGIN}
    assert set(admin.headers("Authorization")) == {ADMIN_LOGIN}


def test_no_login_where_there_is_none(settings):
    with HTTP(save_answer) as public, HTTP(save_answer) as admin:
        use(settings, public.url, admin.url)
        settings.SYNC_GATEWAY_USER = None
        for call in CALLS.values():
            call()
        use(settings, public.url, admin.url)
        settings.SYNC_GATEWAY_ADMIN_USER = None
        for call in CALLS.values():
            call()
    assert set(public.headers("Authorization")) == {LOGIN, None}
    assert set(admin.headers("Authorization")) == {ADMIN_LOGIN, None}


@pytest.mark.parametrize("status", [401, 403])
@everything
def test_login_that_is_refused(call, status, settings, caplog):
    words = {"error": "Unauthorized", "reason": "Login required"}
    with HTTP(lambda request: reply(words, status)) as server:
        use(settings, server.url)
        with caplog.at_level(0), pytest.raises(SyncGatewayForbidden) as caught:
            CALLS[call]()
        prefix = "SYNC_GATEWAY_ADMIN" if call in ADMIN_CALLS else "SYNC_GATEWAY"
        check_refused(caught.value, f"{prefix}_USER", f"{prefix}_PASSWORD", caplog=caplog)
        assert caught.value.status == status
    assert len(server.seen) == 1


@everything
def test_login_in_the_address(call, settings, caplog):
    """It counts where the settings have none, and is never seen."""
    with HTTP(save_answer) as server:
        url = with_login(server.url, USER, SECRET)
        use(settings, url, with_login(server.url, "root", ADMIN_SECRET))
        without_logins(settings)
        with caplog.at_level(0):
            CALLS[call]()
        check_nothing_secret(caplog.text)
    login = ADMIN_LOGIN if call in ADMIN_CALLS else LOGIN
    assert set(server.headers("Authorization")) == {login}
    with caplog.at_level(0), pytest.raises(SyncGatewayUnavailable) as caught:
        CALLS[call]()
    check_refused(caught.value, setting_of(call), caplog=caplog)


def test_wrong_login_in_the_address(settings, caplog):
    answer = reply({"error": "Unauthorized", "reason": "Invalid login"}, 401)
    with HTTP(lambda request: answer) as server:
        use(settings, with_login(server.url, USER, SECRET))
        without_logins(settings)
        for call in CALLS:
            with caplog.at_level(0), pytest.raises(SyncGatewayForbidden) as caught:
                CALLS[call]()
            check_refused(caught.value, "SYNC_GATEWAY", caplog=caplog)


# ----------------------------------------------------------- more than one address


@everything
def test_next_address_where_nobody_listens(call, settings):
    with closed_port() as closed, HTTP(save_answer) as server:
        use(settings, [url_of(closed), server.url])
        CALLS[call]()
        CALLS[call]()
    assert server.seen
    if call in WRITES:
        writes = [request for request in server.seen if request.is_write]
        assert len(writes) == 2


@pytest.mark.parametrize("call", [*READS, "get_user", "query_view"])
@pytest.mark.parametrize("failing", ["cut", "silent", 502, 503, 504])
def test_reads_go_to_the_next_address(call, failing, settings):
    answers = {"cut": None, "silent": lambda: (), **{n: reply({}, n) for n in (502, 503, 504)}}
    with contextlib.ExitStack() as stack:
        if failing == "silent":
            silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            url = url_of(silent)
        else:
            url = stack.enter_context(HTTP(lambda request: answers[failing])).url
        server = stack.enter_context(HTTP(save_answer))
        use(settings, [url, server.url], timeout=0.5, retries=20)
        CALLS[call]()
    assert server.seen


@everything
def test_all_addresses_are_down(call, settings, caplog):
    with closed_port() as one, closed_port() as two:
        urls = [with_login(url_of(one), USER, SECRET), url_of(two)]
        use(settings, urls, **GIVING_UP)
        with caplog.at_level(0), pytest.raises(SyncGatewayUnavailable) as caught:
            CALLS[call]()
        check_refused(caught.value, setting_of(call), caplog=caplog)
        assert "did not answer" in str(caught.value)


def test_gateway_that_comes_back(settings):
    """With the other address down, what was down is asked again."""
    with HTTP(save_answer) as two:
        with HTTP(save_answer) as one:
            use(settings, [one.url, two.url])
            READS["get"]()
        assert len(one.seen) == 1
        READS["get"]()
        assert len(two.seen) == 1
        third = HTTP(save_answer)
        use(settings, [two.url, third.url])
        READS["get"]()
    with third:
        READS["get"]()
        WRITES["save"]()
    assert len(third.seen) == 2


@pytest.mark.parametrize("kind", [list, tuple])
def test_one_address_in_a_list(kind, http_gateway, settings):
    public, admin = http_gateway.urls
    use(settings, kind([public]), kind([admin]))
    settings.SYNC_GATEWAY_ADMIN_USER = None
    SyncGateway.put_user(USER, password=SECRET, admin_channels=["*"])
    article = CBArticle(title="One", channels=["a"])
    article.save()
    assert CBArticle(article.uid).title == "One"


# -------------------------------------------------------------------- redirects


@pytest.fixture
def redirected(settings):
    """Two servers, the first of which sends clients to the second, with the path below ``/x``."""

    class Pair:
        def __init__(self, status, call=None, **options):
            self.status = status
            self.second = stack.enter_context(HTTP(save_answer))
            self.first = stack.enter_context(HTTP(self._answer))
            self.base = f"{self.second.url}/x"
            use(settings, self.first.url, **options)

        def _answer(self, request):
            return reply({}, self.status, Location=self.base + request.target)

    with contextlib.ExitStack() as stack:
        yield Pair


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("call", ["get", "all", "get_user"])
def test_redirected_read(call, status, redirected):
    pair = redirected(status)
    CALLS[call]()
    assert [request.method for request in pair.second.seen] == ["GET"]
    assert pair.second.seen[0].target == "/x" + pair.first.seen[0].target


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirected_read_that_has_a_body(status, redirected, caplog):
    """It is asked again as it was, or not at all."""
    pair = redirected(status)
    try:
        found = SyncGateway.all_docs(["a"])
    except SyncGatewayUnavailable as error:
        assert status < 307
        check_refused(error, "SYNC_GATEWAY_URL", caplog=caplog)
        assert pair.second.seen == []
    else:
        assert [row["id"] for row in found["rows"]] == ["a"]
        assert [request.method for request in pair.second.seen] == ["POST"]
        assert pair.second.seen[0].json == {"keys": ["a"]}


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("call", [*WRITES, "put_user"])
def test_redirected_write(call, status, redirected):
    pair = redirected(status)
    CALLS[call]()
    (first,), (second,) = pair.first.seen, pair.second.seen
    assert (second.method, second.target) == (first.method, "/x" + first.target)
    assert second.body == first.body
    assert header(second, "Content-Type") == header(first, "Content-Type")


@pytest.mark.parametrize("status", [300, 301, 302, 303, 305])
@pytest.mark.parametrize("call", [*WRITES, "put_user"])
def test_redirect_that_would_lose_a_write(call, status, redirected, caplog):
    pair = redirected(status)
    with caplog.at_level(0), pytest.raises(SyncGatewayUnavailable) as caught:
        CALLS[call]()
    check_refused(caught.value, setting_of(call), caplog=caplog)
    assert not [request for request in pair.second.seen if request.is_write]
    # It was asked once: no answer is lost.
    assert len(pair.first.seen) == 1
    assert pair.second.seen == []


def test_document_after_redirects(http_gateway, settings):
    """As a gateway that has moved, below another path at that."""
    public, admin = (pass_on(url) for url in http_gateway.urls)
    with contextlib.ExitStack() as stack:
        fronts = [
            stack.enter_context(
                HTTP(
                    lambda request, own=own: (
                        own(request)
                        if request.target.startswith("/test_documents")
                        else reply({}, 307, Location=request.target.removeprefix("/old"))
                    )
                )
            )
            for own in (public, admin)
        ]
        use(settings, *(f"{front.url}/old" for front in fronts))
        settings.SYNC_GATEWAY_ADMIN_USER = None
        SyncGateway.put_user(USER, password=SECRET, admin_channels=["*"])
        article = CBArticle(title="One", channels=["a"])
        article.save()
        article.title = "Two"
        article.save()
        assert article.rev.startswith("2-")
        assert CBArticle(article.uid).title == "Two"
        SyncGateway.delete_document(article.uid, article.rev)
        with pytest.raises(CBArticle.DoesNotExist):
            CBArticle(article.uid)


@pytest.mark.parametrize("to", ["localhost", "127.0.0.2"])
@pytest.mark.parametrize("where", ["settings", "address", "netrc"])
@everything
def test_no_login_for_another_host(call, where, to, redirected, settings, monkeypatch, tmp_path):
    if where == "netrc":
        netrc = tmp_path / "netrc"
        netrc.write_text(
            "machine 127.0.0.1 login ann password secret\n"
            "machine localhost login bob password secret\n"
        )
        monkeypatch.setenv("NETRC", str(netrc))
    pair = redirected(307)
    pair.base = pair.base.replace("127.0.0.1", to)
    if to == "127.0.0.2":
        pair.base = pair.base.replace("127.0.0.2", "[::ffff:127.0.0.1]")
    if where != "settings":
        without_logins(settings)
    if where == "address":
        url = with_login(pair.first.url, USER, SECRET)
        settings.SYNC_GATEWAY_URL = settings.SYNC_GATEWAY_ADMIN_URL = url
    with contextlib.suppress(SyncGatewayException):
        CALLS[call]()
    assert None not in pair.first.headers("Authorization")
    assert set(pair.second.headers("Authorization")) <= {None}
    assert pair.first.seen


def test_no_cookie_for_another_host(settings):
    with HTTP(save_answer) as other:
        here = iter([reply({}, 200, Set_Cookie="lb=1; Path=/")])

        def answer(request):
            where = f"http://localhost:{other.port}{request.target}"
            return next(here, None) or reply({}, 307, Location=where)

        with HTTP(answer) as server:
            use(settings, server.url)
            READS["get"]()
            READS["get"]()
    assert header(server.seen[1], "Cookie") == "lb=1"
    assert other.headers("Cookie") == [None]


@everything
def test_endless_redirects(call, settings, caplog):
    count = iter(range(1_000_000))
    with HTTP(lambda request: reply({}, 307, Location=f"/{next(count)}")) as server:
        use(settings, server.url)
        with caplog.at_level(0), pytest.raises(SyncGatewayUnavailable) as caught:
            CALLS[call]()
        check_refused(caught.value, setting_of(call), caplog=caplog)
    assert len(server.seen) < 100


@pytest.mark.parametrize(
    "place",
    [
        None, "", "file:///etc/passwd", "ftp://127.0.0.1/x", "http://[bad", "http://", "//",
        "http://127.0.0.1:99999/", "http://127.0.0.1:x/", "http://\x7f/", "javascript:1",
        "http+sync-gateway://admin/x", "http://a..b/", "http://" + "x" * 300 + ".test/",
    ],
)  # fmt: skip
@pytest.mark.parametrize("call", ["get", "save", "get_user", "put_user"])
def test_redirect_to_nowhere(call, place, settings, caplog):
    headers = {} if place is None else {"Location": place}
    with HTTP(lambda request: reply({}, 307, **headers)) as server:
        use(settings, server.url, **GIVING_UP)
        with caplog.at_level(0), pytest.raises(SyncGatewayUnavailable) as caught:
            CALLS[call]()
        check_refused(caught.value, setting_of(call), caplog=caplog)


@pytest.mark.parametrize("status", [302, 307])
@pytest.mark.parametrize("call", ["get", "save", "get_user", "put_user"])
def test_what_a_redirect_says_is_not_read(call, status, settings):
    """However much it is."""
    with HTTP(save_answer) as other:

        def answer(request):
            there = other.url + request.target
            yield head(status, Location=there, Content_Length=10**15)
            yield from itertools.repeat(b" " * 65536)

        with HTTP(answer) as one:
            use(settings, one.url, max_bytes=1_000_000, deadline=5)
            if status == 307 or call in ("get", "get_user"):
                CALLS[call]()
            else:
                with pytest.raises(SyncGatewayUnavailable, match=setting_of(call)):
                    CALLS[call]()
    assert len(one.seen) == 1


def test_redirect_to_a_login_page(settings, caplog):
    """Of a proxy that wants to know who we are: its page is no answer."""

    def answer(request):
        if request.target.startswith("/login"):
            return b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"
        return reply({}, 302, Location="/login?to=" + quote(request.target))

    with HTTP(answer) as server:
        use(settings, server.url, **GIVING_UP)
        for call in CALLS:
            with caplog.at_level(0), pytest.raises(SyncGatewayUnavailable) as caught:
                CALLS[call]()
            check_refused(caught.value, setting_of(call), caplog=caplog)


# ---------------------------------------------------------------------- cookies


@everything
def test_sticky_cookie(call, settings):
    """A load balancer's, with which it knows where it has sent us."""

    def answer(request):
        data = save_answer(request)
        return data.replace(b"\r\n", b"\r\nSet-Cookie: AWSALB=one; Path=/; HttpOnly\r\n", 1)

    with HTTP(answer) as server:
        use(settings, server.url)
        CALLS[call]()
        CALLS[call]()
    assert header(server.seen[0], "Cookie") is None
    assert header(server.seen[-1], "Cookie") == "AWSALB=one"


def test_newest_cookie(settings):
    number = iter(range(100))

    def answer(request):
        cookie = f"Set-Cookie: lb={next(number)}; Path=/".encode()
        return save_answer(request).replace(b"\r\n", b"\r\n" + cookie + b"\r\n", 1)

    with HTTP(answer) as server:
        use(settings, server.url)
        for _ in range(3):
            WRITES["save"]()
    assert server.headers("Cookie") == [None, "lb=0", "lb=1"]


@pytest.mark.parametrize("cookie", ["a=1; Domain=example.com", "a=1; Secure", "a=1; Path=/other"])
def test_cookie_that_is_not_for_us(cookie, settings):
    with HTTP(lambda request: reply({}, Set_Cookie=cookie)) as server:
        use(settings, server.url)
        READS["get"]()
        READS["get"]()
    assert server.headers("Cookie") == [None, None]


# ---------------------------------------------------------------------- proxies


class Proxy(Server):
    """A proxy for whom gateway.test is ``target``; ``asked`` is what it was asked for, ``logins``
    are who did."""

    def __init__(self, target, login=None):
        self._target = target
        self._login = login
        self.asked = []
        self.logins = []
        super().__init__(self._pass)

    def _pass(self, connection):
        with connection.makefile("rb") as source:
            while request := read(source):
                self.asked.append(f"{request.method} {request.target}")
                self.logins.append(header(request, "Proxy-Authorization"))
                if self._login not in (None, self.logins[-1]):
                    connection.sendall(reply({}, 407, Proxy_Authenticate="Basic"))
                elif request.method == "CONNECT":
                    parts = urlsplit(self._target)
                    with socket.create_connection((parts.hostname, parts.port)) as other:
                        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                        relay(connection, other)
                    return
                else:
                    method, target = request.method.encode(), request.target.encode()
                    path = target.removeprefix(HERE.encode())
                    line = request.head.replace(method + b" " + target, method + b" " + path, 1)
                    connection.sendall(pass_on(self._target)(replace(request, head=line)))


HERE = "http://gateway.test:4984"


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_proxy(name, http_gateway, settings, monkeypatch, caplog):
    """Nobody but the proxy knows where gateway.test is."""
    public, admin = http_gateway.urls
    with Proxy(public) as proxy, caplog.at_level(0):
        url = proxy.url.replace("://", f"://me:{quote(PROXY_SECRET)}@")
        monkeypatch.setenv(name, url)
        monkeypatch.setenv("no_proxy", "127.0.0.1,.example.com")
        use(settings, HERE, admin)
        settings.SYNC_GATEWAY_ADMIN_USER = None
        SyncGateway.put_user(USER, password=SECRET, admin_channels=["*"])
        assert proxy.asked == []  # the admin port is not to be asked by it
        article = CBArticle(title="One", channels=["a"])
        article.save()
        assert CBArticle(article.uid).title == "One"
        SyncGateway.delete_document(article.uid, article.rev)
    assert {line.partition("?")[0] for line in proxy.asked} == {
        f"PUT {HERE}/test_documents/{article.uid}",
        f"POST {HERE}/test_documents/_bulk_get",
        f"DELETE {HERE}/test_documents/{article.uid}",
    }
    assert set(proxy.logins) == {basic("me", PROXY_SECRET)}
    check_nothing_secret(caplog.text)


def test_proxy_for_https(settings, monkeypatch, tmp_path):
    import ssl

    import trustme

    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("gateway.test").configure_cert(context)
    with HTTP(save_answer, context) as server, Proxy(server.url) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url.replace("://", f"://me:{quote(PROXY_SECRET)}@"))
        use(settings, "https://gateway.test:4984", verify=str(tmp_path / "ca.pem"))
        for call in CALLS.values():
            call()
    assert len(server.seen) == len(CALLS)
    assert set(proxy.asked) == {"CONNECT gateway.test:4984"}
    assert set(proxy.logins) == {basic("me", PROXY_SECRET)}
    # The gateway's own login is none of the proxy's business, nor is the proxy's the gateway's.
    assert set(server.headers("Proxy-Authorization")) == {None}
    assert set(server.headers("Authorization")) == {LOGIN, ADMIN_LOGIN}


@pytest.mark.parametrize("no_proxy", ["127.0.0.1", "*", "example.com, 127.0.0.1", "127.0.0.0/8"])
def test_no_proxy(no_proxy, settings, monkeypatch):
    with closed_port() as closed, HTTP(save_answer) as server:
        monkeypatch.setenv("http_proxy", url_of(closed))
        monkeypatch.setenv("no_proxy", no_proxy)
        use(settings, server.url)
        for call in CALLS.values():
            call()


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("how", ["down", "login", "no address"])
@everything
def test_proxy_that_does_not_pass_us_on(call, how, scheme, settings, monkeypatch, caplog):
    with contextlib.ExitStack() as stack:
        if how == "down":
            url = url_of(stack.enter_context(closed_port()))
        else:
            url = stack.enter_context(Proxy("http://127.0.0.1:1", login="another")).url
        url = with_login(url, "me", PROXY_SECRET)
        if how == "no address":
            url = f"http://me:{quote(PROXY_SECRET)}@[bad"
        monkeypatch.setenv(f"{scheme}_proxy", url)
        use(settings, f"{scheme}://gateway.test:4984", **GIVING_UP)
        with caplog.at_level(0), pytest.raises(Exception) as caught:  # noqa: PT011
            CALLS[call]()
        assert type(caught.value).__module__ in (
            "django_cbtools.exceptions", "django.core.exceptions",
        )  # fmt: skip
        check_refused(caught.value, f"{scheme}_proxy", "proxy", caplog=caplog)


# ------------------------------------------------------------------------ netrc


@pytest.fixture
def netrc(tmp_path, monkeypatch):
    path = tmp_path / "my-netrc"
    path.write_text(f"machine 127.0.0.1 login from-netrc password {PROXY_SECRET}\n")
    monkeypatch.setenv("NETRC", str(path))
    return path


@everything
def test_netrc(call, netrc, settings, caplog):
    with HTTP(save_answer) as server:
        use(settings, server.url)
        without_logins(settings)
        with caplog.at_level(0):
            CALLS[call]()
    assert set(server.headers("Authorization")) == {basic("from-netrc", PROXY_SECRET)}
    check_nothing_secret(caplog.text)


@everything
def test_settings_go_before_netrc(call, netrc, settings):
    with HTTP(save_answer) as server:
        use(settings, server.url)
        CALLS[call]()
        use(settings, with_login(server.url, USER, SECRET))
        without_logins(settings)
        CALLS[call]()
    first = ADMIN_LOGIN if call in ADMIN_CALLS else LOGIN
    assert server.headers("Authorization")[0] == first
    assert server.headers("Authorization")[-1] == LOGIN


def test_netrc_of_another_host(settings, netrc):
    netrc.write_text("machine example.com login a password b\n")
    with HTTP(save_answer) as server:
        use(settings, server.url)
        without_logins(settings)
        READS["get"]()
    assert server.headers("Authorization") == [None]


@pytest.mark.parametrize("text", ["machine", "nonsense", "\xff\xfe", "machine 127.0.0.1 password"])
def test_netrc_that_is_none(text, settings, netrc):
    netrc.write_bytes(text.encode("latin-1"))
    with HTTP(save_answer) as server:
        use(settings, server.url)
        without_logins(settings)
        if text == "\xff\xfe":
            with pytest.raises(ImproperlyConfigured, match="netrc"):
                READS["get"]()
        else:
            READS["get"]()
    assert set(server.headers("Authorization")) <= {None}


# -------------------------------------------------------------- once per session


def test_environment_is_read_once(settings, monkeypatch, netrc):
    """What changes afterwards has no effect on a session that is in use."""
    with HTTP(save_answer) as server, closed_port() as closed:
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        use(settings, server.url)
        without_logins(settings)
        READS["get"]()
        ADMIN_CALLS["get_user"]()
        monkeypatch.delenv("no_proxy")
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, url_of(closed))
        netrc.unlink()
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
        for call in CALLS.values():
            call()
    assert len(server.seen) == len(CALLS) + 2
    assert len(set(server.headers("Authorization"))) == 1


def test_environment_is_not_asked_for_each_request(settings, monkeypatch):
    """Nor what it names: a look at all of it takes longer than most requests."""
    with HTTP(save_answer) as server:
        use(settings, server.url)
        without_logins(settings)
        for call in CALLS.values():
            call()
        looked = []
        get = type(os.environ).__getitem__

        def look(self, name):
            looked.append(name)
            return get(self, name)

        monkeypatch.setattr(type(os.environ), "__getitem__", look)
        for _ in range(3):
            for call in CALLS.values():
                call()
    assert not [name for name in looked if "proxy" in name.lower() or "BUNDLE" in name]
    assert "NETRC" not in looked
    assert "SSLKEYLOGFILE" not in looked


def test_new_settings_read_the_environment_anew(settings, monkeypatch):
    with HTTP(save_answer) as server, closed_port() as closed:
        use(settings, server.url, retries=0)
        READS["get"]()
        monkeypatch.setenv("http_proxy", url_of(closed))
        READS["get"]()
        use(settings, server.url, retries=0)
        with pytest.raises(SyncGatewayUnavailable):
            READS["get"]()


def test_gateways_own_404_is_no_proxys(settings):
    """The other side of these tests: what the gateway itself says is taken at its word."""
    answer = head(404, Content_Length=44) + b'{"error":"not_found","reason":"missing"}    '
    with HTTP(lambda request: answer) as server:
        use(settings, server.url)
        with pytest.raises(SyncGatewayNotFound):
            READS["get"]()
