from django.apps import AppConfig


class DjangoCBToolsConfig(AppConfig):
    name = "django_cbtools"
    verbose_name = "Couchbase documents"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks  # noqa: F401  (they register themselves)
