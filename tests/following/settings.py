"""Settings of a gateway's process (DOCUMENTS is its file), or of one that follows it."""

import os

from tests.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "tests.following"]  # noqa: F405
if "DOCUMENTS" in os.environ:
    DATABASES["default"]["NAME"] = os.environ["DOCUMENTS"]  # noqa: F405
else:
    SYNC_GATEWAY_URL = os.environ["SYNC_GATEWAY_URL"]
    COUCHBASE_DATABASE = "plain"
    SYNC_GATEWAY_OPTIONS = {"retries": 1, "backoff": 0.01}
