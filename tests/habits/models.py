"""Tickets about anything, with comments; what changes is noted in ordinary rows."""

from __future__ import annotations

from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models.signals import post_delete, post_save, pre_save
from django.dispatch import receiver
from model_utils import FieldTracker
from model_utils.managers import QueryManager
from simple_history.models import HistoricalRecords

from django_cbtools.models import CouchbaseModel, DocumentQuerySet, ForeignKey


class SlugsField(models.TextField):
    """Words, as one text."""

    def from_db_value(self, value, expression, connection):
        return [] if value is None else value.split()

    def to_python(self, value):
        return value.split() if isinstance(value, str) else value

    def get_prep_value(self, value):
        return value if isinstance(value, str) or value is None else " ".join(value)


class Described(models.Model):
    """Fields and methods that several classes have."""

    title = models.CharField(max_length=50)
    slugs = SlugsField(null=True, blank=True)

    class Meta:
        abstract = True

    def __str__(self):
        return self.title


class TicketQuerySet(DocumentQuerySet):
    def open(self):
        return self.filter(status="open")


class Ticket(Described, CouchbaseModel):
    class Meta:
        abstract = True
        ordering = ["title"]

    doc_type = "ticket"
    uid_prefix = "tkt"

    STATUS = [("open", "open"), ("done", "done")]

    status = models.CharField(max_length=10, choices=STATUS, default="open")
    about_type = models.ForeignKey(ContentType, models.CASCADE, null=True, blank=True)
    about_id = models.CharField(max_length=250, null=True, blank=True)
    about = GenericForeignKey("about_type", "about_id")

    objects = TicketQuerySet.as_manager()
    done = QueryManager(status="done")
    tracker = FieldTracker(["status", "title"])

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.original_status = self.status


class Incident(Ticket):
    class Meta:
        abstract = True

    doc_type = "incident"
    severity = models.IntegerField(default=1)


class Comment(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "comment"
    ticket = ForeignKey(Ticket, models.CASCADE, related_name="comments")
    text = models.TextField()


class Page(Described, CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "page"
    ticket = ForeignKey(Ticket, models.SET_NULL, null=True)
    history = HistoricalRecords(excluded_fields=["ticket"])


class Recipe(Described, CouchbaseModel):
    """Its versions are kept, with its steps."""

    class Meta:
        abstract = True

    doc_type = "recipe"
    page = ForeignKey(Page, models.SET_NULL, null=True, blank=True)


class Step(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "step"
    recipe = ForeignKey(Recipe, models.CASCADE, related_name="steps")
    text = models.TextField()

    def __str__(self):
        return self.text


class Entry(models.Model):
    """What signals noted."""

    uid = models.CharField(max_length=250)
    what = models.CharField(max_length=50)


@receiver(pre_save, sender=Ticket)
def note_change(sender, instance, **kwargs):
    if instance.tracker.has_changed("status"):
        before, now = instance.tracker.previous("status"), instance.status
        Entry.objects.create(uid=instance.get_uid(), what=f"{before} -> {now}")


@receiver(post_save, sender=Ticket)
def note_save(sender, instance, created, **kwargs):
    Entry.objects.create(uid=instance.uid, what="created" if created else "saved")


@receiver(post_delete, sender=Ticket)
def note_deletion(sender, instance, **kwargs):
    Entry.objects.create(uid=instance.uid, what="deleted")
