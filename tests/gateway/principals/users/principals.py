"""Documents that open channels, and what is said of users and roles."""

from __future__ import annotations

from django_cbtools.embedded.database import Database
from django_cbtools.embedded.principals import users
from tests.gateway.access.client import ADMIN, DB

SYNC = """function (doc) {
  channel(doc.channels);
  for (var to in doc.opens) access(to, doc.opens[to]);
  for (to in doc.gives) role(to, doc.gives[to]);
}"""


def reader(name="alice"):
    database = Database.open("default", DB)
    return users.reader(database, users.get(database, name))


def sequence():
    return Database.open("default", DB).sequence


def write(uid, **body):
    """Write a document over what is there; the database's sequence after that."""
    _, known = ADMIN.get(f"/{uid}")
    if "_rev" in known:
        body["_rev"] = known["_rev"]
    assert ADMIN.put(f"/{uid}", body)[0] == 201
    return sequence()


def delete(uid):
    assert ADMIN.ask("DELETE", f"/{uid}", rev=ADMIN.get(f"/{uid}")[1]["_rev"])[0] == 200


# ------------------------------------------------------------------- history


def history(name="alice"):
    _, answer = ADMIN.get(f"/_user/{name}/_access_history")
    return answer["channels"]["_default"]["_default"]
