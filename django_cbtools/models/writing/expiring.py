"""The expiry of documents (``_exp``), which each write must repeat."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from django_cbtools import expiry
from django_cbtools.exceptions import CouchbaseValueError, shown

from ..document import EXPIRES
from ..keyspaces import rows_of
from .versions import reveal


class Unchanged:
    """The default of ``expires``, which keeps the document's expiry."""

    def __repr__(self) -> str:
        return "UNCHANGED"


UNCHANGED = Unchanged()


class Expiring:
    """The part of CouchbaseModel that is about expiry."""

    uid: Any
    rev: Any
    extra: dict[str, Any]
    _base: dict[str, Any]
    #: True if the document was read without its expiry.
    _hides_expiry = False

    if TYPE_CHECKING:
        #: A model may have a field with this name, which replaces the property.
        expires_at: Any

    @property  # type: ignore[no-redef]
    def expires_at(self) -> datetime.datetime | None:
        """The time at which the gateway deletes the document: an aware datetime in UTC, or None.

        To change it, set it to an aware datetime, or to None for never, and save. Other values
        raise CouchbaseValueError.
        """
        see_expiries([self])
        seconds = _seconds(self, self.extra.get(EXPIRES))
        zone = datetime.timezone.utc
        return None if seconds is None else datetime.datetime.fromtimestamp(seconds, zone)

    @expires_at.setter
    def expires_at(self, moment: datetime.datetime | None) -> None:
        is_aware = isinstance(moment, datetime.datetime) and timezone.is_aware(moment)
        if moment is not None and not is_aware:
            raise CouchbaseValueError(
                f"Document {shown(str(self.uid))}: expires_at is a datetime with a time zone, or "
                f"None, not {moment!r}."
            )
        set_expiry(self, moment)


def set_expiry(document: Expiring, value: Any) -> None:
    """Set the expiry of a document.

    ``value`` is an aware datetime, a timedelta from now, or a value of ``_exp``: seconds from now,
    seconds since 1970, a string in ISO 8601, or None for never. Raises CouchbaseValueError for
    other values.
    """
    if isinstance(value, datetime.timedelta):
        value = timezone.now().astimezone(datetime.timezone.utc) + value
    if isinstance(value, datetime.datetime) and timezone.is_aware(value):
        value = value.astimezone(datetime.timezone.utc).replace(microsecond=0).isoformat()
    seconds = _seconds(document, value)
    document._hides_expiry = False
    if seconds is not None:
        document.extra[EXPIRES] = expiry.shown(seconds)
    elif EXPIRES in document.extra:
        document.extra[EXPIRES] = None


def settle_expiry(document: Expiring) -> None:
    """Convert the ``_exp`` that a program has set to a time, so that further saves do not move
    it."""
    if EXPIRES in document.extra:
        set_expiry(document, document.extra[EXPIRES])


def see_expiries(documents: Iterable[Any]) -> None:
    """Load, in one request, the expiry of documents that were read without it."""
    documents = list(documents)
    reveal(documents)
    hidden = [each for each in documents if each._hides_expiry and each.rev is not None]
    if not hidden:
        return
    for document, row in rows_of(hidden):
        document._hides_expiry = False
        # A document that was written since will be a conflict.
        is_same = "doc" in row and row["value"]["rev"] == document.rev
        if is_same and row["expires"] is not None and EXPIRES not in document.extra:
            document.extra[EXPIRES] = row["expires"]
            document._base = {**document._base, EXPIRES: row["expires"]}


def _seconds(document: Expiring, value: Any) -> int | None:
    try:
        return expiry.parse(value)
    except ValueError as error:
        raise CouchbaseValueError(
            f"Document {shown(str(document.uid))}: it cannot expire at {value!r}: {error}"
        ) from error
