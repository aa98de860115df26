"""A program of the site where it has tables, too, which refer to users.

``tests/contrib/test_without_sql.py`` runs it.
"""

import django

django.setup()

from django.contrib.admin.models import ADDITION, LogEntry  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402

from django_cbtools.contrib.auth.models import User  # noqa: E402
from django_cbtools.sync_gateway import SyncGateway  # noqa: E402
from tests.without_sql.models import Note  # noqa: E402

call_command("migrate", verbosity=0)
call_command("check")
root = User.objects.create_superuser("root", password="secret")
client = Client()
assert client.login(username="root", password="secret")
added = client.post("/admin/without_sql/note/add/", {"title": "First", "channels": "notes"})
print(added.status_code, Note.objects.get(), LogEntry.objects.count())
# What others write into Django's table refers to a user who is in none.
LogEntry.objects.log_actions(root.pk, [Note.objects.get()], ADDITION)
print(LogEntry.objects.select_related("user").get().user)
print(SyncGateway.get_users() == [f"user-{root.uid}"])
root.refresh_from_db()
print(root.hard_delete())
print(LogEntry.objects.count(), SyncGateway.get_users())
call_command("flush", interactive=False, verbosity=0)
