"""Receivers of Django's signals that keep the users of the gateway up to date."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_out
from django.db import transaction
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete

from django_cbtools import conf
from django_cbtools.exceptions import SyncGatewayException
from django_cbtools.models.relations import is_loaded_by_key
from django_cbtools.sync_gateway import SyncGateway

from . import sessions
from .access import name_of
from .synchronizing import remove, synchronize

logger = logging.getLogger(__name__)

_UID = "django_cbtools.gateway_users"


def connect() -> None:
    """Connect the receivers of changes to users, and to their groups and permissions."""
    user_model: Any = get_user_model()
    post_save.connect(_saved, sender=user_model, dispatch_uid=f"{_UID}.saved")
    post_delete.connect(_deleted, sender=user_model, dispatch_uid=f"{_UID}.deleted")
    user_logged_out.connect(_logged_out, dispatch_uid=f"{_UID}.logged_out")
    related = [field.related_model for field in user_model._meta.many_to_many]
    for model in related:
        pre_delete.connect(_related_deleted, sender=model, dispatch_uid=f"{_UID}.deleted")
    for model in (user_model, *related):
        for field in model._meta.many_to_many:
            through = field.remote_field.through
            m2m_changed.connect(_related, sender=through, dispatch_uid=f"{_UID}.related")


def _is_in_use() -> bool:
    # Receivers stay connected if tests remove the app from the settings.
    return apps.is_installed("django_cbtools.contrib.gateway_users")


def _saved(
    instance: Any, using: str, raw: bool = False, update_fields: Any = None, **kwargs: Any
) -> None:
    # Each login saves the user. It does not change the access.
    if not _is_in_use() or raw or update_fields == {"last_login"}:
        return
    _later([instance.pk], using)
    # Django keeps a new raw password until the user has been saved.
    if getattr(instance, "_password", None) is not None:
        name = name_of(instance)
        _on_commit(lambda: _told(name, partial(SyncGateway.delete_sessions, name)), using)


def _deleted(instance: Any, using: str, **kwargs: Any) -> None:
    if _is_in_use():
        name = name_of(instance)
        _on_commit(lambda: _told(name, partial(remove, name)), using)


def _related(
    sender: Any,
    instance: Any,
    action: str,
    model: Any,
    pk_set: set[Any] | None,
    reverse: bool,
    using: str,
    **kwargs: Any,
) -> None:
    """Handle changes to the groups of users, and to permissions of users and groups, from either
    side."""
    if not _is_in_use() or action not in ("post_add", "post_remove", "pre_clear"):
        return
    if not reverse:
        _holders_changed(type(instance), {instance.pk}, using)
        return
    if pk_set is None:
        (field,) = (f for f in model._meta.many_to_many if f.remote_field.through is sender)
        rows = model._base_manager.using(using).filter(**{field.name: instance})
        pk_set = set(rows.values_list("pk", flat=True))
    _holders_changed(model, pk_set, using)


def _related_deleted(instance: Any, using: str, **kwargs: Any) -> None:
    if _is_in_use():
        _holders_changed(type(instance), {instance.pk}, using)


def _holders_changed(model: Any, keys: set[Any], using: str) -> None:
    """Update users, or the users that have the changed groups or permissions."""
    user_model: Any = get_user_model()
    if issubclass(model, user_model):
        _later(keys, using)
        return
    users = user_model._base_manager.using(using)
    for field in user_model._meta.many_to_many:
        if field.related_model is model:
            _later(users.filter(**{f"{field.name}__in": keys}).values_list("pk", flat=True), using)


def _on_commit(work: Callable[[], Any], using: str) -> None:
    """Call ``work`` after the transaction is committed, or at once if no database has one."""
    if conf.is_dummy_alias(using):
        work()
    else:
        transaction.on_commit(work, using=using)


def _later(keys: Iterable[Any], using: str) -> None:
    """Update users after the transaction is committed."""
    for key in list(keys):
        _on_commit(partial(_synchronize, key, using), using)


def _synchronize(key: Any, using: str) -> None:
    user_model: Any = get_user_model()
    try:
        by_key = is_loaded_by_key(user_model)
        user = user_model(key) if by_key else user_model._base_manager.using(using).get(pk=key)
    except user_model.DoesNotExist:
        return
    _told(name_of(user), partial(synchronize, user))


def _told(name: str, work: Callable[[], Any]) -> None:
    try:
        work()
    except SyncGatewayException:
        # The Django user stays saved. Sessions are only created after the gateway's user is up to
        # date.
        logger.exception(
            "The gateway's user %r is not up to date. Run: manage.py sync_gateway_users.", name
        )


def _logged_out(request: Any, **kwargs: Any) -> None:
    if _is_in_use() and request is not None:
        sessions.end_all(request)
