"""What works with documents as with any model; run by test_habits.py, with settings of its own."""

from __future__ import annotations

import factory
import pytest
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Group
from django.urls import reverse
from import_export.resources import ModelResource

from django_cbtools.exceptions import SyncGatewayConflict
from django_cbtools.models import load_objects

from .models import Comment, Entry, Incident, Page, Ticket
from .pages import filled

pytestmark = pytest.mark.django_db


class TicketFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Ticket

    title = factory.Sequence("ticket {}".format)
    channels = ["public"]


class CommentFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Comment

    ticket = factory.SubFactory(TicketFactory)
    text = "text"
    channels = ["public"]


class TicketResource(ModelResource):
    class Meta:
        model = Ticket
        import_id_fields = ["uid"]
        fields = ["uid", "title", "status", "channels"]


def notes(document):
    return list(
        Entry.objects.filter(uid=document.uid).order_by("pk").values_list("what", flat=True)
    )


# ------------------------------------------------------------------ signals, trackers


@pytest.mark.parametrize(
    "load",
    [
        Ticket,
        lambda uid: Ticket.objects.get(uid=uid),
        lambda uid: load_objects([uid], Ticket)[0],
        lambda uid: CommentFactory(ticket=Ticket(uid)).ticket,
        lambda uid: next(Ticket.objects.iterator()),
    ],
)
def test_trackers_know_what_is_stored(load):
    uid = TicketFactory(status="done").uid
    ticket = load(uid)
    assert ticket.original_status == "done"
    assert ticket.tracker.changed() == {}
    ticket.status = "open"
    assert ticket.tracker.changed() == {"status": "done"}
    assert ticket.tracker.previous("status") == "done"
    ticket.save()
    assert ticket.tracker.changed() == {}
    assert notes(ticket) == ["None -> done", "created", "done -> open", "saved"]


def test_trackers_follow_partial_saves_and_refreshes():
    ticket = TicketFactory(title="a")
    ticket.title, ticket.status = "b", "done"
    ticket.save(update_fields=["status"])
    assert ticket.tracker.changed() == {"title": "a"}
    ticket.refresh_from_db(fields=["title"])
    assert ticket.tracker.changed() == {}


def test_deletions_are_noted():
    ticket = TicketFactory()
    ticket.delete()
    assert notes(ticket)[-1] == "deleted"


# ------------------------------------------------------------ managers, inheritance


def test_managers_and_inheritance():
    done, _ = TicketFactory(status="done", slugs=["a", "b"]), TicketFactory()
    Incident(title="i", severity=3, slugs=["x"], channels=["public"]).save()
    assert Ticket.objects.open().count() == 1
    assert list(Ticket.done.all()) == [done]
    incident = Incident.objects.open().get(slugs=["x"])
    assert (str(incident), incident.slugs, incident.severity) == ("i", ["x"], 3)
    assert incident.tracker.changed() == {}


def test_generic_relations():
    group = Group.objects.create(name="g")
    ticket = TicketFactory(about=group)
    assert Ticket(ticket.uid).about == group
    about_it = TicketFactory(about=ticket)
    found = Ticket.objects.filter(about_id__isnull=False).prefetch_related("about")
    assert {each.about for each in found} == {group, ticket}
    assert Ticket.objects.get(about_id=ticket.uid) == about_it


# ------------------------------------------------------------------------- history


def test_the_history_of_documents():
    ticket = TicketFactory()
    page = Page(title="a", slugs=["x", "y"], extra={"k": 1}, ticket=ticket, channels=["c"])
    page.save()
    Page(uid="other", title="other", channels=["c"]).save()
    page.title = "b"
    page.save()
    assert [each.title for each in page.history.all()] == ["b", "a"]
    first = page.history.last()
    assert (first.channels, first.extra, first.slugs) == (["c"], {"k": 1}, ["x", "y"])
    assert page.history.first().diff_against(first).changed_fields == ["title"]
    assert page.history.as_of(first.history_date).title == "a"
    old = first.instance
    with pytest.raises(SyncGatewayConflict):
        old.save()
    old.rev = Page(page.uid).rev
    old.save()
    assert (Page(page.uid).title, Page(page.uid).ticket) == ("a", ticket)
    old.delete()
    assert [each.history_type for each in page.history.all()] == ["-", "~", "~", "+"]


# ----------------------------------------------------------------------- factories


def test_factories():
    comment = CommentFactory(ticket__title="t")
    assert Comment(comment.uid).ticket.title == "t"
    assert TicketFactory.build(title="b").is_new()
    assert len(TicketFactory.create_batch(3)) == 3


# --------------------------------------------------------------- import and export


def test_import_and_export():
    one, other = TicketFactory(title="a"), TicketFactory(title="b")
    data = TicketResource().export()
    assert data["title"] == ["a", "b"]
    Ticket.objects.filter(uid=one.uid).update(title="changed")
    other.hard_delete()
    result = TicketResource().import_data(data, raise_errors=True)
    assert (result.totals["update"], result.totals["new"]) == (1, 1)
    assert [(each.uid, each.title) for each in Ticket.objects.all()] == [
        (one.uid, "a"),
        (other.uid, "b"),
    ]
    assert Ticket(other.uid).channels == ["public"]


# --------------------------------------------------------------------------- admin


def test_the_admin(admin_client):
    ticket = TicketFactory(title="old")
    comment = CommentFactory(ticket=ticket)
    assert b"old" in admin_client.get(reverse("admin:habits_ticket_changelist")).content
    url = reverse("admin:habits_ticket_change", args=[quote(ticket.uid)])
    data = filled(admin_client.get(url)) | {"title": "new"}
    data |= {"comments-1-text": "another", "comments-1-channels": "public"}
    response = admin_client.post(url, data)
    assert response.status_code == 302, response.context["errors"]
    assert Ticket(ticket.uid).title == "new"
    assert set(Comment.objects.values_list("text", flat=True)) == {comment.text, "another"}
    exported = admin_client.get(reverse("admin:habits_ticket_export"))
    assert exported.status_code == 200
