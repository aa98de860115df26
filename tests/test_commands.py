"""The management commands, and clean_buckets."""

from __future__ import annotations

import re
import signal
import subprocess
import sys

import pytest
import requests
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from django_cbtools.management.commands import create_cb_views
from django_cbtools.models import Query, query_objects, query_view, view_rows
from django_cbtools.sync_gateway import SyncGateway, SyncGatewayNotFound
from django_cbtools.tests import clean_buckets
from django_cbtools.view_files import design_documents
from tests.testapp.models import CBArticle, CBAuthor


def saved(**kwargs):
    document = CBArticle(channels=["public"], **kwargs)
    document.save()
    return document


# ------------------------------------------------------------- create_cb_views


def test_create_cb_views_deploys_all_folders(db, settings, tmp_path):
    settings.BASE_DIR = tmp_path
    (tmp_path / "couchbase_views").mkdir()
    (tmp_path / "couchbase_views" / "own.js").write_text("function (doc, meta) { emit(1, 2); }")
    create_cb_views.Command().handle()
    article = saved(author_uid="aut_1")
    assert query_view("testapp/by_author", "aut_1") == [article.uid]
    assert query_view("by_type", "article") == [article.uid]
    assert query_objects("by_channel", ["public", "article"], CBArticle) == [article]
    assert query_view("own", 1) == [article.uid]
    (row,) = view_rows("testapp/by_author", Query(group=True))
    assert (row.key, row.value) == ("aut_1", 1)


def test_dry_run_deploys_nothing(db, capsys):
    call_command("create_cb_views", dry_run=True)
    assert "testapp: by_author" in capsys.readouterr().out
    with pytest.raises(SyncGatewayNotFound):
        query_view("by_type", "article")


def test_views_say_what_they_deployed(db, capsys):
    call_command("create_cb_views")
    assert re.search(r"5 views in 2 design documents", capsys.readouterr().out)


BROKEN_FOLDERS = {
    "no function": ({"v.js": "5"}, "v"),
    "syntax error": ({"v.js": "function (doc { emit("}, "v"),
    "empty": ({"v.js": " "}, "v.js"),
    "not UTF-8": ({"v.js": b"function () { '\xff' }"}, "v.js"),
    "a reduce without a map": ({"v_reduce.js": "_count"}, "v_reduce.js"),
    "unknown reduce": ({"v.js": "function () {}", "v_reduce.js": "_median"}, "_median"),
    "broken reduce": ({"v.js": "function () {}", "v_reduce.js": "function ("}, "reduce"),
    "a name that the package has": ({"by_type.js": "function () {}"}, "by_type"),
}


@pytest.mark.parametrize("case", BROKEN_FOLDERS)
def test_broken_folder_fails_loudly(db, settings, tmp_path, case):
    call_command("create_cb_views", verbosity=0)
    files, named = BROKEN_FOLDERS[case]
    settings.BASE_DIR = tmp_path
    (tmp_path / "couchbase_views").mkdir()
    for name, text in files.items():
        content = text if isinstance(text, bytes) else text.encode()
        (tmp_path / "couchbase_views" / name).write_bytes(content)
    with pytest.raises(CommandError, match=re.escape(named)):
        call_command("create_cb_views", verbosity=0)
    assert query_view("by_type", "article") == []  # what was deployed is there


def test_project_folder_is_beside_manage_py(settings):
    del settings.BASE_DIR
    assert set(design_documents()) == {"django_cbtools", "testapp"}


@pytest.fixture(autouse=True)
def base_dir(settings, tmp_path):
    settings.BASE_DIR = tmp_path


def test_an_sdks_options_are_taken_as_a_query(db):
    from couchbase.options import ViewOptions
    from couchbase.views import ViewOrdering, ViewScanConsistency

    call_command("create_cb_views", verbosity=0)
    uids = [saved(author_uid=uid).uid for uid in ("aut_1", "aut_2")]
    rising = ViewOptions(order=ViewOrdering.ASCENDING, skip=0, reduce=False)
    falling = ViewOptions(
        startkey="aut_2",
        order=ViewOrdering.DESCENDING,
        scan_consistency=ViewScanConsistency.REQUEST_PLUS,
    )
    assert query_view("testapp/by_author", None, rising) == uids
    assert query_view("testapp/by_author", None, falling) == uids[::-1]


# -------------------------------------------------------------- other commands


def test_clear_st_deleted_needs_its_view(db):
    with pytest.raises(CommandError, match="missing"):
        call_command("clear_st_deleted")


def test_run_sync_gateway(tmp_path):
    code = (
        "from tests import settings as s\n"
        f"s.DATABASES = {{'default': {{'ENGINE': 'django_cbtools.backends.embedded', "
        f"'NAME': {str(tmp_path / 'db.sqlite3')!r}}}}}\n"
        "import os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'tests.settings'\n"
        "from django.core.management import execute_from_command_line as run\n"
        "run(['manage.py', 'run_sync_gateway', '--port', '0', '--admin-port', '0'])\n"
    )
    server = subprocess.Popen([sys.executable, "-u", "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        public, admin = (server.stdout.readline().split()[-1] for _ in range(2))
        assert requests.get(admin, timeout=30).json()["db_name"] == "test_documents"
        assert requests.get(public, timeout=30).status_code == 401
        assert requests.put(f"{admin}a", json={"n": 1}, timeout=30).status_code == 201
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=60) == 0
        server.stdout.close()


def test_run_sync_gateway_needs_the_embedded_backend(settings):
    settings.COUCHBASE_DATABASE = "plain"
    with pytest.raises(CommandError, match="ENGINE"):
        call_command("run_sync_gateway")


# ---------------------------------------------------------- where nobody answers


@pytest.mark.parametrize(
    "command",
    [
        ["clear_st_deleted"],
        ["create_cb_indexes"],
        ["create_cb_indexes", "--dry-run"],
        ["create_cb_views"],
        ["create_sg_database"],
        ["create_sg_users"],
        ["dumpdata", "testapp.CBArticle", "--database", "server"],
        ["failed_sg_changes"],
        ["follow_sg_changes", "--once"],
        ["list_cb_conflicts"],
        ["sg_database_state"],
    ],
    ids=" ".join,
)
def test_commands_say_who_does_not_answer(couchbase_alias, settings, command):
    settings.SYNC_GATEWAY_URL = settings.SYNC_GATEWAY_ADMIN_URL = "http://127.0.0.1:9"
    settings.SYNC_GATEWAY_BUCKET = "test_documents"
    settings.SYNC_GATEWAY_OPTIONS = {"retries": 0}
    settings.DATABASE_ROUTERS = []
    couchbase_alias()
    with pytest.raises(CommandError, match=r"127\.0\.0\.1:9"):
        call_command(*command)


def test_loaddata_says_who_does_not_answer(couchbase_alias, settings, tmp_path):
    settings.SYNC_GATEWAY_URL = "http://127.0.0.1:9"
    settings.SYNC_GATEWAY_BUCKET = "test_documents"
    settings.SYNC_GATEWAY_OPTIONS = {"retries": 0}
    couchbase_alias()
    fixture = tmp_path / "articles.json"
    fixture.write_text('[{"model": "testapp.cbarticle", "pk": "a", "fields": {"channels": ["c"]}}]')
    with pytest.raises(CommandError, match=r"127\.0\.0\.1:9"):
        call_command("loaddata", str(fixture), database="server")


def test_a_typed_command_says_that_settings_are_wrong(settings):
    settings.COUCHBASE_VIEWS = "sql"
    command = create_cb_views.Command()
    command._called_from_command_line = True
    with pytest.raises(CommandError, match="COUCHBASE_VIEWS cannot be 'sql'"):
        call_command(command)


# -------------------------------------------------------------- clean_buckets


def test_clean_buckets(db):
    saved()
    CBAuthor(name="Ann", channels=["c"]).save()
    clean_buckets()
    assert SyncGateway.all_docs([], really_all=True)["rows"] == []


def test_clean_buckets_of_the_test_runners_database(db, settings):
    settings.SYNC_GATEWAY_BUCKET = "production"
    saved()
    clean_buckets()
    assert not CBArticle.objects.exists()


def test_clean_buckets_refuses_what_is_not_for_tests(gateway_by_http, settings):
    settings.SYNC_GATEWAY_BUCKET = "production"
    with pytest.raises(ImproperlyConfigured, match="production"):
        clean_buckets()
