"""Documents, and ordinary models, that are written."""

from __future__ import annotations

import datetime

from django.db import models

from django_cbtools.models import (
    CouchbaseModel,
    DictField,
    DocumentQuerySet,
    Documents,
    ForeignKey,
    ListField,
)
from django_cbtools.sync_gateway import SyncGateway

UTC = datetime.timezone.utc


class Shelf(models.Model):
    """An ordinary model, which documents point to."""

    name = models.CharField(max_length=20)


class BookQuerySet(DocumentQuerySet):
    def old(self):
        return self.filter(year__lt=1900)


class Writer(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "writes_writer"

    name = models.CharField(max_length=50)
    born = models.IntegerField(null=True)


class Book(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "writes_book"

    title = models.CharField(max_length=50)
    year = models.IntegerField(default=2000)
    price = models.DecimalField(max_digits=6, decimal_places=2, null=True)
    published = models.DateTimeField(null=True)
    day = models.DateField(null=True)
    tags = ListField(blank=True)
    details = DictField(blank=True)
    changed = models.DateTimeField(auto_now=True, null=True)
    writer = ForeignKey(Writer, models.CASCADE, null=True, related_name="books")
    editor = ForeignKey(Writer, models.SET_NULL, null=True, related_name="edited")
    reader = ForeignKey(Writer, models.SET_NULL, null=True, related_name="+")
    shelf = models.ForeignKey(Shelf, models.CASCADE, null=True, related_name="books")
    lent_from = models.ForeignKey(Shelf, models.SET_NULL, null=True, related_name="+")

    objects = Documents.from_queryset(BookQuerySet)()
    books = BookQuerySet.as_manager()


class Chapter(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "writes_chapter"

    book = ForeignKey(Book, models.CASCADE, related_name="chapters")


class Award(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "writes_award"

    writer = ForeignKey(Writer, models.PROTECT, related_name="awards")


class Review(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "writes_review"

    chapter = ForeignKey(Chapter, models.RESTRICT, related_name="reviews")


class Mention(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "writes_mention"

    chapter = ForeignKey(Chapter, models.DO_NOTHING, related_name="mentions")


class Note(models.Model):
    """Ordinary rows, which point to documents."""

    writer = ForeignKey(Writer, models.CASCADE, related_name="notes")


class Loan(models.Model):
    writer = ForeignKey(Writer, models.SET_NULL, null=True, related_name="loans")


def stored(uid):
    return SyncGateway.all_docs([uid])["rows"][0].get("doc")


def rival(uid):
    """Somebody else writes the document."""
    document = stored(uid)
    SyncGateway.save_json(uid, {**document, "rival": True})
