"""Documents by SQL++: compiling queries, beside Django's for SQLite; and making instances of an
answer, beside reading its JSON. No query service is needed: one that always answers the same stands
in for it.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .timing import report, timed

COUNT = 10_000
RUNS = 300


def queries(objects: Any) -> dict[str, Any]:
    from django.db.models import Count, F, Q

    return {
        "filter(icao=)": objects.filter(icao="ENGM"),
        "Q, F and order": objects.filter(Q(country="NO") | ~Q(elevation__gt=F("lat") * 2)).order_by(
            "-city", "name"
        )[:50],
        "values().annotate(Count)": objects.values("country").annotate(n=Count("pk")).order_by(),
        "in a subquery": objects.filter(city__in=objects.filter(country="NO").values("city")),
    }


def sqlpp() -> None:
    """Expects all airports, as documents and as rows."""
    from benchmarks.app.models import CBAirport, Twin

    print("\nDocuments by SQL++:")
    with _service() as (wrapper, text):
        documents, rows = queries(CBAirport.objects), queries(Twin.objects)
        for what, queryset in documents.items():
            ours, theirs = queryset.query, rows[what].query
            seconds = [float("inf")] * 2
            for _ in range(3):  # in turns, since what else the machine does comes and goes
                own = timed(lambda ours=ours: _compiled(ours, wrapper), RUNS)
                other = timed(lambda theirs=theirs: theirs.get_compiler("default").as_sql(), RUNS)
                seconds = [min(seconds[0], own), min(seconds[1], other)]
            report(f"compile {what}", *seconds, 1.5)
        made = timed(lambda: _instances(CBAirport, wrapper), 3)
        report(
            f"{COUNT} instances, beside json.loads()", made, timed(lambda: json.loads(text), 3), 2
        )


def _compiled(query: Any, wrapper: Any) -> Any:
    return wrapper.ops.compiler(query.compiler)(query, wrapper, None).as_sql()


def _instances(model: Any, wrapper: Any) -> None:
    query = model.objects.all().query
    compiler = wrapper.ops.compiler(query.compiler)(query, wrapper, "default")
    names = [field.attname for field in model.document_columns()]
    found = [model.from_db("default", names, row) for row in compiler.results_iter()]
    assert len(found) == COUNT


class _service:
    """A query service that always answers the same, and the backend's connection to it."""

    def __enter__(self) -> Any:
        from django.db import connections

        from benchmarks.app.models import CBAirport
        from django_cbtools.backends.couchbase.base import DatabaseWrapper

        rows = [
            json.dumps([airport.uid, "cas:1", airport.to_dict()], ensure_ascii=False)
            for airport in CBAirport.objects.all()[:COUNT]
        ]
        self._text = (
            '{\n"requestID": "1",\n"signature": "json",\n"results": [\n'
            + ",\n".join(rows)
            + '\n],\n"status": "success"\n}\n'
        )
        body = self._text.encode()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        settings = {
            **connections["default"].settings_dict,
            "HOST": f"http://127.0.0.1:{self._server.server_port}",
            "NAME": "bench",
            "OPTIONS": {},
        }
        wrapper = DatabaseWrapper(settings, "default")
        wrapper.ensure_connection()
        return wrapper, self._text

    def __exit__(self, *args: Any) -> None:
        self._server.shutdown()
        self._server.server_close()
