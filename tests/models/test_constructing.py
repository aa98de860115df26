"""Instances are built as Django builds them: what ``__init__`` and signals see, what is taken."""

from __future__ import annotations

import warnings

import pytest
from django.contrib.auth.models import Group
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import FieldError
from django.db import models
from django.db.models.signals import post_init, pre_init

from django_cbtools.exceptions import UnknownFieldWarning
from django_cbtools.models import (
    CouchbaseModel,
    CouchbaseNestedModel,
    EmbeddedListField,
    ForeignKey,
    load_objects,
    query_objects,
)
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.calls.client import ADMIN, request
from tests.testapp.models import CBArticle, CBAuthor, CBJob, CBPayment


class Step(CouchbaseNestedModel):
    class Meta:
        abstract = True

    status = models.CharField(max_length=10, default="new")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.was = self.status


class Tracked(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "tracked"
    status = models.CharField(max_length=10, default="new")
    steps = EmbeddedListField(Step, blank=True)
    parent = ForeignKey("self", models.CASCADE, null=True)

    def __init__(self, *args, **kwargs):
        if not (args and isinstance(args[0], str)):
            kwargs.setdefault("channels", ["made"])
        super().__init__(*args, **kwargs)
        self.was = self.status


class TrackedByDict(CBJob):
    class Meta:
        abstract = True

    doc_type = "tracked_job"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.amounts = [payment.amount for payment in getattr(self, "payments", ())]


def save(uid="t", **fields):
    document = {"doc_type": "tracked", "channels": ["c"], "status": "open", "color": "red"}
    SyncGateway.save_json(uid, {**document, **fields})


LOADS = {
    "uid": lambda: Tracked("t"),
    "load_objects": lambda: load_objects(["t"], Tracked)[0],
    "get": lambda: Tracked.objects.get(uid="t"),
    "raw": lambda: Tracked.objects.raw("SELECT uid FROM django_cbtools_tracked WHERE uid = 't'")[0],
    "select_related": lambda: Tracked.objects.select_related("parent").get(uid="u").parent,
    "prefetch_related": lambda: Tracked.objects.prefetch_related("parent").get(uid="u").parent,
    "forward": lambda: Tracked("u").parent,
}


@pytest.fixture(params=LOADS)
def load(request, db):
    save(steps=[{"status": "done"}])
    save("u", parent_uid="t")
    return LOADS[request.param]


def test_an_overridden_init_sees_what_is_stored(load):
    document = load()
    assert (document.was, document.status) == ("open", "open")
    assert document.steps[0].was == "done"
    assert document.extra == {"color": "red"}
    assert document._state.adding is False


def test_stored_values_win_over_the_defaults_of_an_overridden_init(db):
    save()
    for document in (Tracked.objects.get(), load_objects(["t"], Tracked)[0]):
        assert document.channels == ["c"]
    document.save()
    assert Tracked().channels == ["made"]


def test_signals_are_sent_with_what_is_stored(load):
    seen, given = [], []

    def before(sender, args, kwargs, **_):
        given.append((args, kwargs))

    def after(sender, instance, **_):
        seen.append((instance.uid, instance.status, dict(instance.extra)))

    pre_init.connect(before, sender=Tracked)
    post_init.connect(after, sender=Tracked)
    try:
        load()
    finally:
        pre_init.disconnect(before, sender=Tracked)
        post_init.disconnect(after, sender=Tracked)
    assert ("t", "open", {"color": "red"}) in seen
    assert all(status == "open" for _, status, _ in seen)
    names = [field.attname for field in Tracked._meta.concrete_fields]
    args, kwargs = given[-1]
    assert len(given) == len(seen)
    assert (args[names.index("uid")], args[names.index("status")], kwargs) == ("t", "open", {})


def test_signals_do_not_change_what_is_remembered(db):
    save(status=5, moment="2020-01-01T00:00Z")

    def nothing(**_):
        pass

    plain = Tracked.objects.get().to_dict()
    post_init.connect(nothing)
    try:
        for document in (Tracked("t"), Tracked.objects.get()):
            assert document.to_dict() == plain
            assert document.unread() == {"status": 5}
        document.save()
    finally:
        post_init.disconnect(nothing)
    assert SyncGateway.all_docs(["t"])["rows"][0]["doc"]["status"] == 5


def test_what_from_dict_sets_is_there_in_init(db):
    job = TrackedByDict(uid="j", title="t", channels=["c"])
    job.payments = [CBPayment(amount="1.50")]
    job.save()
    for loaded in (TrackedByDict("j"), TrackedByDict.objects.get()):
        assert [str(amount) for amount in loaded.amounts] == ["1.50"]


def test_rows_that_do_not_show_the_expiry(db):
    save(_exp="2100-01-01T00:00:00Z")
    loaded = Tracked.from_row(SyncGateway.all_docs(["t"])["rows"][0])
    plain = CBArticle(uid="a", channels=["c"], extra={"_exp": "2100-01-01T00:00:00Z"})
    plain.save()
    for document in (loaded, CBArticle.from_row(SyncGateway.all_docs(["a"])["rows"][0])):
        document.save()
        assert type(document)(document.uid).expires_at.year == 2100


def test_views_give_the_same(db):
    save()
    design = {"views": {"all": {"map": "function (doc) { emit(doc.status, null); }"}}}
    request(ADMIN, "PUT", "_design", "constructing", body=design)
    assert query_objects("constructing/all", "open", Tracked)[0].was == "open"


# ----------------------------------------------------------------------- keywords


class Note(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "note"

    text = models.CharField(max_length=20)
    kind = models.ForeignKey(ContentType, models.CASCADE, null=True)
    object_id = models.CharField(max_length=250, null=True)
    target = GenericForeignKey("kind", "object_id")
    site_code = models.CharField(max_length=20, null=True)
    author_key = models.CharField(max_length=250, null=True)
    author = models.ForeignObject(
        CBAuthor, models.DO_NOTHING, from_fields=["author_key"], to_fields=["uid"], related_name="+"
    )

    @property
    def title(self):
        return self.text

    @title.setter
    def title(self, value):
        self.text = value

    @property
    def fixed(self):
        return 1


def test_everything_that_django_takes_is_taken(db):
    author = CBAuthor(uid="a", name="n", channels=["c"])
    author.save()
    group = Group.objects.create(name="g")
    note = Note.objects.create(
        uid="n", title="t", target=group, author=author, channels=["c"], pk="n"
    )
    for each in (note, Note.objects.get()):
        assert (each.text, each.target, each.author, each.author_key) == ("t", group, author, "a")
    _, created = Note.objects.get_or_create(
        uid="o", defaults={"title": "u", "target": author, "channels": ["c"]}
    )
    assert created
    assert (Note("o").text, Note("o").target) == ("u", author)
    Note.objects.update_or_create(uid="o", defaults={"title": "v", "target": group})
    assert (Note("o").text, Note("o").target) == ("v", group)
    with pytest.raises(FieldError, match="Invalid field name"):
        Note.objects.get_or_create(uid="x", defaults={"txt": "x"})
    with pytest.raises(AttributeError):
        Note(fixed=2)


def test_keywords_beside_a_uid_are_changes(db):
    CBArticle(uid="a", title="stored", channels=["c"]).save()
    author = CBAuthor(uid="b", name="n", channels=["c"])
    article = CBArticle("a", title="given", author=author)
    assert (article.title, article.author, article.channels) == ("given", author, ["c"])
    assert CBArticle("a").title == "stored"
    article.save()
    assert CBArticle("a").title == "given"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("titel", "'title'"), ("autor", "'author'"), ("nothing_at_all", None)],
)
def test_what_is_nothing_is_left_out_with_a_warning(name, nearest):
    with pytest.warns(UnknownFieldWarning) as told:
        article = CBArticle(**{name: 1})
    (warning,) = told
    assert not hasattr(article, name)
    assert f"CBArticle has no field {name!r}: it is ignored." in str(warning.message)
    assert ("The nearest one is" in str(warning.message)) == (nearest is not None)
    assert (nearest or "") in str(warning.message)
    assert warning.filename == __file__


def test_the_warning_names_the_programs_line(db):
    with pytest.warns(UnknownFieldWarning) as told:
        CBArticle.objects.create(titel="x", channels=["c"])
    assert told[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnknownFieldWarning)
        with pytest.raises(UnknownFieldWarning, match="CBPayment has no field 'amout'"):
            CBPayment(amout=1)
