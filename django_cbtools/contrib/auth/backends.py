"""Authentication back ends for users in documents, and for users of the gateway."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.db.models import Q

from .gateway import GatewayLogin
from .models import Group
from .permissions import all_permissions


class DocumentBackend(ModelBackend):
    """Django's ModelBackend for users in documents. It needs no queries.

    A log-in takes two requests to the gateway, the user of a session one, and the permissions of
    the user's groups one more.
    """

    def get_user(self, user_id: Any) -> Any:
        """Return the user with this uid.

        Returns None if the user does not exist or may not log in, for example because the document
        has no valid signature.
        """
        model: Any = get_user_model()
        try:
            user = model(user_id)
        except model.DoesNotExist:
            return None
        # A subclass may allow users who are not active.
        is_one = user._is_own() and not user.st_deleted
        return user if is_one and self.user_can_authenticate(user) else None

    async def aget_user(self, user_id: Any) -> Any:
        """Async version of :meth:`get_user`."""
        return await sync_to_async(self.get_user)(user_id)

    def _get_permissions(self, user_obj: Any, obj: Any, from_name: str) -> set[str]:
        if not user_obj.is_active or user_obj.is_anonymous or obj is not None:
            return set()
        name = f"_{from_name}_perm_cache"
        if not hasattr(user_obj, name):
            if user_obj.is_superuser:
                found = set(all_permissions())
            elif from_name == "user":
                found = _texts(user_obj.user_permissions)
            else:
                groups = user_obj.get_groups() if user_obj.groups else ()
                found = {text for group in groups for text in _texts(group.permissions)}
            setattr(user_obj, name, found)
        permissions: set[str] = getattr(user_obj, name)
        return permissions

    async def _aget_permissions(self, user_obj: Any, obj: Any, from_name: str) -> set[str]:
        return await sync_to_async(self._get_permissions)(user_obj, obj, from_name)

    def with_perm(
        self,
        perm: Any,
        is_active: bool | None = True,
        include_superusers: bool = True,
        obj: Any = None,
    ) -> Any:
        """Return the users who have a permission, ``"app.codename"``, as Django.

        It needs an ORM for documents. Users and groups without a valid signature are left out.

        Raises TypeError if ``perm`` is not a string, and ValueError if it is not
        ``"app.codename"``.
        """
        manager: Any = get_user_model()._default_manager
        if not isinstance(perm, str):
            raise TypeError("The `perm` argument must be a string.")
        if perm.count(".") != 1:
            raise ValueError("Permission name should be in the form app_label.permission_codename.")
        if obj is not None:
            return manager.none()
        groups = [
            group.pk
            for group in Group.objects.filter(permissions__contains=perm)
            if group._is_own()
        ]
        either = [Q(user_permissions__contains=perm)]
        if groups:
            either.append(Q(groups__overlap=groups))
        if include_superusers:
            either.append(Q(is_superuser=True))
        found = manager.filter(reduce(or_, either))
        if is_active is not None:
            found = found.filter(is_active=is_active)
        return manager.filter(pk__in=[user.pk for user in found if user._is_own()])


class GatewayBackend(GatewayLogin, DocumentBackend):
    """Logs in users in documents with the password of the gateway's user of the same name."""


def _texts(permissions: Any) -> set[str]:
    """Return the valid strings in a list of permissions, which somebody else may have written."""
    listed = permissions if isinstance(permissions, (list, tuple)) else ()
    return {text for text in listed if isinstance(text, str) and "." in text}
