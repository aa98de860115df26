"""The tutorial's documents."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.urls import reverse
from django.utils import timezone

from django_cbtools.models import CouchbaseModel, ForeignKey


def this_year():
    return timezone.now().year


def next_year():
    return this_year() + 1


class CBAuthor(CouchbaseModel):
    class Meta:
        abstract = True
        verbose_name = "author"

    doc_type = "author"
    uid_prefix = "aut"

    name = models.CharField(max_length=100)

    def __str__(self):
        return self.name


class CBArticle(CouchbaseModel):
    class Meta:
        abstract = True
        verbose_name = "article"

    doc_type = "article"
    uid_prefix = "atl"

    title = models.CharField(max_length=100)
    author = ForeignKey(CBAuthor, models.DO_NOTHING, null=True, blank=True)
    year_published = models.IntegerField(
        default=this_year, validators=[MinValueValidator(1), MaxValueValidator(next_year)]
    )
    is_draft = models.BooleanField("draft", default=True)
    body = models.TextField(blank=True)

    def __str__(self):
        return self.title

    def get_absolute_url(self):
        return reverse("articles:detail", args=[self.uid])
