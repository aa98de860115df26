"""Changes of documents, as manage.py follow_sg_changes has reported them."""

from django.db import models

#: How many are kept.
KEPT = 2000


class Event(models.Model):
    """A change of a document: an ordinary row, whose number says where a browser was."""

    class What(models.TextChoices):
        CREATED = "created"
        CHANGED = "changed"
        DELETED = "deleted"
        GONE = "gone"

    class Meta:
        # A change may be told twice.
        constraints = [models.UniqueConstraint(fields=["uid", "rev"], name="one_event_of_a_rev")]

    moment = models.DateTimeField(auto_now_add=True, db_index=True)
    uid = models.CharField(max_length=250)
    rev = models.CharField(max_length=100)
    kind = models.CharField(max_length=50)
    title = models.CharField(max_length=200)
    what = models.CharField(max_length=10, choices=What)
    who = models.CharField(max_length=150, blank=True)
    url = models.CharField(max_length=400, blank=True)
    lon = models.FloatField(null=True)
    lat = models.FloatField(null=True)

    def __str__(self):
        return f"{self.title} {self.what}"

    def as_json(self):
        return {
            "moment": self.moment.isoformat(timespec="seconds"),
            "kind": self.kind,
            "title": self.title,
            "what": self.what,
            "who": self.who,
            "url": self.url,
            "place": None if self.lon is None else [self.lon, self.lat],
        }

    @property
    def point(self):
        """Where it is, as static/map.js takes it."""
        return {"lon": self.lon, "lat": self.lat, "name": self.title, "url": self.url}
