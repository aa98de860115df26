"""Saving documents: alone, merged with what somebody else has saved, again where he was first."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

from asgiref.sync import sync_to_async
from django.core.exceptions import ObjectDoesNotExist
from django.utils import timezone

from django_cbtools import conf
from django_cbtools.conflicts import ATTEMPTS, BACKOFF, DELAY, retry_on_conflict, waits
from django_cbtools.exceptions import (
    CouchbaseModelError,
    MergeConflict,
    SyncGatewayConflict,
    shown,
)
from django_cbtools.signals import cb_post_save, cb_pre_save
from django_cbtools.sync_gateway import SyncGateway

from .document import DocumentJSON, as_json, remembered
from .merge import Merge

Self = TypeVar("Self", bound="DocumentSaving")

#: How often ``save(merge=...)`` merges, and the seconds before the second time.
MERGES = 10
MERGE_DELAY = 0.05


class DocumentSaving(DocumentJSON):
    """How a document gets to the gateway; a part of CouchbaseModel."""

    rev: Any
    created: Any
    updated: Any

    if TYPE_CHECKING:
        _state: Any

        def __init__(self, *args: Any, **kwargs: Any) -> None: ...
        async def aload(self, uid: str) -> None: ...
        def from_sync_gateway_row(self, row: Mapping[str, Any]) -> None: ...
        def _fill(self, uid: str, rev: str, document: Mapping[str, Any]) -> None: ...

    def save(self, *args: Any, merge: Merge | None = None, **kwargs: Any) -> None:
        """Write the document.

        CouchbaseModelError where it is in no channel, SyncGatewayConflict where somebody has
        written it since it was loaded.

        With ``merge``, what he wrote is read then, and ``merge(base, ours, theirs)`` returns the
        document that is saved on top of it: dictionaries of the JSON as it was when this instance
        was loaded or saved, as this instance has it, and as the gateway has it. Fields that are
        missing there have their defaults; they are all that base has of a new document. The
        instance becomes what is returned. This happens as often as somebody else is first again,
        ten times at most. ``merge_fields`` is such a function; one that cannot decide raises
        SyncGatewayConflict. It is not asked about a document that has been deleted for real: that
        remains a conflict, and setting ``rev`` to None before saving makes it again.
        """
        self.before_save()
        created = self._write(merge)
        self.after_save(created)

    def _write(self, merge: Merge | None) -> bool:
        """Send the document, merged where that is needed; whether it is a new one."""
        # A rival that was first has probably gone by now.
        for wait in chain((0.0,), waits(MERGES, MERGE_DELAY, BACKOFF)):
            created = self.rev is None
            try:
                SyncGateway.save_document(self)
            except SyncGatewayConflict as conflict:
                if merge is None or wait is None:
                    raise
                time.sleep(wait)
                self._merge(merge, conflict)
            else:
                break
        return created

    def _merge(self, merge: Merge, conflict: SyncGatewayConflict) -> None:
        """Become the gateway's document with our changes in it."""
        uid = self.get_uid()
        row = SyncGateway.all_docs([uid])["rows"][0]
        theirs = type(self)()
        try:
            theirs.from_sync_gateway_row(row)
        except ObjectDoesNotExist as missing:
            raise SyncGatewayConflict(
                f"document {shown(uid)} has been changed by somebody else, and cannot be merged: "
                f"{missing} (One that has been deleted is made again where rev is set to None.)",
                status=409,
                error="conflict",
                reason=str(missing),
                uid=uid,
            ) from conflict
        try:
            blank = type(self)().fields_as_json()
            base, their = ({**blank, **as_json(side)} for side in (self._base, row["doc"]))
            winner = merge(base, as_json(self.to_dict()), their)
        except MergeConflict as clash:
            raise MergeConflict(clash.keys, uid) from conflict
        if not isinstance(winner, Mapping):
            raise CouchbaseModelError(
                f"merge returns the JSON of the document that is to be saved, not {winner!r}."
            ) from conflict
        self._state.adding = False
        self._fill(uid, row["value"]["rev"], winner)
        self._base = theirs._base
        self._check_channels()

    def saved_as(self, rev: str, document: Mapping[str, Any]) -> None:
        """Take note that the gateway has this JSON of the document now, as that revision."""
        self.rev, self._base = rev, remembered(document)

    def _check_channels(self) -> None:
        if not self.channels:
            raise CouchbaseModelError("Empty channels list can not be saved")
        if not isinstance(self.channels, (list, tuple)) or not all(
            isinstance(name, str) for name in self.channels
        ):
            raise CouchbaseModelError(f"channels is a list of names, not {self.channels!r}")

    def before_save(self) -> None:
        """What has to be done before the document is written, alone or in bulk."""
        self._check_channels()
        cb_pre_save.send(sender=type(self), instance=self)
        self.updated = timezone.now()
        if self.created is None:
            self.created = self.updated
        for field in self._meta.concrete_fields:
            # Files are stored here, and auto_now takes effect.
            field.pre_save(self, self.rev is None)

    def after_save(self, created: bool) -> None:
        """What has to be done once the document is written."""
        self._state.adding = False
        self._state.db = conf.document_alias()
        cb_post_save.send(sender=type(self), instance=self, created=created)

    @classmethod
    def update_document(
        cls: type[Self],
        uid: str,
        change: Callable[[Self], Any],
        *,
        attempts: int = ATTEMPTS,
        delay: float = DELAY,
        backoff: float = BACKOFF,
    ) -> Self:
        """Load a document, apply ``change(document)``, save it, and return it; again from the
        beginning where somebody else was first, as :func:`retry_on_conflict` does it.

        Where ``change`` returns False, nothing is saved; the document is returned as it is then.
        DoesNotExist where there is none of this class under that uid.
        """

        @retry_on_conflict(attempts=attempts, delay=delay, backoff=backoff)
        def update_document() -> Self:
            document = cls(uid)
            if change(document) is not False:
                document.save()
            return document

        return update_document()

    @classmethod
    async def aupdate_document(
        cls: type[Self],
        uid: str,
        change: Callable[[Self], Any],
        *,
        attempts: int = ATTEMPTS,
        delay: float = DELAY,
        backoff: float = BACKOFF,
    ) -> Self:
        """As :meth:`update_document`; ``change`` may be async too."""

        @retry_on_conflict(attempts=attempts, delay=delay, backoff=backoff)
        async def update_document() -> Self:
            document = cls()
            await document.aload(uid)
            answer = change(document)
            if inspect.isawaitable(answer):
                answer = await answer
            if answer is not False:
                await document.asave()
            return document

        return await update_document()

    async def asave(self, *args: Any, **kwargs: Any) -> None:
        """As :meth:`save`."""
        await sync_to_async(self.save)(*args, **kwargs)
