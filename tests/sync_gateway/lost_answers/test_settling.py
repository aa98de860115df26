"""Writes whose answers do not come: each is settled, and nothing is done twice."""

from __future__ import annotations

import pytest

from django_cbtools.sync_gateway import (
    SyncGateway,
    SyncGatewayAnswerLost,
    SyncGatewayBadRequest,
    SyncGatewayConflict,
    SyncGatewayNotFound,
)
from tests.counts import TORTURE
from tests.sync_gateway.faults.chaos import WRITES
from tests.sync_gateway.faults.proxy import FINE, Fault, Script, page, says
from tests.sync_gateway.lost_answers.writes import (
    ARRIVED,
    NOT_ARRIVED,
    OPTIONS,
    history_of,
    is_deleted,
    new_article,
    saved_article,
)
from tests.testapp.models import CBArticle


def test_an_answer_that_comes_takes_one_request(line, uid):
    article = saved_article(uid)
    assert line.asked == [f"PUT {uid}"]
    article.save()
    assert line.asked == [f"PUT {uid}"] * 2
    SyncGateway.delete_document(uid, article.rev)
    assert line.asked == [f"PUT {uid}"] * 2 + [f"DELETE {uid}"]
    CBArticle.objects.bulk_create([new_article(f"{uid}-1"), new_article(f"{uid}-2")])
    assert line.asked[3:] == ["POST _bulk_docs"]


every_fault = pytest.mark.parametrize("fault", WRITES, ids=str)


def some_faults(start):
    """A third of them; all where TORTURE=1 is set."""
    return pytest.mark.parametrize("fault", WRITES if TORTURE else WRITES[start::3], ids=str)


def _check_settled(line, fault):
    """It has asked once what became of the write, and sent it again only if it had not arrived."""
    assert line.writes == (1 if fault.arrives else 2)
    assert line.asked.count("POST _revs_diff") == 1
    if fault.arrives:
        assert len(line.asked) == 2


@some_faults(0)
def test_create(line, uid, fault):
    line.lose(fault)
    article = saved_article(uid)
    _check_settled(line, fault)
    assert history_of(line, uid) == [article.rev]


@every_fault
def test_update(line, uid, fault):
    article = saved_article(uid)
    first = article.rev
    line.lose(fault)
    article.title = "two"
    article.save()
    _check_settled(line, fault)
    assert history_of(line, uid) == [first, article.rev]
    assert line.rival.leaves(uid)[0]["title"] == "two"


@some_faults(1)
def test_delete(line, uid, fault):
    article = saved_article(uid)
    line.lose(fault)
    SyncGateway.delete_document(uid, article.rev)
    _check_settled(line, fault)
    assert is_deleted(line, uid)
    assert len(history_of(line, uid)) == 2


@every_fault
def test_bulk(line, uid, fault):
    old = saved_article(f"{uid}-old")
    first = old.rev
    line.lose(fault)
    new = new_article(f"{uid}-new")
    SyncGateway.save_documents([new, old])
    _check_settled(line, fault)
    assert history_of(line, new.uid) == [new.rev]
    assert history_of(line, old.uid) == [first, old.rev]


@every_fault
def test_put_user(line, uid, fault):
    line.lose(fault)
    assert SyncGateway.put_user(uid, password="secret", admin_channels=["x"])
    assert sorted(SyncGateway.get_user(uid)["admin_channels"]) == ["public", "x"]


@some_faults(2)
def test_append_channels(line, uid, fault):
    SyncGateway.put_user(uid, password="secret", admin_channels=["x"])
    line.lose(fault)
    assert SyncGateway.append_channels(uid, ["y"])
    assert sorted(SyncGateway.get_user(uid)["admin_channels"]) == ["public", "x", "y"]


@some_faults(0)
def test_remove_channels(line, uid, fault):
    SyncGateway.put_user(uid, password="secret", admin_channels=["x"])
    line.lose(fault)
    assert SyncGateway.remove_channels(uid, ["x"])
    assert SyncGateway.get_user(uid)["admin_channels"] == ["public"]


@some_faults(1)
def test_delete_user(line, uid, fault):
    SyncGateway.put_user(uid, password="secret")
    line.lose(fault)
    assert SyncGateway.delete_user(uid)
    with pytest.raises(SyncGatewayNotFound):
        SyncGateway.get_user(uid)


def test_several_lost_in_a_row(line, uid):
    line.lose(NOT_ARRIVED, NOT_ARRIVED, ARRIVED)
    article = saved_article(uid)
    assert history_of(line, uid) == [article.rev]
    assert line.writes == 3


def test_requests_that_settle_are_lost_as_well(line, uid):
    article = saved_article(uid)
    first = article.rev
    line.public.choose = Script(
        NOT_ARRIVED, NOT_ARRIVED, ARRIVED, Fault("all", "body"), FINE, NOT_ARRIVED, ARRIVED, FINE,
        Fault("all"), ARRIVED, FINE,
    )  # fmt: skip
    article.save()
    assert history_of(line, uid) == [first, article.rev]


WRONG = {
    "page": Fault("nothing", page(200)),
    "half": Fault("all", "unframed"),
    "empty": Fault("all", "empty"),
    "another's": says(200, {"status": "up"}),
    "list": says(200, [{"status": "up"}]),
    "null": says(200, None),
    "text": says(200, "up"),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("number", [1, 2, 3])
def test_settling_takes_no_wrong_answer_for_one(line, uid, wrong, number):
    """Whichever of its requests has it: `_revs_diff` tells only of what is missing."""
    article = saved_article(uid)
    first = article.rev
    line.public.choose = Script(NOT_ARRIVED, *[FINE] * (number - 1), wrong)
    article.save()
    assert history_of(line, uid) == [first, article.rev]


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_settling_takes_no_wrong_answer_for_a_conflict(line, uid, wrong):
    line.public.choose = Script(NOT_ARRIVED, FINE, wrong)
    article = saved_article(uid)
    assert history_of(line, uid) == [article.rev]


@pytest.mark.parametrize("text", ['{"status": "up"}', "[]", "null", "1", '"up"', '[{"a": 1}]'])
def test_json_of_others_is_no_answer(line, uid, text):
    """Something on the way says that all is well, in JSON."""
    fault = Fault("nothing", page(200, text))
    line.lose(fault)
    article = saved_article(uid)
    assert history_of(line, uid) == [article.rev]
    line.lose(fault)
    SyncGateway.save_documents([article])
    assert history_of(line, uid)[1:] == [article.rev]
    line.lose(fault)
    SyncGateway.delete_document(uid, article.rev)
    assert is_deleted(line, uid)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
def test_settling_is_refused(line, uid, settings, status):
    """As by a gateway that starts again, and does not know its database yet."""
    refusal = says(status, {"error": "x", "reason": "no such database"})
    settings.SYNC_GATEWAY_OPTIONS = OPTIONS | {"deadline": 0.5}
    line.lose()
    line.public.choose = Script(ARRIVED, afterwards=refusal)
    with pytest.raises(SyncGatewayAnswerLost) as caught:
        saved_article(uid)
    assert caught.value.uid == uid
    assert line.writes == 1


def test_gateway_that_stays_away(line, uid, settings):
    article = saved_article(uid)
    rev = article.rev
    settings.SYNC_GATEWAY_OPTIONS = OPTIONS | {"deadline": 0.5}
    line.lose()
    line.public.choose = Script(afterwards=NOT_ARRIVED)
    with pytest.raises(SyncGatewayAnswerLost, match=uid) as caught:
        article.save()
    assert caught.value.uid == uid
    assert article.rev == rev
    assert line.writes == 1


def test_error_answers_are_answers(line, uid):
    """A gateway that refuses has not lost anything."""
    article = saved_article(uid)
    line.rival.save(uid, article.rev, title="other")
    line.lose()
    with pytest.raises(SyncGatewayConflict):
        article.save()
    assert line.asked == [f"PUT {uid}"]
    with pytest.raises(SyncGatewayBadRequest):
        SyncGateway.save_json(uid, {"_sync": 1})
    assert line.asked == [f"PUT {uid}"] * 2


@pytest.mark.parametrize("part", ["unframed", "empty"])
def test_a_conflict_whose_answer_is_cut(line, uid, part):
    """It has the status, and no JSON: a page of anybody's would look the same."""
    article = saved_article(uid)
    line.rival.save(uid, article.rev, title="other")
    for write in (article.save, lambda: SyncGateway.delete_document(uid, article.rev)):
        line.lose(Fault("all", part))
        with pytest.raises(SyncGatewayConflict):
            write()
        assert line.writes == 1
    line.lose(Fault("all", part))
    with pytest.raises(SyncGatewayConflict):
        saved_article(uid)
    assert len(history_of(line, uid)) == 2
