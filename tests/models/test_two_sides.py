"""A phone edits a document while the server does, in every order: both edits survive."""

from __future__ import annotations

import base64
from itertools import permutations, product

import pytest

from django_cbtools.models import merge_fields
from django_cbtools.sync_gateway import SyncGateway, SyncGatewayConflict
from tests.branches import push
from tests.testapp.models import CBArticle

UID = "atl_1"


def orders(*sides):
    """The orders of all sides' events, in which each side's own come one after another."""
    events = [event for side in sides for event in side]
    return [
        order
        for order in permutations(events)
        if all([event for event in order if event in side] == list(side) for side in sides)
    ]


def content(name):
    return f"contents of {name}".encode()


class Phone:
    """A copy of the document, which somebody edits while there is no network."""

    def __init__(self, edits):
        self.edits = edits

    def pull(self):
        (row,) = SyncGateway.bulk_get([UID])
        self.document = row["doc"]

    def edited(self):
        document = {key: self.document[key] for key in self.document if key not in ("_id", "_cv")}
        if self.edits == "a field":
            return {**document, "mood": "phone"}
        data = base64.b64encode(content("phone.jpg")).decode()
        photo = {"content_type": "image/jpeg", "data": data}
        return {**document, "_attachments": {**document["_attachments"], "phone.jpg": photo}}

    def push(self):
        """As Couchbase Lite does it: what is refused is resolved there, and pushed again."""
        try:
            SyncGateway.save_json(UID, self.edited())
        except SyncGatewayConflict:
            self.pull()
            SyncGateway.save_json(UID, self.edited())

    def push_branch(self):
        """To a gateway that keeps both."""
        document = self.edited()
        number, _, digest = document.pop("_rev").partition("-")
        push(UID, "abc", digest, start=int(number) + 1, **document)


class Server:
    """A program that loads the document, and saves it some time later."""

    def __init__(self, edits, way):
        self.edits, self.way = edits, way

    def edit(self, document):
        if self.edits == "a field":
            document.title = "server"
        else:
            document.attachments.add("server.txt", content("server.txt"))

    def load(self):
        self.document = CBArticle(UID)
        self.edit(self.document)

    def save(self):
        if self.way == "merged":
            self.document.save(merge=merge_fields)
            return
        try:
            if self.way == "in bulk":
                for failed in CBArticle.objects.bulk_save([self.document]).failed:
                    raise failed.error
            else:
                self.document.save()
        except SyncGatewayConflict:
            CBArticle.update_document(UID, self.edit)


EDITS = ("a field", "an attachment")


def make():
    saved = CBArticle(uid=UID, title="t", channels=["c"], extra={"before": 1})
    saved.attachments.add("before.txt", content("before.txt"))
    saved.save()


def check(server, phone):
    found = CBArticle(UID)
    assert found.title == ("server" if server == "a field" else "t")
    assert found.extra.get("mood") == ("phone" if phone == "a field" else None)
    assert found.extra["before"] == 1
    added = {"server.txt": server, "phone.jpg": phone}
    names = ["before.txt", *(name for name, edits in added.items() if edits == "an attachment")]
    attached = {name: each.read() for name, each in found.attachments.items()}
    assert attached == {name: content(name) for name in names}


@pytest.mark.parametrize("way", ["merged", "loaded again", "in bulk"])
@pytest.mark.parametrize("order", orders(("load", "save"), ("pull", "push")), ids=" ".join)
def test_both_edits_survive(db, order, way):
    for server_edits, phone_edits in product(EDITS, EDITS):
        make()
        server, phone = Server(server_edits, way), Phone(phone_edits)
        for event in order:
            getattr(server if hasattr(server, event) else phone, event)()
        check(server_edits, phone_edits)
        SyncGateway.purge([UID])


def both(leaves):
    """What is changed in any of the revisions."""
    first, *others = leaves
    for other in others:
        first.title = other.title if first.title == "t" else first.title
        attachments = {**other.extra["_attachments"], **first.extra["_attachments"]}
        first.extra = {**other.extra, **first.extra, "_attachments": attachments}
    return first


#: There is nothing to resolve before the branch is pushed.
WITH_BRANCHES = [
    order
    for order in orders(("load", "save"), ("pull", "push_branch"), ("resolve",))
    if order.index("resolve") > order.index("push_branch")
]


@pytest.mark.parametrize("order", WITH_BRANCHES, ids=" ".join)
def test_both_edits_survive_where_the_gateway_keeps_both(db, order):
    for server_edits, phone_edits in product(EDITS, EDITS):
        make()
        server, phone = Server(server_edits, "merged"), Phone(phone_edits)
        for event in (*order, "resolve"):
            if event == "resolve":
                CBArticle.resolve_conflict(UID, merge=both)
            else:
                getattr(server if hasattr(server, event) else phone, event)()
        check(server_edits, phone_edits)
        assert CBArticle.conflicts(UID) == []
        SyncGateway.purge([UID])
