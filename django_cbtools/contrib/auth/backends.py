"""Authentication back ends: users in documents, and users of the gateway."""

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
    """Django's ModelBackend for users in documents, without a query: a log-in takes two requests,
    the user of a session one, and the permissions of a user's groups one more."""

    def get_user(self, user_id: Any) -> Any:
        """The user with this uid; None where there is none, or he may not log in, as one whose
        document has no valid signature."""
        model: Any = get_user_model()
        try:
            user = model(user_id)
        except model.DoesNotExist:
            return None
        # A subclass may let in those who are not active.
        is_one = user._is_own() and not user.st_deleted
        return user if is_one and self.user_can_authenticate(user) else None

    async def aget_user(self, user_id: Any) -> Any:
        """As :meth:`get_user`."""
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
        """As Django's, by queries, which take an ORM for documents; ``perm`` is a text. Whoever has
        no valid signature is left out.

        Raises ValueError for one that is no ``"app.codename"``, TypeError for anything else.
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
    """Users in documents who log in with the password of the gateway's user of the same name."""


def _texts(permissions: Any) -> set[str]:
    """The texts among what somebody has written for permissions."""
    listed = permissions if isinstance(permissions, (list, tuple)) else ()
    return {text for text in listed if isinstance(text, str) and "." in text}
