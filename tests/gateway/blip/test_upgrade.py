"""The request for a WebSocket: who gets one, and what others are told."""

from __future__ import annotations

import json

import pytest
import requests
from websockets.exceptions import InvalidStatus

from tests.gateway.feed.client import DB, PASSWORD, allow, ask

from .client import VERSION_2, VERSION_3

pytestmark = pytest.mark.django_db(transaction=True)


def _refusal(phone, **options):
    with pytest.raises(InvalidStatus) as caught:
        phone(**options)
    response = caught.value.response
    return response.status_code, bytes(response.body)


def _json(status, error, reason):
    return status, json.dumps({"error": error, "reason": reason}, separators=(",", ":")).encode()


def test_the_client_gets_the_first_subprotocol_that_is_known(phone):
    allow("a")
    for offered, expected in [
        (VERSION_3, VERSION_3),
        (f"BLIP_3+CBMobile_4,{VERSION_2},{VERSION_3}", VERSION_2),
    ]:
        client = phone(protocol=offered)
        assert client.socket.subprotocol == expected
        assert client.ask("PING").properties == {}


def test_other_subprotocols_are_refused_as_by_a_real_gateway(phone, caplog):
    allow("a")
    reason = b"I only speak BLIP_3+CBMobile_3,BLIP_3+CBMobile_2 protocols\n"
    for protocol in ("BLIP_3", "BLIP_3+CBMobile_4", "chat"):
        assert _refusal(phone, protocol=protocol) == (500, reason)
    assert not caplog.records


def test_a_request_for_no_websocket(http_gateway):
    allow("a")
    url = f"{http_gateway.urls[0]}{DB}/_blipsync"
    answer = requests.get(url, auth=("alice", PASSWORD))
    assert (answer.status_code, answer.text[:12]) == (500, "I only speak")
    headers = {"Sec-WebSocket-Protocol": VERSION_3}
    answer = requests.get(url, auth=("alice", PASSWORD), headers=headers)
    assert answer.status_code == 426
    assert answer.json()["reason"].startswith("Can't upgrade this request")


def test_the_login_is_that_of_other_requests(phone, http_gateway):
    allow("a")
    unauthorized = _json(401, "Unauthorized", "Invalid login")
    assert _refusal(phone, user="bob") == unauthorized
    ask("PUT", "/_user/alice", {"disabled": True})
    assert _refusal(phone) == unauthorized
    assert _refusal(phone, user=None) == _json(401, "Unauthorized", "Login required")
    allow("a", disabled=False)
    made = requests.post(
        f"{http_gateway.urls[0]}{DB}/_session", json={"name": "alice", "password": PASSWORD}
    )
    cookie = f"SyncGatewaySession={made.cookies['SyncGatewaySession']}"
    assert phone(user=None, headers={"Cookie": cookie}).ask("PING").properties == {}
    # A browser sends the cookie with a WebSocket of any site's page.
    headers = {"Cookie": cookie, "Origin": "https://elsewhere.example"}
    assert _refusal(phone, user=None, headers=headers)[0] == 403


def test_web_pages_of_other_sites(phone):
    """Any page may read what comes over a WebSocket, so it may open none, as at a real gateway."""
    allow("a")
    ask("PUT", "/_user/GUEST", {"disabled": False, "admin_channels": ["*"]})
    foreign = {"Origin": "https://elsewhere.example"}
    for user in (None, "alice"):
        assert _refusal(phone, user=user, headers=foreign)[0] == 403
        assert phone(user=user).ask("PING").properties == {}
    ask("PUT", "/_config", {"cors": {"origin": [foreign["Origin"]]}})
    assert phone(user=None, headers=foreign).ask("PING").properties == {}


def test_the_admin_port_has_it_too(http_gateway):
    from .client import Client

    with Client(http_gateway.urls[1], DB.strip("/")) as client:
        client.put("x", "1-a", {"n": 1})
    assert ask("GET", "/x")["n"] == 1


def test_there_is_no_websocket_elsewhere(phone):
    allow("a")
    assert _refusal(phone, path="_changes?feed=continuous")[0] == 400
    assert _refusal(phone, path="nothing")[0] == 404
