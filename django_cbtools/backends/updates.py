"""Updates of documents with values that the database computes. They are written through the
gateway.

If somebody else has changed a document in between, its values are computed and written again.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import chain
from typing import Any, TypeAlias

from django.db import models
from django.db.backends.utils import format_number
from django.db.models import Value
from django.db.models.expressions import Col

from django_cbtools.conflicts import waits
from django_cbtools.exceptions import CouchbaseValueError, SyncGatewayConflict, shown
from django_cbtools.models.fields.values import Unreadable, json_key, kind
from django_cbtools.models.telling import conflict
from django_cbtools.models.writing.bulk import Bulk
from django_cbtools.models.writing.member_updates import MemberTarget, target_of
from django_cbtools.sync_gateway.documents.documents import batches

#: The number of attempts to update documents that somebody else writes in between, and their
#: pauses: the seconds of the first one, the factor of each further one, and the longest.
ATTEMPTS, DELAY, BACKOFF, LONGEST = 40, 0.02, 1.5, 1.0

#: A function that takes expressions and uids (None for all documents that match), and returns the
#: revision and the values of the expressions for each document.
Select: TypeAlias = Callable[[list[Any], "Collection[str] | None"], dict[str, list[Any]]]


class Update:
    """An update of the documents that match a query. ``values`` has values or expressions, by
    field."""

    def __init__(self, manager: Any, select: Select, values: Mapping[Any, Any]) -> None:
        self._manager, self._select = manager, select
        self._computed = {field: value for field, value in values.items() if _is_computed(value)}
        self.constants = {
            field: value for field, value in values.items() if field not in self._computed
        }
        self._written = {getattr(field, "field", field) for field in values}
        self._columns = {column for each in self._computed.values() for column in _columns(each)}

    def write(self) -> int:
        """Update the documents, and return their number. Raise SyncGatewayBulkError, which names
        the refused ones."""
        with Bulk() as bulk:
            self._write(bulk, None)
            for wait in chain((0.0,), waits(ATTEMPTS, DELAY, BACKOFF)):
                late = [
                    uid for uid, why in bulk.errors.items() if isinstance(why, SyncGatewayConflict)
                ]
                if wait is None or not late:
                    break
                time.sleep(min(wait, LONGEST))
                for uids in batches(late):
                    for uid in uids:
                        del bulk.errors[uid]
                    # A document that no longer matches is left alone.
                    self._write(bulk, uids)
        return bulk.saved

    def _write(self, bulk: Bulk, uids: Collection[str] | None) -> None:
        found = self._select([*self._computed.values()], uids)
        for documents in bulk.load(self._manager, {uid: rev for uid, (rev, *_) in found.items()}):
            self._fill_in_defaults(bulk, documents, found)

            def changed(document: Any) -> Any:
                return self._changed(document, found[document.uid][1:])

            documents = [document for document in documents if document.uid not in bulk.errors]
            bulk.update(bulk.prepared(documents, changed), self._written)

    def _fill_in_defaults(
        self, bulk: Bulk, documents: list[Any], found: dict[str, list[Any]]
    ) -> None:
        """Compute the values again with the defaults of fields whose keys are missing, as instances
        have them."""
        fields = {stored.field for stored in self._manager.model._stored_fields()}
        defaults = {
            column: column.target.get_default()
            for column in self._columns
            if column.target in fields
        }
        known = {column: value for column, value in defaults.items() if value is not None}
        lacking: dict[frozenset[Any], list[str]] = defaultdict(list)
        for document in documents if known else ():
            missing = {each for each in known if json_key(each.target) not in document._base}
            if missing:
                lacking[frozenset(missing)].append(document.uid)
        for missing_columns, uids in lacking.items():
            instead = {
                column: Value(known[column], output_field=column.target)
                for column in missing_columns
            }
            computed = [each.replace_expressions(instead) for each in self._computed.values()]
            rows = self._select(computed, uids)
            for uid in uids:
                if uid in rows and rows[uid][0] == found[uid][0]:
                    found[uid] = rows[uid]
                else:
                    bulk.errors[uid] = conflict(
                        self._manager.model, uid, "somebody has written it since it was selected"
                    )

    def _changed(self, document: Any, computed: list[Any]) -> Any:
        """Return the document with the new values. Raise CouchbaseValueError if a field cannot
        store one."""
        for field, value in self.constants.items():
            _set(document, field, value)
        for (field, expression), value in zip(self._computed.items(), computed, strict=True):
            if value is None and any(_columns(expression)):
                self._check_null(document, field, expression)
            try:
                stored = _stored(target_of(field), expression, value)
            except ArithmeticError as error:
                raise CouchbaseValueError(
                    f"Document {shown(document.uid)}: field {field.name} cannot store {value!r}."
                ) from error
            _set(document, field, stored)
        return document

    def _check_null(self, document: Any, field: Any, expression: Any) -> None:
        """Raise CouchbaseValueError if a computed value is null because a field could not be read,
        or if the field does not allow null."""
        about = f"Document {shown(document.uid)}: field {field.name} cannot become null"
        unread = document.unread()
        odd = {column.target.name for column in _columns(expression)} & unread.keys()
        if odd:
            raise CouchbaseValueError(f"{about}, since {min(odd)} has a value of another type.")
        if not (isinstance(field, MemberTarget) or field.null):
            raise CouchbaseValueError(f"{about}, which is what is computed: it has no null=True.")


def _is_computed(value: Any) -> bool:
    return hasattr(value, "as_sql")


def _columns(expression: Any) -> Iterator[Any]:
    """Yield the columns of an expression, without those of subqueries."""
    if isinstance(expression, Col):
        yield expression
        return
    for part in getattr(expression, "get_source_expressions", list)():
        yield from _columns(part)


def _set(document: Any, field: Any, value: Any) -> None:
    if isinstance(field, MemberTarget):
        field.set(document, value)
    else:
        setattr(document, field.attname, value)


def _stored(field: Any, expression: Any, value: Any) -> Any:
    """Return a computed value as it would be in a column of the field."""
    if isinstance(field, models.DecimalField) and value is not None:
        return format_number(value, field.max_digits, field.decimal_places)
    convert = kind(field).convert
    if convert is None or isinstance(expression.output_field, type(field)):
        return value
    try:
        return convert(value)
    except Unreadable:
        return value
