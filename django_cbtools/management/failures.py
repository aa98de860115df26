"""The base class of commands that list failures, replay them, and remove them."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError, CommandParser
from django.template.defaultfilters import pluralize

from django_cbtools.following.parked import TooManyFailures
from django_cbtools.management.base import DocumentsCommand, counted


class FailuresCommand(DocumentsCommand):
    """The base class of commands for failures: of all, or of those that are named."""

    #: The names of the argument and of a failure, in the usage and in messages.
    named, thing = "UID", "document"
    replay_help = ""
    ends_by = (*DocumentsCommand.ends_by, ImproperlyConfigured, TooManyFailures)

    def add_arguments(self, parser: CommandParser) -> None:
        named = self.named
        parser.add_argument("uids", nargs="*", metavar=named, help="Only these (default: all).")
        action = parser.add_mutually_exclusive_group()
        action.add_argument("--replay", action="store_true", help=self.replay_help)
        action.add_argument("--forget", action="store_true", help="Remove them from the list.")

    def handle(self, *args: Any, **options: Any) -> None:
        failed = self._work(**options)
        if failed:
            raise CommandError(f"{failed} of them {pluralize(failed, 'has,have')} failed again.")

    def _work(
        self, uids: list[str], replay: bool, forget: bool, verbosity: int, **options: Any
    ) -> int:
        """List, replay or remove the failures. Return the number of those that have failed
        again."""
        chosen = self.chosen(uids, **options)
        failed = 0
        for each in chosen:
            if replay:
                failed += self.replay(each)
            elif forget:
                self.forget(each)
            else:
                self.show(each)
        if verbosity and not replay:
            verbs, done = ("was,were", "forgotten") if forget else ("has,have", "failed")
            self.stdout.write(f"{counted(len(chosen), self.thing, verbs)} {done}.")
        return failed

    def chosen(self, uids: list[str], **options: Any) -> list[Any]:
        """Return the failures with these names, or all of them."""
        raise NotImplementedError

    def show(self, each: Any) -> None:
        raise NotImplementedError

    def replay(self, each: Any) -> bool:
        """Replay a failure, and return whether it has failed again."""
        raise NotImplementedError

    def forget(self, each: Any) -> None:
        raise NotImplementedError
