"""The drawing of the rooms, and the paths that docs/contributing.rst names."""

from __future__ import annotations

import re

from tests.docs import rooms
from tests.docs.blocks import DOCS, ROOT

MOVED = "`python -m tests.docs.rooms` draws it anew."


def test_the_drawing_is_of_the_code() -> None:
    assert rooms.PICTURE.read_text("utf-8") == rooms.draw(), MOVED


def test_paths_are_there() -> None:
    text = (DOCS / "contributing.rst").read_text("utf-8")
    named = set(re.findall(r"``([\w./]+/[\w./]*|\w+\.py)``", text))
    places = [ROOT, ROOT / "django_cbtools", *(ROOT / "django_cbtools").rglob("*/")]
    missing = [path for path in named if not any((place / path).exists() for place in places)]
    assert not missing
    assert len(named) > 20
