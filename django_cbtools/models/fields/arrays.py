"""Fields of documents: JSON arrays and objects."""

from __future__ import annotations

import copy
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from django.core import checks
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.lookups import IsNull
from django.utils.translation import gettext as _

from django_cbtools.form_fields import ElementChoices, MembersFormField, ObjectFormField
from django_cbtools.form_fields.lines import in_order
from django_cbtools.form_fields.locating import located

from . import conversions as to
from . import lookups as lookups
from . import paths as paths
from . import values
from .displayed import Displayed
from .members import (
    CheckedByForms,
    Members,
    Problems,
    converted,
    is_json,
    problems,
    read,
    unread,
    written,
)

#: The types of values that can be assigned to an attribute, and that it returns.
Set = TypeVar("Set", contravariant=True)
Get = TypeVar("Get", covariant=True)


if TYPE_CHECKING:
    Field_ = models.Field
    _JSONField = models.JSONField
else:

    class _Subscriptable(Displayed):
        def __class_getitem__(cls, types):  # as Django's ForeignKey has it
            return cls

        @property
        def validators(self):
            # Serializers of REST framework use these validators, and do not call clean().
            return [*super().validators, self._validate_members]

        def _validate_members(self, value):
            self.validate(self.to_python(value), None)

    class Field_(_Subscriptable, models.Field):
        pass

    class _JSONField(_Subscriptable, models.JSONField):
        pass


class DictField(CheckedByForms, _JSONField[Set, Get]):
    """A JSON object, as a dictionary. The default is ``{}``. Forms show a row for each key."""

    form_class = ObjectFormField
    collection = dict

    # The names under which mypy's plugin for Django looks for Set and Get.
    _pyi_private_set_type: dict[str, Any]
    _pyi_private_get_type: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not kwargs.get("null"):
            kwargs.setdefault("default", dict)
        super().__init__(*args, **kwargs)

    def shown(self, value: Any) -> Any:
        """Return the JSON for display."""
        return value

    def formfield(self, **kwargs: Any) -> Any:
        # Encoders and decoders produce values that are not JSON.
        if kwargs.get("widget") or self.encoder or self.decoder:
            return super().formfield(**kwargs)
        options = {"form_class": self.form_class, "field": self, "show_hidden_initial": False}
        return models.Field.formfield(self, **{**options, **kwargs})

    def validate(self, value: Any, model_instance: models.Model | None) -> None:
        super().validate(value, model_instance)
        if value is not None and not isinstance(value, dict):
            raise ValidationError(_("Enter an object in JSON."), code="invalid")


class ArrayMembers(Members):
    """A part of array fields, whose elements are values of ``base_field``."""

    json_type = "array"
    collection: type[Any] = list

    def __init__(self, base_field: Any, *args: Any, **kwargs: Any) -> None:
        self.base_field = base_field
        if not kwargs.get("null"):
            kwargs.setdefault("default", self.collection)
        super().__init__(*args, **kwargs)

    # ------------------------------------------------------------------- JSON

    def read(self, raw: Any) -> Any:
        if not isinstance(raw, list):
            raise values.Unreadable.as_("a list", raw)
        return [read(self.base_field, item) for item in raw]

    def rewrite(self, value: Any, raw: Any) -> Any:
        if not isinstance(value, (list, tuple)):
            return unread(value, raw)
        olds = raw if isinstance(raw, list) else []
        # Unchanged elements keep their JSON, at the same place or, if others were added or removed,
        # at another one.
        tokens = [_token(read(self.base_field, old)) for old in olds]
        known = dict(zip(reversed(tokens), reversed(olds), strict=True))
        found = []
        for i, item in enumerate(value):
            token, old = _token(item), olds[i] if i < len(olds) else None
            if token is not None and token in known:
                same = old if i < len(olds) and tokens[i] == token else known[token]
                if is_json(same):
                    found.append(same)
                    continue
            found.append(written(self.base_field, item, old))
        return found

    def convert(self, value: Any) -> Any:
        if not isinstance(value, (list, tuple, set, frozenset)):
            raise ValidationError(_("Enter a list."), code="invalid")
        found, wrong = [], []
        for i, item in enumerate(value):
            try:
                found.append(None if item is None else converted(self.base_field, item))
            except ValidationError as error:
                wrong += [located(i, each) for each in error.error_list]
        if wrong:
            raise ValidationError(wrong)
        return found

    def problems(self, value: Any) -> Problems:
        for i, item in enumerate(value):
            for error in problems(self.base_field, item):
                yield located(i, error)

    # ------------------------------------------------------------ a field's methods

    @property
    def form_class(self) -> type[MembersFormField]:  # type: ignore[override]
        return getattr(self.base_field, "list_form_class", MembersFormField)

    def formfield(self, **kwargs: Any) -> Any:
        base = self.base_field
        if base.choices is None:
            return super().formfield(**kwargs)
        options = {
            "form_class": ElementChoices,
            "field": self,
            "choices": base.get_choices(include_blank=False),
            "coerce": base.to_python,
            "show_hidden_initial": False,
        }
        return models.Field.formfield(self, **{**options, **kwargs})  # type: ignore[arg-type]

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()  # type: ignore[misc]
        return name, path, args, {**kwargs, "base_field": self.base_field.clone()}

    def contribute_to_class(self, cls: Any, name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only)  # type: ignore[misc]
        self.adopted(cls)

    def adopted(self, model: Any) -> None:
        # The base field belongs to no model, and has no name there. Otherwise, fields that contain
        # it would be pickled and compared as the field with its name.
        if isinstance(self.base_field, Members):
            self.base_field.adopted(model)

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        found: list[checks.CheckMessage] = super().check(**kwargs)  # type: ignore[misc]
        base: Any = self.base_field
        if not isinstance(base, models.Field) or base.remote_field:
            what = "a relation" if isinstance(base, models.Field) else repr(base)
            message = f"The base_field of an array is a field that is no relation, not {what}."
            hint = "Write ListField(models.CharField(max_length=100))."
            return [*found, checks.Error(message, hint=hint, obj=self, id="cbtools.E007")]
        checked = copy.copy(base)
        checked.set_attributes_from_name(self.name)
        checked.model = self.model  # type: ignore[attr-defined]
        for each in checked.check(**kwargs):
            each.msg, each.obj = f"base_field: {each.msg}", self
            found.append(each)
        return found

    def get_lookup(self, lookup_name: str) -> Any:
        found = _LOOKUPS.get(lookup_name)
        return found or paths.any_lookup(
            _compared(self.base_field, lookup_name), ListField, lookup_name
        )

    def get_lookups(self) -> dict[str, Any]:
        """Return the names that a lookup of the field may begin with. Django's error messages
        suggest them."""
        return {**self.base_field.get_lookups(), **_LOOKUPS, "len": paths.Length}

    def ways_to_ask(self, name: str) -> str:
        base: Any = self.base_field
        return (
            f"The lookups of an array are {name}__contains, __overlap, __contained_by, __len, an "
            f"index such as {name}__0, and those of its elements. "
            f"{base.ways_to_ask(name) if isinstance(base, Members) else ''}"
        ).rstrip()

    def get_transform(self, lookup_name: str) -> Any:
        if lookup_name == "len":
            return paths.Length
        # SQLite misreads larger numbers.
        if lookup_name.isascii() and lookup_name.isdecimal() and len(lookup_name) < 10:
            return partial(paths.Part, int(lookup_name), self.base_field)
        if type(self.base_field) is models.JSONField:  # which takes any name for a key
            return None
        return paths.any_element(self.base_field, ListField, lookup_name)


class ListField(_JSONField[Set, Get]):
    """A JSON array, as a list. The default is ``[]``.

    ``base_field`` is the field of the elements. Without it, elements are any JSON values.
    """

    _pyi_private_set_type: list[Any]
    _pyi_private_get_type: list[Any]

    def __new__(cls, base_field: Any = None, *args: Any, **kwargs: Any) -> Any:
        is_typed = cls is ListField and isinstance(base_field, (models.Field, type))
        return super().__new__(TypedListField if is_typed else cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not kwargs.get("null"):
            kwargs.setdefault("default", list)
        super().__init__(*args, **kwargs)

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name in _OF_TEXT:
            return paths.any_lookup(_TEXT, ListField, lookup_name)
        return super().get_lookup(lookup_name)

    def validate(self, value: Any, model_instance: models.Model | None) -> None:
        super().validate(value, model_instance)
        if value is not None and not isinstance(value, list):
            raise ValidationError(_("Enter a list in JSON."), code="invalid")


class TypedListField(ArrayMembers, ListField[Set, Get]):
    """The field that ``ListField(base_field)`` creates."""

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        return name, f"{ListField.__module__}.{ListField.__qualname__}", args, kwargs


# The name in error messages. Pickling uses the __qualname__.
TypedListField.__name__ = ListField.__name__


class SetField(ArrayMembers, Field_[Set, Get]):
    """A set, stored as a JSON array.

    ``base_field`` is the field of the elements. Without it, elements are any hashable JSON values.
    Elements keep their places in the array. New ones are appended, sorted.
    """

    _pyi_private_set_type: Any
    _pyi_private_get_type: set[Any]

    collection = set

    def __init__(self, base_field: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(models.JSONField() if base_field is None else base_field, *args, **kwargs)

    def read(self, raw: Any) -> Any:
        return {item for item in super().read(raw) if _is_hashable(item)}

    def rewrite(self, value: Any, raw: Any) -> Any:
        if not isinstance(value, (set, frozenset, list, tuple)):
            return unread(value, raw)
        found, left = [], set(value)
        for old in raw if isinstance(raw, list) and is_json(raw) else []:
            item = read(self.base_field, old)
            # Elements that are not hashable stay in the array.
            if not _is_hashable(item) or item in value:
                found.append(old)
                left.discard(item) if _is_hashable(item) else None
        return found + [written(self.base_field, item) for item in in_order(left)]

    def convert(self, value: Any) -> Any:
        found = super().convert(value)
        try:
            return set(found)
        except TypeError:
            raise ValidationError(_("Enter values that a set can have."), code="invalid") from None

    def get_lookup(self, lookup_name: str) -> Any:
        return lookups.SetExact if lookup_name == "exact" else super().get_lookup(lookup_name)


_LOOKUPS = {
    lookup.lookup_name: lookup
    for lookup in (
        lookups.ArrayExact, lookups.OneOf, lookups.Contains, lookups.ContainedBy, lookups.Overlap,
        IsNull,
    )
}  # fmt: skip

ListField.register_lookup(lookups.ArrayExact)
ListField.register_lookup(lookups.Contains)
ListField.register_lookup(lookups.ContainedBy)
ListField.register_lookup(lookups.Overlap)
ListField.register_lookup(paths.Length)

#: Lookups of text.
_OF_TEXT = frozenset(
    ("icontains", "iexact", "startswith", "istartswith", "endswith", "iendswith", "regex", "iregex")
)


class _AnyText(models.TextField):  # type: ignore[type-arg]
    """An element of an array of any JSON, compared as text."""

    document_kind = values.Kind("any text", to.text)


_TEXT = _AnyText()


def _compared(field: Any, lookup_name: str) -> Any:
    """Return the field as whose values a lookup compares the elements of an array."""
    return _TEXT if type(field) is models.JSONField and lookup_name in _OF_TEXT else field


def _token(item: Any) -> str | None:
    """Return a string that is equal for equal values. None for nested models, which have an
    ``__eq__()`` of their own."""
    return None if _has_models(item) else f"{type(item)}{item!r}"


def _has_models(item: Any) -> bool:
    if isinstance(item, (list, tuple)):
        return any(map(_has_models, item))
    return isinstance(item, models.Model)


def _is_hashable(item: Any) -> bool:
    try:
        hash(item)
    except TypeError:
        return False
    return True
