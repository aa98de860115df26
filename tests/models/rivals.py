"""Somebody who is first, and functions that fail."""

from __future__ import annotations

from django_cbtools.models import retry_on_conflict
from django_cbtools.sync_gateway import SyncGatewayConflict
from tests.testapp.models import CBArticle

at_once = retry_on_conflict(delay=0)


class Rival:
    """Is first, so many times: call it between a load and a save."""

    def __init__(self, times=1, **members):
        self.document = CBArticle(title="t", channels=["c"], **members)
        self.document.save()
        self.uid = self.document.uid
        self.times = times
        self.called = 0

    def __call__(self):
        self.called += 1
        if self.called <= self.times:
            other = CBArticle(self.uid)
            other.year_published += 100
            other.save()


def failing(times, error=None):
    """A function that fails so many times, and the arguments that it was called with."""
    calls = []

    def function(*args, **kwargs):
        calls.append((args, kwargs))
        if len(calls) <= times:
            raise error or SyncGatewayConflict(f"attempt {len(calls)}", status=409, uid="atl_x")
        return f"attempt {len(calls)}"

    return function, calls
