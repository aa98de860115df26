"""A client that makes databases."""

from __future__ import annotations

import base64
import io
import json

from django_cbtools.embedded.api.gateway import respond
from django_cbtools.embedded.http.messages import Call

#: The database that the settings name.
OURS = "test_documents"
FUNCTION = "function (doc) { channel('new-' + doc.channels); }"
COLLECTIONS = {"scopes": {"s": {"collections": {"one": {}, "two": {}}}}}


def ask(method, path, body=None, *, port="admin", login=None, query="", **headers):
    """What the gateway answers: the status, and the JSON (or the text) of the body."""
    answer = send(method, path, body, port=port, login=login, query=query, **headers)
    try:
        return answer.status, json.loads(answer.body) if answer.body else None
    except ValueError:
        return answer.status, answer.body.decode()


def send(method, path, body=None, *, port="admin", login=None, query="", **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    if login:
        names["authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    return respond(Call(port, "default", method, path, query, names, read=io.BytesIO(data).read))


def make(name, **config):
    assert ask("PUT", f"/{name}/", config) == (201, None)


def config_of(name, query=""):
    answer = send("GET", f"/{name}/_config", query=query)
    assert answer.status == 200
    return json.loads(answer.body), answer.headers["Etag"]


def ids(keyspace, **options):
    status, found = ask("GET", f"/{keyspace}/_all_docs", **options)
    assert status == 200, found
    return [row["id"] for row in found["rows"]]


def changes(keyspace, **options):
    status, found = ask("GET", f"/{keyspace}/_changes", **options)
    assert status == 200, found
    return [row["id"] for row in found["results"]]
