from django.db import models

from django_cbtools.models import CouchbaseModel, DictField, ForeignKey, ListField


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
