from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel(
            name="Event",
            fields=[
                ("id", models.BigAutoField(
                    auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                )),
                ("moment", models.DateTimeField(auto_now_add=True, db_index=True)),
                ("uid", models.CharField(max_length=250)),
                ("rev", models.CharField(max_length=100)),
                ("kind", models.CharField(max_length=50)),
                ("title", models.CharField(max_length=200)),
                ("what", models.CharField(
                    choices=[
                        ("created", "Created"),
                        ("changed", "Changed"),
                        ("deleted", "Deleted"),
                        ("gone", "Gone"),
                    ],
                    max_length=10,
                )),
                ("who", models.CharField(blank=True, max_length=150)),
                ("url", models.CharField(blank=True, max_length=400)),
                ("lon", models.FloatField(null=True)),
                ("lat", models.FloatField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("uid", "rev"), name="one_event_of_a_rev")
                ],
            },
        ),
    ]  # fmt: skip
