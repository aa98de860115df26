"""Exchanges that were recorded between real gateways (see recorded/README.md)."""

from __future__ import annotations

import base64
import json
from pathlib import Path

HERE = Path(__file__).parent / "recorded"
FILES = sorted(path.name for path in HERE.glob("*.json"))
CLIENT, SERVER = "C>S", "S>C"


def connections(name):
    """The connections of a file, each with its messages and its frames (direction and bytes)."""
    found = json.loads((HERE / name).read_text())
    for connection in found:
        connection["frames"] = [
            (way, base64.b64decode(text)) for way, text in connection["frames"]
        ]  # fmt: skip
    return found


def body(message):
    """The body of a recorded message as bytes, None where only its JSON value is known."""
    given = message.get("body")
    if given is None:
        return b""
    if "text" in given:
        return given["text"].encode()
    return base64.b64decode(given["base64"]) if "base64" in given else None
