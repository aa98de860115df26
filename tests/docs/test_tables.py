"""Simple tables: a line with something in its first column begins a row, meant or not."""

from __future__ import annotations

import re

import pytest

from tests.docs.blocks import PAGES

RULER = re.compile(r"^(=+ +)=+( +=+)*$")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_cell_goes_on_in_the_first_column(page):
    second = 0
    for number, line in enumerate(page.read_text("utf-8").split("\n"), 1):
        if found := RULER.match(line):
            second = len(found[1])
        elif not line:
            second = 0
        elif second and not line.startswith(" "):
            first, rest = line[:second].strip(), line[second:].strip()
            assert rest, f"{page.name}:{number}: a row of one cell"
            assert not first.endswith((",", " of", " the")), f"{page.name}:{number}: {first}"
