from django.apps import AppConfig
from django.db.models.signals import post_migrate


class DjangoCBToolsConfig(AppConfig):
    name = "django_cbtools"
    verbose_name = "Couchbase documents"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks  # noqa: F401  (they register themselves)
        from .permissions import create_document_permissions

        post_migrate.connect(
            create_document_permissions, dispatch_uid="django_cbtools.create_document_permissions"
        )
