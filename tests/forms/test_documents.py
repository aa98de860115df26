"""DocumentForm on any site: somebody else, a phone mostly, saves the document while it is open."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django import forms
from django.core import signing
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import models
from django.template import Context, Template

from django_cbtools.forms import DocumentForm, documentform_factory, seen
from django_cbtools.models import CouchbaseModel
from django_cbtools.sync_gateway import SyncGateway, SyncGatewayConflict
from tests.forms.sending import phone_saves, sent, stored
from tests.testapp.models import CBArticle, CBAuthor, CBEverything

pytestmark = pytest.mark.django_db

FIELDS = ["title", "year_published", "is_draft", "author", "published", "tags", "details",
          "channels"]  # fmt: skip
ArticleForm = documentform_factory(CBArticle, fields=FIELDS)


@pytest.fixture(autouse=True)
def article():
    CBAuthor(uid="ann", name="Ann", channels=["c"]).save()
    CBAuthor(uid="bob", name="Bob", channels=["c"]).save()
    published = datetime.datetime(2020, 1, 1, 12, tzinfo=datetime.timezone.utc)
    article = CBArticle(uid="a", title="Base", published=published, channels=["c"],
                        author_uid="ann", details={"x": 1, "y": 1})  # fmt: skip
    article.save()
    return article


def opened(**changes: Any) -> dict[str, Any]:
    """What a form that is shown now will send."""
    return {**sent(ArticleForm(instance=CBArticle("a"))), **changes}


def posted(data: dict[str, Any]) -> Any:
    return ArticleForm(data, instance=CBArticle("a"))


def again(form: Any, **changes: Any) -> Any:
    """The form, as it is sent once more."""
    return posted({**sent(form), **changes})


def clashes(form: Any) -> dict[str, tuple[str, str]]:
    """The versions of what clashes, by the fields' names."""
    assert not form.is_valid()
    return {row.name: (row.yours, row.theirs) for row in form.conflict.rows}


def saved(data: dict[str, Any]) -> dict[str, Any]:
    form = posted(data)
    assert form.is_valid(), form.errors
    form.save()
    return stored()


def test_what_does_not_clash_is_merged():
    data = opened(title="Mine", details='{"x": 2, "y": 1}', channels="c\nmine")
    phone_saves(year_published=1999, is_draft=False, details={"x": 1, "y": 2}, colour="red",
                channels=["c", "theirs"])  # fmt: skip
    now = saved(data)
    assert (now["title"], now["year_published"], now["is_draft"]) == ("Mine", 1999, False)
    assert (now["details"], now["colour"]) == ({"x": 2, "y": 2}, "red")
    assert set(now["channels"]) == {"c", "mine", "theirs"}
    assert now["published"] == "2020-01-01T12:00:00+00:00"


def test_what_clashes_comes_back_with_both_versions():
    data = opened(title="Mine <i>", author="bob", year_published="2000")
    phone_saves(title="Theirs <b>", author_uid=None, is_draft=False)
    before = stored()
    form = posted(data)
    rows = clashes(form)
    # Authors are called by what they are, as the choices are.
    assert rows.pop("author") == (str(CBAuthor("bob")), "-")
    assert rows == {"title": ("Mine <i>", "Theirs <b>")}
    html = str(form)
    assert "Mine &lt;i&gt;" in html
    assert "<b>" not in html
    assert '<th scope="row"><a href="#id_title">Title</a></th>' in html
    assert stored() == before
    assert sent(form)["title"] == "Mine <i>"
    assert "is_draft" not in sent(form)
    form = again(form)
    assert form.is_valid(), form.errors
    form.save()
    now = stored()
    assert (now["title"], now["author_uid"], now["year_published"]) == ("Mine <i>", "bob", 2000)
    assert now["is_draft"] is False


def test_what_can_be_merged_still_is_after_a_conflict():
    data = opened(title="Mine", details='{"x": 2, "y": 1}', channels="c\nmine")
    phone_saves(title="Theirs", details={"x": 1, "y": 2}, channels=["c", "theirs"])
    form = posted(data)
    assert clashes(form) == {"title": ("Mine", "Theirs")}
    form = again(form)
    assert form.is_valid(), form.errors
    form.save()
    now = stored()
    assert (now["title"], now["details"]) == ("Mine", {"x": 2, "y": 2})
    assert set(now["channels"]) == {"c", "mine", "theirs"}


def test_taking_theirs():
    data = opened(title="x" * 99, year_published="2000", tags='["mine"]')
    phone_saves(title="Theirs", year_published=1999, tags=["theirs"])
    form = posted({**data, "title": "Mine"})
    assert clashes(form).keys() == {"title", "year_published", "tags"}
    # What is taken is not looked at; what is wrong elsewhere is.
    form = again(form, title="x" * 99, year_published="soon", take=["title", "nobody's"])
    assert list(form.errors) == ["year_published"]
    assert sent(form)["title"] == "Theirs"
    form = again(form, year_published="2000", take="tags")
    assert form.is_valid(), form.errors
    form.save()
    now = stored()
    assert (now["title"], now["year_published"], now["tags"]) == ("Theirs", 2000, ["theirs"])


def test_nothing_changed_writes_nothing():
    data = opened()
    assert saved(data)["_rev"].startswith("1-")
    phone_saves(title="Theirs")
    assert saved(data)["_rev"].startswith("2-")
    form = posted(opened())
    form.instance.extra["editor"] = "me"  # of the program's own
    assert form.is_valid()
    form.save()
    assert stored()["editor"] == "me"


def test_sent_twice_is_saved_once():
    data = opened(title="Mine", details='{"x": 5, "y": 1}')
    for _ in range(2):
        assert saved(data)["_rev"].startswith("2-")
    assert clashes(posted({**data, "title": "Another"})) == {"title": ("Another", "Mine")}


def test_a_new_one_that_is_sent_twice_is_made_once():
    data = sent(ArticleForm(initial={"channels": ["c"]})) | {"title": "New"}
    first, second, other = (ArticleForm({**data, "title": t}) for t in ("New", "New", "Other"))
    assert [form.is_valid() for form in (first, second, other)] == [True] * 3
    uid = first.save().uid
    assert second.save().uid == uid
    assert other.save().uid != uid
    assert stored(uid)["_rev"].startswith("1-")
    assert ArticleForm({**data, "revision": "x"}).save().uid != uid


def changed(token: str) -> list[str]:
    return ["", "null", token[:-1], token + "x", token[1:], ":".join(token.split(":")[::-1]),
            "\x00", "é", signing.dumps(["1-x", {}]), "." * 9]  # fmt: skip


def test_what_it_was_made_from_cannot_be_made_up():
    data = opened(title="Mine")
    CBArticle(uid="b", title="Other", channels=["c"]).save()
    other = sent(ArticleForm(instance=CBArticle("b")))["revision"]
    author = sent(documentform_factory(CBAuthor, fields=["name"])(instance=CBAuthor("ann")))
    for token in [None, *changed(data["revision"]), other, author["revision"]]:
        form = posted({**data, "revision": token})
        assert form.errors.as_data()["__all__"][0].code == "revision", token
        assert "Nothing has been saved" in str(form)
        assert stored()["title"] == "Base"
        # It can be put right: both are shown, and the form knows now.
        assert clashes(form) == {"title": ("Mine", "Base")}
    form = again(form)
    assert form.is_valid()


def test_a_form_of_fewer_fields_does_not_speak_for_all():
    few = sent(documentform_factory(CBArticle, fields=["title"])(instance=CBArticle("a")))
    data = opened(year_published="1", title="Base", revision=few["revision"])
    phone_saves(year_published=2)
    assert clashes(posted(data)) == {"year_published": ("1", "2")}


@pytest.mark.parametrize(("theirs", "is_saved"), [({"title": "Theirs"}, False),
                                                  ({"tags": ["x"]}, True),
                                                  ({"st_deleted": True}, False)])  # fmt: skip
def test_a_rival_just_before_the_save(theirs, is_saved):
    form = posted(opened(title="Mine"))
    assert form.is_valid()
    phone_saves(**theirs)
    if is_saved:
        form.save()
        assert (stored()["title"], stored()["tags"]) == ("Mine", ["x"])
        return
    with pytest.raises(SyncGatewayConflict):
        form.save()
    assert form.conflict is not None
    assert {key: stored()[key] for key in theirs} == theirs
    assert sent(form)["title"] == "Mine"
    form = again(form)
    assert form.is_valid(), form.errors
    form.save()
    assert stored()["title"] == "Mine"


def test_a_rival_that_removes_it():
    form = posted(opened(title="Mine"))
    assert form.is_valid()
    CBArticle("a").hard_delete()
    with pytest.raises(SyncGatewayConflict):
        form.save()
    assert form.non_field_errors()


def test_unreadable_values_of_theirs_do_not_stop_the_form():
    data = opened(title="Mine")
    phone_saves(year_published={"odd": 1}, author_uid="nobody", published="soon", tags=5)
    now = saved(data)
    assert (now["title"], now["year_published"], now["author_uid"]) == (
        "Mine", {"odd": 1}, "nobody",
    )  # fmt: skip
    assert (now["published"], now["tags"]) == ("soon", 5)
    data = opened(year_published="7", author="")  # what is not there cannot be chosen
    phone_saves(year_published="MMXX", published="later")
    assert clashes(posted(data)) == {"year_published": ("7", "MMXX")}


class CBShirt(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "testapp"

    size = models.CharField(max_length=2, choices=[("s", "Small"), ("l", "Large")])
    note = models.CharField(max_length=20, blank=True)


def test_choices_that_are_no_longer_there():
    form_class = documentform_factory(CBShirt, fields=["size", "note"])
    SyncGateway.save_json("s", {"doc_type": "cbshirt", "channels": ["c"], "size": "<m>"})
    form = form_class(instance=CBShirt("s"))
    assert '<option value="&lt;m&gt;" selected>&lt;m&gt;</option>' in str(form)
    form = form_class({**sent(form), "note": "new"}, instance=CBShirt("s"))
    form.save()
    assert (stored("s")["size"], stored("s")["note"]) == ("<m>", "new")
    data = sent(form_class(instance=CBShirt("s")))
    form_class({**data, "size": "l"}, instance=CBShirt("s")).save()
    form = form_class({**data, "size": "s"}, instance=CBShirt("s"))
    assert clashes(form) == {"size": ("Small", "Large")}
    form = form_class({**sent(form), "size": "xl"}, instance=CBShirt("s"))
    assert list(form.errors) == ["size"]


def test_what_a_view_fills_in_is_saved():
    form = ArticleForm(instance=CBArticle("a"), initial={"title": "Proposed"})
    data = sent(form)
    assert data["title"] == "Proposed"
    form = ArticleForm(data, instance=CBArticle("a"), initial={"title": "Proposed"})
    assert form.is_valid(), form.errors
    assert form.save().title == "Proposed"


def test_uploads_clash():
    form_class = documentform_factory(CBEverything, fields=["file", "text"])
    CBEverything(uid="e", channels=["c"], file="old.txt").save()
    data = sent(form_class(instance=CBEverything("e")))
    SyncGateway.save_json("e", {**stored("e"), "file": "new.txt"})
    files = {"file": SimpleUploadedFile("new.txt", b"mine")}
    form = form_class({**data, "text": "t"}, files, instance=CBEverything("e"))
    assert clashes(form) == {"file": ("new.txt", "new.txt")}


def test_the_tag_shows_it_where_it_stands():
    data = opened(title="Mine")
    phone_saves(title="Theirs")
    form = posted(data)
    assert not form.is_valid()
    show = "{% load cb_forms %}{% conflict form %}|{{ form }}"
    before, after = Template(show).render(Context({"form": form})).split("|")
    assert "<table>" in before
    assert "<table>" not in after
    assert "Somebody else has changed this" in after
    empty = Template(show).render(Context({"form": ArticleForm()}))
    assert empty.startswith("|")


class OwnForm(DocumentForm):
    """A form with what forms have besides: an argument, a field that is no document's, checks."""

    note = forms.CharField(required=False)

    class Meta:
        model = CBArticle
        fields = ["title", "year_published", "is_draft"]
        field_classes = {"title": forms.CharField}

    def __init__(self, user: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["is_draft"].disabled = True

    def clean(self) -> None:
        if self.cleaned_data["title"] == str(self.cleaned_data["year_published"]):
            self.add_error("title", f"Not like that, {self.user}.")


def test_forms_of_ones_own():
    data = sent(OwnForm("me", instance=CBArticle("a"))) | {"title": "1999", "note": "n"}
    assert "is_draft" not in seen.read(CBArticle("a"), data["revision"]).values
    phone_saves(year_published=1999)
    form = OwnForm("me", data, instance=CBArticle("a"))
    # What is checked is what would be saved.
    assert form.errors == {"title": ["Not like that, me."]}
    assert form.changed_data == ["title", "note"]
