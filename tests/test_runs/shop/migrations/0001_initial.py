from django.db import migrations, models


def save(apps, schema_editor):
    from tests.test_runs.shop.models import Item

    if schema_editor.connection.alias == "default":
        Item(uid="itm_migrated", name="migrated", channels=["c"]).save()


class Migration(migrations.Migration):
    operations = [
        migrations.CreateModel(
            "Order",
            [
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("item", models.CharField(db_column="item_uid", max_length=250)),
            ],
        ),
        migrations.RunPython(save, migrations.RunPython.noop),
    ]
