"""Sites without SQL, in processes of their own: their database ``default`` is Django's dummy."""

from __future__ import annotations

import os

from django_cbtools.sync_gateway import SyncGateway
from tests.programs import ROOT, run

SETTINGS = {"DJANGO_SETTINGS_MODULE": "tests.without_sql.settings"}


def test_the_embedded_gateway(tmp_path):
    """All that the folder ``tests/without_sql`` tests."""
    written = run(
        "-W", "error", "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider",
        "-c", os.devnull, "--rootdir", str(ROOT), "-o", "python_files=*_tests.py",
        str(ROOT / "tests/without_sql"),
        SITE_DATABASE=str(tmp_path / "site.sqlite3"), **SETTINGS,
    )  # fmt: skip
    assert "57 passed" in written


def test_a_gateway_over_http(http_gateway, settings):
    settings.SYNC_GATEWAY_BUCKET = "test_site"
    SyncGateway.put_user("django_cbtools_admin", password="writers_password", admin_channels=["*"])
    SyncGateway.put_user("bob", password="at-gateway", admin_channels=["notes"])
    written = run(
        "-W", "error", "-m", "tests.without_sql.by_http",
        SITE_GATEWAY=" ".join(http_gateway.urls), **SETTINGS,
    )  # fmt: skip
    said = [line for line in written.splitlines() if not line.startswith(("System", "Superuser"))]
    assert said == ["UniqueKeyTaken", "alice may", "root", "alicia", "bob", "None"]


def test_users_beside_tables(tmp_path):
    database = str(tmp_path / "site.sqlite3")
    arguments = ("-W", "error", "-m", "tests.without_sql.with_sql")
    _, *said = run(*arguments, SITE_SQL=database, **SETTINGS).splitlines()
    deleted = "(2, {'cb_auth.User': 1, 'admin.LogEntry': 1})"
    assert said == ["302 First 0", "root", "True", deleted, "0 []"]
