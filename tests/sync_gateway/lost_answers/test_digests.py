"""What a revision is a digest of: by that, a write is known again."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_cbtools.sync_gateway import SyncGateway
from tests.counts import FEW
from tests.gateway.fuzz.process import ServerProcess
from tests.sync_gateway.lost_answers.writes import (
    ARRIVED,
    NOT_ARRIVED,
    OPTIONS,
    history_of,
    lost_write,
    new_article,
    open_line,
    write_on,
)
from tests.testapp.models import CBArticle


@pytest.fixture(scope="module")
def old_server(tmp_path_factory):
    """A gateway of version 2.6."""
    file = tmp_path_factory.mktemp("old") / "documents.sqlite3"
    with ServerProcess(file, module="tests.sync_gateway.faults.old_gateway") as server:
        yield server


@pytest.fixture
def old_line(old_server, settings):
    yield from open_line(old_server, settings)


INLINE = {"note": {"data": "aGVsbG8=", "content_type": "text/plain"}}


@pytest.mark.parametrize("fault", [ARRIVED, NOT_ARRIVED], ids=["arrived", "not arrived"])
@pytest.mark.parametrize("which", ["line", "old_line"])
def test_attachments(request, which, uid, fault):
    line = request.getfixturevalue(which)
    article = new_article(uid)
    article.extra["_attachments"] = INLINE
    line.lose(fault)
    article.save()
    assert history_of(line, uid) == [article.rev]
    loaded = CBArticle(uid)
    assert loaded.extra["_attachments"]["note"]["stub"] is True
    line.lose(fault)
    loaded.save()
    assert history_of(line, uid) == [article.rev, loaded.rev]
    line.lose(fault)
    (third,) = SyncGateway.bulk_docs([{"_id": uid, "_rev": loaded.rev, **loaded.to_dict()}])
    assert history_of(line, uid)[2:] == [third["rev"]]
    assert line.writes == (1 if fault.arrives else 2)


@pytest.mark.parametrize("which", ["line", "old_line"])
def test_attachments_that_others_went_on_from(request, which, uid):
    line = request.getfixturevalue(which)
    article = new_article(uid)
    article.extra["_attachments"] = INLINE
    article.save()
    loaded = CBArticle(uid)
    lost_write(line, ARRIVED, lambda: write_on(line, uid, 1))
    loaded.save()
    assert history_of(line, uid)[:2] == [article.rev, loaded.rev]
    assert line.writes == 1


def test_old_gateway_digests_attachments(old_line, line, uid):
    """The test's own: what the two make of the same document is not the same."""
    revs = set()
    for where in (old_line, line):
        _, answer = where.rival.ask("PUT", f"/{uid}", {"_attachments": INLINE})
        revs.add(answer["rev"])
    assert len(revs) == 2


class Raw:
    """A document that is any JSON."""

    def __init__(self, uid, members):
        self.uid = uid
        self.rev = None
        self.members = members

    def get_uid(self):
        return self.uid

    def to_dict(self):
        return self.members

    def saved_as(self, rev, document):
        self.rev = rev


texts = st.text(st.characters(exclude_categories=()))
keys = texts | st.integers() | st.booleans() | st.none()
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none()
    | st.booleans()
    | numbers
    | texts
    | st.sampled_from(
        [1e16, 1e-7, -0.0, 0.1, 10**400, 1e300, "<&>", "\u2028\u2029", "\ud83d\ude00"]
    ),
    lambda inner: st.lists(inner) | st.dictionaries(keys, inner),
    max_leaves=20,
)
members = st.dictionaries(keys.filter(lambda key: not str(key).startswith("_")), values, max_size=8)


@pytest.fixture
def patient_line(line, settings):
    # Only a broken connection loses an answer here, not a machine that is busy.
    settings.SYNC_GATEWAY_OPTIONS = OPTIONS | {"timeout": 60}
    return line


@settings(max_examples=FEW, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(members, members)
def test_revision_of_any_json(patient_line, first, second):
    """A write that has arrived is recognised by its revision, whatever is in it."""
    document = Raw(f"d{secrets.token_hex(8)}", first | {"channels": ["a"]})
    revs = []
    for document.members in (first, second):
        patient_line.lose(ARRIVED)
        SyncGateway.save_document(document)
        assert patient_line.asked == [f"PUT {document.uid}", "POST _revs_diff"]
        revs.append(document.rev)
        assert history_of(patient_line, document.uid) == revs
