"""save(merge=...): two changes of one document made into one."""

from __future__ import annotations

import copy
import functools
import itertools
import json
import pickle
import sys

import pytest
from asgiref.sync import async_to_sync
from hypothesis import given
from hypothesis import strategies as st

from django_cbtools import models as exported
from django_cbtools.exceptions import CouchbaseModelError
from django_cbtools.models import MergeConflict, load_objects, merge_fields
from django_cbtools.models.writing.merge import is_same
from django_cbtools.signals import cb_post_save
from django_cbtools.sync_gateway import SyncGateway, SyncGatewayBadRequest, SyncGatewayConflict
from tests.testapp.models import CBArticle, CBAuthor, CBEverything, CBJob, CBPayment

# ---------------------------------------------------------------- merge_fields

MERGED = {
    "nothing": ({}, {}, {}, {}),
    "ours": ({"a": 1}, {"a": 2}, {"a": 1}, {"a": 2}),
    "theirs": ({"a": 1}, {"a": 1}, {"a": 2}, {"a": 2}),
    "the same": ({"a": 1}, {"a": 2}, {"a": 2}, {"a": 2}),
    "each another key": ({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 1, "b": 2}, {"a": 2, "b": 2}),
    "added on both sides": ({}, {"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
    "removed by us": ({"a": 1, "b": 1}, {"b": 1}, {"a": 1, "b": 2}, {"b": 2}),
    "removed by them": ({"a": 1, "b": 1}, {"a": 1, "b": 2}, {"b": 1}, {"b": 2}),
    "removed by both": ({"a": 1}, {}, {}, {}),
    "null is a value": ({"a": 1}, {"a": None}, {"a": 1}, {"a": None}),
    "null is not nothing": ({}, {"a": None}, {}, {"a": None}),
    "true is not 1": ({"a": 1}, {"a": True}, {"a": 1}, {"a": True}),
    "1.0 is 1": ({"a": 1}, {"a": 2}, {"a": 1.0}, {"a": 2}),
    "in lists too": ({"a": [1, {"b": 0}]}, {"a": [1, {"b": False}]}, {"a": [1.0, {"b": 0}]},
                     {"a": [1, {"b": False}]}),
    "objects": ({"o": {"a": {"b": 1, "c": 1}}}, {"o": {"a": {"b": 2, "c": 1}}},
                {"o": {"a": {"b": 1, "c": 2, "d": 1}}}, {"o": {"a": {"b": 2, "c": 2, "d": 1}}}),
    "objects that both added": ({}, {"o": {"a": 1}}, {"o": {"b": 1}}, {"o": {"a": 1, "b": 1}}),
    "channels": ({"channels": ["a", "b"]}, {"channels": ["b", "c"]}, {"channels": ["d", "b", "a"]},
                 {"channels": ["d", "b", "c"]}),
    "channels of new documents": ({}, {"channels": ["a", "b"]}, {"channels": ["b", "c"]},
                                  {"channels": ["b", "c", "a"]}),
    "channels removed": ({"channels": ["a", "b"]}, {"channels": ["b"]}, {}, {"channels": []}),
    "updated": ({"updated": "2020-01-01T00:00:00+00:00"}, {"updated": "2021-01-01T02:00:00+02:00"},
                {"updated": "2021-01-01T00:00:00.000001Z"},
                {"updated": "2021-01-01T00:00:00.000001Z"}),
    "updated by us": ({}, {"updated": "2021-01-01T00:00:00"}, {"updated": "2020-12-31T23:00:00Z"},
                      {"updated": "2021-01-01T00:00:00"}),
    "updated is unreadable": ({}, {"updated": "2021-01-01T00:00:00"}, {"updated": 7},
                              {"updated": "2021-01-01T00:00:00"}),
    "updated is no date": ({}, {"updated": "2021-99-01T00:00:00"}, {"updated": "1021-01-01T00:00Z"},
                           {"updated": "1021-01-01T00:00Z"}),
    "updated was removed": ({"updated": 1}, {"updated": "2021-01-01T00:00:00"}, {},
                            {"updated": "2021-01-01T00:00:00"}),
    "created": ({}, {"created": "2021-01-01T00:00:00Z"}, {"created": "2020-01-01T00:00:00Z"},
                {"created": "2020-01-01T00:00:00Z"}),
    "the gateway's": ({"_id": "x", "_rev": "1-a", "_cv": "1"}, {"_id": "x", "_rev": "1-a", "a": 1},
                      {"_id": "x", "_rev": "2-b", "_cv": "2"},
                      {"_id": "x", "_rev": "2-b", "_cv": "2", "a": 1}),
    "expiry": ({}, {"_exp": 60}, {"_rev": "1-a"}, {"_exp": 60, "_rev": "1-a"}),
    "attachments": ({"_attachments": {"a": {"stub": True, "digest": "1"}}},
                    {"_attachments": {"a": {"stub": True, "digest": "1"}, "b": {"data": "eA=="}}},
                    {"_attachments": {"a": {"stub": True, "digest": "2"}}},
                    {"_attachments": {"a": {"stub": True, "digest": "2"}, "b": {"data": "eA=="}}}),
}  # fmt: skip


@pytest.mark.parametrize("case", MERGED)
def test_merge(case):
    base, ours, theirs, expected = MERGED[case]
    before = copy.deepcopy((base, ours, theirs))
    winner = merge_fields(base, ours, theirs)
    assert is_same(winner, expected), winner
    assert isinstance(winner.get("a"), bool) == isinstance(expected.get("a"), bool)
    assert (base, ours, theirs) == before


CLASHES = {
    "values": ({"a": 1}, {"a": 2}, {"a": 3}, "a"),
    "added": ({}, {"a": 2}, {"a": 3}, "a"),
    "removed and changed": ({"a": 1}, {}, {"a": 3}, "a"),
    "changed and removed": ({"a": 1}, {"a": 3}, {}, "a"),
    "of other types": ({"a": 0}, {"a": 1}, {"a": True}, "a"),
    "two keys": ({}, {"a": 1, "b": 1, "c": 1}, {"a": 2, "b": 1, "c": 2}, "a, c"),
    "lists": ({"a": [1]}, {"a": [1, 2]}, {"a": [1, 3]}, "a"),
    "inside": ({"o": {"a": 1, "b": 1}}, {"o": {"a": 2, "b": 2}}, {"o": {"a": 3, "b": 1}}, "o.a"),
    "object and value": ({"a": 1}, {"a": {"b": 1}}, {"a": {"c": 1}}, "a"),
    "channels that are no list": ({}, {"channels": ["a"]}, {"channels": "a"}, "channels"),
    "one attachment": (
        {"_attachments": {"f": {"stub": True, "digest": "1"}}},
        {"_attachments": {"f": {"data": "eA=="}}},
        {"_attachments": {"f": {"stub": True, "digest": "2"}}},
        "_attachments.f",
    ),
}


@pytest.mark.parametrize("case", CLASHES)
def test_clash(case):
    base, ours, theirs, keys = CLASHES[case]
    with pytest.raises(MergeConflict, match=f"both sides have changed {keys}\\. ") as caught:
        merge_fields(base, ours, theirs)
    assert ", ".join(caught.value.keys) == keys
    assert caught.value.status == 409
    preferred = merge_fields(base, ours, theirs, prefer="ours")
    assert is_same(preferred, {} if case == "removed and changed" else {**theirs, **ours})
    preferred = merge_fields(base, ours, theirs, prefer="theirs")
    expected = {**ours, **theirs}
    if case == "inside":
        # What only we have changed stays.
        expected["o"]["b"] = 2
    if case == "changed and removed":
        del expected["a"]
    assert is_same(preferred, expected)


def test_prefer_is_checked():
    with pytest.raises(ValueError, match="not 'mine'"):
        merge_fields({}, {}, {}, prefer="mine")


def test_rules_decide():
    def added(base, ours, theirs):
        return ours + theirs - (base or 0)

    def undecided(base, ours, theirs):
        raise SyncGatewayConflict("no idea")

    rules = {"n": added, "new": added, "details": lambda *sides: "rule"}
    base = {"n": 5, "details": {}, "deep": {"n": 5}}
    ours = {"n": 6, "new": 1, "details": {"a": 1}, "deep": {"n": 5}}
    theirs = {"n": 8, "new": 2, "details": {"b": 1}, "deep": {"n": 6}}
    expected = {"n": 9, "new": 3, "details": "rule", "deep": {"n": 6}}
    assert merge_fields(base, ours, theirs, rules=rules) == expected
    with pytest.raises(MergeConflict) as caught:
        merge_fields({}, {"n": 1}, {"n": 2}, rules={"n": undecided})
    assert caught.value.keys == ("n",)
    # They have precedence over ours.
    rules = {"channels": lambda base, ours, theirs: ours}
    assert merge_fields({}, {"channels": [1]}, {"channels": [2]}, rules=rules) == {"channels": [1]}


def test_merge_conflict_travels():
    error = pickle.loads(pickle.dumps(MergeConflict(("a", "b.c"), "atl_x")))
    assert (error.keys, error.uid, error.status) == (("a", "b.c"), "atl_x", 409)
    assert "document atl_x: both sides have changed a, b.c." in str(error)


def test_it_is_exported():
    assert {"MergeConflict", "merge_fields", "retry_on_conflict"} <= set(exported.__all__)


# ------------------------------------------------------- whatever there is in it

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from([0.0, 1.0, "", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("pqr"), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = ["a", "b", "c", "channels", "created", "updated", "_attachments", "_exp"]
DOCUMENTS = st.dictionaries(st.sampled_from(KEYS), VALUES)


def strictly(document):
    """A document as JSON, in which true is not 1 (and 1.0 is 1, as in JavaScript)."""
    return json.dumps(document, sort_keys=True).replace(".0", "")


@given(DOCUMENTS, DOCUMENTS)
def test_one_side_alone_wins(base, changed):
    assert strictly(merge_fields(base, changed, base)) == strictly(changed)
    assert strictly(merge_fields(base, base, changed)) == strictly(changed)
    assert strictly(merge_fields(base, changed, changed)) == strictly(changed)


@given(DOCUMENTS, DOCUMENTS, DOCUMENTS, st.sets(st.sampled_from(KEYS)))
def test_changes_of_different_keys_are_both_kept(base, ours, theirs, our_keys):
    """Each side changes keys of its own: the order of the sides makes no difference."""

    def changed(by, keys):
        return {key: value for key in KEYS for value in _value(by if key in keys else base, key)}

    their_keys = set(KEYS) - our_keys
    one, other = changed(ours, our_keys), changed(theirs, their_keys)
    expected = {
        key: value for key in KEYS for value in _value(ours if key in our_keys else theirs, key)
    }
    assert strictly(merge_fields(base, one, other)) == strictly(expected)
    assert strictly(merge_fields(base, other, one)) == strictly(expected)


def _value(document, key):
    return [document[key]] if key in document else []


@given(DOCUMENTS, DOCUMENTS, DOCUMENTS, st.sampled_from(["ours", "theirs"]))
def test_no_key_gets_lost(base, ours, theirs, prefer):
    sides = {"ours": ours, "theirs": theirs}
    winner = merge_fields(base, ours, theirs, prefer=prefer)
    for key in winner:
        assert key in ours or key in theirs
    for key in ours.keys() | theirs.keys():
        removed_by = [name for name in sides if key in base and key not in sides[name]]
        if not removed_by or (prefer not in removed_by and key in sides[prefer]):
            unchanged = removed_by and is_same(sides[prefer][key], base[key])
            assert key in winner or unchanged
        if key in ours and key in theirs and not is_same(ours[key], theirs[key]):
            # A change of one side alone is never overruled.
            for mine, yours in (("ours", "theirs"), ("theirs", "ours")):
                if key in base and is_same(sides[yours][key], base[key]):
                    assert is_same(winner[key], sides[mine][key])


@given(DOCUMENTS, DOCUMENTS, DOCUMENTS)
def test_keys_of_a_conflict_are_those_that_both_changed(base, ours, theirs):
    nothing = object()
    try:
        winner = merge_fields(base, ours, theirs)
    except MergeConflict as clash:
        for key in {path.partition(".")[0] for path in clash.keys}:
            was, our, their = (side.get(key, nothing) for side in (base, ours, theirs))
            assert not is_same(was, our)
            assert not is_same(was, their)
            assert not is_same(our, their)
    else:
        # Nobody had to be preferred.
        for prefer in ("ours", "theirs"):
            assert strictly(merge_fields(base, ours, theirs, prefer=prefer)) == strictly(winner)


@given(*[st.lists(st.sampled_from("abcd"), unique=True)] * 3)
def test_channels_are_sets(base, ours, theirs):
    sides = ({"channels": side} for side in (base, ours, theirs))
    merged = merge_fields(*sides)["channels"]
    was, our, their = map(set, (base, ours, theirs))
    assert len(merged) == len(set(merged))
    assert set(merged) == (our & their) | (our - was) | (their - was)


# ------------------------------------------------------------------ documents


@pytest.fixture(params=["in process", "over HTTP"])
def gateway(transactional_db, request):
    """A gateway, either way."""
    if request.param == "over HTTP":
        request.getfixturevalue("gateway_by_http")


def article(**kwargs):
    saved = CBArticle(**{"title": "t", "channels": ["c"], **kwargs})
    saved.save()
    return saved


def stored(uid):
    return SyncGateway.all_docs([uid])["rows"][0]["doc"]


def phone(uid, **members):
    """Another program, which has keys that no model declares."""
    document = stored(uid)
    del document["_id"]
    SyncGateway.save_json(uid, {**document, **members})


def test_both_changes_are_there(gateway):
    uid = article(year_published=1, details={"a": 1, "b": 1}).uid
    mine = CBArticle(uid)
    phone(uid, year_published=2, details={"a": 1, "b": 2}, channels=["c", "d"], steps=[1])
    mine.title, mine.details["a"] = "mine", 2
    mine.append_channel("e")
    mine.save(merge=merge_fields)
    merged = CBArticle(uid)
    for document in (mine, merged):
        assert (document.title, document.year_published) == ("mine", 2)
        assert document.details == {"a": 2, "b": 2}
        assert document.channels == ["c", "d", "e"]
        assert document.extra == {"steps": [1]}
        assert document.rev.startswith("3-")
    assert mine.rev == merged.rev
    assert mine.updated == merged.updated
    # Nobody has come in between since.
    mine.save()


def test_without_a_conflict_nobody_is_asked(db):
    saved = article()
    saved.save(merge=lambda *sides: pytest.fail("asked"))
    assert saved.rev.startswith("2-")


def test_without_a_hook_it_remains_a_conflict(db):
    saved = article()
    phone(saved.uid, title="phone")
    with pytest.raises(SyncGatewayConflict):
        saved.save()


def test_what_the_hook_is_given(gateway):
    saved = article(tags=["a"], price="1.50", extra={"steps": [1]})
    base = {key: value for key, value in stored(saved.uid).items() if not key.startswith("_")}
    phone(saved.uid, steps=[1, 2], title=None)
    saved.tags.append("b")
    saved.extra["mine"] = True
    asked = []

    def hook(base, ours, theirs):
        asked.append((base, ours, theirs))
        # They are the hook's own.
        ours["title"] = "winner"
        return ours

    saved.save(merge=hook)
    ((was, ours, theirs),) = asked
    assert was == base
    assert theirs == {**base, "steps": [1, 2], "title": None}
    assert ours == {
        **base, "tags": ["a", "b"], "mine": True, "updated": saved.updated.isoformat(),
        "title": "winner",
    }  # fmt: skip
    assert saved.title == "winner"
    assert stored(saved.uid)["steps"] == [1]


def test_a_clash_names_the_document_and_changes_nothing(db):
    saved = article()
    phone(saved.uid, title="phone", is_draft=False)
    saved.title, rev = "mine", saved.rev
    with pytest.raises(MergeConflict, match=f"document {saved.uid}: both .* title") as caught:
        saved.save(merge=merge_fields)
    assert (caught.value.keys, caught.value.uid) == (("title",), saved.uid)
    assert type(caught.value.__cause__) is SyncGatewayConflict
    assert (saved.title, saved.is_draft, saved.rev) == ("mine", True, rev)
    assert stored(saved.uid)["title"] == "phone"
    saved.save(merge=functools.partial(merge_fields, prefer="ours"))
    assert (saved.title, saved.is_draft) == ("mine", False)


def test_what_is_neither_side_s(db):
    """The hook's winner is what is saved, and what the instance has."""
    saved = article(details={"a": 1}, extra={"gone": 1})
    phone(saved.uid, title="phone")
    saved.save(merge=lambda *sides: {"channels": ["x"], "year_published": 7, "new": 1})
    for document in (saved, CBArticle(saved.uid)):
        assert (document.title, document.year_published, document.channels) == (None, 7, ["x"])
        assert (document.details, document.extra) == ({}, {"new": 1})
    assert stored(saved.uid)["doc_type"] == "article"


@pytest.mark.parametrize("winner", [None, "x", [], True])
def test_winner_that_is_no_document(db, winner):
    saved = article()
    phone(saved.uid, title="phone")
    with pytest.raises(CouchbaseModelError, match="merge returns the JSON"):
        saved.save(merge=lambda *sides: winner)
    assert stored(saved.uid)["title"] == "phone"


def test_winner_in_no_channel(db):
    saved = article()
    phone(saved.uid, title="phone")
    with pytest.raises(CouchbaseModelError, match="Empty channels"):
        saved.save(merge=lambda base, ours, theirs: {**theirs, "channels": []})
    assert stored(saved.uid)["channels"] == ["c"]


def test_winner_that_cannot_be_sent(db):
    saved = article()
    phone(saved.uid, title="phone")
    with pytest.raises(SyncGatewayBadRequest):
        saved.save(merge=lambda base, ours, theirs: {**theirs, "n": float("nan")})
    assert stored(saved.uid)["title"] == "phone"


@pytest.mark.parametrize("times", [1, 10, 11])
def test_somebody_is_first_again(db, times, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    saved = article(year_published=0)
    saved.details["mine"] = 1
    numbers = itertools.count(1)

    def hook(base, ours, theirs):
        number = next(numbers)
        if number < times:
            phone(saved.uid, year_published=number, **{f"n{number}": 1})
        return merge_fields(base, ours, theirs)

    phone(saved.uid, n0=1)
    if times == 11:
        with pytest.raises(SyncGatewayConflict):
            saved.save(merge=hook)
        # What has been merged so far can be saved.
        saved.save(merge=merge_fields)
    else:
        saved.save(merge=hook)
    merged = CBArticle(saved.uid)
    assert (merged.details, merged.year_published) == ({"mine": 1}, times - 1)
    assert merged.extra == {f"n{number}": 1 for number in range(times)}
    assert next(numbers) == min(times, 10) + 1


def test_deleted_document_is_not_made_again(gateway):
    saved = article()
    SyncGateway.delete_document(saved.uid, saved.rev)
    with pytest.raises(SyncGatewayConflict, match="There is no document") as caught:
        saved.save(merge=lambda base, ours, theirs: ours)
    assert (caught.value.uid, caught.value.status) == (saved.uid, 409)
    with pytest.raises(CBArticle.DoesNotExist):
        CBArticle(saved.uid)
    saved.rev = None
    saved.save()
    assert CBArticle(saved.uid).title == "t"


def test_document_of_another_type_is_not_merged(db):
    saved = article()
    phone(saved.uid, doc_type="author")
    with pytest.raises(SyncGatewayConflict, match="'author'"):
        saved.save(merge=lambda base, ours, theirs: ours)
    assert CBAuthor(saved.uid)


def test_deleted_softly_stays_so(db):
    saved = article()
    mine = CBArticle(saved.uid)
    saved.delete()
    mine.title = "mine"
    mine.save(merge=merge_fields)
    assert mine.st_deleted
    assert CBArticle(saved.uid).st_deleted


def test_new_document_over_one_that_is_there(db):
    first = CBArticle(uid="atl_one", title="t", channels=["a"], extra={"x": 1})
    first.save()
    second = CBArticle(uid="atl_one", title="u", channels=["b"], price="2.00")
    seen = []

    def receiver(created, **kwargs):
        seen.append(created)

    cb_post_save.connect(receiver, CBArticle)
    try:
        with pytest.raises(MergeConflict) as caught:
            second.save(merge=merge_fields)
        second.save(merge=functools.partial(merge_fields, prefer="ours"))
    finally:
        cb_post_save.disconnect(receiver, CBArticle)
    assert caught.value.keys == ("title",)
    merged = CBArticle("atl_one")
    assert (merged.title, merged.channels, str(merged.price)) == ("u", ["a", "b"], "2.00")
    assert (merged.created, merged.updated) == (first.created, second.updated)
    assert merged.extra == {"x": 1}
    assert seen == [False]


def test_new_document_becomes_the_winner_too(db):
    CBArticle(uid="atl_one", title="t", channels=["a"]).save()
    second = CBArticle(uid="atl_one", title="u", channels=["b"])
    second.save(merge=lambda base, ours, theirs: {"channels": base["channels"] + ["x"]})
    assert (second.title, second.channels) == (None, ["x"])


def test_attachments_survive(gateway):
    saved = article(extra={"_attachments": {"a": {"data": "YQ=="}}})
    mine = CBArticle(saved.uid)
    phone(saved.uid, _attachments={**stored(saved.uid)["_attachments"], "b": {"data": "Yg=="}})
    mine.extra["_attachments"]["c"] = {"data": "Yw=="}
    mine.title = "mine"
    mine.save(merge=merge_fields)
    assert set(stored(saved.uid)["_attachments"]) == {"a", "b", "c"}
    assert stored(saved.uid)["title"] == "mine"


def test_nested_models_are_merged(db):
    job = CBJob(title="t", channels=["c"])
    job.payments = [CBPayment(amount="1.00")]
    job.save()
    mine, other = CBJob(job.uid), CBJob(job.uid)
    other.payments.append(CBPayment(amount="2.00"))
    other.save()
    mine.title = "mine"
    mine.save(merge=merge_fields)
    assert [str(payment.amount) for payment in mine.payments] == ["1.00", "2.00"]
    assert (CBJob(job.uid).title, len(CBJob(job.uid).payments)) == ("mine", 2)


def test_relation_is_followed_anew(db):
    one, two = CBAuthor(name="1", channels=["c"]), CBAuthor(name="2", channels=["c"])
    one.save()
    two.save()
    saved = article(author=one)
    phone(saved.uid, author_uid=two.uid)
    saved.save(merge=merge_fields)
    assert saved.author == two


def test_a_phones_value_of_another_type_is_kept(db):
    SyncGateway.save_json("odd", {"doc_type": "cbeverything", "channels": ["c"], "day": 5})
    mine = CBEverything("odd")
    phone("odd", key="no UUID")
    mine.text = "mine"
    mine.save(merge=merge_fields)
    document = stored("odd")
    assert (document["day"], document["key"], document["text"]) == (5, "no UUID", "mine")


def test_async(db):
    async def work():
        saved = CBArticle(channels=["c"])
        await saved.asave()
        other = CBArticle()
        await other.aload(saved.uid)
        other.title = "other"
        await other.asave()
        saved.tags.append("mine")
        await saved.asave(merge=merge_fields)
        return saved

    saved = async_to_sync(work)()
    assert (saved.title, saved.tags) == ("other", ["mine"])


# ------------------------------------------------------ what it was loaded from


def bulk_created():
    document = CBArticle(title="t", tags=["a"], channels=["c"], extra={"x": {"y": [[1]]}})
    CBArticle.objects.bulk_create([document])
    return document


def saved():
    return article(tags=["a"], extra={"x": {"y": [[1]]}})


def saved_again():
    document = article(title="old", tags=[], extra={"old": 1})
    document.title, document.extra = "t", {"x": {"y": [[1]]}}
    document.tags.append("a")
    document.save()
    return document


def refreshed():
    document = article(title="old", tags=["old"])
    SyncGateway.save_json(document.uid, {**stored(saved().uid), "_id": document.uid,
                                         "_rev": document.rev})  # fmt: skip
    document.refresh_from_db()
    return document


WAYS = {
    "saved": saved,
    "saved again": saved_again,
    "created in bulk": bulk_created,
    "loaded by key": lambda: CBArticle(saved().uid),
    "loaded with others": lambda: load_objects([saved().uid], CBArticle)[0],
    "by the ORM": lambda: CBArticle.objects.get(pk=saved().uid),
    "refreshed": refreshed,
    "pickled": lambda: pickle.loads(pickle.dumps(CBArticle(saved().uid))),
    "copied": lambda: copy.copy(CBArticle(saved().uid)),
    "copied deeply": lambda: copy.deepcopy(CBArticle(saved().uid)),
}


@pytest.mark.parametrize("way", WAYS)
def test_base_is_known(db, way):
    """Also where lists and objects are changed in place."""
    document = WAYS[way]()
    base = {key: value for key, value in stored(document.uid).items() if not key.startswith("_")}
    document.tags.append("mine")
    document.extra["x"]["y"][0].append(2)
    document.channels.append("mine")
    document.title = "mine"
    phone(document.uid, year_published=7)
    asked = []

    def hook(base, ours, theirs):
        asked.append((base, ours))
        return merge_fields(base, ours, theirs)

    document.save(merge=hook)
    ((was, ours),) = asked
    assert was == base
    assert (ours["tags"], ours["x"], ours["channels"], ours["title"]) == (
        ["a", "mine"], {"y": [[1, 2]]}, ["c", "mine"], "mine",
    )  # fmt: skip
    merged = CBArticle(document.uid)
    assert (merged.tags, merged.extra, merged.channels, merged.title, merged.year_published) == (
        ["a", "mine"], {"x": {"y": [[1, 2]]}}, ["c", "mine"], "mine", 7,
    )  # fmt: skip


def test_base_of_a_field_that_was_refreshed(db):
    mine = article(year_published=1)
    mine.is_draft = False
    phone(mine.uid, title="second", year_published=2)
    mine.refresh_from_db(fields=["title"])
    assert (mine.title, mine.year_published) == ("second", 1)
    phone(mine.uid, title="third")
    mine.save(merge=merge_fields)
    merged = CBArticle(mine.uid)
    assert (merged.title, merged.year_published, merged.is_draft) == ("third", 2, False)


def test_a_field_that_was_refreshed_is_written_as_it_was_read(db):
    SyncGateway.save_json("odd", {"doc_type": "cbeverything", "channels": ["c"]})
    mine = CBEverything("odd")
    phone("odd", amount=[1])
    mine.refresh_from_db(fields=["amount", "rev"])
    mine.save()
    assert stored("odd")["amount"] == [1]


def test_copies_part(db):
    """What becomes of a copy is nothing to the other."""
    one = article()
    other = copy.copy(one)
    phone(one.uid, title="second")
    other.refresh_from_db(fields=["title"])
    phone(one.uid, title="third")
    one.save(merge=merge_fields)
    assert one.title == "third"


def test_refreshing_takes_over_everything(db):
    """A key that is gone, and what from_dict() is overridden for."""
    job = CBJob(title="t", channels=["c"])
    job.payments = [CBPayment(amount="1.00")]
    job.save()
    other = CBJob(job.uid)
    other.payments.append(CBPayment(amount="2.00"))
    other.save()
    job.refresh_from_db()
    job.save()
    assert len(CBJob(job.uid).payments) == 2
    document = stored(job.uid)
    del document["title"], document["_id"]
    SyncGateway.save_json(job.uid, document)
    job.refresh_from_db()
    assert job.title == ""


def test_a_load_that_fails_loses_nothing(db):
    saved = article(extra={"x": 1})
    with pytest.raises(CBArticle.DoesNotExist):
        saved.load("atl_missing")
    assert (saved.title, saved.extra) == ("t", {"x": 1})


def test_deep_documents_are_loaded(db):
    """Deeper than Python functions may call each other."""
    deep: list = []
    for _ in range(sys.getrecursionlimit() // 2):
        deep = [deep]
    row = {"id": "d", "value": {"rev": "1-a"}, "doc": {"doc_type": "article", "deep": deep}}
    loaded = CBArticle()
    loaded.from_sync_gateway_row(row)
    assert loaded.extra["deep"] is deep
