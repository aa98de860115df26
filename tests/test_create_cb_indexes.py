"""Declaring indexes, the command that makes them, and what checks say of broken declarations."""

from __future__ import annotations

import importlib
import re
import sys

import pytest
from django.apps import apps
from django.core import checks
from django.core.checks import registry
from django.core.management import CommandError, call_command
from django.db import connection, models
from django.db.models.functions import Random

from django_cbtools.checks import check_indexes
from django_cbtools.models import CouchbaseModel, indexes, register_index
from tests import testapp
from tests.testapp.models import Bookmark, CBArticle, CBAuthor

TITLE = "testapp.CBArticle"


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch):
    monkeypatch.setattr(indexes, "_registered", {})


def present():
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE name GLOB 'cbtools_ix_*'")
        return dict(cursor.fetchall())


def run(capsys, **options):
    call_command("create_cb_indexes", **options)
    return capsys.readouterr().out


def test_indexes_are_made_once(db, capsys):
    dry = run(capsys, dry_run=True)
    assert present() == {}
    assert "indexes are made" in run(capsys)
    made = present()
    (name,) = [name for name in made if name.startswith("cbtools_ix_testapp_cba_author_")]
    assert f"create {name} of testapp.CBArticle: {made[name]}" in dry
    assert run(capsys) == "0 indexes are made, 0 dropped.\n"
    assert run(capsys, dry_run=True) == ""
    assert present() == made


def test_handle_needs_no_arguments(db):
    from django_cbtools.management.commands.create_cb_indexes import Command

    Command().handle()
    assert present()


@pytest.mark.parametrize("items", [
    ["title", ["year_published", "-published"], models.Index(fields=["price"], name="by_price")],
    ("title", ("year_published", "-published"), models.Index(models.F("price"), name="by_price")),
])  # fmt: skip
def test_setting_and_registration(db, settings, items):
    call_command("create_cb_indexes", verbosity=0)
    before = present()
    settings.COUCHBASE_INDEXES = {TITLE: items}
    call_command("create_cb_indexes", verbosity=0)
    by_setting = present()
    assert len(by_setting) == len(before) + 3
    assert "DESC" in "".join(by_setting.values())
    assert "cbtools_ix_by_price" in CBArticle.objects.filter(price=1).explain()
    register_index(CBArticle, *items)
    register_index(CBArticle, "title")
    call_command("create_cb_indexes", verbosity=0)
    assert present() == by_setting
    settings.COUCHBASE_INDEXES = {}
    call_command("create_cb_indexes", verbosity=0)
    assert present() == by_setting


@pytest.fixture
def module(monkeypatch, tmp_path):
    """The file of a module ``cb_indexes`` of an app, for one test."""
    monkeypatch.setattr(testapp, "__path__", [*testapp.__path__, str(tmp_path)])
    yield tmp_path / "cb_indexes.py"
    sys.modules.pop("tests.testapp.cb_indexes", None)
    importlib.invalidate_caches()


def test_modules_of_apps_are_found(db, module):
    module.write_text(
        "from django_cbtools.models import register_index\n"
        "from tests.testapp.models import CBArticle\n"
        "register_index(CBArticle, 'title')\n"
    )
    call_command("create_cb_indexes", verbosity=0)
    assert "cbtools_ix_testapp_cba_title_" in CBArticle.objects.filter(title="x").explain()


def test_indexes_by_field_of_a_class_that_one_cannot_touch(db, settings, module):
    """What is unindexed is what the class declares itself, wherever that is said."""
    call_command("create_cb_indexes", verbosity=0)
    before = present()
    (author,) = [name for name in before if name.startswith("cbtools_ix_testapp_cba_author_")]
    module.write_text(
        "from tests.testapp.models import CBArticle\n"
        "FIELD_INDEXES = {CBArticle: {'indexed': ['title'], 'unindexed': ['author']}}\n"
    )
    call_command("create_cb_indexes", verbosity=0)
    assert author not in present()
    assert "cbtools_ix_testapp_cba_title_" in CBArticle.objects.filter(title="x").explain()
    settings.COUCHBASE_INDEXES = {TITLE: ["author"]}
    call_command("create_cb_indexes", verbosity=0)
    assert author in present()
    settings.COUCHBASE_INDEXES = {TITLE: {"unindexed": "title"}}  # it is no declaration of its own
    call_command("create_cb_indexes", verbosity=0)
    assert "cbtools_ix_testapp_cba_title_" in CBArticle.objects.filter(title="x").explain()


def test_broken_module_fails_loudly(db, module):
    module.write_text("1 / 0")
    with pytest.raises(CommandError, match=r"cb_indexes .* ZeroDivisionError"):
        call_command("create_cb_indexes", verbosity=0)
    assert present() == {}
    (error,) = check_indexes()
    assert "ZeroDivisionError" in error.msg


def test_only_our_own_indexes_are_dropped(db, settings, capsys):
    with connection.cursor() as cursor:
        cursor.execute("CREATE INDEX somebody_elses ON cbtools_documents (cv)")
        cursor.execute("CREATE INDEX cbtools_ix_of_a_table ON testapp_bookmark (note)")
    settings.COUCHBASE_INDEXES = {TITLE: ["title"]}
    run(capsys)
    made = present()
    settings.COUCHBASE_INDEXES = {}
    assert "drop cbtools_ix_testapp_cba_title_" in run(capsys, dry_run=True)
    assert run(capsys) == "0 indexes are made, 1 dropped.\n"
    (dropped,) = made.keys() - present().keys()
    assert dropped.startswith("cbtools_ix_testapp_cba_title_")
    assert "cbtools_ix_of_a_table" in present()
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX somebody_elses")


def test_changed_index_is_made_again(db, settings, capsys):
    def declare(**options):
        settings.COUCHBASE_INDEXES = {TITLE: [models.Index(name="it", **options)]}
        return run(capsys)

    declare(fields=["title"])
    old = present()["cbtools_ix_it"]
    assert declare(fields=["-title"]) == "1 index is made, 1 dropped.\n"
    assert present()["cbtools_ix_it"] != old
    condition = models.Q(title__startswith="100%'s", is_draft=False)
    declare(fields=["title"], condition=condition)
    assert "100" in present()["cbtools_ix_it"]
    assert declare(fields=["title"], condition=condition) == "0 indexes are made, 0 dropped.\n"


BROKEN = {
    "no dictionary": (["title"], "COUCHBASE_INDEXES is .*dictionary"),
    "no such app": ({"nobody.CBArticle": ["title"]}, r"\['nobody.CBArticle'\]"),
    "no such class": ({"testapp.Nobody": ["title"]}, r"\['testapp.Nobody'\]"),
    "no label": ({"CBArticle": ["title"]}, "CBArticle"),
    "no text": ({5: ["title"]}, "5 is no document class"),
    "an ordinary model": ({"testapp.Bookmark": ["note"]}, "Bookmark is no document class"),
    "no such field": ({TITLE: ["tilte"]}, "testapp.CBArticle.*tilte"),
    "no such field of several": ({TITLE: [["title", "-tilte"]]}, "testapp.CBArticle.*tilte"),
    "a relation's other end": ({"testapp.CBAuthor": ["articles"]}, "testapp.CBAuthor.*articles"),
    "no field": ({TITLE: [[]]}, "testapp.CBArticle.*field"),
    "no list": ({TITLE: 5}, "testapp.CBArticle.*not 5"),
    "another word": ({TITLE: {"index": ["title"]}}, "has 'index': .* 'indexed' and 'unindexed'"),
    "no such field to leave out": ({TITLE: {"unindexed": ["tilte"]}}, "CBArticle.*tilte"),
    "no names": ({TITLE: [[5]]}, r"testapp.CBArticle.*not \[5\]"),
    "an expression": ({TITLE: [models.Index(models.F("tilte"), name="x")]}, "CBArticle.*tilte"),
    "a condition": (
        {TITLE: [models.Index(fields=["title"], name="x", condition=models.Q(tilte=1))]},
        "testapp.CBArticle.*tilte"),
    "another class's field": (
        {TITLE: [models.Index(models.F("author__name"), name="x")]}, "testapp.CBArticle"),
    "one name twice": (
        {TITLE: [models.Index(fields=["title"], name="x")],
         "testapp.CBAuthor": [models.Index(fields=["name"], name="X")]},
        "name 'X': one of testapp.CBArticle, and one of testapp.CBAuthor"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_broken_declaration_is_refused(db, settings, case):
    settings.COUCHBASE_INDEXES, message = BROKEN[case]
    with pytest.raises(CommandError, match=message):
        call_command("create_cb_indexes", verbosity=0)
    assert present() == {}
    (error,) = check_indexes()
    assert error.id == "cbtools.E006"
    assert re.search(message, error.msg)


def test_each_broken_declaration_is_checked(settings):
    settings.COUCHBASE_INDEXES = {TITLE: ["tilte", "title"], "testapp.CBAuthor": ["nmae"]}
    register_index(CBAuthor, "naem")
    register_index(Bookmark, "note")
    assert check_indexes in registry.registry.get_checks()
    errors = check_indexes()
    assert [error.id for error in errors] == ["cbtools.E006"] * 4
    found = " ".join(error.msg for error in errors)
    assert all(name in found for name in ("tilte", "nmae", "naem", "Bookmark"))


def test_django_checks_the_indexes_of_a_class(db):
    class CBMistaken(CouchbaseModel):
        class Meta:
            abstract = True
            app_label = "testapp"
            indexes = [models.Index(fields=["tilte"], name="mistaken")]

    app = apps.get_app_config("testapp")
    try:
        found = checks.run_checks(app_configs=[app], tags=[checks.Tags.models])
        (error,) = [message for message in found if message.obj is CBMistaken]
        assert error.id == "models.E012"
    finally:
        del CBMistaken._meta.apps.all_models["testapp"]["cbmistaken"]
        CBMistaken._meta.apps.clear_cache()


def test_what_sqlite_refuses_is_told(db, settings):
    settings.COUCHBASE_INDEXES = {TITLE: [models.Index(Random(), name="random")]}
    with pytest.raises(CommandError, match=r"create cbtools_ix_random of .*CBArticle.*determin"):
        call_command("create_cb_indexes", verbosity=0)


def test_without_an_orm_it_says_what_to_set(settings):
    settings.COUCHBASE_DATABASE = "plain"
    with pytest.raises(CommandError, match=r"DATABASES\['plain'\]\['ENGINE'\]"):
        call_command("create_cb_indexes")
