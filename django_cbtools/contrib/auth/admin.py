"""Users and groups in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth import get_user_model
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from django_cbtools.admin import CouchbaseModelAdmin

from .forms import ChoosingForm, UserChangeForm, UserCreationForm
from .models import Group, User


class GroupFilter(admin.SimpleListFilter):
    """Who is in a group."""

    title = _("group")
    parameter_name = "group"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, Any]]:
        return list(Group.objects.order_by("name").values_list("pk", "name"))

    def queryset(self, request: Any, queryset: Any) -> Any:
        return queryset.filter(groups__contains=self.value()) if self.value() else queryset


class GroupAdmin(CouchbaseModelAdmin):
    """Groups, whose permissions are chosen from those of the project's models."""

    form = ChoosingForm
    list_display = ("name",)
    search_fields = ("name",)
    ordering = ("name",)


class UserAdmin(CouchbaseModelAdmin, auth_admin.UserAdmin):  # type: ignore[type-arg]
    """Django's UserAdmin, of documents."""

    form = UserChangeForm
    add_form: Any = UserCreationForm
    list_filter = ("is_staff", "is_superuser", "is_active", GroupFilter)
    filter_horizontal = ()

    def history_view(self, request: Any, object_id: str, extra_context: Any = None) -> Any:
        """As of any document, without the passwords' digests."""
        response = super().history_view(request, object_id, extra_context)
        if isinstance(response, TemplateResponse) and response.context_data is not None:
            for revision in response.context_data.get("revisions", ()):
                for change in revision["changes"]:
                    if change["key"] == "password":
                        change.update(before="…", after="…")
        return response


admin.site.register(Group, GroupAdmin)
if issubclass(get_user_model(), User):
    admin.site.register(User, UserAdmin)
