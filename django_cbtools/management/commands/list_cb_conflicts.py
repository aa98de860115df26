"""The command ``list_cb_conflicts``, which lists and resolves conflicts of documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, NamedTuple

from django.core.management.base import CommandError, CommandParser
from django.utils.module_loading import import_string
from tqdm import tqdm

from django_cbtools.exceptions import SyncGatewayException, SyncGatewayUnavailable, shown
from django_cbtools.following.sources import followed
from django_cbtools.management.base import DocumentsCommand, counted
from django_cbtools.management.labels import add_model_argument, document_class
from django_cbtools.models import registry
from django_cbtools.models.document import DOC_TYPE
from django_cbtools.models.merges import Merging, registered_merge
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.documents.documents import batches
from django_cbtools.sync_gateway.feed.change import Change
from django_cbtools.sync_gateway.keyspaces import of_class

#: The number of documents in conflict that are loaded in one request.
_BATCH = 100
#: The value of --resolve without a path: use the registered functions.
REGISTERED = ""
#: A function that returns the merge function of a class, or None.
MergeOf = Callable[[type], Merging | None]
#: The exit statuses if conflicts are left, and if the command failed.
LEFT, TROUBLE = 1, 2


class Conflict(NamedTuple):
    """A document in conflict: its uid and ``doc_type``, its revisions (the winner first), and its
    keyspace."""

    uid: str
    doc_type: Any
    revs: tuple[str, ...]
    keyspace: str | None


class Command(DocumentsCommand):
    trouble = TROUBLE
    help = (
        "Lists the documents that are in conflict: uid, doc_type and revisions, the winner first, "
        "separated by tabs. The exit status is 0 if no conflict is left, 1 if there are some, and "
        "2 if the gateway cannot be reached."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_model_argument(parser)
        parser.add_argument(
            "--resolve", nargs="?", const=REGISTERED, metavar="DOTTED.PATH",
            help="Resolve them with this function, as Model.resolve_conflict(merge=...). Without a "
            "path: with the functions that modules cb_merges register.",
        )  # fmt: skip
        parser.add_argument(
            "--dry-run", action="store_true",
            help="With --resolve: call the function, and write nothing.",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        merge_of = _function(options.get("resolve"))
        dry_run, verbosity = options.get("dry_run", False), options.get("verbosity", 1)
        try:
            models = [document_class(label) for label in options.get("model") or ()]
            wanted = [(of_class(model), model.type_name()) for model in models]
            with tqdm(desc="Documents", unit=" documents", disable=not verbosity or None) as bar:
                left = total = 0
                for conflict in chain.from_iterable(_conflicts(bar, k) for k in followed(models)):
                    if wanted and (conflict.keyspace, conflict.doc_type) not in wanted:
                        continue
                    total += 1
                    with bar.external_write_mode():
                        self._list(conflict)
                        is_resolved = merge_of is not None and self._resolve(
                            conflict, merge_of, dry_run
                        )
                    left += not is_resolved or dry_run
        except SyncGatewayException as error:
            raise CommandError(str(error), returncode=TROUBLE) from error
        except CommandError as error:
            error.returncode = TROUBLE
            raise
        if left:
            raise CommandError(
                f"{counted(left, 'document', 'is,are')} in conflict.", returncode=LEFT
            )
        if verbosity and options:
            self.stdout.write(
                f"{counted(total, 'conflict', 'is,are')} resolved." if total else "No conflicts."
            )

    def _list(self, conflict: Conflict) -> None:
        doc_type = "-" if conflict.doc_type is None else shown(str(conflict.doc_type))
        self.stdout.write("\t".join((shown(conflict.uid), doc_type, " ".join(conflict.revs))))

    def _resolve(self, conflict: Conflict, merge_of: MergeOf, dry_run: bool) -> bool:
        """Resolve a conflict (not in a dry run), and return whether that succeeds. An error is
        reported, so that other conflicts are still resolved."""
        model = registry.document_class(conflict.doc_type, conflict.keyspace)
        try:
            if model is None:
                raise LookupError("no class has documents of this doc_type")
            merge = merge_of(model)
            if merge is None:
                raise LookupError(f"no function is registered for {model.__name__}")
            if dry_run:
                leaves = model.conflicts(conflict.uid)
                if leaves:
                    merge(leaves)
            else:
                model.resolve_conflict(conflict.uid, merge=merge)
        except SyncGatewayUnavailable:
            raise
        except Exception as error:
            self.stderr.write(f"{shown(conflict.uid)}: not resolved: {shown(str(error))}")
            return False
        return True


def _function(path: str | None) -> MergeOf | None:
    """Return the function that ``--resolve`` names for a class."""
    if path is None:
        return None
    if path == REGISTERED:
        return registered_merge
    try:
        found = import_string(path)
    except ImportError as error:
        raise CommandError(f"--resolve {path}: {error}", returncode=TROUBLE) from error
    if not callable(found):
        raise CommandError(f"--resolve {path}: it is no function.", returncode=TROUBLE)
    merge: Merging = found
    return lambda model: merge


def _conflicts(bar: Any, keyspace: str | None) -> Iterator[Conflict]:
    """Yield the documents in a keyspace with more than one revision that is not a tombstone."""
    gateway = SyncGateway.in_keyspace(keyspace)

    def changes() -> Iterator[Change]:
        for change in gateway.changes(style="all_docs", active_only=True):
            bar.update()
            if len(change.revs) > 1:
                yield change

    for batch in batches(changes(), _BATCH):
        rows = gateway.bulk_get([change.uid for change in batch])
        for change, row in zip(batch, rows, strict=True):
            yield Conflict(change.uid, row.get("doc", {}).get(DOC_TYPE), change.revs, keyspace)
