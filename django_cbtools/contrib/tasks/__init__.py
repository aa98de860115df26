"""Django's tasks in documents: a task back end, its workers, and a queue of e-mails.

``TASKS = {"default": {"BACKEND": "django_cbtools.contrib.tasks.DocumentsBackend"}}``.
"""

from .backend import DocumentsBackend
from .exceptions import GiveUp, WorkerLost

__all__ = ["DocumentsBackend", "GiveUp", "WorkerLost"]
