"""The access of Django users at the gateway: the project's rule, and the default rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from django_cbtools import conf
from django_cbtools.sync_gateway.keyspaces import of_settings


@dataclass(frozen=True)
class Access:
    """The channels and roles of a user at the gateway.

    ``collections`` maps ``"scope.collection"`` to the channels in that collection.
    """

    channels: Sequence[str] = ()
    roles: Sequence[str] = ()
    collections: Mapping[str, Sequence[str]] = field(default_factory=dict)


def default_rule(user: Any) -> Access | None:
    """Return the access of a user without a rule: the channel ``user-<primary key>``.

    It is also given in the collections that SYNC_GATEWAY_DATABASE names.
    """
    channels = [name_of(user)]
    named = [keyspace for keyspace in of_settings() if keyspace is not None]
    return Access(channels=channels, collections=dict.fromkeys(named, channels))


def name_of(user: Any) -> str:
    """Return a Django user's name at the gateway, which does not depend on the name at Django."""
    return f"user-{user.pk}"


def access_of(user: Any) -> Access | None:
    """Return the access that the rule gives a Django user, or None if they have none at all.

    Raises ImproperlyConfigured if the rule cannot be imported or returns something else.
    """
    if not user.is_active:
        return None
    access = _rule()(user)
    if access is not None and not isinstance(access, Access):
        raise ImproperlyConfigured(
            f"The rule in GATEWAY_USERS_RULE gave {access!r} for {user!r}. It has to give an "
            "Access, or None for who is no user of the gateway."
        )
    return access


def _rule() -> Callable[[Any], Access | None]:
    rule = conf.get("GATEWAY_USERS_RULE")
    if rule is None:
        return default_rule
    try:
        found: Callable[[Any], Access | None] = import_string(rule)
    except (ImportError, AttributeError) as error:
        raise ImproperlyConfigured(
            f"GATEWAY_USERS_RULE is {rule!r}, which cannot be imported: {error}"
        ) from error
    return found
