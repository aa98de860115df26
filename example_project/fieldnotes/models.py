"""Notes that people write at airports, where there may be no network."""

from airports.models import CBAirport
from django.db import models
from django.utils import timezone
from django.utils.text import Truncator

from django_cbtools.models import CouchbaseModel, ForeignKey


class CBNote(CouchbaseModel):
    """A note, with photos as its attachments. Its channel is that of the user who wrote it."""

    class Meta:
        abstract = True
        verbose_name = "field note"
        ordering = ["-written"]
        indexes = [models.Index(fields=["written"])]

    doc_type = "note"
    uid_prefix = "note"

    airport = ForeignKey(CBAirport, models.DO_NOTHING, null=True, blank=True)
    text = models.TextField(blank=True)
    written = models.DateTimeField(default=timezone.now)

    def __str__(self):
        return Truncator(self.text).words(10) or "Without words"
