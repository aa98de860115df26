"""REST: the server, its databases, users and sessions."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import Any

from django.utils.encoding import iri_to_uri

from . import javascript, sessions, users
from .database import Database
from .errors import GatewayError, bad_request, missing
from .gojson import unmarshal
from .http import ADMIN_PORT, Answer, Call, invalid_login, unescape

VERSION = "4.2"


def welcome(call: Call) -> Answer:
    answer: dict[str, Any] = {"ADMIN": True} if call.port == ADMIN_PORT else {}
    answer |= {
        "couchdb": "Welcome",
        "vendor": {"name": "django_cbtools embedded gateway", "version": VERSION},
        "version": f"django_cbtools embedded gateway/{VERSION}",
    }
    return Answer.json(answer)


def ping(call: Call) -> Answer:
    return Answer(200, b"OK", {"Content-Type": "text/plain; charset=UTF-8"})


def all_databases(call: Call) -> Answer:
    return Answer.json(Database.names(call.alias))


def database_info(call: Call) -> Answer:
    call.log_in()
    sequence = call.database.sequence
    return Answer.json(
        {
            "db_name": call.database.name,
            "update_seq": sequence,
            "committed_update_seq": sequence,
            "instance_start_time": call.database.created,
            "compact_running": False,
            "purge_seq": 0,
            "disk_format_version": 0,
            "state": "Online",
        }
    )


# --------------------------------------------------------------------- users


def list_users(call: Call) -> Answer:
    if "limit" in call.query and call.query.get("name_only") != "false":
        raise bad_request("Use of limit only supported when name_only=false")
    names = users.names(call.database)
    if call.query.get("name_only") == "false":
        return Answer.json([users.get(call.database, name).shown() for name in names])
    if names:
        with javascript.engine() as engine:
            names = engine.call("sort", names)
    return Answer.json(names)


def post_user(call: Call) -> Answer:
    users.create(call.database, _user_config(call))
    return Answer(201)


def get_user(call: Call) -> Answer:
    return Answer.json(users.get(call.database, _user_name(call)).shown())


def put_user(call: Call) -> Answer:
    is_new = users.put(call.database, _user_name(call), _user_config(call))
    return Answer(201 if is_new and _user_name(call) != users.GUEST else 200)


def delete_user(call: Call) -> Answer:
    users.delete(call.database, _user_name(call))
    return Answer()


def access_history(call: Call) -> Answer:
    history = users.get(call.database, _user_name(call)).channel_history
    channels = {"_default": {"_default": list(history)}} if history else {}
    return Answer.json({"channels": channels})


def _user_name(call: Call) -> str:
    return unescape(call.names["name"])


def _user_config(call: Call) -> dict[str, Any]:
    config = unmarshal(call.text)
    if not isinstance(config, dict):
        raise bad_request("Invalid JSON: a user's configuration is an object")
    return config


# ------------------------------------------------------------------ sessions


def show_session(call: Call) -> Answer:
    """Who has logged in; a session that is over counts as nobody's."""
    try:
        user = call.user()
    except GatewayError as error:
        if error.reason == "Invalid login":
            raise
        user = None
    if user is None:
        guest = users.get(call.database, users.GUEST)
        user = None if guest.disabled else guest
    return Answer.json(_session_body(user))


def log_in(call: Call) -> Answer:
    origin = call.headers.get("origin", "")
    # A page of the site that the gateway is mounted in comes from the same host.
    if origin and origin.partition("://")[2] != call.headers.get("host"):
        raise bad_request("No CORS")
    body = call.object()
    for key in body:
        if key not in ("name", "password"):
            raise bad_request(
                f'JSON Unknown Field: json: unknown field "{key}": unrecognized JSON field'
            )
    name, password = body.get("name"), body.get("password")
    if isinstance(name, str) and isinstance(password, str):
        user = users.authenticate(call.database, name, password)
    else:
        user = call.user()
    if user is None:
        raise invalid_login(challenge=False)
    session = sessions.create(call.database, user)
    path = iri_to_uri(f"{call.mount}/{call.database.name}")
    cookie = f"{sessions.COOKIE}={session.id}; Path={path}; {_expires(session.expires)}"
    return Answer.json(_session_body(user), headers={"Set-Cookie": cookie})


def log_out(call: Call) -> Answer:
    call.log_in()
    if not call.session_id or not sessions.delete(call.database, call.session_id):
        raise missing("no session")
    cookie = f"{sessions.COOKIE}=; {_expires(int(time.time()))}"
    return Answer(headers={"Set-Cookie": cookie})


def make_session(call: Call) -> Answer:
    """A session made by the administrator for somebody else."""
    body = call.object()
    name, ttl = body.get("name"), body.get("ttl", sessions.TTL)
    if type(ttl) is not int or not 1 <= ttl <= sessions.MAX_TTL:
        raise bad_request("Invalid or missing ttl")
    user = users.find(call.database, name) if isinstance(name, str) and name else None
    if user is None:
        raise missing("missing")
    session = sessions.create(call.database, user, ttl)
    return Answer.json(
        {
            "session_id": session.id,
            "expires": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(session.expires)),
            "cookie_name": sessions.COOKIE,
        }
    )


def get_session(call: Call) -> Answer:
    session = sessions.find(call.database, call.names["session"])
    if session is None:
        raise missing()
    return Answer.json(_session_body(sessions.user_of(call.database, session.id)))


def delete_session(call: Call) -> Answer:
    sessions.delete(call.database, call.names["session"])
    return Answer()


def delete_user_sessions(call: Call) -> Answer:
    sessions.delete_all(call.database, users.get(call.database, _user_name(call)).name)
    return Answer()


def _expires(seconds: int) -> str:
    return f"Expires={formatdate(seconds, usegmt=True)}"


def _session_body(user: users.User | None) -> dict[str, Any]:
    name = user.name if user and user.name != users.GUEST else None
    return {
        "authentication_handlers": ["default", "cookie"],
        "ok": True,
        "userCtx": {"channels": user.channels if user else None, "name": name},
    }
