"""REST API: users, roles and sessions."""

from __future__ import annotations

import time
from typing import Any

from .. import javascript
from ..database import Collection
from ..errors import GatewayError, bad_request, missing
from ..gostructs import Map, Struct
from ..http import origins
from ..http.answers import Answer
from ..http.messages import Call, unescape
from ..principals import principals, roles, sessions, users

# --------------------------------------------------------------------- users


def list_users(call: Call) -> Answer:
    if call.query.get("name_only") not in (None, "", "true"):
        if call.database.option("use_views"):
            raise bad_request(
                "Use of name_only=false not supported when database has use_views=true"
            )
        found = users.everybody(call.database, call.integer("limit"))
        return call.json([users.shown(call.database, user) for user in found])
    if call.integer("limit"):
        raise bad_request("Use of limit only supported when name_only=false")
    return call.json(_sorted(users.names(call.database)))


def post_user(call: Call) -> Answer:
    users.create(call.database, principals.read_config(call.text))
    return Answer(201)


def get_user(call: Call) -> Answer:
    return call.json(users.shown(call.database, users.get(call.database, _name(call))))


def put_user(call: Call) -> Answer:
    is_new = users.put(call.database, _name(call), principals.read_config(call.text))
    return Answer(201 if is_new else 200)


def delete_user(call: Call) -> Answer:
    users.delete(call.database, _name(call))
    return Answer()


def access_history(call: Call) -> Answer:
    """GET _access_history: return the channels that a user lost, even if the user regained them."""
    history = users.get(call.database, _name(call)).history
    places = {
        place: list(history.get(place, ())) or None
        for place in (principals.DEFAULT_COLLECTION, *call.database.collections())
    }
    return call.json({"channels": _by_scope(places)})


_HISTORY = Struct("GetUserAccessHistoryResponse", {
    "channels": Map("auth.CollectionAccessHistory", Map(
        "map[string][]string", "[]string")),
})  # fmt: skip


def compact_access_history(call: Call) -> Answer:
    try:
        asked = call.struct(_HISTORY).get("channels") or {}
    except GatewayError as error:
        raise bad_request(f"Invalid request payload: {error}") from None
    wanted = {
        Collection(scope, name): channels or []
        for scope, places in asked.items()
        for name, channels in (places or {}).items()
    }
    gone = users.compact(call.database, _name(call), wanted)
    scopes: dict[str, Any] = {scope: {} for scope in asked}
    return call.json({"compacted_channels": scopes | _by_scope(gone)})


def _by_scope(places: dict[Collection, Any]) -> dict[str, dict[str, Any]]:
    scopes: dict[str, dict[str, Any]] = {}
    for place, value in places.items():
        scopes.setdefault(place.scope, {})[place.name] = value
    return scopes


# --------------------------------------------------------------------- roles


def list_roles(call: Call) -> Answer:
    return call.json(_sorted(roles.names(call.database, deleted=call.flag("deleted"))))


def post_role(call: Call) -> Answer:
    roles.create(call.database, principals.read_config(call.text))
    return Answer(201)


def get_role(call: Call) -> Answer:
    return call.json(roles.shown(call.database, _name(call)))


def put_role(call: Call) -> Answer:
    is_new = roles.put(call.database, _name(call), principals.read_config(call.text))
    return Answer(201 if is_new else 200)


def delete_role(call: Call) -> Answer:
    roles.delete(call.database, _name(call), purge=call.flag("purge"))
    return Answer()


def _name(call: Call) -> str:
    # As on a real gateway, the name is not unescaped a second time (see routed_path()).
    return call.names["name"]


def _sorted(names: list[str]) -> list[str]:
    """Sort the names in the order of view keys."""
    if len(names) < 2:
        return names
    with javascript.engine() as engine:
        found: list[str] = engine.call("sort", names)
        return found


# ------------------------------------------------------------------ sessions


_TAG = '{} {} "json:\\"{}\\""'
_LOGIN = Struct(
    "", {"name": "string", "password": "string"},
    f"struct {{ {_TAG.format('Name', 'string', 'name')}; "
    f"{_TAG.format('Password', 'string', 'password')} }}",
)  # fmt: skip
_SESSION = Struct(
    "", {"name": "string", "ttl": "int"},
    f"struct {{ {_TAG.format('Name', 'string', 'name')}; {_TAG.format('TTL', 'int', 'ttl')} }}",
)  # fmt: skip


def show_session(call: Call) -> Answer:
    """GET _session: return the user who is logged in. An expired session counts as no login."""
    user = _user(call) or users.get(call.database, users.GUEST)
    return call.json(_session_body(call, user))


def log_in(call: Call) -> Answer:
    origins.check_login(call)
    caller = _user(call)
    if caller is None and call.database.option("disable_password_auth"):
        raise GatewayError(401, "Login required")
    try:
        user = _user_in_body(call)
    except GatewayError:
        if caller is None:
            raise
        user = None
    user = user or caller
    if user is None:
        raise GatewayError(401, "Invalid login")
    one_time = call.flag("one_time")
    ttl = sessions.ONE_TIME_TTL if one_time else sessions.TTL
    session = sessions.create(call.database, user, ttl, one_time=one_time)
    body = _session_body(call, user)
    if one_time:
        return call.json({**body, "one_time_session_id": session.id})
    return call.json(body, headers={"Set-Cookie": call.session_cookie(session)})


def _user(call: Call) -> users.User | None:
    """Return the user of the request, None if there is none or the session has expired.

    Raises a 401 GatewayError if the password is wrong.
    """
    if call.credentials() is not None:
        return call.user()
    try:
        return call.user()
    except GatewayError:
        return None


def _user_in_body(call: Call) -> users.User | None:
    body = call.struct(_LOGIN)
    name, password = body.get("name", ""), body.get("password", "")
    if name:
        return users.authenticate(call.database, name, password)
    guest = users.get(call.database, users.GUEST)
    return guest if guest.accepts(password) else None


def log_out(call: Call) -> Answer:
    origins.check_login(call)
    if call.session_id is None:
        raise missing("no session")
    sessions.delete(call.database, call.session_id)
    return Answer(headers={"Set-Cookie": sessions.ended_cookie(call.database)})


def make_session(call: Call) -> Answer:
    """POST _session on the admin port: create a session for any user."""
    body = call.struct(_SESSION)
    name, ttl = body.get("name", ""), body.get("ttl", sessions.TTL)
    if not principals.is_name(name) or name in ("", users.GUEST):
        raise bad_request("Invalid or missing user name")
    user = users.find(call.database, name)
    if user is None:
        raise missing(f'No such user "{name}"')
    if not 1 <= ttl <= sessions.MAX_TTL:
        raise bad_request("Invalid or missing ttl")
    session = sessions.create(call.database, user, ttl)
    return call.json(
        {
            "session_id": session.id,
            "expires": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(session.expires)),
            "cookie_name": call.database.option("session_cookie_name"),
        }
    )


def get_session(call: Call) -> Answer:
    user = sessions.user_of(call.database, unescape(call.names["session"]))
    return call.json(_session_body(call, user))


def delete_session(call: Call) -> Answer:
    """DELETE a session.

    Raises a 404 GatewayError if there is no such session, or if the path names a user and the
    session belongs to another user.
    """
    session_id = unescape(call.names["session"])
    name = unescape(call.names.get("name", ""))
    if name and sessions.user_of(call.database, session_id).name != name:
        raise missing()
    if not sessions.delete(call.database, session_id):
        raise missing()
    return Answer()


def delete_user_sessions(call: Call) -> Answer:
    sessions.delete_all(call.database, unescape(call.names["name"]))
    return Answer()


def _session_body(call: Call, user: users.User) -> dict[str, Any]:
    # GUEST has no channels until it is configured.
    channels = users.own_channels(call.database, user) if user.sequence else None
    return {
        "authentication_handlers": ["default", "cookie"],
        "ok": True,
        "userCtx": {"channels": channels, "name": user.key or None},
    }
