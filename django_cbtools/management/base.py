"""The base class of the management commands. It reports a server that cannot be reached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.db.transaction import TransactionManagementError
from django.template.defaultfilters import pluralize

from django_cbtools.exceptions import SyncGatewayException


class DocumentsCommand(BaseCommand):
    """A command that uses the gateway, the cluster or the query service.

    Their errors become a CommandError. So do errors of the settings if the command was typed. A
    program that calls the command gets ImproperlyConfigured.
    """

    #: The exceptions that end the command, and its exit status then.
    ends_by: tuple[type[Exception], ...] = (DatabaseError, SyncGatewayException)
    trouble = 1
    _called_from_command_line: bool  # Django's

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except TransactionManagementError:
            raise  # the caller's fault, and no server's
        except self.ends_by as error:
            raise self._trouble(error) from error
        except ImproperlyConfigured as error:
            if not self._called_from_command_line:
                raise
            raise self._trouble(error) from error

    def tell(self, text: str, options: Mapping[str, Any]) -> None:
        """Write what the command has done, unless ``--verbosity 0`` asks for silence."""
        if options.get("verbosity", 1):
            self.stdout.write(text)

    def _trouble(self, error: Exception) -> CommandError:
        return CommandError(str(error) or type(error).__name__, returncode=self.trouble)


def counted(number: int, thing: str, verbs: str = "", plural: str = "s") -> str:
    """Return a number with a noun and a verb: ``counted(1, "task", "is,are")`` is "1 task is"."""
    verb = pluralize(number, verbs) if verbs else ""
    return f"{number} {thing}{pluralize(number, plural)} {verb}".rstrip()
