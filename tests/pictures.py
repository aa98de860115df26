"""Pictures of pages in docs/_images, taken by tests where CBTOOLS_SCREENSHOTS=1 is set."""

from __future__ import annotations

import os
from pathlib import Path

from PIL import Image

from tests.gateway.hostile.chromium import Chromium

ARE_TAKEN = os.environ.get("CBTOOLS_SCREENSHOTS") == "1"
FOLDER = Path(__file__).resolve().parents[1] / "docs" / "_images"

#: Maps are drawn when their data have arrived: a line through the middle has several colors then.
_IS_DRAWN = (
    "Array.from(document.querySelectorAll('canvas')).every((map) => new Set(map.getContext('2d')"
    ".getImageData(0, map.height / 2, map.width, 1).data).size > 12)"
)


def take(browser: Chromium, name: str, *, whole: bool = True) -> None:
    """Keep what the browser shows, or the whole page, as ``docs/_images/<name>.png``."""
    if not ARE_TAKEN:
        return
    browser.wait(_IS_DRAWN)
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / f"{name}.png"
    browser.save_picture(str(file), whole=whole)
    with Image.open(file) as picture:
        few = picture.convert("RGB").quantize(128)  # a quarter of the size
    few.save(file, optimize=True)
