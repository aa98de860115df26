"""The command ``sync_gateway_users``, which updates the gateway's users."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError, CommandParser

from django_cbtools.exceptions import SyncGatewayException
from django_cbtools.management.base import DocumentsCommand

from ...synchronizing import remove, synchronize_all, unknown_names


class Command(DocumentsCommand):
    help = (
        "Creates, changes and disables users of the gateway, so that they match the access that "
        "GATEWAY_USERS_RULE gives Django's users."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", nargs="*", help="only these users of Django")
        parser.add_argument("--dry-run", action="store_true", help="show what would be done")
        parser.add_argument(
            "--delete-unknown",
            action="store_true",
            help="delete users of the gateway whose Django users do not exist",
        )

    def handle(self, *usernames: str, **options: Any) -> None:
        names = [*usernames, *options.get("username", ())]
        dry_run = bool(options.get("dry_run"))
        done: Counter[str] = Counter()
        failures = []
        for name, outcome in synchronize_all(self._users(names), dry_run=dry_run):
            if isinstance(outcome, SyncGatewayException):
                failures.append(f"{name}: {outcome}")
            elif outcome is not None:
                done[outcome] += 1
                self.tell(f"{name}: {'would be ' if dry_run else ''}{outcome}", options)
        if options.get("delete_unknown") and not names:
            try:
                for name in unknown_names():
                    if not dry_run:
                        remove(name)
                    done["deleted"] += 1
                    self.tell(f"{name}: {'would be ' if dry_run else ''}deleted", options)
            except SyncGatewayException as error:
                failures.append(str(error))
        counts = ", ".join(f"{count} {what}" for what, count in sorted(done.items()))
        self.tell(counts or "All users were up to date.", options)
        if failures:
            raise CommandError("\n".join(["Not all users are up to date.", *failures]))

    def _users(self, names: list[str]) -> Any:
        user_model: Any = get_user_model()
        if not names:
            return user_model._default_manager.order_by("pk").iterator()
        field = user_model.USERNAME_FIELD
        found = list(user_model._default_manager.filter(**{f"{field}__in": names}).order_by("pk"))
        missing = set(names).difference(user.get_username() for user in found)
        if missing:
            raise CommandError(f"Django has no user {', '.join(map(repr, sorted(missing)))}.")
        return found
