"""Writes that lose their answers, and what the gateway then has."""

from __future__ import annotations

from django_cbtools.sync_gateway import SyncGateway
from tests.sync_gateway.faults.proxy import Fault, Proxy, Script
from tests.sync_gateway.faults.rival import Rival
from tests.testapp.models import CBArticle

ARRIVED = Fault("all")
NOT_ARRIVED = Fault("nothing")
OPTIONS = {"timeout": 0.5, "retries": 3, "backoff": 0.001, "deadline": 600}


class Line:
    """The proxies before a gateway's two ports, and another client beside them."""

    def __init__(self, public: Proxy, admin: Proxy, rival: Rival) -> None:
        self.public = public
        self.admin = admin
        self.rival = rival

    def lose(self, *faults: Fault) -> None:
        """Do this to the next writes."""
        for proxy in (self.public, self.admin):
            proxy.choose = Script(*faults, picks=lambda request: request.is_write)
            proxy.seen.clear()

    @property
    def asked(self) -> list[str]:
        return self.public.asked

    @property
    def writes(self) -> int:
        """How many writes were sent."""
        return sum(
            request.is_write for proxy in (self.public, self.admin) for request, _ in proxy.seen
        )


def open_line(server, settings):
    with Proxy(server.urls[0]) as public, Proxy(server.urls[1]) as admin:
        settings.SYNC_GATEWAY_URL, settings.SYNC_GATEWAY_ADMIN_URL = public.url, admin.url
        settings.SYNC_GATEWAY_OPTIONS = OPTIONS
        settings.COUCHBASE_DATABASE = "plain"
        SyncGateway.put_admin_user()
        yield Line(public, admin, Rival(server.urls[1]))


def new_article(uid, title="one"):
    return CBArticle(uid=uid, title=title, channels=["a"])


def saved_article(uid, title="one"):
    article = new_article(uid, title)
    article.save()
    return article


def history_of(line, uid):
    (leaf,) = line.rival.leaves(uid)
    return leaf["history"]


def is_deleted(line, uid):
    (leaf,) = line.rival.leaves(uid)
    return "_deleted" in leaf


# --------------------------------------------------------------- others write as well


def lost_write(line, fault, then):
    """The next write is lost, and something else happens before the client can ask about it."""
    line.lose(Fault(fault.reaches, fault.answer, then=then))


def write_on(line, uid, count):
    leaves = line.rival.leaves(uid)
    rev = leaves[0]["_rev"] if leaves else None
    for number in range(count):
        rev = line.rival.save(uid, rev, title=f"other {number}")
