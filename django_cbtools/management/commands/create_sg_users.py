"""The command ``create_sg_users``, which creates the gateway's users that the settings name."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError

from django_cbtools import conf
from django_cbtools.exceptions import SyncGatewayException
from django_cbtools.management.base import DocumentsCommand
from django_cbtools.sync_gateway import SyncGateway


class Command(DocumentsCommand):
    help = (
        "Creates (or updates) the users SYNC_GATEWAY_USER, which reads all channels, and "
        "SYNC_GATEWAY_GUEST_USER, which reads the channel 'public', in the gateway."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            SyncGateway.put_admin_user()
            if conf.get("SYNC_GATEWAY_GUEST_USER"):
                SyncGateway.put_guest_user()
        except SyncGatewayException as error:
            raise CommandError(f"The users were not made: {error}") from error
