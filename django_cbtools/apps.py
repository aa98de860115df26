from typing import Any

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate
from django.utils.module_loading import autodiscover_modules


def make_permissions(app_config: AppConfig, **kwargs: Any) -> None:
    """Create the permissions of an app's documents after ``migrate``."""
    # Few programs run ``migrate``, and the import takes time.
    from .permissions import create_document_permissions

    create_document_permissions(app_config, **kwargs)


#: The modules of apps that are loaded when Django starts: receivers of changes, indexes, and
#: functions that merge conflicts.
AUTOLOADED = ("cb_changes", "cb_indexes", "cb_merges")


class DjangoCBToolsConfig(AppConfig):
    name = "django_cbtools"
    verbose_name = "Couchbase documents"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks  # noqa: F401  (they register themselves)

        if apps.is_installed("rest_framework"):
            from .rest_framework import register

            register()
        if apps.is_installed("drf_spectacular"):
            from .rest_framework import openapi  # noqa: F401  (extensions register themselves)
        from . import serializers
        from .migrating import leave_documents_out
        from .models.writing import dependents
        from .test_runs import watch

        leave_documents_out()
        dependents.extend()
        watch()
        serializers.register()
        post_migrate.connect(make_permissions, dispatch_uid="django_cbtools.make_permissions")
        autodiscover_modules(*AUTOLOADED)
