"""New uids."""

from __future__ import annotations

import re
import uuid

from django.contrib.admin.utils import unquote

from django_cbtools.models import uids
from tests.testapp.models import CBArticle

#: The alphabet of shortuuid, of which 1.x made them.
SHORT = re.compile("[2-9A-HJ-NP-Za-km-z]{22}")


def test_form():
    prefix, _, short = CBArticle().get_uid().partition("_")
    assert (prefix, bool(SHORT.fullmatch(short))) == ("atl", True)


def test_none_looks_quoted_to_the_admin(monkeypatch):
    """In a URL, it takes ``_3B`` for a semicolon."""
    semicolon, letters = uuid.UUID(int=9 * 57 + 1), uuid.UUID(int=40)
    drawn = iter([semicolon, letters])
    monkeypatch.setattr(uids.uuid, "uuid4", lambda: next(drawn))
    uid = uids.new_uid("atl")
    assert unquote(uid) == uid
    assert not list(drawn)
