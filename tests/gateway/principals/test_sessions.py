"""Sessions: how they begin, how long they last, and how they end (18-session-public.json)."""

from __future__ import annotations

import re
import time
from email.utils import parsedate_to_datetime

import pytest

from django_cbtools.embedded.principals import sessions
from tests.gateway.access.client import ADMIN, DB, Client, add_user, create_database

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def alice():
    create_database()
    return add_user("alice", admin_channels=["a"])


def by_cookie(session, name="SyncGatewaySession"):
    return Client("public", cookie=f"{name}={session}")


def begin(client=None, body=None, **query):
    """Log in: the cookie's name, the session's id and the cookie's attributes."""
    body = {"name": "alice", "password": "password"} if body is None else body
    answer = (client or Client("public")).send("POST", "/_session", body, **query)
    assert answer.status == 200, answer.body
    cookie, *attributes = answer.headers["Set-Cookie"].split("; ")
    return (*cookie.split("="), attributes)


def admin_session(**body):
    status, answer = ADMIN.ask("POST", "/_session", {"name": "alice", **body})
    assert status == 200
    return answer["session_id"]


def is_in(client):
    status, _ = client.get("/")
    assert status in (200, 401)
    return status == 200


@pytest.fixture
def clock(monkeypatch):
    """What time it is, as a list with one number: it can be set."""
    now = [time.time()]
    monkeypatch.setattr(time, "time", lambda: now[0])
    return now


# ----------------------------------------------------------------------- begin


def test_cookie():
    name, session, attributes = begin()
    assert name == "SyncGatewaySession"
    assert re.fullmatch("[0-9a-f]{40}", session)
    path, expires, *others = attributes
    assert others == ["HttpOnly", "SameSite=Lax"]
    assert path == f"Path=/{DB}"
    seconds = parsedate_to_datetime(expires.removeprefix("Expires=")).timestamp() - time.time()
    assert sessions.TTL - 60 < seconds <= sessions.TTL
    assert is_in(by_cookie(session))


@pytest.mark.parametrize(
    ("config", "added"),
    [
        ({"session_cookie_http_only": True}, ["HttpOnly", "SameSite=Lax"]),
        ({"session_cookie_http_only": False}, ["SameSite=Lax"]),
        ({"session_cookie_secure": True}, ["HttpOnly", "Secure", "SameSite=Lax"]),
        ({"unsupported": {"same_site_cookie": "Strict"}}, ["HttpOnly", "SameSite=Strict"]),
        ({"unsupported": {"same_site_cookie": "Default"}}, ["HttpOnly"]),
        ({"cors": {"origin": ["https://a.example"]}}, ["HttpOnly", "SameSite=Lax"]),
        (
            {"session_cookie_secure": True, "cors": {"origin": ["https://a.example"]}},
            ["HttpOnly", "Secure", "SameSite=None"],
        ),
        (
            {"session_cookie_http_only": True, "session_cookie_secure": True,
             "unsupported": {"same_site_cookie": "None"}},
            ["HttpOnly", "Secure", "SameSite=None"],
        ),
    ],
)  # fmt: skip
def test_cookie_as_configured(config, added):
    create_database(**config)
    assert begin()[2][2:] == added


def test_cookie_of_another_name():
    create_database(session_cookie_name="mine")
    name, session, _ = begin()
    assert name == "mine"
    assert is_in(by_cookie(session, "mine"))
    assert not is_in(by_cookie(session))
    assert ADMIN.ask("POST", "/_session", {"name": "alice"})[1]["cookie_name"] == "mine"


@pytest.mark.parametrize("body", [{}, "", "{", {"name": "bob", "password": "x"}, {"name": 5}])
def test_whoever_has_shown_his_password_needs_not_say_it_again(body, alice):
    assert is_in(by_cookie(begin(alice, body)[1]))
    stranger = Client("public").send("POST", "/_session", body)
    assert stranger.status in (400, 401)
    assert "Set-Cookie" not in stranger.headers


def test_a_dead_cookie_does_not_keep_one_from_logging_in():
    assert is_in(by_cookie(begin(by_cookie("0" * 40))[1]))


def test_a_wrong_password_is_refused_whatever_the_body():
    client = Client("public", "alice", "wrong")
    assert client.ask("POST", "/_session", {"name": "alice", "password": "password"})[0] == 401


def test_session_of_guest():
    assert Client("public").ask("POST", "/_session", {})[0] == 401
    ADMIN.put("/_user/GUEST", {"disabled": False, "admin_channels": ["g"]})
    session = begin(body={})[1]
    _, answer = by_cookie(session).get("/_session")
    assert answer["userCtx"]["name"] is None
    assert answer["userCtx"]["channels"].keys() == {"!", "g"}
    ADMIN.put("/_user/GUEST", {"disabled": True})
    assert not is_in(by_cookie(session))


MADE = [
    ({}, 400, "Invalid or missing user name"), ({"name": ""}, 400, "Invalid or missing user name"),
    ({"name": "GUEST"}, 400, "Invalid or missing user name"),
    ({"name": "a/b"}, 400, "Invalid or missing user name"),
    ({"name": "bob"}, 404, 'No such user "bob"'),
    ({"name": "alice", "ttl": 0}, 400, "Invalid or missing ttl"),
    ({"name": "alice", "ttl": -1}, 400, "Invalid or missing ttl"),
    ({"name": "alice", "ttl": 10**12}, 400, "Invalid or missing ttl"),
    ({"name": "off"}, 400, "User is disabled"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "status", "reason"), MADE, ids=repr)
def test_sessions_that_the_administrator_cannot_make(body, status, reason):
    add_user("off", disabled=True)
    found, answer = ADMIN.ask("POST", "/_session", body)
    assert (found, answer["reason"]) == (status, reason)


def test_session_made_by_the_administrator():
    status, answer = ADMIN.ask("POST", "/_session", {"name": "alice", "ttl": 60})
    assert status == 200
    assert answer.keys() == {"session_id", "expires", "cookie_name"}
    assert is_in(by_cookie(answer["session_id"]))
    _, shown = ADMIN.get(f"/_session/{answer['session_id']}")
    assert shown["userCtx"]["name"] == "alice"


# ------------------------------------------------------------------------- last


def test_one_time_session(alice):
    client = Client("public")
    body = {"name": "alice", "password": "password"}
    answer = client.send("POST", "/_session", body, one_time=True)
    assert "Set-Cookie" not in answer.headers
    _, shown = client.ask("POST", "/_session", body, one_time=True)
    once = by_cookie(shown["one_time_session_id"])
    assert is_in(once)
    assert not is_in(once)
    _, shown = alice.ask("POST", "/_session", one_time=True)
    assert ADMIN.get(f"/_session/{shown['one_time_session_id']}")[0] == 200
    # An administrator who looks does not use it.
    assert is_in(by_cookie(shown["one_time_session_id"]))


def test_one_time_session_that_is_not_used(alice, clock):
    _, shown = alice.ask("POST", "/_session", one_time=True)
    clock[0] += sessions.ONE_TIME_TTL + 1
    assert not is_in(by_cookie(shown["one_time_session_id"]))


def test_a_session_lasts_longer_by_being_used(clock):
    client = by_cookie(admin_session(ttl=1000))
    clock[0] += 50
    assert "Set-Cookie" not in client.send("GET", "/").headers
    clock[0] += 100
    cookie = client.send("GET", "/never").headers["Set-Cookie"]
    assert cookie.split("; ")[:2] == [client.headers["cookie"], f"Path=/{DB}"]
    expires = parsedate_to_datetime(cookie.split("; Expires=")[1]).timestamp()
    assert expires == int(clock[0]) + 1000
    assert "Set-Cookie" not in client.send("GET", "/").headers
    clock[0] += 950
    assert is_in(client)
    clock[0] += 1002
    assert not is_in(client)


# -------------------------------------------------------------------------- end


def test_logging_out():
    session = begin()[1]
    answer = by_cookie(session).send("DELETE", "/_session")
    assert answer.status == 200
    assert answer.headers["Set-Cookie"].startswith("SyncGatewaySession=; Expires=")
    assert not is_in(by_cookie(session))


def test_logging_out_without_a_session(alice):
    assert alice.ask("DELETE", "/_session")[0] == 404
    cookie = f"SyncGatewaySession={'0' * 40}"
    client = Client("public", "alice", "password", cookie=cookie)
    assert client.ask("DELETE", "/_session")[0] == 200
    assert Client("public").ask("DELETE", "/_session")[0] == 401


def test_the_administrator_ends_sessions():
    add_user("bob")
    one, two, three, four = (admin_session() for _ in range(4))
    other = admin_session(name="bob")
    for _ in range(2):
        assert ADMIN.ask("DELETE", f"/_session/{one}")[0] == 200
    assert ADMIN.ask("DELETE", "/_session/none")[0] == 404
    assert ADMIN.get(f"/_session/{one}")[0] == 404
    assert ADMIN.ask("DELETE", f"/_user/bob/_session/{two}")[0] == 404
    assert is_in(by_cookie(two))
    assert ADMIN.ask("DELETE", f"/_user/alice/_session/{two}")[0] == 200
    assert not is_in(by_cookie(two))
    assert ADMIN.ask("DELETE", "/_user/alice/_session")[0] == 200
    for session in (three, four):
        assert not is_in(by_cookie(session))
        assert ADMIN.get(f"/_session/{session}")[0] == 404
    assert is_in(by_cookie(other))
    assert ADMIN.ask("DELETE", "/_user/nobody/_session")[0] == 200


@pytest.mark.parametrize(
    ("change", "ends"),
    [({"password": "another"}, True), ({"disabled": True}, True), ({"email": "a@b"}, False),
     ({"admin_channels": []}, False)],
)  # fmt: skip
def test_sessions_after_a_change_of_the_user(change, ends):
    client = by_cookie(admin_session())
    ADMIN.put("/_user/alice", change)
    assert is_in(client) is not ends
    name = client.get("/_session")[1]["userCtx"]["name"]
    assert name == (None if ends else "alice")


def test_sessions_belong_to_a_database():
    session = admin_session()
    config = {"bucket": "other"}
    assert ADMIN.put("other/", config)[0] == 201
    assert ADMIN.put("other/_user/alice", {"password": "password"})[0] == 201
    assert by_cookie(session).get("other/")[0] == 401
    assert ADMIN.get(f"other/_session/{session}")[0] == 404
    assert ADMIN.ask("DELETE", f"other/_session/{session}")[0] == 404
    assert is_in(by_cookie(session))


BAD_JSON = "Bad JSON: json: cannot unmarshal"
NO_INT = "into Go struct field .ttl of type int"


@pytest.mark.parametrize(("body", "status", "reason"), [
    ({"name": "alice", "ttl": None}, 200, None),
    ({"Name": "alice", "TTL": 5}, 200, None),
    ({"name": "alice", "ttl": 0}, 400, "Invalid or missing ttl"),
    ({"name": "alice", "ttl": "5"}, 400, f"{BAD_JSON} string {NO_INT}"),
    ({"name": "alice", "ttl": 1.5}, 400, f"{BAD_JSON} number 1.5 {NO_INT}"),
    ({"name": 1}, 400, f"{BAD_JSON} number into Go struct field .name of type string"),
    ({"name": "alice", "x": 1}, 400,
     'JSON Unknown Field: json: unknown field "x": unrecognized JSON field'),
    ("null", 400, "Invalid or missing user name"),
])  # fmt: skip
def test_body_of_an_administrator_s_session(body, status, reason):
    found, answer = ADMIN.ask("POST", "/_session", body)
    assert (found, answer.get("reason")) == (status, reason)


def test_administrator_is_told_who_has_logged_in():
    status, answer = ADMIN.get("/_session")
    assert (status, answer["userCtx"]["name"]) == (200, None)
    assert Client("admin", "alice", "password").get("/_session")[1]["userCtx"]["name"] == "alice"
    assert Client("admin", "alice", "wrong").get("/_session")[0] == 401
    assert ADMIN.send("HEAD", "/_session").status == 200
    assert ADMIN.send("PUT", "/_session").headers["Allow"] == "GET, HEAD, POST"


def test_password_makes_no_session_where_passwords_count_for_nothing():
    create_database(disable_password_auth=True)
    status, answer = Client("public").ask(
        "POST", "/_session", {"name": "alice", "password": "password"}
    )
    assert (status, answer["reason"]) == (401, "Login required")
    alice = Client("public", "alice", "password")
    assert alice.ask("POST", "/_session", {})[0] == 401
    # Nor is a browser told to ask for one.
    assert "WWW-Authenticate" not in alice.send("GET", "/").headers
