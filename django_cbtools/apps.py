from django.apps import AppConfig
from django.core import checks


class DjangoCBToolsConfig(AppConfig):
    name = "django_cbtools"
    verbose_name = "Couchbase documents"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from .checks import check_documents

        checks.register(check_documents, checks.Tags.models)
