"""Key documents, which stand for unique values: see :class:`.unique.UniqueKey`.

The uid of a key document is a digest of the values. The gateway creates it only once, which
excludes a second writer. It names its owner, the document that has the values or is about to have
them. It is created before its owner is written, and deleted after its owner has other values or is
deleted.

A program may end in between. Then the owner of the key does not have the values. After GRACE
seconds, another document may take over the key.
"""

from __future__ import annotations

import contextlib
import datetime
import decimal
import hashlib
import json
import logging
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from django_cbtools.exceptions import (
    SyncGatewayAnswerLost,
    SyncGatewayConflict,
    SyncGatewayException,
    UniqueKeyTaken,
)
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.documents.documents import Document, row_exception
from django_cbtools.sync_gateway.facade import gateway_of

from ..document import DOC_TYPE
from ..fields import values
from ..telling import instance_of, say_class
from ..unique import UniqueKey, can_be_asked
from .written import whole

logger = logging.getLogger(__name__)

#: The doc_type of key documents, and what their uids begin with.
KEY_TYPE, PREFIX = "unique_key", "unq_"
#: The number of seconds that a key may exist before its owner has its values. A write takes less.
GRACE = 300
#: The number of times that a key is looked up which others create or delete at the same time.
LOOKS = 5

Keys = dict[str, UniqueKey]


def keys_of(model: Any, body: Mapping[str, Any]) -> Keys:
    """Return the keys that a document of the class has, given its JSON, by their uids."""
    if body.get("_deleted") or body.get("st_deleted") is True:
        return {}
    found = {}
    for constraint in _constraints(model):
        fields = [model._meta.get_field(name) for name in constraint.fields]
        raws = [body.get(values.json_key(field)) for field in fields]
        if None not in raws or constraint.nulls_distinct is False:
            named = [
                [field.name, _same(field, raw)] for field, raw in zip(fields, raws, strict=True)
            ]
            text = json.dumps([model.type_name(), named], sort_keys=True)
            found[PREFIX + hashlib.sha256(text.encode()).hexdigest()] = constraint
    return found


def _constraints(model: Any) -> list[UniqueKey]:
    return [each for each in model._meta.constraints if isinstance(each, UniqueKey)]


def _same(field: values.Field, raw: Any) -> Any:
    """Return JSON that is equal for equal values, however they are written."""
    from_json = values.kind(field).from_json
    if raw is None or from_json is None:
        return raw
    try:
        value = from_json(raw)
    except ValueError:
        return raw
    if isinstance(value, decimal.Decimal):
        return str(value.normalize())
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return value.astimezone(datetime.timezone.utc).isoformat()
    return raw if isinstance(value, (bytes, list, dict)) else str(value)


class _Owner(NamedTuple):
    uid: str
    instance: Any
    model: Any
    old: Keys
    new: Keys


class Claims:
    """The keys of documents that will be written."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self._owners: dict[str, _Owner] = {}
        self._claimed: dict[str, tuple[str, str]] = {}  # by key: its revision, and the owner
        # A key is in its owner's keyspace. Without keys, the gateway is not used.
        self.gateway: Any = SyncGateway
        for document in documents:
            instance = instance_of(document)
            model = type(instance)
            self.gateway = gateway_of(model)
            if _constraints(model):
                uid, old, body = document.get_uid(), {}, document.to_dict()
                # Deleting a document that somebody else has written may reveal the site's own one,
                # with its key.
                was = instance._base
                if document.rev is not None and ("_deleted" not in body or model._counts(uid, was)):
                    old = keys_of(model, was)
                self._owners[uid] = _Owner(uid, instance, model, old, keys_of(model, body))
        released = {key for owner in self._owners.values() for key in owner.old.keys() - owner.new}
        #: Revisions from before the write. A key that is claimed again meanwhile has another one,
        #: and stays.
        self._releasing = {
            key: row["value"]["rev"]
            for key, row in _rows(self.gateway, released).items()
            if row["doc"].get("owner") in self._owners
        }

    @property
    def uids(self) -> Collection[str]:
        """The uids of the documents that have, or had, keys."""
        return self._owners.keys()

    def claim(self) -> dict[str, SyncGatewayException]:
        """Create the keys. Return the errors of documents that cannot be written, by uid."""
        refused: dict[str, SyncGatewayException] = {}
        wanted: dict[str, str] = {}
        for owner in self._owners.values():
            for key in owner.new.keys() - owner.old.keys():
                first = wanted.setdefault(key, owner.uid)
                if first != owner.uid:
                    refused[owner.uid] = self._taken(owner, key, first)
        for _ in range(LOOKS):
            pending = {
                key: uid
                for key, uid in wanted.items()
                if key not in self._claimed and uid not in refused
            }
            if not pending:
                break
            self._claim_once(pending, refused)
        else:
            for key, uid in pending.items():
                refused.setdefault(uid, self._taken(self._owners[uid], key, None))
        self._release({key: rev for key, (rev, uid) in self._claimed.items() if uid in refused})
        return refused

    def settle(self, saved: Collection[str], unknown: Collection[str] = ()) -> None:
        """Delete the keys that saved documents no longer have, and the new keys of other documents.
        Those whose outcome is unknown keep both."""
        gone = {
            key: self._releasing[key]
            for uid in saved
            if uid in self._owners
            for key in self._owners[uid].old.keys() - self._owners[uid].new
            if key in self._releasing
        }
        kept = {*saved, *unknown}
        gone |= {key: rev for key, (rev, uid) in self._claimed.items() if uid not in kept}
        self._release(gone)

    def _claim_once(self, wanted: dict[str, str], refused: dict[str, SyncGatewayException]) -> None:
        there = _rows(self.gateway, wanted)
        holders = _rows(self.gateway, {row["doc"].get("owner") for row in there.values()})
        bodies = []
        for key, uid in wanted.items():
            owner, row = self._owners[uid], there.get(key)
            body = {"_id": key, DOC_TYPE: KEY_TYPE, "channels": [], "owner": uid,
                    "fields": list(owner.new[key].fields), "claimed": int(time.time())}  # fmt: skip
            if row is not None:
                holder = row["doc"].get("owner")
                if _is_held(owner, key, row["doc"], holders.get(holder)):
                    refused[uid] = self._taken(owner, key, holder)
                    continue
                body["_rev"] = row["value"]["rev"]
            bodies.append(owner.model._seal(key, body))
        keys = [str(body["_id"]) for body in bodies]
        for key, answer in zip(keys, self.gateway.bulk_docs(bodies), strict=True):
            if "rev" in answer:
                self._claimed[key] = answer["rev"], wanted[key]
                continue
            error = row_exception(key, answer)
            if not isinstance(error, SyncGatewayConflict):  # after a conflict, look again
                refused[wanted[key]] = error

    @staticmethod
    def _taken(owner: _Owner, key: str, holder: str | None) -> UniqueKeyTaken:
        return UniqueKeyTaken(owner.uid, tuple(owner.new[key].fields), holder)

    def _release(self, revs: dict[str, str]) -> None:
        """Delete keys, unless they have been claimed again."""
        if not revs:
            return
        try:
            rows = self.gateway.bulk_docs(
                [{"_id": key, "_rev": rev, "_deleted": True} for key, rev in revs.items()]
            )
        except SyncGatewayException as error:
            # The documents have been written. A key whose owner has other values can be taken over.
            logger.warning("Keys of unique values are left behind: %s", error)
            return
        for key, row in zip(revs, rows, strict=True):
            if "rev" not in row and row.get("status") not in (404, 409):
                logger.warning("A key is left behind: %s", row_exception(key, row))


def _rows(gateway: Any, uids: Collection[Any]) -> dict[str, Any]:
    """Return the rows of the documents that exist, by uid."""
    texts = [uid for uid in uids if isinstance(uid, str)]
    rows = gateway.all_docs(texts)["rows"] if texts else []
    return {row["id"]: row for row in rows if "doc" in row}


def find(model: Any, **named: Any) -> Any:
    """Return the document with these values of a UniqueKey's fields. It is found by key, in two
    requests and without a query. Raise DoesNotExist if there is none."""
    body = {values.json_key(model._meta.get_field(name)): named[name] for name in named}
    gateway = gateway_of(model)
    for key in keys_of(model, body):
        claims = [row["doc"] for row in _rows(gateway, [key]).values()]
        owners = [claim.get("owner") for claim in claims]
        for holder in gateway.bulk_get([owner for owner in owners if isinstance(owner, str)]):
            if "doc" in holder and _has(model, key, holder):
                return model.from_row(holder)
        if not all(model._counts(key, claim) for claim in claims) and can_be_asked():
            for document in _queried(model, named):
                return document
    raise model.DoesNotExist(
        f"There is no {model.__name__} with {', '.join(f'{n}={v!r}' for n, v in named.items())}.",
        status=404, error="not_found", reason="missing",
    )  # fmt: skip


def _has(model: Any, key: str, row: Mapping[str, Any]) -> bool:
    """Return whether a document belongs to the class, has the values of a key, and was written by
    the site."""
    body = row["doc"]
    is_one = body.get(DOC_TYPE) == model.type_name() and key in keys_of(model, body)
    return is_one and model._counts(row["id"], body)


def _is_held(owner: _Owner, key: str, claim: Mapping[str, Any], holder: Any) -> bool:
    """Return whether another document holds a key: the key's owner has its values, may be about to
    be written (for GRACE seconds), or was last written by somebody else. If the site has not made
    the key, any other document with the values holds it."""
    model, claimed = owner.model, claim.get("claimed")
    is_own = claim.get("owner") == owner.uid
    if not is_own and holder is not None and _has(model, key, holder):
        return True
    if not model._counts(key, claim):
        named = {name: getattr(owner.instance, name) for name in owner.new[key].fields}
        others = _queried(model, named) if can_be_asked() else (None,)  # nobody can tell
        return any(other is None or other.uid != owner.uid for other in others)
    if is_own:
        return False
    if isinstance(claimed, (int, float)) and abs(time.time() - claimed) < GRACE:
        return True
    # A body that somebody else has written tells nothing about the owner's values.
    return holder is not None and not model._counts(holder["id"], holder["doc"])


def _queried(model: Any, named: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the documents that a query finds for these values, if the site has written them."""
    for document in model.all_objects.filter(st_deleted=False, **named):
        if document._is_own():
            yield document


@contextlib.contextmanager
def reserved(document: Document) -> Iterator[None]:
    """Reserve the unique keys of a document that is written in this context. Raise UniqueKeyTaken
    if another document has its values."""
    claims = Claims([document])
    for refusal in claims.claim().values():
        raise refusal
    try:
        yield
    except SyncGatewayException as error:
        say_class(error, type(instance_of(document)), document.get_uid())
        if not isinstance(error, SyncGatewayAnswerLost):  # one that may have been written
            claims.settle(())
        raise
    claims.settle([document.get_uid()])


def save_document(document: Document) -> None:
    """Save the document as SyncGateway.save_document() does, with its unique keys."""
    document = whole(document)
    with reserved(document):
        gateway_of(type(instance_of(document))).save_document(document)
