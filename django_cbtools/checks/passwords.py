"""Checks of the passwords for the gateway and the cluster."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register

from django_cbtools import conf

from .security import database_entry, option

#: The prefixes of _USER and _PASSWORD in the settings with logins.
_LOGINS = ("SYNC_GATEWAY", "SYNC_GATEWAY_GUEST", "SYNC_GATEWAY_ADMIN", "COUCHBASE")
#: Passwords of the library's tutorial and example, and of Couchbase's manuals, in lower case.
_KNOWN_PASSWORDS = frozenset(
    (
        "django_cbtools_admin_password", "django_cbtools_guest_password",
        "administrator", "couchbase", "pass", "password", "sync_gateway",
    )
)  # fmt: skip


class _Login(NamedTuple):
    """A login in the settings. ``is_asked`` is true if a server in use asks for its password."""

    name: str
    user: Any
    password: Any
    is_asked: bool


def _logins() -> list[_Login]:
    gateway, cluster = bool(conf.get("SYNC_GATEWAY_URL")), bool(conf.get("COUCHBASE_HOSTS"))
    # A client certificate replaces the password.
    has_certificate = bool(option("SYNC_GATEWAY_OPTIONS", "cert"))
    found = []
    for prefix in _LOGINS:
        user = conf.get(f"{prefix}_USER")
        is_asked = bool(user) and (cluster if prefix == "COUCHBASE" else gateway)
        if prefix == "SYNC_GATEWAY":
            is_asked = is_asked or (gateway and not has_certificate)
        found.append(_Login(f"{prefix}_PASSWORD", user, conf.get(f"{prefix}_PASSWORD"), is_asked))
    entry = database_entry()
    user = entry.get("USER")
    return [*found, _Login("PASSWORD in DATABASES", user, entry.get("PASSWORD"), bool(user))]


@register("cbtools", Tags.security, deploy=True)
def check_passwords(**kwargs: Any) -> list[CheckMessage]:
    """Check for passwords that are missing or publicly known. They are allowed in development
    without a server."""
    if settings.DEBUG and not conf.get("SYNC_GATEWAY_URL") and not conf.get("COUCHBASE_HOSTS"):
        return []
    messages: list[CheckMessage] = []
    for login in _logins():
        password = login.password
        if login.is_asked and not password:
            messages.append(
                Warning(
                    f"{login.name} is empty, and {'its user' if login.user else 'a gateway'} is "
                    "named: the server will refuse the login.",
                    hint="If the settings read it from an environment variable, set that variable.",
                    id="cbtools.W020",
                )
            )
        elif isinstance(password, str) and password.lower() in {
            *_KNOWN_PASSWORDS,
            _lower(login.user),
        }:
            messages.append(
                Warning(
                    f"{login.name} is the user's name, or a password from a manual.",
                    hint="Set another one, on the server too, from the environment or from a store "
                    "of secrets. (`manage.py create_sg_users` changes the gateway's own users.)",
                    id="cbtools.W005",
                )
            )
    return messages


def _lower(user: Any) -> str | None:
    """Return the name of a user in lower case, or None without a name."""
    return user.lower() if isinstance(user, str) and user else None
