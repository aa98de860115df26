"""What the system checks find, and the settings that they are run with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from django.core import checks

from django_cbtools import conf

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "example_project"
EMBEDDED = {"ENGINE": conf.EMBEDDED_ENGINE, "NAME": ":memory:"}
PLAIN = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
ROUTER = "django_cbtools.routers.DocumentRouter"

#: A gateway in production, with nothing to complain of.
GATEWAY = {
    "COUCHBASE_DATABASE": "plain",
    "DATABASE_ROUTERS": [ROUTER],
    "SYNC_GATEWAY_URL": "https://sync.example.com:4984",
    "SYNC_GATEWAY_ADMIN_URL": "https://admin.example.com:4985",
    "SYNC_GATEWAY_PASSWORD": "Y7hqx0vbQ2",
    "SYNC_GATEWAY_GUEST_PASSWORD": "c2UgZ3Vlc3",
}


#: What is said of inheritance, relations and admins that other tests declare, and of gateways that
#: have no ORM beside them, as those here.
OTHERS = {f"cbtools.{name}" for name in ("W010", "W012", "W013", "W014", "W015")}


def ids(model):
    """What is said of a document class."""
    return {message.id for message in ours() if message.obj in (model, *model._meta.many_to_many)}


def ours(*, deploy=True):
    """What is found of all but classes and relations that other tests declare."""
    found = checks.run_checks(tags=["cbtools"], include_deployment_checks=deploy)
    return [message for message in found if message.id not in OTHERS]


def run(*command, **environment):
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(
        [sys.executable, "-W", "error", *command],
        cwd=EXAMPLE, env=env, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
