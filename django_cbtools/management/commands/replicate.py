"""The command ``replicate``, which replicates documents with another gateway."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from django_cbtools import conf
from django_cbtools.embedded.blip.active import resolving
from django_cbtools.embedded.blip.active.progress import Refusal
from django_cbtools.embedded.blip.active.task import PULL, PUSH, Part, Task, UnknownCollection
from django_cbtools.embedded.database import Collection
from django_cbtools.embedded.errors import GatewayError
from django_cbtools.embedded.server.replicators import process
from django_cbtools.embedded.server.replicators.remote import Remote
from django_cbtools.embedded.server.replicators.replicator import (
    FAILED,
    Failed,
    Replicator,
    database,
)
from django_cbtools.management.base import DocumentsCommand, counted

#: The environment variables for values that should not be on a command line.
_URL, _USER, _PASSWORD = (f"SYNC_GATEWAY_REMOTE_{part}" for part in ("URL", "USER", "PASSWORD"))


class Command(DocumentsCommand):
    help = (
        "Replicates the documents of the embedded gateway with another gateway, which may be a "
        "real one. Ctrl-C or SIGTERM stops it. The next run continues where it stopped."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "url", nargs="?",
            help="ws://user:password@host:4984/db of the other gateway; wss, http and https also "
            f"work. Default: the environment variable {_URL}, or SYNC_GATEWAY_REMOTE['url'] in "
            f"settings. The user and the password may be in {_USER} and {_PASSWORD}, or in "
            "SYNC_GATEWAY_REMOTE.",
        )  # fmt: skip
        parser.add_argument("--pull", action="store_true", help="pull from the other gateway")
        parser.add_argument("--push", action="store_true", help="push to the other gateway")
        parser.add_argument(
            "--continuous", action="store_true", help="replicate changes until it is stopped"
        )
        parser.add_argument(
            "--once", action="store_true", help="stop when all is replicated (the default)"
        )
        for option, what in (("channels", "channels"), ("doc-ids", "documents")):
            parser.add_argument(
                f"--{option}", action="append", default=[], metavar="A,B", help=f"only these {what}"
            )
        parser.add_argument(
            "--collections", action="append", default=[], metavar="SCOPE.NAME[:SCOPE.NAME]",
            help="only these; the name after the colon is the one on the other gateway",
        )  # fmt: skip
        parser.add_argument(
            "--conflicts", choices=sorted(resolving.RESOLVERS), default="default",
            help="which side wins if both have changed a document; by default a deletion, else "
            "the revision with the higher id",
        )  # fmt: skip
        parser.add_argument(
            "--purge-on-removal", action="store_true",
            help="remove local documents that leave the user's channels",
        )  # fmt: skip
        parser.add_argument("--reset", action="store_true", help="ignore the checkpoints")
        parser.add_argument("--database", help="the alias of the embedded gateway in DATABASES")
        parser.add_argument("--cafile", help="certificates to trust instead of the system's")

    def handle(self, *args: Any, **options: Any) -> None:
        alias = options["database"] or conf.document_alias()
        if not conf.is_embedded_alias(alias):
            raise CommandError(
                f"There is no embedded gateway to replicate: the ENGINE of DATABASES[{alias!r}] is "
                f"not {conf.EMBEDDED_ENGINE!r}."
            )
        if options["once"] and options["continuous"]:
            raise CommandError("Give --once or --continuous, not both.")
        directions = [name for name in (PULL, PUSH) if options[name]]
        if not directions:
            raise CommandError("Give --pull, --push, or both.")
        name = conf.get("SYNC_GATEWAY_BUCKET")
        try:
            remote = _remote(options["url"], options["cafile"])
            parts = _parts(alias, name, options)
            tasks = [_task(direction, remote, parts, options) for direction in directions]
            if options["reset"]:
                process.reset(alias, name, tasks)
            self._replicate(alias, name, tasks, remote, hidden=not options["verbosity"])
        except Failed as error:
            raise CommandError(f"Not replicated: {error}.{_hint(error)}") from error
        except (ImproperlyConfigured, OSError, ValueError) as error:
            raise CommandError(f"Not replicated: {error}") from error
        except GatewayError as error:
            raise CommandError(error.reason) from error

    def _replicate(
        self, alias: str, name: str, tasks: Sequence[Task], remote: Remote, *, hidden: bool
    ) -> None:
        refused, errors = 0, dict.fromkeys((PULL, PUSH), "")
        if not hidden:
            self.stdout.write(f"Replicating with {remote.name}. Ctrl-C stops it.")
            self.stdout.flush()
        with tqdm(desc=remote.name, unit=" docs", disable=hidden or None) as bar:

            def tell(replicators: Sequence[Replicator]) -> None:
                counts = [replicator.counts for replicator in replicators]
                states = {one.task.direction: one.error or one.state for one in replicators}
                states["attachments"] = str(sum(count.attachments for count in counts))
                bar.set_postfix(states, refresh=False)
                bar.update(sum(count.documents for count in counts) - bar.n)
                for one in replicators:
                    # The error that ends the command is shown at its end.
                    is_news = one.error != errors[one.task.direction] and one.state != FAILED
                    if one.error and is_news:
                        bar.clear()
                        self.stderr.write(f"{one.task.direction}: {one.error}")
                    errors[one.task.direction] = one.error

            def report(refusal: Refusal) -> None:
                nonlocal refused
                refused += 1
                bar.clear()
                self.stderr.write(
                    f"{refusal.uid} was not replicated at {refusal.rev}: {refusal.status} "
                    f"{refusal.reason}"
                )

            done = process.replicate(alias, name, tasks, remote, tell, report)
        if not hidden:
            for replicator in done:
                counts = replicator.counts
                what = "pulled" if replicator.task.direction == PULL else "pushed"
                documents = counted(counts.documents, "document")
                attachments = counted(counts.attachments, "attachment")
                self.stdout.write(
                    f"{documents} and {attachments} are {what}; "
                    f"{counted(counts.resolved, 'conflict', 'is,are')} resolved, "
                    f"{counted(counts.removed, 'document')} removed, {counts.refused} refused."
                )
        if refused:
            raise CommandError(f"{counted(refused, 'revision', 'was,were')} refused: see above.")


def _hint(error: Failed) -> str:
    """Return advice, after a space, if there is any."""
    if isinstance(error.__cause__, UnknownCollection):
        return (
            " Name collections with --collections that both gateways have; ours:theirs where they "
            "have other names."
        )
    status = getattr(error.__cause__, "status", 0)
    if status in (401, 403):
        return (
            " Look at the user, the password and the name of the database: a gateway says the same "
            "of a database that it does not have."
        )
    return " Look at the address, and at the name of the database." if status == 404 else ""


def _remote(url: str | None, authority: str | None) -> Remote:
    settings = conf.get("SYNC_GATEWAY_REMOTE")
    url = url or os.environ.get(_URL) or settings.get("url")
    if not url:
        raise CommandError(
            f"Give the address of the other gateway, or set {_URL} in the environment or "
            "SYNC_GATEWAY_REMOTE = {'url': ...} in settings."
        )
    return Remote.parse(
        url,
        os.environ.get(_USER) or settings.get("user", ""),
        os.environ.get(_PASSWORD) or settings.get("password", ""),
        authority or settings.get("cafile"),
    )


def _listed(texts: Sequence[str]) -> tuple[str, ...]:
    names = (name.strip() for text in texts for name in text.split(","))
    return tuple(dict.fromkeys(filter(None, names)))


def _parts(alias: str, name: str, options: dict[str, Any]) -> tuple[Part, ...]:
    """Return the collections to replicate: those in the options, else all."""
    channels, asked = _listed(options["channels"]), _listed(options["collections"])
    known = database(alias, name).collections()
    if not asked and known == [Collection()]:
        return (Part(channels=channels),)
    pairs = [text.partition(":")[::2] for text in asked or map(".".join, known)]
    return tuple(
        Part(Collection(*_split(ours)), ".".join(_split(theirs or ours)), channels)
        for ours, theirs in pairs
    )


def _split(name: str) -> tuple[str, str]:
    scope, dot, collection = name.rpartition(".")
    return scope if dot else Collection().scope, collection


def _task(direction: str, remote: Remote, parts: tuple[Part, ...], options: dict[str, Any]) -> Task:
    uids = _listed(options["doc_ids"])
    if uids and options["continuous"]:
        raise CommandError("Gateways do not allow --doc-ids together with --continuous.")
    # Replications of different documents have checkpoints of their own.
    of = hashlib.sha256(repr((remote.name, parts, uids)).encode()).hexdigest()[:20]
    return Task(
        id=f"replicate-{of}", direction=direction, remote=remote.name, parts=parts, uids=uids,
        is_continuous=options["continuous"], removes=options["purge_on_removal"],
        resolve=resolving.RESOLVERS[options["conflicts"]],
    )  # fmt: skip
