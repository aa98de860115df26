"""Random requests: for every route that the gateway has, what its handler expects, nearly."""

from __future__ import annotations

import base64
import gzip
import re
from collections.abc import Callable
from random import Random
from urllib.parse import quote

from django_cbtools.embedded.api.left_out import LEFT_OUT
from django_cbtools.embedded.api.routes import ROUTES
from django_cbtools.embedded.http.messages import ADMIN_PORT, PUBLIC_PORT
from tests.gateway.fuzz.bodies import Bodies
from tests.gateway.fuzz.known import DATABASE, DATABASES, KEYSPACES, PASSWORD, ROLES, USERS, Known
from tests.gateway.fuzz.wire import Request

#: How often a route is taken, by its path after the database; 10 where nothing is said.
WEIGHTS = {
    "/{doc}": 120, "/": 15, "/_bulk_docs": 60, "/_bulk_get": 40, "/_all_docs": 30,
    "/_changes": 40, "/{doc}/{attachment}": 50, "/_user/{name}": 30, "/_revs_diff": 20,
    "/_design/{design}/_view/{view}": 15, "/_local/{name}": 15, "/_flush": 1, "/_offline": 1,
    "/_online": 15, "/_config": 8, "/_config/sync": 8, "/_resync": 3,
}  # fmt: skip
MORE = {"PUT": 5, "POST": 2, "GET": 3}
METHODS = ["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH", "TRACE", "get", "X" * 300]

#: Parameters, by how their values look.
FLAGS = [
    "revs", "attachments", "include_docs", "channels", "update_seq", "name_only", "reduce", "group",
    "descending", "inclusive_end", "one_time", "show_exp", "new_edits", "active_only", "meta",
    "show_cv", "deleted", "access", "include_doc", "redact", "include_runtime",
    "regenerate_sequences", "purge", "batch", "request_plus", "send_removals", "include_deleted",
]  # fmt: skip
INTEGERS = ["limit", "skip", "group_level", "revs_limit", "delay", "ttl"]
FEEDS = ["normal", "longpoll", "continuous"]
CHOICES = {
    "feed": [*FEEDS * 4, "websocket", "eventsource", "x", ""],
    "style": ["main_only", "all_docs", "x"],
    "filter": ["sync_gateway/bychannel", "_doc_ids", "_selector", "x", ""],
    "stale": ["ok", "false", "update_after", "x"],
    "action": ["start", "stop", "x"],
    "version_type": ["rev", "cv", "x"],
    "type": ["attachment", "tombstone", "x"],
    "content_encoding": ["true", "false"],
}


class Grammar(Bodies):
    """Draws requests, for the ports that there are."""

    def __init__(self, random: Random, known: Known, ports: list[str]) -> None:
        super().__init__(random, known)
        self.ports = ports
        self.routes: list[tuple[str, str, list[str]]] = []
        self.weights: list[int] = []
        for path, at, methods in ROUTES:
            self._add(path, at, list(methods), WEIGHTS.get(tail(path), 10))
        for path, at, refused, _ in LEFT_OUT:
            self._add(path, at, refused.split(), 1)

    def _add(self, path: str, at: tuple[str, ...], methods: list[str], weight: int) -> None:
        for port in self.ports:
            if (port if port == ADMIN_PORT else PUBLIC_PORT) in at:
                self.routes.append((port, path, methods))
                self.weights.append(weight)

    def request(self) -> Request:
        """A request; now and then it is none at all."""
        if ADMIN_PORT in self.ports and self.chance(0.01):
            return self.wild()
        port, path, methods = self.random.choices(self.routes, self.weights)[0]
        odds = [MORE.get(name, 1) for name in methods]
        method = self.random.choices(methods, odds)[0]
        if self.chance(0.03):
            method = self.random.choice(METHODS)
        uid, attachment = self.uid(), self.attachment_name()
        if "{attachment}" in path and method != "PUT" and self.chance(0.8):
            uid, attachment = self.random.choice(list(self.known.attached))
        if tail(path) == "/" and method in ("PUT", "DELETE"):
            target = "/" + self.random.choice([*DATABASES, "fourth", "Bad.Name", "_x", "é"])
            target += "/"
            if method == "DELETE" and not self.chance(0.1):
                method = "GET"  # else nothing would ever be there
        else:
            target = re.sub(
                r"\{(\w+)\}", lambda found: self.segment(found[1], uid, attachment), path
            )
        query = self.query(tail(path), uid)
        headers = self.headers(uid)
        body = b""
        if method not in ("GET", "HEAD", "DELETE") or self.chance(0.02):
            content_type, body = self.body(tail(path), uid)
            if content_type and not self.chance(0.03):
                headers.setdefault("Content-Type", content_type)
            if self.chance(0.04):
                headers["Content-Encoding"] = self.random.choice(
                    ["gzip", "gzip", "gzip", "br", "x"]
                )
                if self.chance(0.8):
                    body = gzip.compress(body, 1)
                if self.chance(0.2):
                    body = body[: self.random.randrange(len(body) + 1)]
        framing = "length"
        if self.chance(0.1 if body else 0.005):
            framing = self.random.choice(
                ["chunked", "chunked", "chunked", "longer", "shorter", "cut", "garbled"]
            )
        if framing != "length" and method == "HEAD":
            framing = "length"
        leaves = self.chance(0.003)
        return Request(port, method, target + query, headers, body, framing, leaves, path)

    def wild(self) -> Request:
        """Bytes that only begin like a request, or not even so."""
        junk = self.random.randbytes(self.random.randrange(200))
        lines = [
            junk, b"\r\n" * 5, b"GET", b"GET /", b"GET / HTTP/9.9\r\n\r\n", b"\0" * 5000,
            b"GET /" + b"x" * 60_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET  /  HTTP/1.1\r\n\r\n", b"HEAD //x/y HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET http://other/x HTTP/1.1\r\nHost: x\r\n\r\n", b"CONNECT x:1 HTTP/1.1\r\n\r\n",
            b"GET /%s/\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n" % DATABASE.encode(),
            b"GET /%s/d1 HTTP/1.1\r\n%s\r\n\r\n" % (DATABASE.encode(), b"A: b\r\n" * 3000),
            b"GET /%s/d1 HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n" % (DATABASE.encode(), b"y" * 99_999),
            b"GET /%s/d1 HTTP/1.1\r\nHost: x\r\nCookie: \xff\0\r\n\r\n" % DATABASE.encode(),
            b"PUT /%s/d1 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"
            % DATABASE.encode(),
            b"PUT /%s/d1 HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
            % DATABASE.encode(),
            b"PUT /%s/d1 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked"
            b"\r\n\r\n0\r\n\r\n" % DATABASE.encode(),
        ]  # fmt: skip
        body = self.random.choice(lines)
        return Request(self.random.choice(self.ports), "GET", "", {}, body, "raw")

    def slow(self) -> list[Request]:
        """Sync functions that do not come to an end, or take all the memory there is; bombs."""
        function = self.random.choice([
            "function (doc) { while (true) {} }",
            "function (doc) { var a = []; while (true) { a.push(new Array(100000).fill(1)); } }",
            "function (doc) { var s = 'x'; while (true) { s += s; } }",
            "function (doc) { /(a+)+$/.test('a'.repeat(40) + 'b'); }",
        ])  # fmt: skip
        bomb = gzip.compress(b'{"a":"' + b"x" * (50 << 20) + b'"}')
        config = self.object({
            "bucket": '"loops"', "javascript_timeout_secs": "1", "sync": self.quoted(function),
        }).encode()  # fmt: skip
        return [
            Request("admin", "PUT", "/loops/", JSON, config),
            Request("admin", "PUT", "/loops/d", JSON, b"{}"),
            Request("admin", "GET", "/loops/d", {}),
            Request("admin", "DELETE", "/loops/", {}),
            Request(
                "admin", "PUT", f"/{DATABASE}/bomb", {**JSON, "Content-Encoding": "gzip"}, bomb
            ),
            Request("admin", "PUT", f"/{DATABASE}/big", JSON, b'{"a":"%s"}' % (b"x" * (21 << 20))),
            Request("admin", "PUT", f"/{DATABASE}/big/file", {}, b"x" * (21 << 20)),
        ]

    # ---------------------------------------------------------------- its parts

    def segment(self, name: str, uid: str, attachment: str) -> str:
        """What stands for a name in a path."""
        if self.chance(0.02):
            return quote(self.text(), safe="", errors="surrogatepass") or "x"
        draw: dict[str, Callable[[], str]] = {
            "db": lambda: self.random.choices([*DATABASES, self.text()], [80, 10, 10, 1])[0],
            "keyspace": self.keyspace,
            "doc": lambda: uid,
            "attachment": lambda: attachment,
            "design": lambda: self.random.choice(["x", "y", "z"]),
            "view": lambda: self.random.choice(["v", "w", "all_docs", "access"]),
            "name": lambda: self.random.choice([*USERS, *ROLES, "dan"]),
            "session": lambda: self.random.choice(list(self.known.sessions)),
        }
        text = draw.get(name, lambda: self.random.choice([uid, self.text()]))()
        text = quote(text, safe="", errors="surrogatepass")
        if self.chance(0.1):
            text = quote(text)  # it is unescaped twice
        return text or "x"

    def keyspace(self) -> str:
        return self.random.choices([*KEYSPACES, self.text()], [*KEYSPACES.values(), 1])[0]

    def query(self, path: str, uid: str) -> str:
        pairs = [self.parameter(path, uid) for _ in range(self.random.randrange(3))]
        if path == "/{doc}" and self.chance(0.4):
            pairs.append(("rev", self.known.rev(self.random, uid)))
        if path == "/{doc}/{attachment}" and self.chance(0.7):
            pairs.append(("rev", self.known.rev(self.random, uid)))
        if path == "/_changes" and self.chance(0.6):
            pairs.append(("feed", self.random.choice(CHOICES["feed"])))
        if path == "/_changes" and self.chance(0.3):
            pairs += self.random.choice([
                [("filter", "sync_gateway/bychannel"), ("channels", f"{self.channel()},a")],
                [("filter", "_doc_ids"), ("doc_ids", self.strings(self.uid))],
            ])  # fmt: skip
        if path == "/_compact" and self.chance(0.7):
            pairs.append(("type", "attachment"))
        if path == "/_changes":
            pairs.append(("timeout", str(self.random.choice([1, 1, 10, 50, 200]))))
        if not pairs:
            return ""
        text = "&".join(
            "=".join(quote(part, safe="", errors="surrogatepass") for part in pair)
            for pair in pairs
        )
        return "?" + (text if self.chance(0.98) else text[:-2] + "%" + "&&=;")

    def parameter(self, path: str, uid: str) -> tuple[str, str]:
        kind = self.random.randrange(10)
        if kind < 3:
            return self.random.choice(FLAGS), self.flag()
        if kind < 4:
            return self.random.choice(INTEGERS), self.integer()
        if kind < 6:
            name = self.random.choice(list(CHOICES))
            return name, self.random.choice(CHOICES[name])
        revs = [self.known.rev(self.random, uid) for _ in range(2)]
        draw: dict[str, Callable[[], str]] = {
            "rev": lambda: self.random.choice([*revs, *self.known.cvs, self.text()]),
            "open_revs": lambda: self.random.choice(["all", self.strings(lambda: revs[0])]),
            "revs_from": lambda: self.strings(lambda: revs[0]),
            "atts_since": lambda: self.strings(lambda: revs[0]),
            "doc_ids": lambda: self.strings(self.uid),
            "channels": lambda: ",".join([self.channel(), self.channel()]),
            "since": lambda: self.random.choice([*self.known.sequences, "5:1", "3::7", "now", "x"]),
            "heartbeat": lambda: self.random.choice(["0", "1", "25000", "-1", "x"]),
            "keys": lambda: self.strings(self.uid),
            "key": self.value,
            "startkey": lambda: self.random.choice([self.quoted(self.uid()), self.value()]),
            "endkey": lambda: self.random.choice([self.quoted(self.uid()), self.value()]),
            "startkey_docid": self.uid,
            "endkey_docid": self.uid,
            "start_key": self.value,
            "salt": self.text,
            self.text(): self.text,
        }
        name = self.random.choice(list(draw))
        return name, draw[name]() if self.chance(0.95) else self.text()

    def headers(self, uid: str) -> dict[str, str]:
        headers = {}
        if self.chance(0.8):
            headers["Authorization"] = self.authorization()
        elif self.chance(0.3):
            session = self.random.choice([*self.known.sessions, '"\\377"', "", self.header_text()])
            headers["Cookie"] = f"SyncGatewaySession={session}"
        if self.chance(0.1):
            rev = self.known.rev(self.random, uid)
            headers["If-Match"] = self.random.choice([f'"{rev}"', rev, '"', self.header_text()])
        odd = {
            "Accept": ["application/json", "multipart/*", "multipart/related", "text/plain", "x"],
            "Accept-Encoding": ["gzip", "gzip;q=0", "x"],
            "X-Accept-Part-Encoding": ["gzip", "x"],
            "Range": ["bytes=0-3", "bytes=2-", "bytes=-3", "bytes=9-2", "bytes=0-0,2-3", "bytes=",
                      "bytes=" + "9" * 400 + "-", "bytes=0-" + "9" * 30, "x=0-1", "bytes=-0"],
            "If-None-Match": ['"1-a"', "*"],
            "Origin": ["http://localhost", "null", "x"],
            "Content-Type": ["text/plain", "application/jsonx", "multipart/related", "x/y;;=", ";",
                             "multipart/related; boundary=", "application/json; charset=utf-16"],
            "X-HTTP-Method-Override": ["DELETE"],
            "Connection": ["close", "keep-alive", "Upgrade"],
        }  # fmt: skip
        for name, values in odd.items():
            if self.chance(0.02):
                headers[name] = self.random.choice([*values, self.header_text()])
        return headers

    def authorization(self) -> str:
        user = self.random.choices(USERS, [5, 5, 5, 1])[0]
        if self.chance(0.9):
            return _basic(user, PASSWORD)
        return self.random.choice([
            _basic(user, "wrong"), _basic(self.text(), self.text()), "Basic", "Basic !", "Bearer x",
            "Basic /w==", "basic " + "x" * 5000, self.header_text(),
        ])  # fmt: skip

    def header_text(self) -> str:
        return re.sub(r"[\r\n\0\ud800-\udfff]", "", self.text())


def tail(path: str) -> str:
    """A route's path after its database."""
    return re.sub(r"^/\{\w+\}", "", path)


def _basic(name: str, password: str) -> str:
    token = f"{name}:{password}".encode("utf-8", "surrogatepass")
    return "Basic " + base64.b64encode(token).decode()


JSON = {"Content-Type": "application/json"}
