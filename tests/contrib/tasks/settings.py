"""Settings of workers' processes: DOCUMENTS is the file that they share, or SITE_GATEWAY where."""

import os

import django

from tests.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "django_cbtools.contrib.tasks"]  # noqa: F405
if django.VERSION < (6, 0):
    INSTALLED_APPS += ["django_tasks"]
DATABASES["default"]["NAME"] = os.environ["DOCUMENTS"]  # noqa: F405
TASKS = {
    "default": {
        "BACKEND": "django_cbtools.contrib.tasks.DocumentsBackend",
        "QUEUES": ["default", "mail"],
        "OPTIONS": {"lease": 4, "backoff": 0.2},
    }
}
