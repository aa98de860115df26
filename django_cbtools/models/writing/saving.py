"""Saves documents, also merged with the changes of others, or again after a conflict."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

from asgiref.sync import sync_to_async
from django.core.exceptions import ImproperlyConfigured, ObjectDoesNotExist
from django.db import DatabaseError
from django.db.models.signals import ModelSignal, post_save, pre_save
from django.utils import timezone

from django_cbtools import conf
from django_cbtools.conflicts import ATTEMPTS, BACKOFF, DELAY, retry_on_conflict, waits
from django_cbtools.exceptions import (
    CouchbaseModelError,
    DocumentExists,
    MergeConflict,
    SyncGatewayConflict,
)
from django_cbtools.signals import cb_post_save, cb_pre_save
from django_cbtools.sync_gateway.facade import gateway_of

from ..channels import check_channels, decide_channels
from ..document import DocumentJSON, as_json, remembered
from ..telling import named
from . import attachments
from .expiring import UNCHANGED, Expiring, see_expiries, set_expiry, settle_expiry
from .following import tell
from .merge import Merge
from .ordering import take_places
from .restoring import Restored
from .sealing import Sealing
from .unique_keys import save_document
from .written import Changed, alters_data, check_extra, check_values, exists

Self = TypeVar("Self", bound="DocumentSaving")

#: The number of times that ``save(merge=...)`` merges, and the seconds before the second time.
MERGES = 10
MERGE_DELAY = 0.05


class DocumentSaving(Expiring, Sealing, DocumentJSON):
    """The part of CouchbaseModel that saves documents."""

    rev: Any
    created: Any
    updated: Any

    #: The document's attachments, and by name the large ones that are still to be written.
    attachments = attachments.AttachmentsDescriptor()
    _uploads: Mapping[str, Any] = {}  # of the class, and empty
    #: True while the document is saved because it is deleted softly.
    _is_being_deleted = False

    if TYPE_CHECKING:
        _state: Any

        def __init__(self, *args: Any, **kwargs: Any) -> None: ...
        async def aload(self, uid: str) -> None: ...
        def _prepare_related_fields_for_save(self, operation_name: str) -> None: ...
        def from_sync_gateway_row(self, row: Mapping[str, Any]) -> None: ...
        def _fill(self, uid: str, rev: str, document: Mapping[str, Any]) -> None: ...

    def save(
        self,
        *,
        force_insert: Any = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
        merge: Merge | None = None,
        expires: Any = UNCHANGED,
    ) -> None:
        """Save the document.

        With ``update_fields``, only these fields and ``updated`` are saved, on top of the document
        as it was loaded. ``force_insert`` creates a new document, whatever ``rev`` is.
        ``force_update`` only updates an existing document, and so does ``update_fields``. ``using``
        must be the alias of documents.

        ``expires`` is the time at which the gateway deletes the document: an aware datetime, a
        timedelta or seconds from now, or None for never. By default, the expiry is not changed.

        ``merge`` is a function that is called if somebody else has written the document since it
        was loaded. It takes ``base``, ``ours`` and ``theirs``: dictionaries of the JSON when this
        instance was loaded or saved, of this instance, and of the gateway. Missing fields have
        their defaults; for a new document, ``base`` has nothing else. The function returns the
        document to save, such as ``merge_fields`` does, and the instance takes it over. The
        function is called again if somebody else is faster again, up to ten times. It raises
        SyncGatewayConflict if it cannot decide. It is not called if the document has been deleted
        for real, which remains a conflict; to create the document again, set ``rev`` to None and
        save.

        Raises CouchbaseModelError if the document is in no channel, SyncGatewayConflict if somebody
        else has written it since it was loaded or has created a document with this uid,
        DocumentExists (a conflict, and Django's IntegrityError) if ``force_insert`` finds the uid
        in use, and NotUpdated (DatabaseError before Django 6.0) if there is no document to update.
        """
        self._prepare_related_fields_for_save(operation_name="save")
        names = None if update_fields is None else frozenset(update_fields)
        self._check_arguments(force_insert, force_update, using, names, merge)
        is_expiring = expires is not UNCHANGED
        if names is not None and not names and not is_expiring:
            return
        if is_expiring:
            set_expiry(self, expires)
        see_expiries([self])
        self.save_base(
            force_insert=force_insert,
            force_update=force_update,
            update_fields=names,
            merge=merge,
            is_expiring=is_expiring,
        )

    def save_base(
        self,
        raw: bool = False,
        force_insert: Any = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Any = None,
        *,
        merge: Merge | None = None,
        is_expiring: bool = False,
    ) -> None:
        """Do the work of :meth:`save`, as in Django. ``raw`` is for fixtures."""
        if raw:
            super().save_base(raw, force_insert, force_update, using, update_fields)  # type: ignore[misc]
            return
        fields = None if update_fields is None else self._fields(update_fields)
        self._send(pre_save, update_fields=update_fields)
        self.before_save(fields)
        created = False
        if fields is not None or force_update:
            self._write_over(fields, is_expiring)
        else:
            created = self._write(merge, is_new=bool(force_insert))
        if fields is None or any(map(attachments.attaches, fields)):
            attachments.upload_rest(self)
        self.after_save(created)
        self._send(post_save, update_fields=update_fields, created=created)

    def _send(self, signal: ModelSignal, **about: Any) -> None:
        """Send one of Django's signals, unless the document is being deleted softly."""
        if not self._is_being_deleted:
            using = conf.document_alias()
            signal.send(sender=type(self), instance=self, using=using, raw=False, **about)

    def _check_arguments(
        self,
        force_insert: Any,
        force_update: bool,
        using: str | None,
        names: frozenset[str] | None,
        merge: Merge | None,
    ) -> None:
        """Raise the errors of Django's ``save()`` for wrong arguments, and those of documents."""
        check_using(using, "saved in")
        if force_insert and (force_update or names):
            raise ValueError("Cannot force both insert and updating in model saving.")
        if merge is not None and (force_insert or force_update or names is not None):
            raise ValueError("What is merged is the whole document: merge= goes alone.")
        unknown = (names or frozenset()) - (self._meta._non_pk_concrete_field_names - {"rev"})
        if unknown:
            raise ValueError(
                "The following fields do not exist in this model, are m2m fields, primary keys, "
                f"or are non-concrete fields: {', '.join(sorted(unknown))}"
            )
        if (force_update or names) and not self.uid:
            raise ValueError("Cannot force an update in save() with no primary key.")

    def _fields(self, names: frozenset[str]) -> list[Any]:
        """Return the fields with these names or attributes."""
        return [
            field
            for field in self._meta.concrete_fields
            if not names.isdisjoint((field.name, field.attname))
        ]

    def _write_over(self, fields: list[Any] | None, is_expiring: bool) -> None:
        """Write the document, or some of its fields, on top of an existing one."""
        try:
            if self.rev is None:
                raise DocumentExists(
                    f"{named(type(self), self.uid)} has been saved by somebody else: load it "
                    "first.",
                    status=409,
                    error="conflict",
                    reason="it was never loaded",
                    uid=self.uid,
                )
            save_document(self if fields is None else Changed(self, fields, expiry=is_expiring))
        except SyncGatewayConflict as conflict:
            if "doc" in gateway_of(type(self)).all_docs([self.uid])["rows"][0]:
                raise
            missing: type[Exception] = getattr(self, "NotUpdated", DatabaseError)
            what = "Forced update" if fields is None else "Save with update_fields"
            raise missing(f"{what} did not affect any rows.") from conflict

    def _write(self, merge: Merge | None, is_new: bool) -> bool:
        """Write the document, merged if necessary, and return whether it is a new one."""
        former = self.rev
        if is_new or former is None:
            self.rev = None
            take_places([self])
        # A competing writer that was faster has probably finished by now.
        for wait in chain((0.0,), waits(MERGES, MERGE_DELAY, BACKOFF)):
            created = self.rev is None
            try:
                save_document(self)
            except SyncGatewayConflict as conflict:
                if merge is None or wait is None:
                    self.rev = former
                    if is_new:
                        raise exists(conflict) from conflict
                    raise
                time.sleep(wait)
                self._merge(merge, conflict)
            else:
                break
        return created

    def _save_table(
        self,
        raw: bool = False,
        cls: Any = None,
        force_insert: Any = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Any = None,
    ) -> bool:
        """Write the document, and return whether it existed before. Django's ``save_base()`` calls
        this.

        Fixtures are loaded with ``raw``, which writes on top of any revision. Undeclared keys of
        the document stay if the fixture has none.
        """
        if raw:
            return self._restore()
        was_there = self.rev is not None
        decide_channels(self)
        check_channels(self.channels, type(self))
        check_extra(self)
        save_document(self)
        return was_there

    def _restore(self) -> bool:
        """Write the document as a fixture has it, and return whether it existed before."""
        (row,) = gateway_of(type(self)).bulk_get([self.get_uid()])
        self.rev, there = None, type(self)()
        decide_channels(self)
        if "doc" in row:
            there.from_sync_gateway_row(row)
            self.rev, self._base = there.rev, there._base
        was_there = self.rev is not None
        check_extra(self)
        restored = Restored(self, there.extra)
        if "channels" not in restored.literal:
            check_channels(self.channels, type(self))
        save_document(restored)
        return was_there

    def _merge(self, merge: Merge, conflict: SyncGatewayConflict) -> None:
        """Take over the gateway's document, merged with the changes of this instance."""
        uid = self.get_uid()
        (row,) = gateway_of(type(self)).bulk_get([uid])
        theirs = type(self)()
        try:
            theirs.from_sync_gateway_row(row)
        except ObjectDoesNotExist as missing:
            raise SyncGatewayConflict(
                f"{named(type(self), uid)} has been changed by somebody else, and cannot be "
                f"merged: {missing} (One that has been deleted is made again where rev is "
                "set to None.)",
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
        self._state.adding, uploads = False, self._uploads
        self._fill(uid, row["value"]["rev"], self._seal(uid, dict(winner)))
        self._uploads = uploads
        self._base = theirs._base
        check_channels(self.channels, type(self))

    def saved_as(self, rev: str, document: Mapping[str, Any]) -> None:
        """Record the JSON and the revision that the gateway has of the document now."""
        former, document = self.rev, attachments.written(self, rev, document)
        self.rev, self._base, self._prepared = rev, remembered(document), {}
        tell(self, former)

    def before_save(self, fields: Iterable[Any] | None = None) -> None:
        """Do what is needed before the document, or some fields, are written, alone or in bulk."""
        if fields is None:
            decide_channels(self)
            check_channels(self.channels, type(self))
            check_extra(self)
        cb_pre_save.send(sender=type(self), instance=self)
        if not self.uid:
            self.rev = None  # a copy: there is no revision of it
        self.updated = timezone.now()
        if self.created is None and fields is None:
            self.created = self.updated
        written = self._meta.concrete_fields if fields is None else fields
        check_values(self, written)
        settle_expiry(self)
        for field in written:
            self.prepare_field(field, self.rev is None)
        attachments.release(self, written)

    def after_save(self, created: bool) -> None:
        """Do what is needed after the document was written."""
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
        """Load a document, call ``change(document)``, save the document, and return it.

        If somebody else saves it in between, all is done again, as by :func:`retry_on_conflict`. If
        ``change`` returns False, the document is not saved, and returned as it is then.

        Raises DoesNotExist if no document of this class has the uid.
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
        """Async version of :meth:`update_document`. ``change`` may be async."""

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

    async def asave(self, **kwargs: Any) -> None:
        """Async version of :meth:`save`."""
        await sync_to_async(self.save)(**kwargs)

    alters_data(save, asave)


def check_using(using: str | None, what: str) -> None:
    """Raise ImproperlyConfigured if the alias holds no documents."""
    if using not in (None, conf.document_alias()):
        raise ImproperlyConfigured(
            f"Documents cannot be {what} {using!r}: they are in {conf.document_alias()!r}. "
            "Leave out using=, and where a router chooses, set DATABASE_ROUTERS = "
            "['django_cbtools.routers.DocumentRouter'], before other routers."
        )
