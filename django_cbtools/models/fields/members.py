"""Fields whose values contain other values. They read, write and validate these."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeAlias

from django.core.exceptions import ValidationError
from django.db import models

from django_cbtools.form_fields import MembersFormField
from django_cbtools.form_fields.locating import is_located, located

from . import conversions, values

Problems: TypeAlias = Iterator[ValidationError]


class CheckedByForms:
    """A part of fields whose values are validated by forms, each part at its place."""

    name: str

    def checked(self, model_instance: Any, value: Any) -> None:
        """Mark a value as validated by a form, so that it is not validated again. Parts that
        somebody else has written, and that the form has not changed, need not be valid."""
        if value and isinstance(model_instance, models.Model):
            vars(model_instance._state).setdefault("checked", {})[self.name] = value

    def clean(self, value: Any, model_instance: models.Model | None) -> Any:
        state = None if model_instance is None else model_instance._state
        # The mark is valid once, as the value may be changed in place later.
        if value and getattr(state, "checked", {}).pop(self.name, None) is value:
            return value
        return models.Field.clean(self, value, model_instance)  # type: ignore[arg-type]


class Members(CheckedByForms):
    """A part of fields whose values have members: elements, or fields of their own.

    In a database, the value is JSON text. JSON that a member cannot read is kept in its place, and
    is written back unchanged.
    """

    #: The JSON type of the field's values.
    json_type: str
    #: A function that returns the empty value. None if there is none.
    collection: Callable[..., Any] | None = None
    #: Serializers look for this attribute of JSONFields.
    encoder: Any = None
    decoder: Any = None
    #: The form field of a value, and that of a list of such values.
    form_class: type[MembersFormField] = MembersFormField
    list_form_class: type[MembersFormField] = MembersFormField
    #: The field's default, if none is declared, is not an empty string.
    empty_strings_allowed = False

    # ------------------------------------------------------- what each class says

    def read(self, raw: Any) -> Any:
        """Return the value of JSON that is not null. Raise values.Unreadable if the JSON has
        another type."""
        raise NotImplementedError

    def rewrite(self, value: Any, raw: Any) -> Any:
        """Return the JSON of a value that is not None. ``raw`` is the JSON that it was read from,
        or None."""
        raise NotImplementedError

    def convert(self, value: Any) -> Any:
        """Return the value of JSON, or of a value that a program has set. Raise ValidationError if
        it is not valid."""
        raise NotImplementedError

    def problems(self, value: Any) -> Problems:
        """Return the problems with the members."""
        raise NotImplementedError

    def adopted(self, model: Any) -> None:
        """Do what is needed after the field has become a field of a model, or a part of one."""
        raise NotImplementedError

    def ways_to_ask(self, name: str) -> str:
        """Return the lookups that a query can use with a field of this name, for error messages."""
        raise NotImplementedError

    # ------------------------------------------------------------ a field's methods

    @property
    def document_kind(self) -> values.Kind:
        found = values.Kind(
            self.json_type,
            lambda value: self.rewrite(value, None),
            self.read,
            self.rewrite,
        )
        field: Any = self
        if self._overrides("from_db_value", "get_db_converters"):
            found = replace(found, from_json=None, convert=values.converter(field))
        if self._overrides("get_prep_value", "get_db_prep_value", "get_db_prep_save"):
            found = replace(found, to_json=conversions.from_json_text, rewrite=None)
        return found

    def _overrides(self, *names: str) -> bool:
        """Return whether a subclass overrides any of these methods."""
        for name in names:
            method = getattr(type(self), name)
            if not any(method is vars(base).get(name) for base in _DJANGOS):
                return True
        return False

    def get_internal_type(self) -> str:
        return "JSONField"

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        raw = None if value is None else json.loads(value)
        try:
            return None if raw is None else self.read(raw)
        except values.Unreadable:
            return raw

    def get_prep_value(self, value: Any) -> Any:
        if value is None or hasattr(value, "as_sql"):
            return value
        return self.rewrite(self.convert(value), None)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        raw = value if prepared else self.get_prep_value(value)
        if raw is None or hasattr(raw, "as_sql"):
            return raw
        return connection.ops.adapt_json_value(raw, None)

    def to_python(self, value: Any) -> Any:
        if value is None or isinstance(value, str):  # JSON text, which the deserializer of XML has
            return value
        try:
            return self.convert(value)
        except ValidationError as error:
            raise ValidationError(
                [
                    located(self.name, each) if is_located(each) else each
                    for each in error.error_list
                ]
            ) from None

    def value_to_string(self, obj: models.Model) -> Any:
        """Return the value as JSON, as Django's JSONField does for fixtures."""
        value = getattr(obj, self.attname)  # type: ignore[attr-defined]
        _, raw = getattr(obj, "_read", {}).get(self.attname, (None, None))  # type: ignore[attr-defined]
        return None if value is None else self.rewrite(value, raw)

    def shown(self, value: Any) -> Any:
        """Return the JSON of a value for display, even if the value is not valid."""
        try:
            return self.rewrite(value, None)
        except (TypeError, ValueError, ArithmeticError, ValidationError):
            return json.loads(json.dumps(value, default=str))

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Prepare the fields of nested models for saving, as Django's ``pre_save()`` does for the
        field itself."""
        value = getattr(model_instance, self.attname)  # type: ignore[attr-defined]
        _prepare(value)
        return value

    def validate(self, value: Any, model_instance: models.Model | None) -> None:
        models.Field.validate(self, value, model_instance)  # type: ignore[arg-type]
        if value is None:
            return
        if isinstance(value, str):
            self.convert(value)
        found = [located(self.name, error) for error in self.problems(value)]
        if found:
            raise ValidationError(found)

    def formfield(self, **kwargs: Any) -> Any:
        # A custom widget edits the value as text.
        form_class = MembersFormField if kwargs.get("widget") else self.form_class
        options = {
            "form_class": form_class,
            "field": self,
            "show_hidden_initial": False,
            **kwargs,
        }
        return models.Field.formfield(self, **options)  # type: ignore[arg-type]


#: The classes whose methods do not count as overridden.
_DJANGOS = (Members, models.Field, models.JSONField)

# -------------------------------------------------------------- values of any field


def read(field: values.Field, raw: Any) -> Any:
    """Return the value of a field that the JSON stands for, or the JSON itself if the field cannot
    read it."""
    try:
        return values.kind(field).read(raw)
    except ValueError:
        return raw


def written(field: values.Field, value: Any, raw: Any = None) -> Any:
    """Return a field's value as JSON."""
    kind = values.kind(field)
    if kind.rewrite is None:
        return kind.written(field, value)
    return None if value is None else kind.rewrite(value, raw)


def converted(field: values.Field, value: Any) -> Any:
    """Return the value of JSON, or of a value that a program has set, for any field. Raise
    ValidationError if it is not valid."""
    if isinstance(field, Members):
        return field.convert(value)
    found = read(field, value)
    return found if found is not value and not isinstance(found, str) else field.to_python(value)


def problems(field: values.Field, value: Any) -> Problems:
    """Return the problems with a value of a field."""
    try:
        if value is None or not isinstance(field, Members):
            field.clean(value, None)
        else:
            yield from field.problems(value)
    except ValidationError as error:
        yield from error.error_list


def unread(value: Any, raw: Any) -> Any:
    """Return unchanged JSON of another type than the field's. Raise ValueError for any other
    value."""
    if raw is None or value != raw or type(value) is not type(raw):
        raise ValueError(f"it is no value of the field's type, but {type(value).__name__}")
    return raw


def is_json(value: Any) -> bool:
    """Return whether JSON can represent the value."""
    if isinstance(value, dict):
        return all(isinstance(key, str) for key in value) and all(map(is_json, value.values()))
    if isinstance(value, list):
        return all(map(is_json, value))
    return value is None or isinstance(value, (str, int, float))


def _prepare(value: Any) -> None:
    """Prepare nested models for saving: store their files, and set the times of new ones.
    ``auto_now`` does not change models that were loaded."""
    if isinstance(value, (list, tuple)):
        for item in value:
            _prepare(item)
    elif isinstance(value, models.Model):
        is_new = value._state.adding
        for field in value._meta.concrete_fields:
            if is_new or not getattr(field, "auto_now", False):
                value.prepare_field(field, is_new)  # type: ignore[attr-defined]
