"""Users and groups in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import admin as auth_admin
from django.contrib.auth import get_user_model
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from django_cbtools.admin import CouchbaseModelAdmin
from django_cbtools.admin.without_orm import has_transactions

from .forms import ChoosingForm, UserChangeForm, UserCreationForm
from .models import Group, User
from .signing import SIGNATURE

_NOT_SIGNED = _(
    "This document is not valid: somebody else than this site has written it, or SECRET_KEY has "
    "changed. It gives no rights, and cannot be changed here. Delete it, or see “Signatures” in "
    "docs/without-sql.rst."
)


class GroupFilter(admin.SimpleListFilter):
    """A filter of users by their group."""

    title = _("group")
    parameter_name = "group"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, Any]]:
        return list(Group.objects.order_by("name").values_list("pk", "name"))

    def queryset(self, request: Any, queryset: Any) -> Any:
        return queryset.filter(groups__contains=self.value()) if self.value() else queryset


class SignedAdmin(CouchbaseModelAdmin):
    """An admin of signed documents. A document without a valid signature can be viewed and deleted
    but not changed: saving would sign what somebody else has written."""

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.is_signed())

    def render_change_form(
        self, request: Any, context: Any, *args: Any, obj: Any = None, **kwargs: Any
    ) -> Any:
        if obj is not None and not obj.is_signed():
            self.message_user(request, _NOT_SIGNED, messages.WARNING)
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    def history_view(self, request: Any, object_id: str, extra_context: Any = None) -> Any:
        """Show the history as for any document, but without password hashes and signatures."""
        response = super().history_view(request, object_id, extra_context)
        if isinstance(response, TemplateResponse) and response.context_data is not None:
            for revision in response.context_data.get("revisions", ()):
                for change in revision["changes"]:
                    if change["key"] in ("password", SIGNATURE):
                        change.update(before="…", after="…")
        return response


class GroupAdmin(SignedAdmin):
    """An admin of groups. Permissions are chosen from those of the project's models."""

    form = ChoosingForm
    list_display = ("name", "is_signed")
    search_fields = ("name",)
    ordering = ("name",)


class UserAdmin(SignedAdmin, auth_admin.UserAdmin):  # type: ignore[type-arg]
    """Django's UserAdmin for users in documents."""

    form = UserChangeForm
    add_form: Any = UserCreationForm
    list_filter = ("is_staff", "is_superuser", "is_active", GroupFilter)
    list_display = (
        "username", "email", "first_name", "last_name", "is_staff", "is_signed",
    )  # fmt: skip
    filter_horizontal = ()

    def add_view(self, request: Any, form_url: str = "", extra_context: Any = None) -> Any:
        view: Any = super().add_view
        if not has_transactions(self.model):
            view = self._add_view  # type: ignore[attr-defined]
        return view(request, form_url, extra_context)


admin.site.register(Group, GroupAdmin)
if issubclass(get_user_model(), User):
    admin.site.register(User, UserAdmin)
