"""Nobody reads outside of his channels, and nobody stays in who has been put out."""

from __future__ import annotations

import base64
import io
import json
import logging
import re
import time

import pytest
from django.db import connection

from django_cbtools.embedded.api.gateway import respond
from django_cbtools.embedded.http.messages import Call
from django_cbtools.embedded.principals import passwords
from django_cbtools.exceptions import SyncGatewayException
from django_cbtools.sync_gateway import SyncGateway

pytestmark = pytest.mark.django_db

DB = "/test_documents"
SECRET = "nobody else's business"


class Client:
    """Somebody at the public port, with a password or a cookie."""

    def __init__(self, *login, cookie=None):
        self.headers = {"cookie": f"SyncGatewaySession={cookie}"} if cookie else {}
        if login:
            token = base64.b64encode(":".join(login).encode()).decode()
            self.headers["authorization"] = f"Basic {token}"

    def ask(self, method, path, body=None, **query):
        data = b"" if body is None else json.dumps(body).encode()
        query_string = "&".join(f"{name}={value}" for name, value in query.items())
        read = io.BytesIO(data).read
        return respond(
            Call("public", "default", method, DB + path, query_string, self.headers, read=read)
        )

    def get(self, path, **query):
        answer = self.ask("GET", path, **query)
        return answer.status, json.loads(answer.body)


@pytest.fixture
def alice():
    SyncGateway.put_user("alice", password="alice's", admin_channels=["a"])
    return Client("alice", "alice's")


@pytest.fixture
def documents(alice):
    """Revision ids: of a document out of alice's reach, of one that was within it, of others."""
    revs = {}

    def save(uid, **body):
        rev = revs.get(uid)
        revs[uid] = SyncGateway.save_json(uid, {**({"_rev": rev} if rev else {}), **body}).json()[
            "rev"
        ]
        return revs[uid]

    save("private", channels=["b"], text=SECRET)
    save("open", channels=["a"], text="for alice")
    save("both", channels=["b", "a", "c"], text="for alice")
    save("nowhere", text=SECRET)
    save("star", channels=["*"], text=SECRET)
    save("deleted", channels=["b"], text=SECRET)
    revs["deleted before"] = revs["deleted"]
    save("deleted", channels=["b"], text=SECRET, _deleted=True)
    revs["moved in before"] = save("moved in", channels=["b"], text=SECRET)
    save("moved in", channels=["a"], text="for alice")
    save("moved out", channels=["a"], text="for alice")
    save("moved out", channels=["b"], text=SECRET)
    return revs


OUT_OF_REACH = ["private", "nowhere", "star", "deleted", "moved%20out"]
IN_REACH = ["both", "moved in", "open"]


@pytest.mark.parametrize("uid", OUT_OF_REACH)
@pytest.mark.parametrize("query", [{}, {"revs": "true"}, {"attachments": "true"}], ids=repr)
def test_get(uid, query, alice, documents):
    status, answer = alice.get(f"/{uid}", **query)
    assert (status, answer) == (403, {"error": "Forbidden", "reason": "forbidden"})
    assert alice.ask("HEAD", f"/{uid}", **query).status == 403


@pytest.mark.parametrize("uid", OUT_OF_REACH)
def test_get_by_rev_says_only_that_it_is_gone(uid, alice, documents):
    rev = documents[uid.replace("%20", " ")]
    status, answer = alice.get(f"/{uid}", rev=rev, revs="true")
    gone = "_deleted" if uid == "deleted" else "_removed"
    # A replicator needs the history to follow.
    assert answer.pop("_revisions")["ids"][0] == rev.partition("-")[2]
    assert (status, answer) == (200, {"_id": uid.replace("%20", " "), "_rev": rev, gone: True})


@pytest.mark.parametrize("uid", ["moved in", "deleted"])
def test_old_revision(uid, alice, documents):
    rev = documents[f"{uid} before"]
    status, answer = alice.get(f"/{uid.replace(' ', '%20')}", rev=rev)
    assert (status, answer) == (200, {"_id": uid, "_rev": rev, "_removed": True})


def test_revisions_of_another_document_are_not_found(alice, documents):
    assert alice.get("/open", rev=documents["private"])[0] == 404
    assert alice.get("/open", rev=documents["moved in before"])[0] == 404


@pytest.mark.parametrize("extra", [{}, {"include_docs": "true"}, {"channels": "true"}], ids=repr)
def test_list_of_all(extra, alice, documents):
    status, answer = alice.get("/_all_docs", update_seq="true", revs="true", **extra)
    assert status == 200
    assert [row["id"] for row in answer["rows"]] == IN_REACH
    assert SECRET not in json.dumps(answer)
    if "channels" in extra:
        assert [row["value"]["channels"] for row in answer["rows"]] == [["a"]] * 3


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_list_by_key(method, alice, documents):
    keys = ["private", "open", "nowhere", "deleted", "moved out", "never", "_user/alice"]
    query = {"include_docs": "true", "channels": "true", "revs": "true", "update_seq": "true"}
    if method == "GET":
        answer = alice.ask("GET", "/_all_docs", keys=json.dumps(keys).replace(" ", "%20"), **query)
    else:
        answer = alice.ask("POST", "/_all_docs", {"keys": keys}, **query)
    rows = json.loads(answer.body)["rows"]
    assert [row.get("status") for row in rows] == [403, None, 403, 403, 403, 404, 400]
    assert SECRET not in answer.body.decode()
    assert all(row.keys() == {"key", "error", "status"} for row in rows if "status" in row)


def test_writing_blindly_shows_nothing(alice, documents):
    refused = alice.ask("PUT", "/private", {"text": "mine now"})
    assert refused.status == 409
    bulk = alice.ask("POST", "/_bulk_docs", {"docs": [{"_id": "private"}, {"_id": "nowhere"}]})
    assert [row["status"] for row in json.loads(bulk.body)] == [409, 409]
    assert SECRET.encode() not in refused.body + bulk.body


@pytest.mark.parametrize("path", ["/_design/x", "/_design/x/_view/y"])
def test_views_are_not_for_clients(path, alice):
    assert alice.ask("GET", path).status == 403


@pytest.mark.parametrize(
    "path", ["/_user/", "/_user/alice", "/_user/alice/_session", "/_session/1", "/_access_history"]
)
@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE"])
def test_admin_api_is_not_on_the_public_port(method, path, alice):
    assert alice.ask(method, path, {}).status == 404


@pytest.mark.parametrize(
    "login", [(), ("alice", "wrong"), ("bob", "bob's"), ("GUEST", "")], ids=repr
)
def test_strangers_read_nothing(login, documents):
    stranger = Client(*login)
    for path in ("/", "/open", "/_all_docs", "/never"):
        assert stranger.get(path)[0] == 401
    assert stranger.ask("PUT", "/new", {}).status == 401
    assert stranger.ask("POST", "/_bulk_docs", {"docs": []}).status == 401
    assert SyncGateway.all_docs(["new"])["rows"][0]["status"] == 404


def test_databases_are_not_told_to_strangers():
    answer = respond(Call("public", "default", "GET", "/another/"))
    assert answer.status == 401


# ------------------------------------------------------------------- sessions


def _log_in(client):
    answer = client.ask("POST", "/_session", {})
    return re.match(r"SyncGatewaySession=([0-9a-f]+);", answer.headers["Set-Cookie"])[1]


def test_session_lasts_until_it_is_ended(alice, documents):
    cookie = _log_in(alice)
    session = Client(cookie=cookie)
    assert session.get("/open")[0] == 200
    assert session.ask("DELETE", "/_session").status == 200
    assert session.get("/open")[0] == 401


def test_sessions_end_with_a_change_of_the_password(alice, documents):
    session = Client(cookie=_log_in(alice))
    SyncGateway.put_user("alice", password="another", admin_channels=["a"])
    assert session.get("/open") == (
        401,
        {"error": "Unauthorized", "reason": "Session no longer valid for user"},
    )
    assert alice.get("/open")[0] == 401
    assert Client("alice", "another").get("/open")[0] == 200


def test_disabled_user_is_out(alice, documents):
    session = Client(cookie=_log_in(alice))
    SyncGateway.put_user("alice", disabled=True)
    assert alice.get("/open")[0] == 401
    assert session.get("/open")[0] == 401
    assert Client().ask("POST", "/_session", {"name": "alice", "password": "alice's"}).status == 401


def test_user_who_comes_back_under_the_same_name_does_not_inherit_sessions(alice, documents):
    session = Client(cookie=_log_in(alice))
    SyncGateway.delete_user("alice")
    assert session.get("/open")[0] == 401
    SyncGateway.put_user("alice", password="alice's", admin_channels=["a"])
    assert session.get("/open")[0] == 401


def test_channel_that_is_closed_is_closed_at_once(alice, documents):
    session = Client(cookie=_log_in(alice))
    SyncGateway.remove_channels("alice", ["a"])
    for client in (alice, session):
        assert client.get("/open")[0] == 403
        assert client.get("/_all_docs")[1]["rows"] == []


def test_session_over_time(alice, documents, monkeypatch):
    session = Client(cookie=SyncGateway.create_session("alice", 60).json()["session_id"])
    assert session.get("/open")[0] == 200
    later = time.time() + 62
    monkeypatch.setattr(time, "time", lambda: later)
    assert session.get("/open") == (401, {"error": "Unauthorized", "reason": "Session Invalid"})


def test_cookies_cannot_be_guessed(alice):
    cookies = {_log_in(alice) for _ in range(20)}
    assert len(cookies) == 20
    assert {len(cookie) for cookie in cookies} == {40}
    assert len({cookie[:8] for cookie in cookies}) == 20


@pytest.mark.parametrize(
    "others", ['a={"b": 1}; {}', "a b=c; {}; d", "{}; =; ;;", "[x]=1; {}"], ids=repr
)
def test_cookie_among_others(others, alice, documents):
    session = Client(cookie=_log_in(alice))
    session.headers["cookie"] = others.replace("{}", session.headers["cookie"])
    assert session.get("/open")[0] == 200


@pytest.mark.parametrize("cookie", ["0" * 40, "%", "x' OR '1'='1", "é", '"', "alice", " "])
def test_made_up_cookie(cookie, alice, documents):
    assert Client(cookie=cookie).get("/open")[0] == 401


def test_unknown_users_take_as_long_as_known_ones(alice, monkeypatch):
    """A password is hashed in each case: names cannot be told by the time."""
    hashed = []
    SyncGateway.put_user("off", password="secret", disabled=True)
    for name in ("make_password", "check_password"):
        original = getattr(passwords, name)
        monkeypatch.setattr(
            passwords, name, lambda *args, original=original: (hashed.append(1), original(*args))[1]
        )
    for name in ("alice", "nobody", "off", "GUEST"):
        hashed.clear()
        assert Client(name, "wrong").get("/")[0] == 401
        assert hashed == [1], name


def test_right_password_is_hashed_once(alice, monkeypatch):
    assert alice.get("/")[0] == 200
    monkeypatch.setattr(passwords, "check_password", pytest.fail)
    assert alice.get("/")[0] == 200


def test_passwords_are_stored_hashed(alice):
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM cbtools_users")
        assert "alice's" not in repr(cursor.fetchall())
    assert "password" not in SyncGateway.get_user("alice")


def test_passwords_are_in_no_message_and_no_log(caplog, settings):
    settings.SYNC_GATEWAY_PASSWORD = "configured-secret"
    secrets = ["configured-secret", "first-secret", "second-secret", "wrong-secret"]
    broken = Call(
        "admin", "default", "PUT", f"{DB}/_user/y",
        read=io.BytesIO(b'{"password": "first-secret", "email": 5').read,
    )  # fmt: skip
    with caplog.at_level(logging.DEBUG):
        SyncGateway.put_admin_user()
        SyncGateway.put_user("y", password="first-secret")
        SyncGateway.put_user("y", password="second-secret")
        said = [
            Client("y", "wrong-secret").get("/"),
            Client().ask("POST", "/_session", {"name": "y", "password": "wrong-secret"}).body,
            respond(broken).body,
        ]
        with pytest.raises(SyncGatewayException) as refused:
            SyncGateway.put_user("a/b", password="first-secret")
        with pytest.raises(SyncGatewayException) as unknown:
            SyncGateway.change_username("nobody", "z", "second-secret")
    assert caplog.records
    text = f"{said} {refused.value!r} {unknown.value!r} {caplog.text}"
    for secret in secrets:
        for form in (secret, f"y:{secret}"):
            assert form not in text
            assert base64.b64encode(form.encode()).decode() not in text
