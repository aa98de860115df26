from __future__ import annotations

from django.apps import AppConfig


class GatewayUsersConfig(AppConfig):
    name = "django_cbtools.contrib.gateway_users"
    label = "gateway_users"
    verbose_name = "Users of the gateway"

    def ready(self) -> None:
        from . import receivers

        receivers.connect()
