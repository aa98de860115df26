"""The compose file of docs/going-live.rst fits the settings that the page shows for it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import yaml

from tests.docs.blocks import DOCS, read


def settings_of_the_page() -> dict[str, Any]:
    [block] = [
        block
        for block in read(DOCS / "going-live.rst")
        if block.caption == "settings.py for the compose file"
    ]
    settings: dict[str, Any] = {"os": os, "BASE_DIR": Path()}
    exec(block.text, settings)
    return settings


def test_ports_bucket_and_file_agree() -> None:
    settings = settings_of_the_page()
    services = yaml.safe_load((DOCS / "compose" / "compose.yaml").read_text())["services"]
    gateway = json.loads((DOCS / "compose" / "sync-gateway.json").read_text())

    published = services["sync-gateway"]["ports"]
    api = gateway["api"]
    for setting, interface in [
        ("SYNC_GATEWAY_URL", "public_interface"),
        ("SYNC_GATEWAY_ADMIN_URL", "admin_interface"),
    ]:
        address = settings[setting].removeprefix("http://")
        assert f"{address}{api[interface]}" in published

    alias = settings["DATABASES"]["couchbase"]
    [first, last] = (
        services["couchbase"]["ports"][0].removeprefix("127.0.0.1:").split(":")[0].split("-")
    )
    assert int(first) <= int(alias["HOST"].rpartition(":")[2]) <= int(last)
    setup = services["setup"]["command"][0]
    assert f"--bucket {alias['NAME']} " in setup
    assert settings["SYNC_GATEWAY_BUCKET"] == alias["NAME"]

    mounted, _, inside = services["sync-gateway"]["volumes"][0].removesuffix(":ro").partition(":")
    assert services["sync-gateway"]["command"] == [inside]
    assert (DOCS / "compose" / mounted).exists()
    assert gateway["bootstrap"]["server"] == "couchbase://couchbase"
    assert gateway["bootstrap"]["username"] == alias["USER"]
    assert gateway["bootstrap"]["password"].strip("${}") in services["sync-gateway"]["environment"]
