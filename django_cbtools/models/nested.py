"""Fields of nested models: an object, or an array of objects, in a document."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.apps import apps
from django.core import checks
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models
from django.db.models.lookups import IsNull
from django.utils.translation import gettext as _

from django_cbtools.form_fields import NestedListFormField, NestedObjectFormField
from django_cbtools.form_fields.locating import is_located, located

from .base import CouchbaseNestedModel
from .document import DOC_TYPE, GATEWAY_KEYS, Stored
from .fields import lookups as member_lookups
from .fields import paths as member_paths
from .fields import values
from .fields.arrays import ArrayMembers, Field_, Get, Set
from .fields.members import Members, Problems, unread, written
from .fields.object_lookups import ObjectExact
from .writing.merge import is_same

#: Keys that a nested model does not have, and keeps if a phone wrote them.
_LEFT_ALONE = GATEWAY_KEYS | {DOC_TYPE, "channels", "uid"}
_UID: Any = models.CharField(max_length=300)


class EmbeddedField(Members, Field_[Set, Get]):
    """A JSON object, as an instance of a nested model. None is stored as null.

    ``nested_model`` is a subclass of CouchbaseNestedModel, or its name: ``"Address"`` in the same
    app, ``"app.Address"``, or ``"self"``.
    """

    _pyi_private_set_type: Any
    _pyi_private_get_type: Any

    json_type = "object"
    form_class = NestedObjectFormField
    list_form_class = NestedListFormField
    #: The model whose field contains this one.
    _owner: Any = None

    def __init__(self, nested_model: Any, *args: Any, **kwargs: Any) -> None:
        self._nested = nested_model
        super().__init__(*args, **kwargs)

    @property
    def nested_model(self) -> Any:
        """The class of the nested model. Raises LookupError or ValueError if no class has the
        name."""
        if isinstance(self._nested, str):
            owner: Any = self._owner or self.model
            if self._nested == "self":
                self._nested = owner
            else:
                label, _, name = self._nested.rpartition(".")
                self._nested = apps.get_model(label or owner._meta.app_label, name, False)
        return self._nested

    def members(self) -> list[Stored]:
        """Return the fields in the nested model's JSON."""
        return _kept(self.nested_model)

    # ------------------------------------------------------------------- JSON

    def read(self, raw: Any) -> Any:
        if not isinstance(raw, dict):
            raise values.Unreadable.as_("an object", raw)
        uid = raw.get("uid")
        instance = self.nested_model._made_of(
            uid if isinstance(uid, str) else None, None, raw, raw, None
        )
        instance._missing = {
            stored.attname: getattr(instance, stored.attname)
            for stored in _kept(type(instance))
            if stored.key not in raw
        }
        return instance

    def rewrite(self, value: Any, raw: Any) -> Any:
        if isinstance(value, dict):
            value = self.read(value)
        if isinstance(value, self.nested_model):
            return nested_json(value)
        return unread(value, raw)

    def convert(self, value: Any) -> Any:
        if isinstance(value, self.nested_model):
            return value
        if isinstance(value, dict):
            return self.read(value)
        raise ValidationError(_("Enter an object."), code="invalid")

    def problems(self, value: Any) -> Problems:
        kept = {stored.field.name for stored in _kept(self.nested_model)}
        exclude = {field.name for field in value._meta.fields} - kept
        try:
            value.full_clean(exclude, validate_unique=False, validate_constraints=False)
        except ValidationError as error:
            for name, found in error.error_dict.items():
                for each in found:
                    is_whole = name == NON_FIELD_ERRORS or is_located(each)
                    yield each if is_whole else located(name, each)

    # ------------------------------------------------------------ a field's methods

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        nested = self._nested if isinstance(self._nested, str) else self._nested._meta.label
        return name, path, args, {**kwargs, "nested_model": nested}

    def adopted(self, model: Any) -> None:
        self._owner = model

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        found: list[checks.CheckMessage] = super().check(**kwargs)
        hint = "Name a subclass of CouchbaseNestedModel: 'Address', 'app.Address', or the class."
        try:
            nested = self.nested_model
        except (LookupError, ValueError) as error:
            return [*found, checks.Error(str(error), hint=hint, obj=self, id="cbtools.E008")]
        if not isinstance(nested, type) or not issubclass(nested, CouchbaseNestedModel):
            message = f"{nested!r} is no nested model."
            return [*found, checks.Error(message, hint=hint, obj=self, id="cbtools.E008")]
        return found

    def get_lookup(self, lookup_name: str) -> Any:
        return _LOOKUPS.get(lookup_name)

    def get_lookups(self) -> dict[str, Any]:
        """Return the names that a lookup of the field may begin with. Django's error messages
        suggest them."""
        names = {stored.field.name: stored.field for stored in self.members()}
        return {**_LOOKUPS, **names}

    def ways_to_ask(self, name: str) -> str:
        names = ", ".join(f"{name}__{stored.field.name}" for stored in self.members())
        return f"Ask for a member: {names}."

    def get_transform(self, lookup_name: str) -> Any:
        for stored in self.members():
            if lookup_name in (stored.field.name, stored.attname):
                return partial(member_paths.Part, stored.key, stored.field)
        if lookup_name == "uid":
            return partial(member_paths.Part, "uid", _UID)
        return None


class EmbeddedListField(ArrayMembers, Field_[Set, Get]):
    """A JSON array of objects, as a list of instances of a nested model.

    ``nested_model`` is as in :class:`EmbeddedField`.
    """

    _pyi_private_set_type: list[Any]
    _pyi_private_get_type: list[Any]

    def __init__(self, nested_model: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(EmbeddedField(nested_model), *args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        del kwargs["base_field"]
        nested = self.base_field.deconstruct()[3]["nested_model"]
        return name, path, args, {**kwargs, "nested_model": nested}


_LOOKUPS = {
    "exact": ObjectExact,
    "in": member_lookups.OneOf,
    "isnull": IsNull,
}


def _kept(nested_model: Any) -> list[Stored]:
    """Return the fields in a nested model's JSON."""
    return [stored for stored in nested_model._stored_fields() if stored.key != "channels"]


def nested_json(instance: Any) -> dict[str, Any]:
    """Return the JSON of a nested model. A model that was read keeps its keys and their order, and
    gets keys for fields that now have a value."""
    if instance._state.adding:
        made: dict[str, Any] = instance.to_dict()
        return made
    raw, body = instance._was, instance.to_dict()
    by_key = {stored.key: stored for stored in _kept(type(instance))}
    left = {
        key: body.get(key, old) for key, old in raw.items() if key in body or key in _LEFT_ALONE
    }
    new = {
        key: value
        for key, value in body.items()
        if key not in raw and not (key in by_key and _is_untouched(instance, by_key[key], value))
    }
    return {**left, **new}


def _is_untouched(instance: Any, stored: Stored, raw: Any) -> bool:
    """Return whether a field whose key was missing still has the default that it got when it was
    loaded."""
    value = getattr(instance, stored.attname)
    default = instance._missing.get(stored.attname)
    if value is default and not isinstance(value, (list, dict, set, models.Model)):
        return True
    return is_same(raw, written(stored.field, stored.field.get_default()))
