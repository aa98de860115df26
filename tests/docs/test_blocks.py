"""Every code block of README.rst and docs/ runs."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.docs.blocks import PAGES, ROOT, read
from tests.docs.running import Page
from tests.wheel.pages import WALKED

#: How many blocks of a page cannot be run: each says why, by a comment in front of it.
NOT_RUN = Counter(
    {
        "docs/access.rst": 1,
        "docs/couchbase-server.rst": 1,
        "docs/embedded-gateway.rst": 1,
        "docs/models.rst": 1,
        "docs/phones.rst": 1,
        "docs/without-sql.rst": 3,
    }
)


@pytest.mark.django_db(databases="__all__")
@pytest.mark.parametrize(
    "page",
    # tests/wheel/test_walk.py does what the others say.
    [page for page in PAGES if page.stem not in WALKED],
    ids=lambda page: page.stem,
)
def test_blocks(page, request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    left_out = Page(read(page), tmp_path, request.getfixturevalue).run()
    assert left_out == NOT_RUN[page.relative_to(ROOT).as_posix()]
