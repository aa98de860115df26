"""What the environment says: nothing, unless a test sets it."""

from __future__ import annotations

import pytest

from tests.sync_gateway.scripted import PROXY_SECRET

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    """Nothing of the machine's own."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)


@pytest.fixture
def netrc(tmp_path, monkeypatch):
    path = tmp_path / "my-netrc"
    path.write_text(f"machine 127.0.0.1 login from-netrc password {PROXY_SECRET}\n")
    monkeypatch.setenv("NETRC", str(path))
    return path
