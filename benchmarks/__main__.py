"""Airports: loading, views, queries by key, the ORM, REST, pages; cost against size; the gateway
over HTTP; feeds that wait; phones; changes followed; the import."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

from .changes import changes
from .client import client
from .feeds import feeds
from .gateway import gateway
from .growth import growth
from .orm import orm
from .pages import pages
from .phones import phones
from .rest import rest
from .sqlpp import sqlpp
from .timing import report, timed

FIELDS = ("icao", "name", "city", "country", "elevation", "lat", "lon", "tz")
MAP = "function (doc, meta) { if (doc.doc_type == 'airport') emit(doc.country, null); }"
IMPORT_RUNS = 9
BUILDS = 4


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BENCH_FOLDER"] = folder
        os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
        import django

        django.setup()
        data = load_data()
        airports(data)
        orm()
        rest()
        pages()
        sqlpp()
        growth()
    gateway(data)
    feeds()
    phones()
    client()
    changes()
    imports()


def load_data() -> list[dict[str, Any]]:
    import airportsdata

    return [{name: row[name] for name in FIELDS} for row in airportsdata.load().values()]


def airports(data: list[dict[str, Any]]) -> None:
    from django.db import connection

    from benchmarks.app.models import CBAirport, Row
    from django_cbtools.models import load_objects, query_view, view_rows
    from django_cbtools.query import Query
    from django_cbtools.sync_gateway.calls.client import ADMIN, PUBLIC, request

    with connection.schema_editor() as editor:
        editor.create_model(Row)
    print(f"{len(data)} airports", flush=True)

    rows = timed(lambda: Row.objects.bulk_create([Row(**airport) for airport in data]))
    documents = [
        CBAirport(uid=f"apt_{airport['icao']}", channels=[airport["country"]], **airport)
        for airport in data
    ]
    loading = timed(lambda: CBAirport.objects.bulk_create(documents))
    print(f"airports loaded: {len(data) / loading:.0f} a second", flush=True)
    report("bulk load, beside Django's bulk_create of the same rows", loading, rows, 4)

    views = {f"run_{n}": {"map": f"{MAP} // {n}"} for n in range(BUILDS)}
    views["by_country"] = {"map": MAP, "reduce": "_count"}
    request(ADMIN, "PUT", "_design", "bench", body={"views": views})
    one_row = Query(limit=1, reduce=False)
    raws, builds = [], []
    for name in views:
        raws.append(raw_view())
        started = time.perf_counter()
        view_rows(f"bench/{name}", one_row)
        builds.append(time.perf_counter() - started)
    raw, build = min(raws), min(builds)
    report("view build, beside raw V8 + raw SQLite", build, raw, 2)
    print(f"view build: {build / len(data) * 1e6:.1f} us a document", flush=True)

    by_key = timed(lambda: query_view("bench/by_country", "DE", Query(key="DE", limit=50)), 30)
    small = small_store(data)
    report("view query by key, at all documents beside a tenth", by_key, small, 1.5)

    keys = [document.uid for document in documents[:1000]]
    raw_request = timed(
        lambda: request(
            PUBLIC, "POST", "_all_docs", query={"include_docs": "true"}, body={"keys": keys}
        ).json(),
        10,
    )
    objects = timed(lambda: load_objects(keys, CBAirport), 10)
    report("load_objects(1000), beside the raw _all_docs request", objects, raw_request)


def raw_view() -> float:
    """The same map function raw in V8 in batches, and the same rows raw into SQLite."""
    import sqlite3

    from django.db import connection
    from py_mini_racer import MiniRacer

    from django_cbtools.embedded.views.index import BATCH

    with connection.cursor() as cursor:
        cursor.execute("SELECT uid, body FROM cbtools_documents ORDER BY sequence")
        documents = cursor.fetchall()
    batches = [
        "[" + ",".join(body for _, body in documents[i : i + BATCH]) + "]"
        for i in range(0, len(documents), BATCH)
    ]
    context = MiniRacer()
    run = context.eval(
        "var rows; function emit(k, v) { rows.push([JSON.stringify(k), JSON.stringify(v)]); }"
        f"var map = ({MAP});"
        "(function (text) { rows = []; var docs = JSON.parse(text);"
        " for (var i = 0; i < docs.length; i++) map(docs[i], {id: ''});"
        " return JSON.stringify(rows); })"
    )
    in_v8 = timed(lambda: [run(batch) for batch in batches], 1)
    context.close()
    with connection.cursor() as cursor:
        cursor.execute("SELECT json_extract(body, '$.country'), uid FROM cbtools_documents")
        rows = [(1, f'5"{key}"', uid, 0, f'"{key}"', "null") for key, uid in cursor.fetchall()]
    path = os.path.join(os.environ["BENCH_FOLDER"], f"raw-{time.time_ns()}.sqlite3")
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute(
        "CREATE TABLE rows (view INTEGER, sort_key TEXT, uid TEXT, position INTEGER, key TEXT, "
        "value TEXT, PRIMARY KEY (view, sort_key, uid, position)) WITHOUT ROWID"
    )
    database.execute("CREATE INDEX by_uid ON rows (view, uid)")

    def insert() -> None:
        for i in range(0, len(rows), BATCH):
            database.execute("BEGIN IMMEDIATE")
            database.executemany("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?)", rows[i : i + BATCH])
            database.execute("COMMIT")

    in_sqlite = timed(insert)
    database.close()
    return in_v8 + in_sqlite


def small_store(data: list[dict[str, Any]]) -> float:
    """The query by key where there is a tenth of the documents."""
    from django.test import override_settings

    from benchmarks.app.models import CBAirport
    from django_cbtools.models import query_view
    from django_cbtools.query import Query
    from django_cbtools.sync_gateway.calls.client import ADMIN, request

    with override_settings(SYNC_GATEWAY_BUCKET="small"):
        # As many with the key that is asked for, and a tenth of all others.
        asked = [airport for airport in data if airport["country"] == "DE"]
        others = [airport for airport in data if airport["country"] != "DE"][: len(data) // 10]
        CBAirport.objects.bulk_create(
            CBAirport(channels=[airport["country"]], **airport) for airport in asked + others
        )
        design = {"views": {"by_country": {"map": MAP, "reduce": "_count"}}}
        request(ADMIN, "PUT", "_design", "bench", body=design)
        query_view("bench/by_country", "DE")
        return timed(lambda: query_view("bench/by_country", "DE", Query(key="DE", limit=50)), 30)


def imports() -> None:
    """``import django_cbtools.models`` beside what Django itself takes, in fresh interpreters."""
    prepare = (
        "import time, django\nfrom django.conf import settings\n"
        "settings.configure(INSTALLED_APPS=[{app}])\nstarted = time.perf_counter()\n"
        "django.setup()\nimport django.db.models, django.forms\n{more}\n"
        "print(time.perf_counter() - started)"
    )
    programs = (
        prepare.format(app="", more=""),
        prepare.format(app="'django_cbtools'", more="import django_cbtools.models"),
    )
    seconds: list[list[float]] = [[], []]
    for _ in range(IMPORT_RUNS):
        for program, taken in zip(programs, seconds, strict=True):
            done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
            taken.append(float(done.stdout))
    django_alone, with_documents = map(statistics.median, seconds)
    report("import django_cbtools.models, beside Django's own", with_documents, django_alone)
    more = (with_documents - django_alone) * 1000
    print(f"the import takes {more:.1f} ms more   (aim: 30 ms at most)", flush=True)


if __name__ == "__main__":
    main()
