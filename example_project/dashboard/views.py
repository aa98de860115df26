"""The dashboard, for the staff."""

from collections import Counter
from datetime import timedelta

from django.contrib.admin.views.decorators import staff_member_required
from django.core.exceptions import PermissionDenied
from django.shortcuts import render
from django.utils import timezone

from .models import Event
from .streaming import stream

SHOWN, MINUTES, POINTS, AT_ONCE = 20, 10, 200, 100
#: Python makes no number of thousands of digits.
LONGEST = 20


@staff_member_required
def dashboard(request):
    """What has happened until now. The page then hears what happens."""
    events = list(Event.objects.order_by("-pk")[:POINTS])
    context = {
        "events": events[:SHOWN],
        "last": events[0].pk if events else 0,
        "minutes": by_minute(timezone.now()),
        "points": [event.point for event in events if event.lon is not None],
    }
    return render(request, "dashboard/dashboard.html", context)


def by_minute(now):
    """How many changes there were in each of the last minutes, the newest first."""
    first = now.replace(second=0, microsecond=0) - timedelta(minutes=MINUTES - 1)
    moments = Event.objects.filter(moment__gte=first).values_list("moment", flat=True)
    counts = Counter(moment.replace(second=0, microsecond=0) for moment in moments)
    most = max(counts.values(), default=1)
    minutes = [first + timedelta(minutes=number) for number in reversed(range(MINUTES))]
    return [
        {"moment": minute, "count": counts[minute], "percent": round(100 * counts[minute] / most)}
        for minute in minutes
    ]


def events(request):
    """What happens, as server-sent events: after Last-Event-ID, which a browser says that comes
    back, or after ``since``."""
    if not request.user.is_staff:
        raise PermissionDenied
    return stream(request, _since(request), _after)


def _since(request):
    last = Event.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    said = request.headers.get("Last-Event-ID") or request.GET.get("since", "")
    is_number = said.isascii() and said.isdecimal() and len(said) < LONGEST
    return min(int(said), last) if is_number else last


def _after(number):
    found = Event.objects.filter(pk__gt=number).order_by("pk")[:AT_ONCE]
    return [(event.pk, event.as_json()) for event in found]
