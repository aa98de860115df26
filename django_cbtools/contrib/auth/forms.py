"""Forms of users and groups in the admin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib.admin.widgets import FilteredSelectMultiple
from django.contrib.auth import forms as auth_forms
from django.contrib.auth import get_user_model
from django.utils.text import capfirst

from django_cbtools.admin import DocumentForm
from django_cbtools.admin.by_view import Listed
from django_cbtools.models.unique import can_be_asked

from .models import Group
from .permissions import all_permissions

#: The choices of fields that are lists of strings: values and labels.
_CHOICES: dict[str, Callable[[], dict[str, str]]] = {
    "permissions": all_permissions,
    "user_permissions": all_permissions,
    "groups": lambda: {group.pk: group.name for group in _groups()},
}


def _groups() -> Any:
    return Group.objects.order_by("name") if can_be_asked() else Listed(Group)


class ChoosingForm(DocumentForm):
    """A form with choices of existing groups and permissions. Stored values that are no longer
    choices stay, unless the user removes them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.fields.keys() & _CHOICES.keys():
            field = self.instance._meta.get_field(name)
            stored = getattr(self.instance, name)
            labels = {str(each): str(each) for each in (stored if isinstance(stored, list) else ())}
            self.fields[name] = forms.MultipleChoiceField(
                choices=list({**labels, **_CHOICES[name]()}.items()),
                required=False,
                label=capfirst(field.verbose_name),
                help_text=field.help_text,
                widget=FilteredSelectMultiple(str(field.verbose_name), is_stacked=False),
            )


class UserChangeForm(ChoosingForm):
    password = auth_forms.ReadOnlyPasswordHashField(label="Password")

    class Meta:
        model = get_user_model()
        fields = "__all__"
        field_classes = {"username": auth_forms.UsernameField}


class UserCreationForm(DocumentForm, auth_forms.AdminUserCreationForm):  # type: ignore[type-arg]
    class Meta:
        model = get_user_model()
        fields = ("username",)
        field_classes = {"username": auth_forms.UsernameField}

    def clean_username(self) -> Any:
        """Check the username as Django does, but by key, which needs no ORM."""
        username = self.cleaned_data["username"]
        model: Any = get_user_model()
        try:
            model._default_manager.get_by_natural_key(username)
        except model.DoesNotExist:
            return username
        raise self.instance.unique_error_message(model, ["username"])
