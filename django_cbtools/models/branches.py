"""The revisions of documents: revisions in conflict, and earlier revisions."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from asgiref.sync import async_to_sync, iscoroutinefunction, sync_to_async

from django_cbtools.conflicts import BACKOFF, waits
from django_cbtools.exceptions import CouchbaseModelError, SyncGatewayConflict, SyncGatewayNotFound
from django_cbtools.sync_gateway.facade import gateway_of

from .document import EXPIRES, remembered
from .merges import registered_merge
from .telling import conflict, named, row_error, told_of
from .writing.carrying import Carrier
from .writing.deletion import DocumentDeletion
from .writing.merge import is_same
from .writing.saving import MERGE_DELAY, MERGES

if sys.version_info >= (3, 11):
    from typing import NamedTuple
else:  # Python 3.10 has no generic ones; asgiref requires this package there.
    from typing_extensions import NamedTuple

Self = TypeVar("Self", bound="Branching")


class DocumentRevision(NamedTuple, Generic[Self]):
    """A revision of a document.

    ``instance`` is None if the gateway no longer keeps the revision's body, if the revision is a
    tombstone, or if it has another ``doc_type``.
    """

    rev: str
    instance: Self | None


class Branching(DocumentDeletion):
    """The branches of a document's revisions; a part of CouchbaseModel."""

    #: The revisions that were in conflict when this one was read.
    _rivals: frozenset[str] = frozenset()  # of the class, and empty

    if TYPE_CHECKING:
        DoesNotExist: type[Exception]

        @classmethod
        def from_row(cls, row: Mapping[str, Any]) -> Any: ...

    @classmethod
    def conflicts(cls: type[Self], uid: str) -> list[Self]:
        """Return the revisions of a document that are in conflict, as instances with their ``rev``.

        The first one is the gateway's winner. The list is empty if there is no conflict.

        Raises DoesNotExist if the document does not exist or one of the revisions has another
        class, and SyncGatewayForbidden if SYNC_GATEWAY_USER may not read one of them.
        """
        leaves = _leaves(cls, uid)
        revs = frozenset(leaf.rev for leaf in leaves)
        for leaf in leaves:
            leaf._rivals = revs
        return leaves if len(leaves) > 1 else []

    @classmethod
    def resolve_conflict(
        cls: type[Self],
        uid: str,
        *,
        winner: str | Self | None = None,
        merge: Callable[[list[Self]], Self] | None = None,
    ) -> Self:
        """Resolve the conflict of a document, and return the document.

        ``winner`` is one of :meth:`conflicts`, or its ``rev``. ``merge`` is a function that takes
        the list of :meth:`conflicts` and returns the instance to save, which is one of them or a
        new one. A new instance keeps the attachments, the undeclared keys and the expiry of the
        first revision, unless it has its own. Without both arguments, the function that
        ``register_merge`` has registered for the class is called. If there is no conflict, no
        function is called.

        The instance is saved on top of the gateway's winner, unless it is the winner itself. Then
        the other revisions are deleted for real. Phones are notified of both.

        If somebody else writes in between, nothing is lost: ``merge`` is called again with the new
        revisions, up to ten times.

        Raises SyncGatewayConflict after ten times, or if ``winner`` is no longer one of the
        revisions, or if ``winner`` is an instance and the revisions have changed since it was read.
        Also raises what ``merge``, :meth:`conflicts` and :meth:`save` raise.
        """
        if winner is None and merge is None:
            merge = registered_merge(cls)
        if (winner is None) == (merge is None):
            raise TypeError(
                "resolve_conflict() takes either winner= or merge=; without them, a function has "
                f"to be registered for {cls.__name__}, by register_merge()."
            )
        for wait in waits(MERGES, MERGE_DELAY, BACKOFF):
            leaves = _leaves(cls, uid)
            tree = _Tree(uid, leaves)
            chosen: Self
            if merge is None:
                chosen = tree.chosen(winner)
            else:
                for leaf in leaves:
                    leaf._check_origin()
                chosen = leaves[0] if len(leaves) == 1 else merge(leaves)
            try:
                tree.resolve(chosen)
            except SyncGatewayConflict:
                if merge is None or wait is None:
                    raise
                time.sleep(wait)
            else:
                break
        return chosen

    @classmethod
    def revisions(cls: type[Self], uid: str, limit: int = 20) -> list[DocumentRevision[Self]]:
        """Return the current revision of a document and its ancestors, newest first.

        It takes two requests. A revision has an instance as long as the gateway keeps its body, by
        default a few minutes. Saving the instance of an old revision raises SyncGatewayConflict.

        Raises DoesNotExist if no document of this class has the uid.
        """
        try:
            with told_of(cls, uid):
                newest, *older = gateway_of(cls).get_revisions(uid, limit)
        except SyncGatewayNotFound:
            raise _missing(cls, uid) from None
        current = _instance(cls, uid, newest.rev, newest.body)
        return [
            DocumentRevision(newest.rev, current),
            *(DocumentRevision(rev, _past(cls, uid, rev, body)) for rev, body in older),
        ]

    @classmethod
    async def aconflicts(cls: type[Self], uid: str) -> list[Self]:
        """Async version of :meth:`conflicts`."""
        return await sync_to_async(cls.conflicts)(uid)

    @classmethod
    async def aresolve_conflict(
        cls: type[Self],
        uid: str,
        *,
        winner: str | Self | None = None,
        merge: Callable[[list[Self]], Any] | None = None,
    ) -> Self:
        """Async version of :meth:`resolve_conflict`. ``merge`` may be async."""
        asked = async_to_sync(merge) if iscoroutinefunction(merge) else merge
        return await sync_to_async(cls.resolve_conflict)(uid, winner=winner, merge=asked)

    @classmethod
    async def arevisions(
        cls: type[Self], uid: str, limit: int = 20
    ) -> list[DocumentRevision[Self]]:
        """Async version of :meth:`revisions`."""
        return await sync_to_async(cls.revisions)(uid, limit)


class _Tree:
    """The leaf revisions of a document, as they were read."""

    def __init__(self, uid: str, leaves: Sequence[Any]) -> None:
        self.uid, self.leaves = uid, leaves
        self.model = type(leaves[0])
        self.revs = [leaf.rev for leaf in leaves]
        self.bases = [leaf._base for leaf in leaves]
        # A merge function may change the leaves.
        self.current, self.extra = map(remembered, (leaves[0].to_dict(), leaves[0].extra))

    def chosen(self, winner: Any) -> Any:
        """Return the leaf for an instance, or for its ``rev``. Raise SyncGatewayConflict if it is
        no longer a leaf, or if the leaves have changed since the instance was read."""
        rev = winner if isinstance(winner, str) else winner.rev
        if rev not in self.revs:
            self._refuse(f"{rev} is none of its revisions")
        if isinstance(winner, str):
            return self.leaves[self.revs.index(rev)]
        if winner._rivals and not {rev, *winner._rivals}.issuperset(self.revs):
            self._refuse("there are others than those that were read")
        return winner

    def _refuse(self, why: str) -> NoReturn:
        raise conflict(self.model, self.uid, f"{why}. They are {', '.join(self.revs)}")

    def _check(self, chosen: Any) -> None:
        is_one = isinstance(chosen, self.model) and chosen.uid in (None, "", self.uid)
        if not is_one or chosen.get_doc_type() != self.leaves[0].get_doc_type():
            raise CouchbaseModelError(
                f"{named(self.model, self.uid)}: what it is to be is a {self.model.__name__}, "
                f"which merge returns, not {chosen!r}."
            )

    def resolve(self, chosen: Any) -> None:
        """Write an instance on the winning branch, and delete the other branches."""
        self._check(chosen)
        chosen._check_origin()
        is_new, revs = not chosen._base, self.revs
        chosen.uid, chosen.rev, chosen._base = self.uid, revs[0], self.bases[0]
        if is_new:
            chosen.extra = {**self.extra, **chosen.extra}
        elif EXPIRES in self.extra:
            chosen.extra.setdefault(EXPIRES, self.extra[EXPIRES])
        chosen._hides_expiry = False
        ending = {"_deleted": True}
        with told_of(self.model, self.uid), Carrier(chosen) as carrier:
            carrier.take_over(dict(zip(revs, self.bases, strict=True)))
            if chosen._uploads or not is_same(chosen.to_dict(), self.current):
                chosen.save()
            chosen._state.adding = False
            if len(revs) == 1:
                return
            carrier.hold()
            if chosen.extra.get(EXPIRES) is not None:  # gateways forget it unless a write says it
                ending[EXPIRES] = chosen.extra[EXPIRES]
            for rev in revs[1:]:
                gateway_of(self.model).save_json(self.uid, {**ending, "_rev": rev})
            carrier.write_again()


def _leaves(cls: type[Self], uid: str) -> list[Self]:
    """Return the leaf revisions of a document. Raise DoesNotExist if there are none."""
    with told_of(cls, uid):
        rows = gateway_of(cls).get_leaves(uid)
    if not rows:
        raise _missing(cls, uid)
    return [cls.from_row(row) for row in rows]


def _missing(cls: type[Branching], uid: str) -> Exception:
    return row_error(cls.__new__(cls), {"key": uid})


def _instance(cls: type[Self], uid: str, rev: str, body: Any) -> Self:
    instance: Self = cls.from_row({"id": uid, "value": {"rev": rev}, "doc": body})
    return instance


def _past(cls: type[Self], uid: str, rev: str, body: Mapping[str, Any] | None) -> Self | None:
    """Return the instance of an old revision, or None if its body is gone, a tombstone, or of
    another class."""
    if body is None or body.get("_deleted"):
        return None
    try:
        return _instance(cls, uid, rev, body)
    except cls.DoesNotExist:  # it was of another class then
        return None
