from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """Creates no table. Django's relations to users, such as that of the admin's log, need the
    model and its key."""

    initial = True
    operations = [
        migrations.CreateModel(
            name="User",
            fields=[("uid", models.CharField(max_length=250, primary_key=True, serialize=False))],
            options={
                "base_manager_name": "all_objects",
                "managed": False,
                "verbose_name": "user",
                "verbose_name_plural": "users",
            },
            managers=[("objects", models.Manager()), ("all_objects", models.Manager())],
        ),
    ]
