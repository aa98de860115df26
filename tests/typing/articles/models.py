from __future__ import annotations

from typing import Any, ClassVar  # noqa: F401  (django-stubs 6.0 looks for Any)

from django.db import models

from django_cbtools.models import CouchbaseModel, DictField, ForeignKey, ListField
from django_cbtools.models.queryset import DocumentQuerySet, Documents


class CBAuthor(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "author"
    uid_prefix = "aut"

    name = models.CharField(max_length=45)


class CBArticle(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "article"
    uid_prefix = "atl"

    title = models.CharField(max_length=45, null=True, blank=True)
    year_published = models.IntegerField(default=2014)
    is_draft = models.BooleanField(default=True)
    tags = ListField(blank=True)
    links = DictField(blank=True)

    author = ForeignKey(CBAuthor, models.DO_NOTHING, null=True, blank=True)


class Bookmark(models.Model):
    """A table of the relational database that points to documents."""

    article = ForeignKey(CBArticle)


class NewsQuerySet(DocumentQuerySet["CBNews"]):
    def drafts(self) -> NewsQuerySet:
        return self.filter(is_draft=True)


class NewsManager(Documents["CBNews"]):
    def recent(self) -> DocumentQuerySet[CBNews]:
        return self.filter(year_published__gte=2020)


DraftManager = Documents.from_queryset(NewsQuerySet)


class CBNews(CouchbaseModel):
    """Has managers of its own."""

    class Meta:
        abstract = True

    doc_type = "news"

    is_draft = models.BooleanField(default=True)
    year_published = models.IntegerField(default=2014)
    author = ForeignKey(CBAuthor, models.DO_NOTHING, related_name="news")

    objects: ClassVar[NewsManager] = NewsManager()
    by_state = NewsQuerySet.as_manager()
    drafts = DraftManager()
