"""Administration of replications with other gateways."""

from __future__ import annotations

import secrets
from contextlib import suppress

import pytest

from django_cbtools import conf
from django_cbtools.exceptions import SyncGatewayException, SyncGatewayNotFound
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.calls.client import ADMIN, request
from tests.contract.conftest import IS_LIVE, eventually

pytestmark = pytest.mark.parametrize(
    "gateway", ["live" if IS_LIVE else "over HTTP"], indirect=True
)  # fmt: skip
NOWHERE = "http://127.0.0.1:9/x"
#: A replication that is not started.
STOPPED = {"remote": NOWHERE, "direction": "pull", "initial_state": "stopped"}


class Replications:
    """Replications of one test, by the ends of their ids."""

    def __init__(self):
        self._prefix = f"test{secrets.token_hex(4)}-"
        self.made = set()

    def id(self, name):
        return self._prefix + name

    def ask(self, method, path, name="", config=None, **query):
        id = self.id(name) if name else ""
        found = request(ADMIN, method, f"_replication{path}", id, query=query, body=config)
        return found.json() if found.content else found.status_code

    def put(self, name, **config):
        self.made.add(name)
        return self.ask("PUT", "", name, config)

    def refused(self, *args, **kwargs):
        with pytest.raises(SyncGatewayException) as caught:
            self.ask(*args, **kwargs)
        return caught.value.status, caught.value.reason

    def get(self, name):
        return self.ask("GET", "", name)

    def status(self, name, **query):
        return self.ask("GET", "Status", name, **query)

    def act(self, name, action):
        return self.ask("PUT", "Status", name, action=action)["status"]

    def state(self, name):
        return self.status(name)["status"]

    def until_done(self, name):
        eventually(lambda: self.ask("GET", "")[self.id(name)]["target_state"], "stopped")


@pytest.fixture
def replications(gateway):
    found = Replications()
    yield found
    for name in found.made:
        with suppress(SyncGatewayNotFound):
            found.ask("DELETE", "", name)


@pytest.fixture
def remote(user):
    """The gateway itself, as the other one."""
    name = user("rep", admin_channels=["*"])
    url, bucket = conf.get("SYNC_GATEWAY_URL"), conf.get("SYNC_GATEWAY_BUCKET")
    return {"remote": f"{url}/{bucket}", "remote_username": name, "remote_password": "secret"}


def test_configurations(replications):
    assert replications.put("a", **STOPPED) == 201
    config = replications.get("a")
    assert config.pop("created_at") <= config.pop("updated_at")
    assert config == {
        "replication_id": replications.id("a"), "remote": NOWHERE, "direction": "pull",
        "conflict_resolution_type": "default", "max_backoff_time": 5, "initial_state": "stopped",
        "continuous": False, "batch_size": 200,
    }  # fmt: skip
    by_channel = {"filter": "sync_gateway/bychannel", "query_params": {"channels": ["a"]}}
    assert replications.put("a", **by_channel, unknown=1, max_backoff_time=0) == 200
    changed = replications.get("a")
    assert (changed["query_params"], "max_backoff_time" in changed) == ({"channels": ["a"]}, False)
    listed = replications.ask("GET", "")[replications.id("a")]
    assert listed["target_state"] == "stopped"
    assert listed["assigned_node"].endswith(" (local)")
    body = {"replication_id": replications.id("b"), **STOPPED}
    replications.made.add("b")
    assert replications.ask("POST", "", config=body) == 201
    assert replications.ask("DELETE", "", "b") == 200
    assert replications.refused("DELETE", "", "b") == (404, "missing")
    assert replications.refused("GET", "", "b") == (404, "missing")
    assert replications.refused("GET", "Status", "b") == (404, "missing")


def test_passwords_are_not_shown(replications):
    replications.put("a", **STOPPED, remote_username="u", remote_password="pw-1")
    replications.put("b", **{**STOPPED, "remote": "http://u:pw-2@127.0.0.1:9/x"})
    replications.put("c", **STOPPED, username="u", password="pw-3")
    replications.put("d", **{**STOPPED, "remote": "http://u@127.0.0.1:9/x"})
    assert replications.get("a")["remote_password"] == "xxxxx"
    assert replications.get("c")["password"] == "xxxxx"
    for name in "bd":
        assert replications.get(name)["remote"] == "http://u:xxxxx@127.0.0.1:9/x"
    replications.act("b", "start")
    eventually(lambda: replications.state("b"), "reconnecting")
    status = replications.status("b", includeConfig="true")
    assert status["config"] == replications.get("b")
    for shown in (status, replications.ask("GET", ""), replications.ask("GET", "Status")):
        assert "pw-" not in str(shown)


CHANNELS = {"filter": "sync_gateway/bychannel"}
EDITION = "only supported in enterprise edition"


@pytest.mark.parametrize(
    ("config", "refusal"),
    [
        ({}, (400, "Replication remote must be specified")),
        ({"remote": NOWHERE}, (400, "Replication direction must be specified")),
        (
            {"remote": NOWHERE, "direction": "up"},
            (400, 'Invalid replication direction "up", valid values are push/pull/pushAndPull'),
        ),
        (
            {**STOPPED, "conflict_resolution_type": "localWins"},
            (400, f"Non-default conflict_resolution_type is {EDITION}"),
        ),
        (
            {**STOPPED, "enable_delta_sync": True},
            (400, f"Delta sync for sg-replicate is {EDITION}"),
        ),
        (
            {**STOPPED, "batch_size": 10},
            (400, "Replication batch_size can only be configured in enterprise edition"),
        ),
        (
            {**STOPPED, "filter": "x"},
            (400, "Unknown replication filter; try sync_gateway/bychannel"),
        ),
        (
            {**STOPPED, **CHANNELS},
            (
                400,
                "Replication specifies sync_gateway/bychannel filter but is missing query_params",
            ),
        ),
        (
            {**STOPPED, **CHANNELS, "query_params": {"channels": [1]}},
            (
                500,
                "Internal error: Expecting string channel but got 1 (float64) in query_params for "
                "sync_gateway/bychannel filter",
            ),
        ),
        (
            {**STOPPED, **CHANNELS, "query_params": "a"},
            (400, "Bad channels array in query_params for sync_gateway/bychannel filter"),
        ),
        (
            {**STOPPED, "adhoc": True},
            (
                400,
                "Setting initial_state=stopped is not valid for replications specifying adhoc=true",
            ),
        ),
        (
            {**STOPPED, "remote": "http://u:p@127.0.0.1:9/x", "remote_username": "u"},
            (
                400,
                "Auth credentials can be specified using remote_username/remote_password config "
                "properties or remote URL, but not both",
            ),
        ),
        ({**STOPPED, "remote": "http://[::1/x"}, (400, "Replication remote URL is invalid")),
        (
            {**STOPPED, "remote": "http://bob:pass/word@remote.example/db"},
            (400, "Replication remote URL is invalid"),
        ),
        (
            {"direction": 1},
            (
                400,
                'Invalid JSON: "json: cannot unmarshal number into Go struct field '
                'ReplicationUpsertConfig.direction of type string"',
            ),
        ),
        (
            {**STOPPED, "replication_id": "other"},
            (400, 'Replication ID in body "other" does not match request URI'),
        ),
        (
            [],
            (
                400,
                'Invalid JSON: "json: cannot unmarshal array into Go value of type '
                'db.ReplicationUpsertConfig"',
            ),
        ),
    ],
)  # fmt: skip
def test_configurations_that_are_refused(replications, config, refusal):
    assert replications.refused("PUT", "", "a", config) == refusal


def test_what_can_be_done_with_it(replications):
    replications.put("a", **STOPPED)
    assert replications.state("a") == "stopped"
    assert replications.act("a", "start") in ("starting", "running")
    eventually(lambda: replications.state("a"), "reconnecting")
    assert "127.0.0.1:9" in replications.status("a")["error_message"]
    refusal = (400, "Replication must be stopped before it can be reset")
    assert replications.refused("PUT", "Status", "a", action="reset") == refusal
    refusal = (400, "Replication must be stopped before updating config")
    assert replications.refused("PUT", "", "a", {"direction": "push"}) == refusal
    assert replications.act("a", "stop") in ("stopping", "stopped")
    eventually(lambda: replications.state("a"), "stopped")
    assert replications.act("a", "reset") in ("resetting", "stopped")
    refusal = (400, 'Unrecognized action "x".  Valid values are start/stop/reset.')
    assert replications.refused("PUT", "Status", "a", action="x") == refusal
    refusal = (400, "Query parameter 'action' must be specified")
    assert replications.refused("PUT", "Status", "a") == refusal
    assert replications.refused("PUT", "Status", "none", action="stop") == (404, "missing")


def test_one_that_has_an_end(replications, remote):
    for n in range(3):
        SyncGateway.save_json(f"rep-{n}", {"channels": ["a"], "n": n})
    replications.put("a", **remote, direction="pushAndPull")
    eventually(lambda: replications.state("a"), "stopped")
    status = replications.status("a")
    assert status["replication_id"] == replications.id("a")
    assert status["docs_checked_push"] >= 3
    assert status["docs_checked_pull"] >= 3
    assert int(status["last_seq_pull"]) > 0
    assert int(status["last_seq_push"]) > 0
    assert "docs_read" not in status
    eventually(lambda: replications.ask("GET", "")[replications.id("a")]["target_state"], "stopped")
    # It goes on from its checkpoint; after a reset, it begins anew.
    before = replications.status("a")["docs_checked_push"]
    replications.act("a", "start")
    replications.until_done("a")
    assert replications.status("a")["docs_checked_push"] == before
    replications.act("a", "reset")
    eventually(lambda: "docs_checked_push" in replications.status("a"), False)
    replications.act("a", "start")
    eventually(lambda: replications.status("a").get("docs_checked_push"), before)


def test_a_continuous_one_and_one_that_is_removed_when_it_stops(replications, remote):
    replications.put("a", **remote, direction="push", continuous=True)
    eventually(lambda: replications.state("a"), "running")
    active = [it["replication_id"] for it in replications.ask("GET", "Status", activeOnly="true")]
    assert replications.id("a") in active
    before = replications.status("a").get("docs_checked_push", 0)
    SyncGateway.save_json("rep-live", {"channels": ["a"]})
    eventually(lambda: replications.status("a").get("docs_checked_push", 0) > before, True)
    replications.act("a", "stop")
    eventually(lambda: replications.state("a"), "stopped")
    replications.put("b", **remote, direction="pull", continuous=True, adhoc=True)
    eventually(lambda: replications.state("b"), "running")
    assert replications.act("b", "stop") in ("removed", "stopping")
    eventually(lambda: replications.id("b") in replications.ask("GET", ""), False)


def test_a_user_who_is_not_there(replications, remote):
    replications.put("a", **remote, direction="pull", run_as="nobody-of-this-name")
    eventually(lambda: replications.state("a"), "error")
    message = replications.status("a")["error_message"]
    assert message.startswith("run_as user ")
    assert message.endswith(" not found")
    without = replications.ask("GET", "Status", includeError="false")
    assert replications.id("a") not in [it["replication_id"] for it in without]


@pytest.mark.parametrize("direction", ["push", "pull"])
def test_a_collection_that_the_other_gateway_does_not_have(replications, remote, direction):
    names = {"collections_local": ["_default._default"], "collections_remote": ["_default.no"]}
    replications.put("a", **remote, direction=direction, collections_enabled=True, **names)
    eventually(lambda: replications.state("a"), "error")
    assert "_default.no" in replications.status("a")["error_message"]
