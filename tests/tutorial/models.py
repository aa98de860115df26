from django.db import models

from django_cbtools.models import CouchbaseModel


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

    author_uid = models.TextField()
