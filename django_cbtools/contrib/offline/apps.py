from __future__ import annotations

from django.apps import AppConfig


class OfflineConfig(AppConfig):
    name = "django_cbtools.contrib.offline"
    label = "cb_offline"
    verbose_name = "Pages without a network"

    def ready(self) -> None:
        from . import checks  # noqa: F401  (they register themselves)
