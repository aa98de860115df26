"""`make test-live`, at a gateway that is less friendly than the embedded one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from django_cbtools.sync_gateway import SyncGateway
from tests.counts import TORTURE
from tests.sync_gateway.unfriendly import ADMIN_LOGIN, Unfriendly

ROOT = Path(__file__).parents[2]
#: Enough to see that it works; `make torture` runs all.
PART = ["-k", "command or group_level or test_winner or save_documents and 10"]


def run(urls, bucket, *args):
    user, password = ADMIN_LOGIN
    env = {name: value for name, value in os.environ.items() if not name.startswith("COUCHBASE_")}
    env.pop("CBTOOLS_NO_SKIP", None)  # what cannot be done at such a gateway is looked at here
    env |= {
        "DJANGO_SETTINGS_MODULE": "tests.live",
        "SYNC_GATEWAY_URL": urls[0],
        "SYNC_GATEWAY_ADMIN_URL": urls[1],
        "SYNC_GATEWAY_BUCKET": bucket,
        "SYNC_GATEWAY_ADMIN_USER": user,
        "SYNC_GATEWAY_ADMIN_PASSWORD": password,
    }
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/contract", *args],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
    )


@pytest.mark.torture
def test_contract_at_an_unfriendly_gateway(http_gateway, settings):
    gateway = Unfriendly(http_gateway.urls)
    whole = TORTURE
    done = run(gateway.urls, settings.SYNC_GATEWAY_BUCKET, *([] if whole else PART))
    gateway.stop()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[live]" not in done.stdout, "nothing skips"
    skipped = [line for line in done.stdout.splitlines() if line.startswith("SKIPPED")]
    assert all("This gateway allows no conflicts" in line for line in skipped), skipped


def test_other_buckets_are_left_alone(http_gateway):
    done = run(http_gateway.urls, "production")
    assert done.returncode != 0
    assert "does not have 'test' in its name" in done.stdout + done.stderr


@pytest.mark.parametrize("size", [0, 10, 3_000_000])
def test_attachments_whose_length_is_kept_back(gateway_by_http, settings, size):
    """Something on the way sends answers in chunks, and takes digests and ranges away."""
    gateway = Unfriendly(gateway_by_http.urls)
    settings.SYNC_GATEWAY_URL = gateway.urls[0]
    rev = SyncGateway.save_json("lengths", {"channels": ["a"]}).json()["rev"]
    content = bytes(number % 251 for number in range(size))
    SyncGateway.put_attachment("lengths", "a", content, "image/png", rev)
    with SyncGateway.get_attachment("lengths", "a") as attachment:
        assert attachment.length == size
        assert attachment.read() == content
        attachment.seek(size // 2)
        assert attachment.read() == content[size // 2 :]
    if size:
        with SyncGateway.get_attachment("lengths", "a", start=3, end=7) as attachment:
            assert attachment.read() == content[3:7]
    gateway.stop()
