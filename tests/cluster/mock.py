"""Couchbase's own mock of a cluster, in Java."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

ARTIFACT = "com.couchbase.mock:CouchbaseMock:1.5.27"
#: Its name is its user's as well.
BUCKET = "test_db"
PASSWORD = "not-to-be-shown"


class Mock:
    """A running one: ``hosts`` is what COUCHBASE_HOSTS is to be."""

    def __init__(self, rest_port: int) -> None:
        self._url = f"http://127.0.0.1:{rest_port}"
        ports = requests.get(f"{self._url}/mock/get_mcports?bucket={BUCKET}", timeout=60)
        self.hosts = "127.0.0.1:{}".format(*ports.json()["payload"])

    def flush(self) -> None:
        """Remove all documents; design documents stay."""
        url = f"{self._url}/pools/default/buckets/{BUCKET}/controller/doFlush"
        requests.post(url, auth=(BUCKET, PASSWORD), timeout=60).raise_for_status()


def jar() -> Path:
    """The mock's jar: COUCHBASE_MOCK_JAR, or where Maven keeps it. Skips where it is not."""
    if shutil.which("java") is None:
        pytest.skip("Java is not installed")
    group, name, version = ARTIFACT.split(":")
    folder = Path.home() / ".m2" / "repository" / group.replace(".", "/") / name / version
    file = Path(os.environ.get("COUCHBASE_MOCK_JAR") or folder / f"{name}-{version}.jar")
    if not file.exists():
        pytest.skip(f"{file} is not there: mvn dependency:get -Dartifact={ARTIFACT}")
    return file


@contextmanager
def running_mock() -> Iterator[Mock]:
    """A mock with one bucket. Its data service takes any password; the others do not."""
    # It says to this address which port it has, and ends with the connection.
    with socket.create_server(("127.0.0.1", 0)) as watch:
        process = subprocess.Popen(
            # It does not run for long enough to be compiled well, nor has it much to collect.
            ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-jar", jar(),
             "--cccp", "--host", "127.0.0.1", "--port", "0",
             "--nodes", "1", "--replicas", "0", "--vbuckets", "64",
             "--buckets", f"{BUCKET}:{PASSWORD}",
             "--harakiri-monitor", f"127.0.0.1:{watch.getsockname()[1]}"],
        )  # fmt: skip
        watch.settimeout(60)
        connection, _ = watch.accept()
    with connection:
        told = b""
        while not told.endswith(b"\0"):
            told += connection.recv(16)
        yield Mock(int(told[:-1]))
    process.wait()
