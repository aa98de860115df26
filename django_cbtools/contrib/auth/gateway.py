"""Logging in at Django with the password of a user of the gateway."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import BaseBackend
from django.db import IntegrityError

from django_cbtools.exceptions import SyncGatewayBadRequest, SyncGatewayForbidden
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.calls.client import quote_name


class GatewayLogin(BaseBackend):
    """A part of an authentication back end: it asks the gateway whether a password is right, in the
    user's own name, as his phone does.

    The rule: he is the Django user of the same name, who is made at the first log-in, with no
    password and no rights (not where ``create_unknown_user`` is False). :meth:`may_log_in` says
    which Django users that are there already he may be, :meth:`configure_user` what else there is
    to do.
    """

    create_unknown_user = True

    def authenticate(
        self, request: Any, username: Any = None, password: Any = None, **kwargs: Any
    ) -> Any:
        model: Any = get_user_model()
        if username is None:
            username = kwargs.get(model.USERNAME_FIELD)
        if not username or not password or not is_right(username, password):
            return None
        user, created = self._user(username)
        if user is None or not (created or self.may_log_in(user)):
            return None
        user = self.configure_user(request, user, created=created)
        can = getattr(self, "user_can_authenticate", lambda user: user.is_active)
        return user if user is not None and can(user) else None

    async def aauthenticate(
        self, request: Any, username: Any = None, password: Any = None, **kwargs: Any
    ) -> Any:
        # That of Django's ModelBackend asks for the password at Django.
        return await sync_to_async(self.authenticate)(request, username, password, **kwargs)

    def may_log_in(self, user: Any) -> bool:
        """Whether a Django user may be logged in by the password of the gateway's user of his name:
        not if he has a password at Django, since he may be somebody else then; nor if he is staff.
        """
        return not (user.has_usable_password() or user.is_staff or user.is_superuser)

    def configure_user(self, request: Any, user: Any, created: bool = True) -> Any:
        """The user as he is logged in, at each log-in; None: he is not. Override it to give new
        users (``created``) groups, or to keep what the gateway says of them."""
        return user

    def _user(self, username: str) -> tuple[Any, bool]:
        user = _known(username)
        if user is not None or not self.create_unknown_user:
            return user, False
        manager: Any = get_user_model()._default_manager
        try:
            return manager.create_user(username), True
        except IntegrityError:  # another log-in was first, or the document is unsigned
            return _known(username), False


def _known(username: str) -> Any:
    """The Django user of this name; None where there is none."""
    model: Any = get_user_model()
    try:
        return model._default_manager.get_by_natural_key(username)
    except model.DoesNotExist:
        return None


def is_right(username: str, password: str) -> bool:
    """Whether the gateway has a user of this name and password, who is not disabled."""
    if ":" in username:
        return False  # what is sent would be another name, and another password
    try:
        quote_name(username, "user")
        password.encode()
    except (SyncGatewayBadRequest, UnicodeEncodeError):
        return False
    user = SyncGateway.as_user(username, password)
    try:
        found = user.get_session()["userCtx"].get("name")
    except SyncGatewayForbidden as error:
        if error.status != 401:
            raise
        return False
    finally:
        user.close()
    return bool(found == username)
