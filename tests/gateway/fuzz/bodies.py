"""Random bodies, by the path they are sent to."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from random import Random

from tests.gateway.fuzz.known import CHANNELS, DATABASES, PASSWORD, ROLES, USERS, Known
from tests.gateway.fuzz.texts import Texts

SYNC_FUNCTIONS = [
    """function (doc, oldDoc, meta) {
        if (doc.need) requireAccess(doc.need);
        if (doc.user) requireUser(doc.user);
        if (doc.refuse) throw({forbidden: doc.refuse});
        channel(doc.channels);
        access(doc.to, doc.grant);
        role(doc.to, doc.roles);
        if (doc.until) expiry(doc.until);
    }""",
    "function (doc, oldDoc) { channel((oldDoc || doc).channels); access('bob', 'b'); }",
    "function (doc) { channel(Object.keys(doc)); }",
    "function (doc) { channel(doc.a, [doc.b], {}, null, NaN); access({}, 5); role([], [null]); }",
    "function (doc) { requireAdmin(); }",
    "function (doc) { if (doc.a) { throw new Error('x'); } doc.b.c; }",
    "function (doc) { function f() { return f(); } f(); }",
    "function (doc) { doc.channels = 5; globalThis.kept = (globalThis.kept || 0) + 1; }",
    "function (doc) { throw {forbidden: {toString: function () { throw 1; }}}; }",
    "function (doc) { throw null; }",
    "function (doc) { Object.prototype.x = 1; Array.prototype.push = null; channel('a'); }",
    "function (doc) {", "5", "", "function", "(function (doc) { channel('\ud800\0'); })",
    "function (doc) { channel('x'.repeat(100000)); console.log('x'.repeat(100000)); }",
]  # fmt: skip
VIEW_FUNCTIONS = [
    "function (doc, meta) { emit(doc.a, null); }",
    "function (doc, meta) { emit([doc.doc_type, meta.id], doc); }",
    "function (doc) { for (var key in doc) emit(doc[key], key); }",
    "function (doc) { emit(doc.channels); throw 1; }", "function (doc) { emit(emit); }",
    "not a function", "", "function (doc) { emit(NaN, Infinity); emit(doc, doc); }",
]  # fmt: skip
REDUCES = ["_count", "_sum", "_stats", "_x", "function (k, v) { return v.length; }", "throw 1", ""]
ATTACHMENTS = ["file.txt", "photo", "a/b", "é"]
JSON = "application/json"

Body = tuple[str, bytes]


class Bodies(Texts):
    """Draws bodies, each with its content type."""

    def __init__(self, random: Random, known: Known) -> None:
        super().__init__(random)
        self.known = known

    def body(self, path: str, uid: str) -> Body:
        """A body for a route; for one that is not known here, any of them."""
        draw: dict[str, Callable[[], str]] = {
            "/": lambda: self.document(self.uid()) if self.chance(0.8) else self.config(),
            "/{doc}": lambda: self.document(uid),
            "/_bulk_docs": self.bulk_docs,
            "/_bulk_get": self.bulk_get,
            "/_all_docs": lambda: self.object({"keys": self.strings(self.uid)}),
            "/_changes": self.changes,
            "/_revs_diff": self.revs_diff,
            "/_purge": self.purge,
            "/_local/{name}": lambda: self.document(uid),
            "/_session": self.session,
            "/_user/": self.user,
            "/_user/{name}": self.user,
            "/_role/": self.role,
            "/_role/{name}": self.role,
            "/_design/{design}": self.design,
            "/_config": self.config,
            "/_user/{name}/_access_history/compact": lambda: self.object(
                {"channels": self.object({"_default": self.object({"_default": self.channels()})})}
            ),
            "/_channel_history/{doc}/compact": lambda: self.object({"seq": self.number()}),
            "/_resync": lambda: self.object({"scopes": self.value()}),
            "/_online": lambda: self.object({"delay": self.integer() or '""'}, spare=0.8),
        }
        if path == "/_config/sync" or path.startswith("/_config/i"):
            return "application/javascript", _bytes(self.random.choice(SYNC_FUNCTIONS))
        if path.startswith("/{doc}/"):
            return self.random.choice(["text/plain", "image/png", ""]), self.content()
        if path == "/{doc}" and self.chance(0.15):
            return self.multipart(uid)
        if self.chance(0.03):
            return JSON, _bytes(self.value())
        if self.chance(0.01):
            return JSON, self.random.randbytes(self.random.randrange(300))
        text = draw.get(path, self.random.choice(list(draw.values())))()
        data = _bytes(text)
        if self.chance(0.01):  # a byte is another
            place = self.random.randrange(len(data) + 1)
            data = data[:place] + self.random.randbytes(1) + data[place + 1 :]
        if self.chance(0.005):
            data = text.encode("utf-16", "surrogatepass")
        return JSON, data

    # ------------------------------------------------------------------- words

    def uid(self) -> str:
        return self.text() if self.chance(0.05) else self.known.uid(self.random)

    def channel(self) -> str:
        return self.text() if self.chance(0.03) else self.random.choice(CHANNELS)

    def channels(self) -> str:
        """Channels as documents and users have them."""
        if self.chance(0.9):
            return self.strings(lambda: self.channel().replace("*", "c"))
        return self.random.choice([self.quoted(self.channel()), self.value()])

    def attachment_name(self) -> str:
        return self.text() if self.chance(0.05) else self.random.choice(ATTACHMENTS)

    def content(self) -> bytes:
        """What an attachment holds."""
        size = self.random.choice([0, 1, 20, 20, 20, 1000, 200_000])
        return self.random.choice([b"x", b"hello ", b"\0\xff"]) * size

    # --------------------------------------------------------------- documents

    def document(self, uid: str, *, attachments: str = "") -> str:
        rev = self.known.rev(self.random, uid)
        members = {"channels": self.channels()} if self.chance(0.7) else {}
        if self.chance(0.8 if self.known.revs[uid] else 0.05):
            members["_rev"] = self.quoted(rev)
        odd: dict[str, Callable[[], str]] = {
            "_id": lambda: self.quoted(uid),
            "_cv": lambda: self.quoted(self.random.choice(list(self.known.cvs))),
            "_deleted": lambda: "true",
            "_exp": lambda: self.random.choice(["0", "1", "100", "null", '"2099-01-01T00:00:00Z"',
                                                '"x"', "4102444800", "9" * 20]),
            "_revisions": lambda: self.revisions(rev),
            "_attachments": self.attachments,
            "_removed": lambda: "true",
            "_purged": lambda: "true",
            "_sync": lambda: "{}",
            "_sync_x": lambda: "1",
            "_x": self.value,
            "doc_type": lambda: '"article"',
            "st_deleted": lambda: self.random.choice(["true", "false"]),
            "to": lambda: self.random.choice(['"alice"', '["bob","role:reader"]', self.value()]),
            "grant": self.channels,
            "roles": lambda: self.strings(lambda: "role:" + self.random.choice(ROLES)),
            "need": self.channels,
            "user": lambda: self.random.choice(['"alice"', '["alice","bob"]']),
            "refuse": lambda: self.quoted(self.text()),
            "until": lambda: self.random.choice(["10", '"2099-01-01T00:00:00Z"', self.value()]),
            "a": self.value,
            self.text(): self.value,
        }  # fmt: skip
        for name in self.random.sample(list(odd), self.random.randrange(4)):
            members[name] = odd[name]() if self.chance(0.9) else self.value()
        if attachments:
            members["_attachments"] = attachments
        return self.object(members)

    def revisions(self, rev: str) -> str:
        """The `_revisions` of a replicator's write: on top of ``rev``, beside it, or nonsense."""
        generation, _, digest = rev.partition("-")
        start = int(generation) if generation.isdecimal() and len(generation) < 9 else 1
        ids = [digest]
        for _ in range(self.random.randrange(3)):
            ids.insert(0, self.random.choice(["aa", "bb", f"{self.random.getrandbits(128):032x}"]))
        if self.chance(0.3):
            ids.pop()
        number = str(start + len(ids) - 1) if self.chance(0.8) else self.number()
        return self.object({"start": number, "ids": self.array(lambda: "", 0)[:1]
                            + ",".join(map(self.quoted, ids)) + "]"})  # fmt: skip

    def attachments(self) -> str:
        """`_attachments` in a body."""
        return self.object({self.attachment_name(): self.attachment() for _ in range(2)})

    def attachment(self) -> str:
        data = base64.b64encode(self.content()).decode()
        stub = {
            "stub": "true",
            "digest": self.quoted(self.random.choice(list(self.known.digests))),
            "revpos": self.integer() or "1",
            "length": "20",
        }
        kinds = [
            {"data": f'"{data}"', "content_type": '"text/plain"'},
            stub,
            {"data": self.random.choice(['"!!!"', '"a"', "5", "null", '"eA"'])},
            {"follows": "true", "length": self.integer() or "1", "digest": '"sha1-x"'},
            {"stub": "false"},
        ]
        members = self.random.choices(kinds, [4, 5, 1, 1, 1])[0]
        if self.chance(0.05):
            members[self.random.choice([*stub, "data", "content_type", "encoding"])] = self.value()
        return self.object(members)

    def multipart(self, uid: str) -> Body:
        """A document with its attachments beside it, and all that can be wrong there."""
        contents = {name: self.content() for name in self.random.sample(ATTACHMENTS, 2)}
        follows = {
            name: self.object({
                "follows": "true",
                "content_type": '"text/plain"',
                "length": str(len(data)) if self.chance(0.9) else self.integer() or "0",
                "digest": f'"{_digest(data)}"' if self.chance(0.9) else '"sha1-x"',
            }, spare=0.02)
            for name, data in contents.items()
        }  # fmt: skip
        document = self.document(uid, attachments=self.object(follows)).encode(
            "utf-8", "surrogatepass"
        )
        parts = [b"Content-Type: application/json\r\n\r\n" + document]
        for data in contents.values():
            disposition = f'Content-Disposition: attachment; filename="{_digest(data)}"\r\n'
            head = disposition if self.chance(0.9) else "Content-Length: 5\r\nX\r\n"
            parts.append(head.encode() + b"\r\n" + data)
        if self.chance(0.1):
            self.random.shuffle(parts)
        boundary = b"--zzz"
        body = b"".join(boundary + b"\r\n" + part + b"\r\n" for part in parts) + boundary + b"--"
        if self.chance(0.15):
            place = self.random.randrange(len(body))
            body = self.random.choice([
                body[:place], body[:place] + b"\r\n--zzz\r\n" + body[place:], body * 2, b"--zzz--",
                body.replace(b"\r\n", b"\n"), body.replace(b"\r\n\r\n", b"\r\n"), b"x\r\n" + body,
            ])  # fmt: skip
        return 'multipart/related; boundary="zzz"', body

    # -------------------------------------------------------- bulk and changes

    def bulk_docs(self) -> str:
        def member() -> str:
            uid = self.uid()
            document = self.document(uid)
            return '{"_id":' + self.quoted(uid) + ("," if document != "{}" else "") + document[1:]

        docs = self.array(lambda: member() if self.chance(0.98) else self.value(), 5)
        return self.object(
            {"docs": docs, **({"new_edits": "false"} if self.chance(0.4) else {})}
        )  # fmt: skip

    def bulk_get(self) -> str:
        def row() -> str:
            uid = self.uid()
            rev = self.quoted(self.known.rev(self.random, uid))
            return self.object({
                "id": self.quoted(uid) if self.chance(0.97) else self.value(),
                **({"rev": rev} if self.chance(0.6) else {}),
                **({"atts_since": f"[{rev}]"} if self.chance(0.2) else {}),
                **({"revs_from": f"[{rev}]"} if self.chance(0.1) else {}),
            })  # fmt: skip

        return self.object(
            {"docs": self.array(lambda: row() if self.chance(0.98) else self.value())}
        )

    def revs_diff(self) -> str:
        uids = [self.uid() for _ in range(3)]
        return self.object({
            uid: self.strings(lambda uid=uid: self.known.rev(self.random, uid))  # type: ignore[misc]
            if self.chance(0.95) else self.value()
            for uid in uids
        })  # fmt: skip

    def purge(self) -> str:
        return self.object({self.uid(): '["*"]' if self.chance(0.8) else self.value()})

    def changes(self) -> str:
        feeds = [*["normal", "longpoll", "continuous"] * 4, "websocket", "x"]
        return self.object({
            "timeout": self.random.choice(["1", "10", "50", "200"]),
            **self.some({
                "feed": lambda: self.quoted(self.random.choice(feeds)),
                "since": lambda: self.quoted(self.random.choice(list(self.known.sequences))),
                "limit": lambda: self.integer() or '""',
                "style": lambda: self.random.choice(['"all_docs"', '"main_only"']),
                "filter": lambda: self.random.choice(['"sync_gateway/bychannel"', '"_doc_ids"']),
                "channels": lambda: self.random.choice(['"a,b"', '""', self.value()]),
                "doc_ids": lambda: self.strings(self.uid),
                "include_docs": self.flag_value,
                "active_only": self.flag_value,
                "heartbeat": lambda: self.random.choice(["0", "1", "25000", '"x"']),
            }),
        })  # fmt: skip

    def some(self, draws: dict[str, Callable[[], str]]) -> dict[str, str]:
        """Some members, most of them as they should be."""
        return {
            name: draw() if self.chance(0.93) else self.value()
            for name, draw in draws.items()
            if self.chance(0.4)
        }

    def flag_value(self) -> str:
        return self.random.choice(["true", "false"])

    # ----------------------------------------------------------- administration

    def user(self) -> str:
        return self.object(self.some({
            "name": lambda: self.quoted(self.random.choice(USERS)),
            "email": lambda: '"x@example.org"',
            "disabled": lambda: self.random.choice(["true", *["false"] * 9]),
            "admin_channels": self.channels,
            "admin_roles": lambda: self.strings(lambda: self.random.choice(ROLES)),
            "roles": lambda: self.strings(lambda: self.random.choice(ROLES)),
            "all_channels": self.channels,
            "collection_access": lambda: self.object({"own": self.object(
                {"things": self.object({"admin_channels": self.channels()})})}),
        }) | ({"password": f'"{PASSWORD}"'} if self.chance(0.8) else {}))  # fmt: skip

    def role(self) -> str:
        return self.object(self.some({
            "name": lambda: self.quoted(self.random.choice(ROLES)),
            "admin_channels": self.channels,
            "all_channels": self.channels,
        }))  # fmt: skip

    def session(self) -> str:
        return self.object({
            "name": self.quoted(self.random.choice(USERS)),
            **({"password": f'"{PASSWORD}"'} if self.chance(0.8) else {}),
            **({"ttl": self.integer() or '""'} if self.chance(0.4) else {}),
        })  # fmt: skip

    def design(self) -> str:
        def view() -> str:
            if self.chance(0.05):
                return self.value()
            members = {"map": self.quoted(self.random.choice(VIEW_FUNCTIONS))}
            if self.chance(0.6):
                members["reduce"] = self.quoted(self.random.choice(REDUCES))
            return self.object(members)

        return self.object({"views": self.object({"v": view(), "w": view()}, spare=0.2)})

    def config(self) -> str:
        sync = self.random.choices(SYNC_FUNCTIONS, [12, 3, 3] + [1] * (len(SYNC_FUNCTIONS) - 3))[0]
        scopes = self.object({"own": self.random.choice(['{"collections":{"things":{}}}',
                              '{"collections":{"more":{},"things":{}}}'])})  # fmt: skip
        return self.object(self.some({
            "bucket": lambda: self.quoted(self.random.choice(DATABASES)),
            "sync": lambda: self.quoted(sync),
            "revs_limit": lambda: self.random.choice(["20", "50", "0", "-1", '"x"', "9" * 30]),
            "guest": lambda: self.random.choice(['{"disabled":true}', '{"disabled":false}',
                                                 '{"disabled":false,"admin_channels":["a"]}']),
            "scopes": lambda: scopes,
            "users": lambda: self.object({"alice": self.user()}),
            "roles": lambda: self.object({"reader": self.role()}),
            "offline": lambda: "false",
            "allow_conflicts": self.flag_value,
            "disable_public_all_docs": self.flag_value,
            "cors": lambda: self.object({"origin": self.strings(lambda: "http://localhost")}),
            "old_rev_expiry_seconds": lambda: self.random.choice(["0", "1", "300", self.number()]),
            "local_doc_expiry_secs": lambda: self.random.choice(["0", "1", "9000", self.number()]),
        }) | ({
            "session_cookie_name": self.quoted(self.text()),
            self.text(): self.value(),
        } if self.chance(0.2) else {}))  # fmt: skip


def _digest(data: bytes) -> str:
    return "sha1-" + base64.b64encode(hashlib.sha1(data).digest()).decode()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
