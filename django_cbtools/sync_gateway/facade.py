"""The public face: what django_cbtools 1.x offered, and the bulk calls beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from django_cbtools import conf
from django_cbtools.exceptions import (
    SyncGatewayBadRequest,
    SyncGatewayBulkError,
    SyncGatewayException,
    SyncGatewayNotFound,
)

from .client import ADMIN, PUBLIC, dumps, loads, quote_name, quote_uid, request

if TYPE_CHECKING:
    import requests
    from requests.auth import HTTPBasicAuth

#: The channel that every user may read, by this library's convention.
CHANNEL_PUBLIC = "public"
#: How many bytes of documents, and how many, go into one bulk request.
BULK_BYTES = 8 * 1024 * 1024
BULK_COUNT = 1000


class Document(Protocol):
    """What can be saved: a CouchbaseModel."""

    rev: str | None

    def get_uid(self) -> str: ...
    def to_dict(self) -> dict[str, Any]: ...


class SyncGateway:
    """Documents and users by the gateway's REST API.

    All methods raise :exc:`SyncGatewayException`, or the subclass that says why.
    """

    # -------------------------------------------------------------- documents

    @staticmethod
    def save_json(uid: str, data_dict: Mapping[str, Any]) -> requests.Response:
        """Write a document; ``_rev`` in it is the revision that it starts from."""
        return request(PUBLIC, "PUT", quote_uid(uid), body=data_dict, uid=uid)

    @staticmethod
    def save_document(document: Document) -> None:
        """Write a model's document, and set its ``rev``; SyncGatewayConflict where it is stale."""
        answer = loads(SyncGateway.save_json(document.get_uid(), _body(document)))
        document.rev = answer["rev"]

    @staticmethod
    def save_documents(documents: Iterable[Document]) -> None:
        """Write many documents, in few requests, and set their ``rev``.

        SyncGatewayBulkError says which ones were refused; the others are saved.
        """
        errors: dict[str, SyncGatewayException] = {}
        saved = 0
        for batch in _batches(documents):
            rows = SyncGateway.bulk_docs([body for _, body in batch])
            for (document, body), row in zip(batch, rows, strict=True):
                if "rev" in row:
                    document.rev = row["rev"]
                    saved += 1
                else:
                    errors[body["_id"]] = row_exception(body["_id"], row)
        if errors:
            raise SyncGatewayBulkError(errors, saved)

    @staticmethod
    def bulk_docs(docs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Write documents in one request; a row for each, with its ``rev`` or its ``error``."""
        if isinstance(docs, (str, bytes)) or not isinstance(docs, Sequence):
            raise SyncGatewayBadRequest(f"{docs!r} is no list of documents.")
        for doc in docs:
            if not isinstance(doc, Mapping):
                raise SyncGatewayBadRequest(f"{doc!r} is no document.")
            if "_id" in doc:
                quote_uid(doc["_id"])
        rows: list[dict[str, Any]] = loads(
            request(PUBLIC, "POST", "_bulk_docs", body={"docs": docs})
        )
        return rows

    @staticmethod
    def delete_document(uid: str, rev: str) -> None:
        """Delete a document for real; SyncGatewayConflict where ``rev`` is stale."""
        request(PUBLIC, "DELETE", quote_uid(uid), query={"rev": rev}, uid=uid)

    @staticmethod
    def all_docs(uids: Sequence[str] | None, really_all: bool = False) -> dict[str, Any]:
        """Documents by uid, in one request: ``{"rows": [...]}``, a row with an error for those
        that are not there. With ``really_all`` and no uids: every document."""
        if not uids and not really_all:
            return {"rows": []}
        query = {"include_docs": "true"}
        if uids:
            keys = _texts(uids, "uids")
            response = request(PUBLIC, "POST", "_all_docs", query=query, body={"keys": keys})
        else:
            response = request(PUBLIC, "GET", "_all_docs", query=query)
        answer: dict[str, Any] = loads(response)
        return answer

    # ------------------------------------------------------------------ users

    @staticmethod
    def put_user(
        username: str,
        email: str | None = None,
        password: str | None = None,
        admin_channels: Iterable[str] | None = None,
        disabled: bool | None = None,
    ) -> bool:
        """Make a user, or change what is given; the channel ``public`` is always granted.

        Without ``admin_channels`` a user who is there keeps his own.
        """
        if admin_channels is None:
            admin_channels = SyncGateway._channels_of(username)
        admin_channels = _texts(admin_channels, "admin_channels")
        config: dict[str, Any] = {
            "email": email,
            "password": password,
            "admin_channels": list(dict.fromkeys([*admin_channels, CHANNEL_PUBLIC])),
            "disabled": disabled,
        }
        config = {key: value for key, value in config.items() if value is not None}
        request(ADMIN, "PUT", "_user", quote_name(username, "user"), body=config)
        return True

    @staticmethod
    def _channels_of(username: str) -> list[str]:
        try:
            channels: list[str] = SyncGateway.get_user(username).get("admin_channels", [])
        except SyncGatewayNotFound:
            channels = []
        return channels

    @staticmethod
    def get_user(username: str) -> dict[str, Any]:
        """A user's configuration: ``name``, ``email``, ``admin_channels``, ``disabled``, ..."""
        user: dict[str, Any] = loads(request(ADMIN, "GET", "_user", quote_name(username, "user")))
        return user

    @staticmethod
    def get_users() -> list[str]:
        """The names of all users."""
        names: list[str] = loads(request(ADMIN, "GET", "_user", ""))
        return names

    @staticmethod
    def change_username(old_username: str, new_username: str, password: str) -> bool:
        """Give a user another name (and e-mail address); False where it is the same.

        Gateways cannot rename, nor tell a password: he is made anew with ``password``.
        """
        if old_username == new_username:
            return False
        user = SyncGateway.get_user(old_username)
        SyncGateway.put_user(
            new_username, new_username, password, user.get("admin_channels"), user.get("disabled")
        )
        SyncGateway.delete_user(old_username)
        return True

    @staticmethod
    def delete_user(username: str) -> bool:
        request(ADMIN, "DELETE", "_user", quote_name(username, "user"))
        return True

    @staticmethod
    def create_session(username: str, ttl: int | None = None) -> requests.Response:
        """Begin a session for a user; the answer's JSON has ``cookie_name``, ``session_id`` and
        ``expires``. ``ttl`` is in seconds."""
        body: dict[str, Any] = {"name": username}
        if ttl is not None:
            body["ttl"] = ttl
        return request(ADMIN, "POST", "_session", body=body)

    @staticmethod
    def append_channels(username: str, channels: Iterable[str]) -> bool:
        """Open channels to a user, beside those he has."""
        old = SyncGateway.get_user(username).get("admin_channels", [])
        return SyncGateway.put_user(username, admin_channels=[*old, *channels])

    @staticmethod
    def remove_channels(username: str, channels: Iterable[str]) -> bool:
        """Close channels to a user."""
        gone = set(channels)
        old = SyncGateway.get_user(username).get("admin_channels", [])
        return SyncGateway.put_user(
            username, admin_channels=[channel for channel in old if channel not in gone]
        )

    @staticmethod
    def put_admin_user() -> None:
        """Make the user that the library itself logs in as, with access to all channels."""
        SyncGateway._put_configured_user("SYNC_GATEWAY", "smadmin@mail.com", ["*"])

    @staticmethod
    def put_guest_user() -> None:
        """Make the user that mobile clients share, with access to ``public``."""
        SyncGateway._put_configured_user("SYNC_GATEWAY_GUEST", "smguest@mail.com", [CHANNEL_PUBLIC])

    @staticmethod
    def _put_configured_user(prefix: str, email: str, channels: list[str]) -> None:
        user, password = (
            conf.require(f"{prefix}_{part}", "there is no user to make without it")
            for part in ("USER", "PASSWORD")
        )
        SyncGateway.put_user(user, email, password, channels)

    @staticmethod
    def get_auth() -> HTTPBasicAuth | None:
        """The login that documents are read and written with."""
        from . import transport

        return transport.auth(PUBLIC)


def row_exception(uid: str, row: Mapping[str, Any]) -> SyncGatewayException:
    """The exception that stands for a row with an error, of ``_bulk_docs`` or ``_all_docs``."""
    status, error = int(row.get("status", 0)), str(row.get("error", ""))
    reason = str(row.get("reason") or error)
    return SyncGatewayException.for_status(status)(
        f"document {uid}: {status} {error} ({reason})",
        status=status or None,
        error=error,
        reason=reason,
        uid=uid,
    )


def _texts(values: Any, what: str) -> list[str]:
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise SyncGatewayBadRequest(f"{what} is a list of texts, not {values!r}.")
    texts = list(values)
    if not all(isinstance(text, str) for text in texts):
        raise SyncGatewayBadRequest(f"{what} is a list of texts, not {texts!r}.")
    return texts


def _body(document: Document) -> dict[str, Any]:
    body = document.to_dict()
    if document.rev:
        body["_rev"] = document.rev
    return body


def _batches(documents: Iterable[Document]) -> Iterable[list[tuple[Document, dict[str, Any]]]]:
    batch: list[tuple[Document, dict[str, Any]]] = []
    size = 0
    for document in documents:
        body = {**_body(document), "_id": document.get_uid()}
        length = len(dumps(body))
        if batch and (len(batch) == BULK_COUNT or size + length > BULK_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((document, body))
        size += length
    if batch:
        yield batch
