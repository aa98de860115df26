"""Instances made of documents: what is read is what is written back, and is the instance's own."""

import datetime

import pytest

from tests.testapp.models import CBArticle

MOMENTS = [
    "2026-11-29T05:11:00.355493+00:00",
    "2026-11-29T05:11:00+00:00",
    "2026-11-29T05:11:00.000000+00:00",
    "2026-11-29T05:11:00.355+00:00",
    "2026-11-29T05:11:00,355493+00:00",
    "2026-11-29 05:11:00.355493+00:00",
    "2026-11-29T05:11:00.355493-00:00",
    "2026-11-29T05:11:00.355493+02:00",
    "2026-11-29T05:11:00.355493Z",
    "2026-11-29T05:11+00:00",
    "20261129T051100.35549300+00:00",
    "2026-W48-7T05:11:00.355493+00:00",
    "2026-11-29T24:00:00+00:00",
    "2026-11-29T05:11:00",
    "2026-11-29",
    "2026-13-29T05:11:00.355493+00:00",
    "",
]


def loaded(**members):
    document = CBArticle(title="a", channels=["a"]).to_dict()
    return CBArticle.from_db("default", (), ("a", "1-a", {**document, **members}))


@pytest.mark.parametrize("text", MOMENTS)
def test_times_are_written_as_they_were_read(text):
    document = loaded(created=text, updated="2026-11-29T05:11:00+00:00")

    assert document.to_dict()["created"] == text
    if isinstance(document.created, datetime.datetime):
        document.created += datetime.timedelta(0)
        document.created = document.created.replace(microsecond=7)
        assert document.to_dict()["created"] == document.created.isoformat()


@pytest.mark.parametrize("members", [{}, {"title": ["no text"]}], ids=["as declared", "otherwise"])
def test_what_is_changed_in_place_is_not_changed_in_what_was_read(members):
    document = loaded(more={"deep": [1]}, **members)

    document.channels.append("b")
    document.extra["more"]["deep"].append(2)

    assert document._base["channels"] == ["a"]
    assert document._base["more"] == {"deep": [1]}
    assert document.to_dict()["channels"] == ["a", "b"]
    assert document.to_dict()["more"] == {"deep": [1, 2]}


class Watched:
    """As packages put them in the place of a field's own descriptor."""

    def __get__(self, instance, cls=None):
        return self if instance is None else instance.__dict__["rev"]

    def __set__(self, instance, value):
        instance.__dict__["rev"] = value


def test_revision_that_is_still_to_be_asked_for_is_not_there(monkeypatch):
    monkeypatch.setattr(CBArticle, "rev", Watched())
    body = CBArticle(title="a", channels=["a"]).to_dict()

    document = CBArticle.from_db("default", (), ("a", "cas:1", body))

    assert "rev" not in vars(document)
    assert "rev" not in document.get_deferred_fields()
