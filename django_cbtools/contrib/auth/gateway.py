"""Login at Django with the password of a user of the gateway."""

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
    """A mixin of authentication back ends: it asks the gateway whether a password is right.

    The gateway is asked as the user, as the user's phone does. The gateway's user is then the
    Django user of the same name. A Django user who does not exist yet is created at the first
    log-in, with no password and no rights, unless ``create_unknown_user`` is False. Override
    :meth:`may_log_in` to decide which existing Django users may log in this way, and
    :meth:`configure_user` to set up users.
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
        # The method of Django's ModelBackend checks the password at Django.
        return await sync_to_async(self.authenticate)(request, username, password, **kwargs)

    def may_log_in(self, user: Any) -> bool:
        """Return whether an existing Django user may log in with the gateway's password.

        By default, users who have a password at Django may not, since the gateway's user of this
        name may be somebody else; nor may staff and superusers.
        """
        return not (user.has_usable_password() or user.is_staff or user.is_superuser)

    def configure_user(self, request: Any, user: Any, created: bool = True) -> Any:
        """Return the user to log in, or None to refuse. It is called at each log-in.

        Override it to give new users (``created`` is True) groups, or to copy data from the
        gateway.
        """
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
    """Return the Django user with this name, or None."""
    model: Any = get_user_model()
    try:
        return model._default_manager.get_by_natural_key(username)
    except model.DoesNotExist:
        return None


def is_right(username: str, password: str) -> bool:
    """Return whether the gateway has a user with this name and password who is not disabled."""
    if ":" in username:
        return False  # it would be sent as another name and password
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
