"""Documents in the ORM, beside an ordinary model with the same fields, rows and indexes.

As a program, it tells the memory that ``iterator()`` takes over the documents of a bucket.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from .timing import report, timed

INDEXES = ("icao", "country", "city", "elevation", ["country", "-elevation"])
FEW, SOME, MANY = 300, 30, 5
COPIES = 10


class Case(NamedTuple):
    """A query of both models; ``aim`` is the most that documents should take beside rows."""

    what: str
    ask: Callable[[Any], Any]
    runs: int
    aim: float | None = None


def cases() -> list[Case]:
    from django.db.models import Avg, Count

    return [
        Case("filter(icao=)", lambda o: list(o.filter(icao="ENGM").values_list("pk")), FEW, 1.3),
        Case("filter(country=), 84 keys",
             lambda o: list(o.filter(country="NO").values_list("pk")), FEW, 1.3),
        Case("filter(country=), 84 of two fields",
             lambda o: list(o.filter(country="NO").values_list("icao", "name")), FEW),
        Case("filter(country=).count()", lambda o: o.filter(country="NO").count(), FEW, 1.3),
        Case("filter(country=, elevation__gt=)",
             lambda o: list(o.filter(country="NO", elevation__gt=1500).values_list("pk")), FEW,
             1.3),
        Case("filter(country=), 84 instances", lambda o: list(o.filter(country="NO")), FEW),
        Case("get(icao=)", lambda o: o.get(icao="ENGM"), FEW),
        Case("get(pk=)", lambda o: o.get(pk="apt_ENGM"), FEW),
        Case("exists()", lambda o: o.filter(country="NO").exists(), FEW),
        Case("order_by(city)[:50]", lambda o: list(o.order_by("city")[:50]), FEW),
        Case("filter(country=).order_by(city)",
             lambda o: list(o.filter(country="NO").order_by("city").values_list("pk")), FEW),
        Case("values(country).annotate(Count)",
             lambda o: list(o.values("country").annotate(n=Count("pk")).order_by()), SOME, 1.5),
        Case("values(country).annotate(Avg(elevation))",
             lambda o: list(o.values("country").annotate(n=Avg("elevation")).order_by()), SOME),
        Case("count()", lambda o: o.count(), SOME),
        Case("filter(name__icontains=), no index",
             lambda o: list(o.filter(name__icontains="gardermoen").values_list("pk")), SOME),
        Case("all values of two fields", lambda o: list(o.values_list("icao", "name")), MANY),
        Case("all instances", lambda o: list(o.all()), MANY, 2),
    ]  # fmt: skip


def orm() -> None:
    """Expects all airports, as documents and as rows."""
    from django.core.management import call_command
    from django.db import connection
    from django.db.models import Index

    from benchmarks.app.models import CBAirport, Twin
    from django_cbtools.models import register_index

    print("\nQueries of documents, beside Django's of an ordinary model:")
    register_index(CBAirport, *INDEXES)
    making = timed(lambda: call_command("create_cb_indexes", verbosity=0))
    with connection.schema_editor() as editor:
        editor.create_model(Twin)
        for fields in INDEXES:
            index = Index(fields=[fields] if isinstance(fields, str) else fields)
            index.set_name_with_model(Twin)
            editor.add_index(Twin, index)
    names = [field.attname for field in Twin._meta.concrete_fields]
    Twin.objects.bulk_create(
        Twin(**{name: getattr(airport, name) for name in names})
        for airport in CBAirport.objects.iterator()
    )
    report(f"create_cb_indexes, {len(INDEXES)} indexes", making)
    both = (CBAirport.objects, Twin.objects)
    for case in cases():
        answers = [case.ask(objects) for objects in both]
        if isinstance(answers[0], list):
            assert len(answers[0]) == len(answers[1]), case.what
        # In turns, since what else the machine does comes and goes.
        seconds = [float("inf")] * 2
        for _ in range(3):
            for place, objects in enumerate(both):
                ask = timed(lambda objects=objects, case=case: case.ask(objects), case.runs)
                seconds[place] = min(seconds[place], ask)
        report(case.what, seconds[0], seconds[1], case.aim)
    memory()


def memory() -> None:
    """Peak memory of ``iterator()`` over all documents, and over ten times as many."""
    from django.db import connection

    columns = "rev, cv, deleted, body, history, channels"
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO cbtools_documents (keyspace, uid, sequence, {columns}) "
            f"SELECT 'many', uid || '_' || copy, copy * 1000000 + sequence, {columns} "
            "FROM cbtools_documents, "
            f"(SELECT value AS copy FROM json_each('{list(range(COPIES))}')) "
            "WHERE keyspace = 'bench' AND doc_type = 'airport'"
        )
    (one, _), (ten, documents) = map(peak, ("bench", "many"))
    line = f"iterator() over {documents} documents, beside a tenth"
    print(f"{line:<58}{ten:>10.1f} MB{one:>10.1f} MB {ten / one:>8.2f}x   (aim: 1.2x at most)")


def peak(bucket: str) -> tuple[float, int]:
    """The most memory (megabytes) of a process that goes through a bucket's airports, and their
    number."""
    command = [sys.executable, "-m", "benchmarks.orm", bucket]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    megabytes, documents = done.stdout.split()
    return float(megabytes), int(documents)


def main() -> None:
    import django

    django.setup()
    from django.test.utils import override_settings

    from benchmarks.app.models import CBAirport

    with override_settings(SYNC_GATEWAY_BUCKET=sys.argv[1]):
        documents = sum(1 for _ in CBAirport.objects.iterator())
    print(peak_memory(), documents)


def peak_memory() -> float:
    """Of this process, in megabytes."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)
    # Linux: a child's ru_maxrss is never less than what its parent had when it was started.
    return int(status.partition("VmHWM:")[2].split()[0]) / (1 << 10)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.settings")
    main()
