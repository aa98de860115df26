"""TASKS in documents, and workers of this process."""

from __future__ import annotations

import pytest

from django_cbtools.contrib.tasks.backend import configured
from django_cbtools.contrib.tasks.worker import Worker
from django_cbtools.following.stopping import Stop

BACKEND = "django_cbtools.contrib.tasks.DocumentsBackend"


@pytest.fixture(autouse=True)
def work(settings, db):
    """The module of tasks, which is imported once there are such TASKS."""
    settings.TASKS = {
        "default": {
            "BACKEND": BACKEND,
            "QUEUES": ["default", "mail"],
            "OPTIONS": {"attempts": 3, "backoff": 10, "lease": 30},
        },
        "other": {"BACKEND": BACKEND},
    }
    from tests.contrib.tasks import work

    work.done.clear()
    return work


@pytest.fixture
def worker():
    """A function that makes a worker."""

    def make(*queues, tell=lambda health: None, stop=None):
        backend = configured("default")
        return Worker(backend, queues or sorted(backend.queues), stop or Stop(), tell)

    return make


@pytest.fixture
def later(monkeypatch):
    """A function that has time go by for tasks."""
    from django_cbtools.contrib.tasks import finding, models

    passed = 0

    def now():
        return real() + passed

    real = models.now
    for module in (finding, models):
        monkeypatch.setattr(module, "now", now)

    def move(seconds):
        nonlocal passed
        passed += int(seconds * 1000)

    return move
