"""Deferred work in documents: a back end of Django's tasks, its workers, and e-mails that queue.

``TASKS = {"default": {"BACKEND": "django_cbtools.contrib.tasks.DocumentsBackend"}}``.
"""

from .backend import DocumentsBackend
from .exceptions import GiveUp, WorkerLost

__all__ = ["DocumentsBackend", "GiveUp", "WorkerLost"]
