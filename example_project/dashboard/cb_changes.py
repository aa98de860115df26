"""Receivers of changes for the dashboard. The module is loaded when Django starts."""

from airports.views import is_place
from django.core.exceptions import ObjectDoesNotExist
from django.dispatch import receiver

from django_cbtools.models import CouchbaseModel
from django_cbtools.signals import cb_changed, cb_pre_save, cb_removed

from . import who
from .models import KEPT, Event

cb_pre_save.connect(who.note)


@receiver(cb_changed)
def note_change(sender, instance, created, deleted, **kwargs):
    made = Event.What.CREATED if created else Event.What.CHANGED
    what = Event.What.DELETED if deleted else made
    link = getattr(instance, "get_absolute_url", None)
    lon, lat = _place(instance)
    _note(
        instance.uid, instance.rev, kind=sender._meta.verbose_name, title=str(instance)[:200],
        what=what, who=who.noted(instance), url=link() if link and not deleted else "",
        lon=lon, lat=lat,
    )  # fmt: skip


def _place(instance):
    """Where an airport is, or what refers to one."""
    try:
        found = getattr(instance, "airport", None) or instance
    except ObjectDoesNotExist:
        return None, None
    place = getattr(found, "lon", None), getattr(found, "lat", None)
    return place if is_place(*place) else (None, None)


@receiver(cb_removed)
def note_removal(sender, uid, rev, **kwargs):
    kind = "document" if sender is CouchbaseModel else sender._meta.verbose_name
    _note(uid, rev, kind=kind, title=uid, what=Event.What.GONE)


def _note(uid, rev, **values):
    event, is_new = Event.objects.get_or_create(uid=uid, rev=rev, defaults=values)
    if is_new and event.pk % 100 == 0:
        Event.objects.filter(pk__lte=event.pk - KEPT).delete()
