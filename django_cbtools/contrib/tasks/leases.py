"""Leases: a worker reserves a task while it runs it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator
from contextlib import contextmanager

from django.db import connections

from django_cbtools.exceptions import SyncGatewayConflict, SyncGatewayException

from .models import QueuedTask

logger = logging.getLogger(__name__)


@contextmanager
def kept(document: QueuedTask, lease: float) -> Generator[None, None, None]:
    """Keep a task while the work in this context goes on. A thread renews the lease three times in
    its length, so nothing else may use the document meanwhile."""
    over = threading.Event()
    keeper = threading.Thread(target=_keep, args=(document, lease, over), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()


def _keep(document: QueuedTask, lease: float, over: threading.Event) -> None:
    try:
        while not over.wait(lease / 3):
            try:
                document.keep(lease)
            except SyncGatewayConflict:
                logger.error(
                    "%s was given to another worker while this one works on it: its lease of %g "
                    "seconds was over.",
                    document, lease,
                )  # fmt: skip
                return
            except SyncGatewayException as error:
                logger.warning("%s: its lease is not renewed yet. %s", document, error)
    finally:
        connections.close_all()
