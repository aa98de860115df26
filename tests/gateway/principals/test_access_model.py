"""Random users, roles, documents and grants: through every route of the public port, a user reads
exactly what a model of the rules says.

Every revision has secrets of its own, a text and maybe an attachment. Whatever an answer is, the
secrets in it are compared with those that the user is to find there.
"""

from __future__ import annotations

import base64
import itertools
import json
import re
from urllib.parse import quote

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.counts import TORTURE
from tests.gateway.access.client import ADMIN, Client, create_database
from tests.gateway.access.model import STAR, Model, Revision, User

pytestmark = [pytest.mark.django_db, pytest.mark.torture]

SYNC = """function (doc, oldDoc) {
  channel(doc.channels);
  for (var to in doc.opens) access(to, doc.opens[to]);
  for (to in doc.gives) {
    role(to, doc.gives[to].map(function (name) { return "role:" + name; }));
  }
}"""
BY_TEXT = "function (doc, meta) { emit(doc.text, doc); }"
NAMES = ["alice", "bob", ""]
ROLES = ["r", "s", "nowhere"]
UIDS = ["d1", "d2", "d3"]
SECRET = re.compile(r"secret-\d{6}-\w")
#: Three bytes are four characters in base 64: a text of that length shows in any.
WIDTH = len("secret-000000-t!")

channels = st.frozensets(st.sampled_from(["a", "b", "c", "!"]), max_size=2)
admin_channels = st.frozensets(st.sampled_from(["a", "b", "c", "*"]), max_size=2)
held_roles = st.frozensets(st.sampled_from(ROLES), max_size=2)
to_whom = st.sampled_from([*NAMES, *map("role:{}".format, ROLES)])
opens = st.dictionaries(to_whom, channels | st.just(frozenset(["a", STAR])))
gives = st.dictionaries(st.sampled_from(NAMES), held_roles)
names, roles, uids = map(st.sampled_from, (NAMES, ROLES, UIDS))
document_channels = channels | st.just(frozenset(["a", STAR]))


def encoded(secret: str) -> bytes:
    return base64.b64encode(secret.encode())


class Access(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.model = Model()
        self.count = itertools.count()
        self.secrets: dict[bytes, str] = {}
        self.atomic = transaction.atomic()
        self.atomic.__enter__()

    def teardown(self):
        try:
            for name in self.model.users:
                self.read(name)
        finally:
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)

    # -------------------------------------------------------------- changes

    @initialize(
        of_roles=st.tuples(admin_channels, admin_channels),
        open_to=st.tuples(*[admin_channels] * len(NAMES)),
        held=st.tuples(*[held_roles] * len(NAMES)),
        channels=st.tuples(*[document_channels] * len(UIDS)),
    )
    def begin(self, of_roles, open_to, held, channels):
        create_database(SYNC, unsupported={"user_views": {"enabled": True}})
        design = {"views": {"by_text": {"map": BY_TEXT}}}
        assert ADMIN.put("/_design/d", design)[0] == 201
        for role, opened in zip(ROLES[:2], of_roles, strict=True):
            self.put_role(role, opened)
        for name, *access in zip(NAMES, open_to, held, strict=True):
            self.put_user(name, *access)
        for uid, names in zip(UIDS, channels, strict=True):
            self.write(uid, names, {}, {}, attach=True, deleted=False, bulk=True)

    @rule(name=names, channels=admin_channels, roles=held_roles)
    def put_user(self, name, channels, roles):
        config = {"admin_channels": sorted(channels), "admin_roles": sorted(roles)}
        config |= {"password": f"{name}'s"} if name else {"disabled": False}
        assert ADMIN.put(f"/_user/{name or 'GUEST'}", config)[0] in (200, 201)
        self.model.users[name] = User(channels, roles)

    @rule(name=st.sampled_from(ROLES[:2]), channels=admin_channels)
    def put_role(self, name, channels):
        assert ADMIN.put(f"/_role/{name}", {"admin_channels": sorted(channels)})[0] in (200, 201)
        self.model.roles[name] = channels

    @rule(name=st.sampled_from(ROLES[:2]), purge=st.booleans())
    def delete_role(self, name, purge):
        known = self.model.roles.pop(name, None) is not None
        status, _ = ADMIN.ask("DELETE", f"/_role/{name}", purge=purge)
        assert status == (200 if known else 404)

    def secret(self, kind: str) -> str:
        secret = f"secret-{next(self.count):06}-{kind}"
        self.secrets[encoded(secret)[: len(secret) // 3 * 4]] = secret
        return secret

    @rule(
        uid=uids, channels=document_channels, opens=opens, gives=gives, attach=st.booleans(),
        deleted=st.booleans(), bulk=st.booleans(),
    )  # fmt: skip
    def write(self, uid, channels, opens, gives, attach, deleted, bulk):
        known = self.model.documents.get(uid)
        deleted = deleted and known is not None and not self.model.current(uid)[1].deleted
        text = self.secret("t")
        body = {
            "_id": uid, "text": text, "channels": sorted(channels),
            "opens": {to: sorted(names) for to, names in opens.items()},
            "gives": {to: sorted(names) for to, names in gives.items()},
        }  # fmt: skip
        attached = ""
        if attach and not deleted:
            attached = self.secret("a")
            body["_attachments"] = {"file": {"data": encoded(attached).decode()}}
        if known:
            body["_rev"] = self.model.current(uid)[0]
        if deleted:
            body["_deleted"] = True
            text = ""  # is not kept
        if bulk:
            status, answer = ADMIN.ask("POST", "/_bulk_docs", {"docs": [body]})
            rev = answer[0]["rev"]
        else:
            status, answer = ADMIN.put(f"/{uid}", body)
            rev = answer["rev"]
        assert status == 201
        # It is in the channel of all alone, and opens channels, but not that one.
        channels = frozenset(STAR) if STAR in channels else channels
        opens = {to: names - {STAR} for to, names in opens.items()}
        revision = Revision(channels, opens, gives, text, attached, deleted)
        self.model.documents.setdefault(uid, {})[rev] = revision

    @rule(uid=uids)
    def delete(self, uid):
        if uid in self.model.documents and not self.model.current(uid)[1].deleted:
            status, answer = ADMIN.ask("DELETE", f"/{uid}", rev=self.model.current(uid)[0])
            assert status == 200
            self.model.documents[uid][answer["rev"]] = Revision(frozenset(), deleted=True)

    @rule(uid=uids)
    def purge(self, uid):
        assert ADMIN.ask("POST", "/_purge", {uid: ["*"]})[0] == 200
        self.model.documents.pop(uid, None)

    # -------------------------------------------------------------- reading

    @rule(name=names)
    def read(self, name):
        self.name = name
        self.client = Client("public", name, f"{name}'s") if name else Client("public")
        self.session()
        for uid in UIDS:
            self.one(uid)
            for rev, revision in self.model.documents.get(uid, {}).items():
                self.revision(uid, rev, revision)
        self.open_revisions()
        self.lists()
        self.bulk_get()
        self.revs_diff()
        self.view()
        self.changes()
        self.blind_writes()

    def ask(self, secrets, method, path, body=None, accept="application/json", may=(), **query):
        """Ask, and compare the secrets in the answer with those that are to be there, and others
        that may be."""
        client = Client("public", **{**self.client.headers, "accept": accept})
        answer = client.send(method, path, body, **query)
        data = b"".join(answer.chunks())
        found = set(SECRET.findall(data.decode("utf-8", "replace")))
        found |= {secret for code, secret in self.secrets.items() if code in data}
        wanted = set(filter(None, secrets))
        assert wanted <= found <= wanted.union(may), (method, path, query, data)
        assert answer.status < 500, (method, path, query, data)
        return answer.status, json.loads(data) if data[:1] in (b"{", b"[") else data

    def session(self):
        model, name = self.model, self.name
        _, answer = self.ask([], "GET", "/_session")
        assert answer["userCtx"]["name"] == (name or None)
        assert answer["userCtx"]["channels"].keys() == model.own_channels(name)
        _, answer = ADMIN.get(f"/_user/{name or 'GUEST'}")
        assert set(answer["all_channels"]) == model.open_to(name)
        assert set(answer.get("roles", ())) == model.roles_of(name)
        for role in model.roles:
            _, answer = ADMIN.get(f"/_role/{role}")
            assert set(answer["all_channels"]) == model.channels_of_role(role)

    def one(self, uid):
        if uid not in self.model.documents:
            assert self.ask([], "GET", f"/{uid}")[0] == 404
            return
        rev, revision = self.model.current(uid)
        may = self.model.sees(self.name, uid)
        status = 403 if not may else 404 if revision.deleted else 200
        seen = revision if may else Revision(frozenset())
        assert self.ask([seen.text], "GET", f"/{uid}")[0] == status
        assert self.ask([], "HEAD", f"/{uid}")[0] == status
        assert self.ask([seen.text], "GET", f"/{uid}", revs=True, show_exp=True)[0] == status
        secrets = [seen.text, seen.attached]
        for accept in ("application/json", "multipart/related"):
            found, _ = self.ask(secrets, "GET", f"/{uid}", accept=accept, attachments=True)
            assert found == status
        for query in ({}, {"rev": rev}):
            status, _ = self.ask([seen.attached], "GET", f"/{uid}/file", accept="*/*", **query)
            assert (status == 200) is bool(seen.attached)
            head, _ = self.ask([], "HEAD", f"/{uid}/file", accept="*/*", **query)
            assert head == status

    def revision(self, uid, rev, revision):
        may = self.model.may_read(self.name, revision.channels)
        status, answer = self.ask([revision.text] if may else [], "GET", f"/{uid}", rev=rev)
        assert status == 200
        if not may:
            # A replicator is told that it is gone, so that it can follow.
            gone = "_deleted" if revision.deleted else "_removed"
            assert answer == {"_id": uid, "_rev": rev, gone: True}
        secrets = [revision.text, revision.attached] if may else []
        self.ask(secrets, "GET", f"/{uid}", rev=rev, attachments=True)
        self.ask(secrets[1:], "GET", f"/{uid}/file", accept="*/*", rev=rev)

    def open_revisions(self):
        for uid, revisions in self.model.documents.items():
            every = list(revisions.values())
            for asked, wanted in (("all", every[-1:]), ([*revisions, "1-x"], every)):
                seen = [it for it in wanted if self.model.may_read(self.name, it.channels)]
                secrets = [secret for it in seen for secret in (it.text, it.attached)]
                for accept in ("application/json", "multipart/mixed"):
                    query = {"open_revs": asked, "revs": True}
                    self.ask(secrets, "GET", f"/{uid}", accept=accept, **query)

    def lists(self):
        listed, visible = self.model.listed(self.name), self.model.visible(self.name)
        secrets = [revision.text for revision in visible.values()]
        _, answer = self.ask(secrets, "GET", "/_all_docs", include_docs=True, channels=True)
        assert [row["key"] for row in answer["rows"]] == list(listed)
        for row in answer["rows"]:
            if row["key"] not in visible:
                # A guest is told to log in.
                refusal = ("forbidden", 403) if self.name else ("unauthorized", 401)
                assert row == {"key": row["key"], "error": refusal[0], "status": refusal[1]}
                continue
            shown = self.model.visible_channels(self.name, visible[row["id"]])
            assert set(row["value"].get("channels", ())) == shown
        query = {"channels": True, "revs": True, "update_seq": True}
        _, answer = self.ask([], "GET", "/_all_docs", **query)
        assert [row["id"] for row in answer["rows"]] == list(listed)
        _, answer = self.ask(secrets, "POST", "/_all_docs", {"keys": UIDS}, include_docs=True)
        refusal = 403 if self.name else 401  # of a guest, who may log in
        for uid, row in zip(UIDS, answer["rows"], strict=True):
            known = uid in self.model.documents
            status = (
                404 if not known else refusal if not self.model.sees(self.name, uid)
                else None if uid in visible else 404
            )  # fmt: skip
            assert row.get("status") == status
            if status:
                assert row.keys() == {"key", "error", "status"}

    def bulk_get(self):
        wanted, secrets = [], []
        for uid, revisions in self.model.documents.items():
            wanted.append({"id": uid})
            current = self.model.current(uid)[1]
            if self.model.sees(self.name, uid):
                secrets.append(current.text)
                secrets.append(current.attached)
            for rev, revision in revisions.items():
                wanted.append({"id": uid, "rev": rev})
                if self.model.may_read(self.name, revision.channels):
                    secrets += [revision.text, revision.attached]
        body = {"docs": [*wanted, {"id": "never"}]}
        query = {"attachments": True, "revs": True}
        self.ask(secrets, "POST", "/_bulk_get", body, accept="multipart/mixed", **query)

    def revs_diff(self):
        body = {uid: [*revisions, "1-x"] for uid, revisions in self.model.documents.items()}
        body["never"] = ["1-x"]
        _, answer = self.ask([], "POST", "/_revs_diff", body)
        assert {uid: missing["missing"] for uid, missing in answer.items()} == {
            uid: ["1-x"] for uid in body
        }

    def view(self):
        visible = self.model.listed(self.name)
        secrets = [revision.text for revision in visible.values()]
        for stale in ("ok", "false", "update_after"):
            _, answer = self.ask(secrets, "GET", "/_design/d/_view/by_text", stale=stale)
            assert {row["id"] for row in answer["rows"]} == visible.keys()

    def changes(self):
        visible = self.model.visible(self.name)
        opened = self.model.open_to(self.name)
        secrets = {uid: revision.text for uid, revision in visible.items()}
        for query in ({}, {"active_only": True}, {"style": "all_docs"}, {"limit": 100}):
            self.feed(secrets, **query)
        for channel in "abc":
            of = {
                uid: revision.text
                for uid, revision in visible.items()
                if channel in revision.channels and not opened.isdisjoint((channel, STAR))
            }
            self.feed(of, filter="sync_gateway/bychannel", channels=channel)
        for uid in UIDS:
            of = {found: text for found, text in secrets.items() if found == uid}
            self.feed(of, filter="_doc_ids", doc_ids=[uid])

    def feed(self, secrets, **query):
        # A revision that took a document out of a channel may be in reach by another.
        may = [
            revision.text
            for revisions in self.model.documents.values()
            for revision in revisions.values()
            if self.model.may_read(self.name, revision.channels)
        ]
        query["include_docs"] = True
        _, answer = self.ask(secrets.values(), "GET", "/_changes", may=may, **query)
        opened = self.model.open_to(self.name)
        found = set()
        for entry in answer["results"]:
            uid = entry["id"]
            if uid.startswith("_user/"):
                assert uid == f"_user/{self.name or 'GUEST'}"
                continue
            found |= {(uid, change["rev"]) for change in entry["changes"]}
            assert self.model.has_been_in_reach(self.name, uid)
            assert STAR in opened or opened.issuperset(entry.get("removed", ()))
            listed = uid in self.model.listed(self.name)
            assert listed or "removed" in entry or "deleted" in entry
        assert found >= {(uid, self.model.current(uid)[0]) for uid in secrets}

    def blind_writes(self):
        """Whoever writes is shown nothing by that, whatever comes of it."""
        for uid, revisions in self.model.documents.items():
            if not self.model.current(uid)[1].deleted:
                assert self.ask([], "PUT", f"/{uid}", {"text": "mine"})[0] == 409
                assert self.ask([], "DELETE", f"/{uid}")[0] == 409
            self.ask([], "PUT", f"/{uid}", {}, rev=quote("9-x"))
            body = {"docs": [{"_id": uid, "_rev": rev} for rev in [*revisions][:-1]]}
            _, rows = self.ask([], "POST", "/_bulk_docs", body)
            assert all(row["status"] == 409 for row in rows)


def test_a_user_reads_what_the_model_says():
    run_state_machine_as_test(
        Access,
        settings=settings(
            max_examples=400 if TORTURE else 6,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
