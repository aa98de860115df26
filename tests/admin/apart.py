"""A program: documents are in a database of their own, and the admin's tables in another."""

import os
import sys

import django
from django.conf import settings

SQLITE = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
EMBEDDED = {"ENGINE": "django_cbtools.backends.embedded", "NAME": ":memory:"}


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    settings.DATABASES = {"default": SQLITE, "couchbase": EMBEDDED}
    settings.DATABASE_ROUTERS = ["django_cbtools.routers.DocumentRouter"]
    settings.ROOT_URLCONF = "tests.admin.site"
    django.setup()

    from django.contrib.admin.models import LogEntry
    from django.contrib.auth import get_user_model
    from django.contrib.auth.models import Permission
    from django.core.management import call_command
    from django.db import connections, models
    from django.test import Client
    from django.test.utils import setup_test_environment

    from django_cbtools.sync_gateway import SyncGateway
    from tests.admin.browser import fields
    from tests.testapp.models import Bookmark, CBArticle, CBAuthor

    setup_test_environment()
    call_command("migrate", run_syncdb=True, verbosity=0)
    call_command("migrate", run_syncdb=True, database="couchbase", verbosity=0)
    assert "auth_user" not in connections["couchbase"].introspection.table_names()
    assert Permission.objects.filter(codename="change_cbarticle").count() == 1
    boss = Client()
    boss.force_login(get_user_model().objects.create_superuser("boss"))
    CBAuthor(uid="ann", name="Ann", channels=["c"]).save()
    CBArticle(uid="1", title="Base", author_uid="ann", channels=["c"]).save()

    page = "/admin/testapp/cbarticle/1/change/"
    sent = fields(boss.get(page), "cbarticle_form")
    note = next(name for name in sent if name.endswith("-0-note"))
    boss.post(page, {**sent, "title": "After", note: "read me"})
    assert CBArticle("1").title == "After"
    assert Bookmark.objects.get().article == CBArticle("1")
    assert boss.get("/admin/testapp/cbarticle/?q=aft&author__uid__exact=ann").status_code == 200
    Bookmark._meta.get_field("article").remote_field.on_delete = models.CASCADE  # type: ignore
    assert boss.get("/admin/testapp/cbarticle/1/delete/").status_code == 200
    boss.post("/admin/testapp/cbarticle/1/delete/", {"post": "yes"})
    boss.post("/admin/testapp/cbarticle/1/undelete/")
    action = {"action": "delete_selected", "_selected_action": "1", "post": "yes"}
    boss.post("/admin/testapp/cbarticle/", action)
    assert CBArticle("1").st_deleted
    log = LogEntry.objects.using("default").order_by("pk").values_list("action_flag", flat=True)
    assert list(log) == [2, 3, 2, 3]
    CBArticle(uid="2", title="Refused", channels=["c"]).save()
    SyncGateway.save_json("2", {**SyncGateway.all_docs(["2"])["rows"][0]["doc"], "channels": []})
    boss.post("/admin/testapp/cbarticle/2/delete/", {"post": "yes"})
    assert LogEntry.objects.count() == 4
    history = boss.get("/admin/testapp/cbarticle/1/history/").content.decode()
    assert CBArticle("1").rev in history
    sys.stdout.write("done\n")


main()
