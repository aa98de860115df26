"""A site's first documents."""

from django.db import migrations

from django_cbtools.sync_gateway import SyncGateway


def make(apps, schema_editor):
    SyncGateway.put_user("ann", "ann@example.com", "secret", ["public"])
    for uid, deleted in (("kept", False), ("gone", True)):
        SyncGateway.save_json(
            uid,
            {"doc_type": "place", "channels": ["c"], "name": uid, "color": "red",
             "st_deleted": deleted},
        )  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [("places", "0001_initial")]
    operations = [migrations.RunPython(make)]
