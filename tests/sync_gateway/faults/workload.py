"""Clients that write documents through a proxy with faults, and know what has to become of it."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

from django_cbtools.sync_gateway import (
    SyncGateway,
    SyncGatewayAnswerLost,
    SyncGatewayBulkError,
    SyncGatewayConflict,
    SyncGatewayException,
)
from tests.sync_gateway.faults.chaos import WRITES, Chaos
from tests.sync_gateway.faults.ledger import Ledger
from tests.sync_gateway.faults.proxy import Proxy
from tests.sync_gateway.faults.rival import Rival, Stale
from tests.testapp.models import CBArticle

COUNTERS = [f"c0-{number}" for number in range(4)]
ATTACHMENT = {"note": {"data": "aGVsbG8=", "content_type": "text/plain"}}


@dataclass
class Place:
    """A document's uid, and what is there.

    ``rev`` is the current revision (None: there is no document, or it ``was`` deleted),
    ``document`` what the client holds of it. ``raced``: somebody else has written while the last
    write was under way.
    """

    uid: str
    rev: str | None = None
    was: bool = False
    document: CBArticle | None = None
    raced: bool = False


@dataclass(frozen=True)
class Attempt:
    """A write that is about to be made; ``is_race``: somebody else gets in before the client
    knows how it went, ``arrives`` then says whether the gateway had it first."""

    place: Place
    document: CBArticle
    is_race: bool
    arrives: bool

    @property
    def base(self) -> str | None:
        base: str | None = self.document.rev
        return base


class Run:
    """All clients of a run. ``counts`` says how often what has happened."""

    def __init__(self, seed: str, chaos: Chaos, proxy: Proxy, rival: Rival, threads: int) -> None:
        self.seed = seed
        self.chaos = chaos
        self.proxy = proxy
        self.rival = rival
        self.ledger = Ledger()
        self.failed = threading.Event()
        self._clients = [Client(number, self) for number in range(threads)]
        for uid in COUNTERS:
            self.ledger.saved(uid, None, rival.save(uid, None, **_counted(0)), "0")

    @property
    def counts(self) -> Counter[str]:
        return sum((client.counts for client in self._clients), Counter())

    def work(self, writes: int) -> None:
        """Write so often, from many threads; raises what goes wrong in one of them."""
        errors: list[BaseException] = []

        def work(client: Client) -> None:
            try:
                client.work(writes // len(self._clients))
            except BaseException as error:
                self.failed.set()
                errors.append(error)

        workers = [threading.Thread(target=work, args=[client]) for client in self._clients]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        if errors:
            raise errors[0]

    def check(self) -> None:
        """AssertionError unless the gateway holds what the clients have been told."""
        for uid in self.ledger.uids:
            self.ledger.check(uid, self.rival)
        for uid in COUNTERS:
            (leaf,) = self.rival.leaves(uid)
            assert leaf["year_published"] == len(leaf["history"]) - 1, uid


def _counted(number: int) -> dict[str, object]:
    return {"doc_type": "article", "title": str(number), "year_published": number}


class Client:
    """A thread that writes documents of its own, and counters with others."""

    def __init__(self, number: int, run: Run) -> None:
        self._number = number
        self._run = run
        self._random = Random(f"{run.seed} {number}")
        self._places: list[Place] = []
        self._titles = 0
        self.counts: Counter[str] = Counter()

    def work(self, writes: int) -> None:
        acts: Sequence[tuple[Callable[[], None], int]] = [
            (self._save, 50),
            (self._delete, 8),
            (self._destroy, 12),
            (self._count, 10),
            (self._bulk, 8),
            (self._bulk_create, 3),
            (self._load, 5),
        ]
        functions, weights = zip(*acts, strict=True)
        writes += self.counts["writes"]
        while self.counts["writes"] < writes and not self._run.failed.is_set():
            self._random.choices(functions, weights)[0]()

    # ----------------------------------------------------------------- writes

    def _save(self) -> None:
        attempt = self._attempt(self._place(0.4))
        self._one(attempt, attempt.document.save)

    def _delete(self) -> None:
        """Softly."""
        attempt = self._attempt(self._place(0.1))
        self._one(attempt, attempt.document.delete)

    def _destroy(self) -> None:
        """For real."""
        place = self._place(0)
        self._hold(place)
        if place.document is None or place.document.rev is None:
            return
        self._run.proxy.wait_until_idle(place.uid)
        attempt = self._attempt(place)
        rev = attempt.base
        assert rev
        self._one(attempt, lambda: SyncGateway.delete_document(place.uid, rev), is_destroyed=True)

    def _bulk(self) -> None:
        places = {place.uid: place for place in (self._place(0.4) for _ in range(20))}
        self._many(list(places.values()), SyncGateway.save_documents)

    def _bulk_create(self) -> None:
        places = [self._new_place() for _ in range(20)]
        self._many(places, CBArticle.objects.bulk_create)

    def _count(self) -> None:
        uid = self._random.choice(COUNTERS)
        document = CBArticle(uid)
        base = document.rev
        document.year_published += 1
        document.title = self._title()
        self.counts["writes"] += 1
        try:
            document.save()
        except SyncGatewayConflict:
            self.counts["lost races"] += 1
            self._run.ledger.refused(uid, base)
        else:
            self.counts["counted"] += 1
            self._run.ledger.saved(uid, base, document.rev, document.title)

    def _load(self) -> None:
        place = self._place(0)
        self._check_loaded(place)

    # ----------------------------------------------------------- preparations

    def _new_place(self) -> Place:
        place = Place(f"w{self._number}-{len(self._places)}")
        self._places.append(place)
        return place

    def _place(self, new: float) -> Place:
        if not self._places or self._random.random() < new:
            return self._new_place()
        return self._random.choice(self._places[-200:])

    def _title(self) -> str:
        self._titles += 1
        return f"{self._number}/{self._titles}"

    def _check_loaded(self, place: Place) -> None:
        """Load what the client has forgotten; it has to be there, or not."""
        try:
            place.document = CBArticle(place.uid)
        except CBArticle.DoesNotExist:
            assert place.rev is None, f"{place} is not found"
            place.document = None
        else:
            assert place.document.rev == place.rev, f"{place} is loaded as {place.document.rev}"

    def _hold(self, place: Place) -> None:
        if place.document is None and place.rev is not None:
            self._check_loaded(place)

    def _attempt(
        self, place: Place, *, is_race: bool | None = None, arrives: bool = False
    ) -> Attempt:
        """What to write next; somebody else may write first, or in the middle of it."""
        if self._random.random() < 0.95:
            self._hold(place)
        if place.document is None:
            place.document = CBArticle(uid=place.uid, channels=["a"])
            if self._random.random() < 0.1:
                place.document.extra["_attachments"] = ATTACHMENT
        if self._random.random() < 0.08:
            self._interfere(place)
        place.document.title = self._title()
        place.raced = False
        if is_race is None:
            is_race = self._random.random() < 0.1
            if is_race:
                fault = self._random.choice(WRITES)
                arrives = fault.arrives
                self._run.chaos.plan(place.uid, replace(fault, then=lambda: self._interfere(place)))
        return Attempt(place, place.document, is_race, arrives)

    def _interfere(self, place: Place) -> None:
        """Somebody else writes: changes, deletes, creates, or creates and deletes."""
        place.raced = True
        acts = self._random.choice(["save", "save", "delete", "save delete"]).split()
        if acts[0] == "delete" and self._run.rival.rev(place.uid) is None:
            acts.insert(0, "save")
        for act in acts:
            self._interfere_once(place, act)

    def _interfere_once(self, place: Place, act: str) -> None:
        rival, ledger, uid = self._run.rival, self._run.ledger, place.uid
        if act == "delete":
            self._run.proxy.wait_until_idle(uid)
        while True:  # the client may have lost patience, and write at the same time
            rev = rival.rev(uid)
            with contextlib.suppress(Stale):
                if act == "save":
                    title = self._title()
                    place.rev = rival.save(uid, rev, title=title, doc_type="article")
                    ledger.saved(uid, rev, place.rev, title)
                elif rev is not None:
                    ledger.saved(uid, rev, rival.delete(uid, rev), None)
                    place.rev, place.was = None, True
                return

    # --------------------------------------------------------------- outcomes

    def _one(
        self, attempt: Attempt, write: Callable[[], object], *, is_destroyed: bool = False
    ) -> None:
        base, current = attempt.base, attempt.place.rev
        error: SyncGatewayException | None = None
        try:
            write()
        except SyncGatewayException as refused:
            error = refused
        self._judge(attempt, base, current, error, is_destroyed=is_destroyed)

    def _many(self, places: list[Place], write: Callable[[list[CBArticle]], object]) -> None:
        fault = self._random.choice(WRITES) if self._random.random() < 0.5 else None
        attempts = [
            self._attempt(
                place,
                is_race=fault is not None and self._random.random() < 0.2,
                arrives=fault is not None and fault.arrives,
            )
            for place in places
        ]
        raced = [attempt.place for attempt in attempts if attempt.is_race]
        if fault is not None:
            self._run.chaos.plan(
                places[0].uid,
                replace(fault, then=lambda: [self._interfere(place) for place in raced]),
            )
        before = [(attempt.base, attempt.place.rev) for attempt in attempts]
        errors: dict[str, SyncGatewayException] = {}
        try:
            write([attempt.document for attempt in attempts])
        except SyncGatewayBulkError as refused:
            errors = refused.errors
        for attempt, (base, current) in zip(attempts, before, strict=True):
            self._judge(attempt, base, current, errors.get(attempt.place.uid))

    def _judge(
        self,
        attempt: Attempt,
        base: str | None,
        current: str | None,
        error: SyncGatewayException | None,
        *,
        is_destroyed: bool = False,
    ) -> None:
        """Whether the write went as it had to, from ``base`` where ``current`` was there."""
        place, document, ledger = attempt.place, attempt.document, self._run.ledger
        self.counts["writes"] += 1
        is_conflict = base != current or (attempt.is_race and not attempt.arrives)
        # Where the client has not waited for its rival, nobody knows who came first.
        is_known = not (self._run.proxy.has_outrun(place.uid) and attempt.is_race)
        assert place.raced or not attempt.is_race, self._story("nothing happened", attempt)
        if error is None and is_destroyed and ledger.was_deleted(place.uid, base):
            self.counts["both deleted"] += 1
            place.document = None
        elif error is None:
            assert not is_conflict or not is_known, self._story("no conflict", attempt)
            self.counts["raced" if attempt.is_race else "saved"] += 1
            rev = None if is_destroyed else document.rev
            ledger.saved(place.uid, base, rev, None if is_destroyed else document.title)
            if not place.raced:
                place.rev = rev
            place.was |= is_destroyed
            if is_destroyed:
                place.document = None
        elif base is None and place.was and not (is_conflict and is_known):
            # A document is created where one was deleted: if the request is lost, it cannot be
            # known which of both came first.
            if not isinstance(error, (SyncGatewayAnswerLost, SyncGatewayConflict)):
                raise AssertionError(self._story("it failed for nothing", attempt)) from error
            self.counts["unsure"] += 1
            self._unsure(place, document.title)
        elif isinstance(error, SyncGatewayConflict) and (is_conflict or not is_known):
            self.counts["conflicts"] += 1
            ledger.refused(place.uid, base)
            if self._random.random() < 0.7:
                place.document = None
        else:
            raise AssertionError(self._story("it failed for nothing", attempt)) from error
        if not is_known:
            self._run.proxy.wait_until_idle(place.uid)
            place.rev = self._run.rival.rev(place.uid)

    def _story(self, what: str, attempt: Attempt) -> str:
        """What is wrong with a write, and all that is known of the document."""
        uid = attempt.place.uid
        writes, refused = self._run.ledger.story(uid)
        requests = "\n".join(self._run.proxy.story(uid))
        return f"{what}: {attempt}\n{writes}\nrefused: {refused}\n{requests}"

    def _unsure(self, place: Place, title: str | None) -> None:
        """The client has been told that a document may have been created, or not."""
        self._run.proxy.wait_until_idle(place.uid)
        (leaf,) = self._run.rival.leaves(place.uid)
        for rev in self._run.ledger.unclaimed(place.uid, leaf["history"]):
            assert self._run.proxy.came_late(str(title)), f"{rev} of {leaf} was refused"
            self._run.ledger.saved(place.uid, None, rev, title)
        place.rev, place.document = self._run.rival.rev(place.uid), None
