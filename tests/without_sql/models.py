from django.db import models

from django_cbtools.models import CouchbaseModel, ForeignKey


class Note(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "note"
    default_channels = ["notes"]
    title = models.CharField(max_length=50)
    parent = ForeignKey("self", models.DO_NOTHING, null=True, blank=True)

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return f"/notes/{self.uid}/"
