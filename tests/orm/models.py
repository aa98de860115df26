"""Documents, and beside them ordinary models with the same fields: their twins.

The twins are on Django's own SQLite backend, in the database "plain".
"""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import models

from django_cbtools.models import CouchbaseModel, ForeignKey


class AuthorFields(models.Model):
    name = models.CharField(max_length=100)
    email = models.EmailField(null=True)
    age = models.IntegerField(null=True)
    rating = models.FloatField(null=True)
    active = models.BooleanField(null=True)
    joined = models.DateField(null=True)

    class Meta:
        abstract = True


class ArticleFields(models.Model):
    title = models.CharField(max_length=100, null=True)
    price = models.DecimalField(max_digits=12, decimal_places=2, null=True)
    stock = models.IntegerField(null=True)
    score = models.FloatField(null=True)
    published = models.DateTimeField(null=True)
    pub_date = models.DateField(null=True)
    pub_time = models.TimeField(null=True)
    duration = models.DurationField(null=True)
    draft = models.BooleanField(null=True)
    serial = models.UUIDField(null=True)
    address = models.GenericIPAddressField(null=True)
    meta = models.JSONField(null=True)
    tags = models.JSONField(null=True)

    class Meta:
        abstract = True


class CommentFields(models.Model):
    text = models.TextField(null=True)
    votes = models.IntegerField(null=True)

    class Meta:
        abstract = True


# ------------------------------------------------------------------- documents


class Author(AuthorFields, CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "orm_author"
    uid_prefix = "oau"

    mentor = ForeignKey("self", models.SET_NULL, null=True, related_name="pupils")


class Article(ArticleFields, CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "orm_article"
    uid_prefix = "oar"

    author = ForeignKey(Author, models.CASCADE, null=True, related_name="articles")
    parent = ForeignKey("self", models.CASCADE, null=True, related_name="children")


class Comment(CommentFields, CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "orm_comment"
    uid_prefix = "oco"

    article = ForeignKey(Article, models.CASCADE, null=True, related_name="comments")
    author = ForeignKey(Author, models.CASCADE, null=True, related_name="comments")


# ----------------------------------------------------------------------- twins


class PlainManager(models.Manager["Plain"]):
    def get_queryset(self) -> models.QuerySet[Plain]:
        return super().get_queryset().using("plain")


class Plain(models.Model):
    uid = models.CharField(primary_key=True, max_length=250)

    objects = PlainManager()

    class Meta:
        abstract = True


class PlainAuthor(AuthorFields, Plain):
    mentor = models.ForeignKey("self", models.SET_NULL, null=True, related_name="pupils")


class PlainArticle(ArticleFields, Plain):
    author = models.ForeignKey(PlainAuthor, models.CASCADE, null=True, related_name="articles")
    parent = models.ForeignKey("self", models.CASCADE, null=True, related_name="children")


class PlainComment(CommentFields, Plain):
    article = models.ForeignKey(PlainArticle, models.CASCADE, null=True, related_name="comments")
    author = models.ForeignKey(PlainAuthor, models.CASCADE, null=True, related_name="comments")


# --------------------------------------------- documents beside ordinary models


class Task(CouchbaseModel):
    """A document that points to an ordinary row."""

    class Meta:
        abstract = True

    doc_type = "orm_task"

    name = models.CharField(max_length=100)
    owner = models.ForeignKey(User, models.CASCADE, null=True, related_name="tasks")
    helper = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")


class Reading(models.Model):
    """An ordinary row that points to a document."""

    user = models.ForeignKey(User, models.CASCADE, related_name="readings")
    task = ForeignKey(Task, models.CASCADE, null=True, related_name="readings")
    pages = models.IntegerField(default=0)
