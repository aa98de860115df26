"""A site whose tables and documents are in one SQLite file, and one that has two files."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import django_cbtools

LIBRARY = str(Path(django_cbtools.__file__).parents[1])
SETTINGS = """
SECRET_KEY = "site"
DEBUG = False
USE_TZ = True
ALLOWED_HOSTS = ["testserver"]
ROOT_URLCONF = "shop.urls"
INSTALLED_APPS = [
    "django.contrib.contenttypes", "django.contrib.auth", "django.contrib.admin",
    "django.contrib.sessions", "django.contrib.messages", "django_cbtools", "shop",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
    ]},
}]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMBEDDED, PLAIN = "django_cbtools.backends.embedded", "django.db.backends.sqlite3"
"""

#: Where the documents are, and what else the settings of each layout have.
LAYOUTS = {
    "one file": (
        "default",
        'DATABASES = {"default": {"ENGINE": EMBEDDED, "NAME": "site.sqlite3"},\n'
        '             "couchbase": {"ENGINE": PLAIN, "NAME": "other.sqlite3"}}\n'
        'COUCHBASE_DATABASE = "default"',
    ),
    "two files": (
        "couchbase",
        'DATABASES = {"default": {"ENGINE": PLAIN, "NAME": "site.sqlite3"},\n'
        '             "couchbase": {"ENGINE": EMBEDDED, "NAME": "documents.sqlite3"}}\n'
        'DATABASE_ROUTERS = ["django_cbtools.routers.DocumentRouter"]',
    ),
}

APP = {
    "models": """
from django.db import models
from django_cbtools.models import CouchbaseModel, ForeignKey, ListField

class CBItem(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "item"
    uid_prefix = "itm"
    name = models.CharField(max_length=45)
    tags = ListField(blank=True)

    def __str__(self):
        return self.name

class Order(models.Model):
    item = ForeignKey(CBItem)
    count = models.IntegerField(default=1)
""",
    "admin": """
from django.contrib import admin
from django_cbtools.admin import CouchbaseModelAdmin
from .models import CBItem, Order

admin.site.register(Order)

@admin.register(CBItem)
class ItemAdmin(CouchbaseModelAdmin):
    search_fields = ["name"]
""",
    "urls": """
from django.contrib import admin
from django.urls import path

urlpatterns = [path("admin/", admin.site.urls)]
""",
    "tests": """
from django.test import TestCase, TransactionTestCase
from .models import CBItem, Order

def use(test):
    test.assertFalse(CBItem.objects.exists())
    item = CBItem.objects.create(name="tested", channels=["c"])
    Order.objects.create(item=item)
    test.assertEqual(Order.objects.get().item, CBItem.objects.get())

class Rolled(TestCase):
    databases = "__all__"

    def test_once(self):
        use(self)

    def test_twice(self):
        use(self)

class Flushed(TransactionTestCase):
    databases = "__all__"

    def test_once(self):
        use(self)

    def test_twice(self):
        use(self)
""",
}

#: What a visitor does, with the admin's login and session.
VISIT = """
import django
django.setup()
from django.contrib.sessions.models import Session
from django.test import Client
from shop.models import CBItem, Order

item = CBItem(uid="i", name="saved", tags=["x"], channels=["c"], extra={"color": "red"})
item.save()
browser = Client()
assert browser.get("/admin/shop/cbitem/").status_code == 302
secret = {"username": "root", "password": "pw"}
assert browser.post("/admin/login/?next=/admin/", secret).url == "/admin/"
assert Session.objects.count() == 1
page = browser.get("/admin/shop/cbitem/?q=save")
assert page.status_code == 200 and b"saved" in page.content, page.content
answer = browser.post("/admin/shop/order/add/", {"item": item.uid, "count": 2})
assert answer.status_code == 302, answer.context["errors"]
assert Order.objects.get(count=2).item == item
assert CBItem.objects.filter(name__startswith="sav", tags__0="x").get() == item
"""


class Site:
    """A project in a folder, whose programs are run to their ends."""

    def __init__(self, folder: Path, layout: str) -> None:
        self.folder = folder
        self.documents, databases = LAYOUTS[layout]
        (folder / "settings.py").write_text(SETTINGS + databases)
        (folder / "shop" / "migrations").mkdir(parents=True)
        for name in ("__init__", "migrations/__init__"):
            (folder / "shop" / f"{name}.py").touch()
        for name, source in APP.items():
            (folder / "shop" / f"{name}.py").write_text(source)

    def run(self, *arguments: str) -> str:
        """What a Python program writes; it has to succeed, and to warn of nothing."""
        done = subprocess.run(
            [sys.executable, "-W", "error", *arguments],
            cwd=self.folder,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join((str(self.folder), LIBRARY)),
                "DJANGO_SETTINGS_MODULE": "settings",
                "DJANGO_SUPERUSER_PASSWORD": "pw",
            },
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def manage(self, *commands: str) -> dict[str, str]:
        """What management commands write, all run in one process."""
        program = (
            "import contextlib, io, json, sys\n"
            "from django.core.management import execute_from_command_line as run\n"
            "written = {}\n"
            "for command in sys.argv[1:]:\n"
            "    with contextlib.redirect_stdout(io.StringIO()) as output:\n"
            "        run(['manage.py', *command.split()])\n"
            "    written[command] = output.getvalue()\n"
            "print(json.dumps(written))\n"
        )
        written: dict[str, str] = json.loads(self.run("-c", program, *commands))
        return written


@pytest.mark.parametrize("layout", LAYOUTS)
def test_site(tmp_path: Path, layout: str) -> None:
    site = Site(tmp_path, layout)
    of_documents = f"--database={site.documents}"
    made = site.manage(
        "makemigrations shop",
        "sqlmigrate shop 0001",
        "migrate",
        "makemigrations --check",
        "check --fail-level=WARNING",
        "createsuperuser --noinput --username=root --email=root@example.com",
        "create_cb_views",
        f"inspectdb {of_documents}",
        f"sqlflush {of_documents}",
    )
    migration = (tmp_path / "shop/migrations/0001_initial.py").read_text()
    assert "Order" in migration
    assert "CBItem" not in migration
    assert 'CREATE TABLE "shop_order"' in made["sqlmigrate shop 0001"]
    ast.parse(made[f"inspectdb {of_documents}"])
    assert "Unable to inspect" not in made[f"inspectdb {of_documents}"]
    assert "cbtools_documents" in made[f"sqlflush {of_documents}"]

    site.run("-c", VISIT)

    of_both = [f"dumpdata shop {of_documents}", "dumpdata shop"]
    written = site.manage(
        "test --noinput --verbosity=0",
        f"dumpdata shop.CBItem {of_documents} --output=items.json",
        "dumpdata shop.Order auth --output=orders.json",
        *of_both,
        "flush --noinput",
        f"flush --noinput {of_documents}",
        f"dumpdata {of_documents}",
        f"loaddata items.json {of_documents}",
        "loaddata orders.json",
        *[command.replace("shop", "shop --indent=1") for command in of_both],
    )
    assert "shop.cbitem" not in written[f"dumpdata {of_documents}"]
    for command in of_both:
        again = written[command.replace("shop", "shop --indent=1")]
        assert _without_revisions(again) == _without_revisions(written[command])
    in_documents, in_default = (
        {entry["model"] for entry in json.loads(written[command])} for command in of_both
    )
    assert in_documents | in_default == {"shop.cbitem", "shop.order"}
    assert "shop.cbitem" in in_documents
    assert "shop.order" in in_default
    (item,) = json.loads((tmp_path / "items.json").read_text())
    assert item["fields"]["extra"] == {"color": "red"}


def _without_revisions(dumped: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(dumped)
    for entry in entries:
        entry["fields"].pop("rev", None)
    return entries
