"""Finds out which fields the user and others have changed since a form was shown."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from django import forms

from django_cbtools.form_fields.unread import unread_of
from django_cbtools.form_fields.untouched import is_changed
from django_cbtools.models.fields import values
from django_cbtools.models.writing.merge import is_same

from . import seen
from .conflict import TAKE


class Sides(NamedTuple):
    """The fields that the form and somebody else have changed."""

    #: The revision and values that the form has shown. None if it does not tell.
    seen: seen.Seen | None
    #: The JSON from which fields were shown, by name, if it differs from the stored JSON.
    older: dict[str, Any]
    #: The fields as they were shown, by their names.
    then: dict[str, Any]
    #: The fields that the form changes.
    mine: list[str]
    #: The fields whose stored value differs from the shown one.
    theirs: frozenset[str]
    #: The fields that keep their stored value, whatever the form sends.
    settled: frozenset[str]


class SidedForm(forms.ModelForm):  # type: ignore[type-arg]
    """The part of DocumentForm that finds out which side has changed a field."""

    #: True if the form was made for a new document.
    is_new: bool
    #: The fields whose stored values are no longer among the choices.
    outdated: set[str]
    if TYPE_CHECKING:
        _bound_fields_cache: dict[str, Any]

        def _bound_items(self) -> Iterator[tuple[str, Any]]: ...

    def values_of(self, document: Any) -> dict[str, Any]:
        """Return the values of a document, as the fields show them."""
        raise NotImplementedError

    @property
    def token(self) -> Any:
        """The signed text that the form sends back. It tells what the form has shown."""
        return self["revision"].data if "revision" in self.fields else None

    @cached_property
    def keys(self) -> dict[str, str]:
        """The JSON keys of the fields that the form can change, by the fields' names."""
        editable = self.values_of(self.instance)
        return {
            field.name: values.json_key(field)
            for field in self.instance._meta.concrete_fields
            if field.name in editable and not self.fields[field.name].disabled
        }

    @cached_property
    def taken(self) -> frozenset[str]:
        """The fields for which the user has chosen the version of somebody else."""
        name = self.add_prefix(TAKE)
        posted: Any = self.data
        found = posted.getlist(name) if hasattr(posted, "getlist") else posted.get(name, ())
        return frozenset([found] if isinstance(found, str) else found) & self.keys.keys()

    @cached_property
    def sides(self) -> Sides:
        document: Any = self.instance
        shown_then = seen.read(document, self.token)
        older, theirs = {}, set()
        if shown_then is not None:
            was, stored = shown_then.values, document.fields_as_json()
            for name, key in self.keys.items():
                if key not in was or not is_same(was[key], stored[key]):
                    theirs.add(name)
                    older[name] = was.get(key)
                if key in shown_then.older:
                    older[name] = shown_then.older[key]
        then = {name: self[name] for name in self.keys} | self._bound_to(older)
        mine, gone = [], set()
        for name, bound in then.items():
            if name in self.taken or not is_changed(bound):
                continue
            if bound.data in bound.field.empty_values and self.is_gone(name, bound.initial):
                gone.add(name)  # it was shown as empty, and stays so
            else:
                mine.append(name)
        unread = unread_of(document).keys() & self.keys.keys()
        settled = (self.taken | gone | unread | self.outdated | theirs).difference(mine)
        return Sides(shown_then, older, then, mine, frozenset(theirs), settled)

    def _bound_to(self, older: dict[str, Any]) -> dict[str, Any]:
        """Return bound fields, by name, as they were when the document had this JSON."""
        if not older:
            return {}
        was = type(self.instance)()
        was.from_dict({self.keys[name]: raw for name, raw in older.items()})
        now, self.initial = self.initial, self.values_of(was)
        try:
            found: dict[str, Any] = {
                name: self.fields[name].get_bound_field(self, name) for name in older
            }
            for bound in found.values():
                bound.initial  # noqa: B018 (it is kept)
        finally:
            self.initial = now
        return found

    def is_gone(self, name: str, uid: Any) -> bool:
        """Return whether a choice is shown as empty because the chosen object no longer exists."""
        field: Any = self.fields[name]
        widget, queryset = getattr(field.widget, "widget", field.widget), None
        if uid and isinstance(widget, forms.widgets.ChoiceWidget):
            queryset = getattr(field, "queryset", None)
        return queryset is not None and not queryset.filter(pk=uid).exists()

    @cached_property
    def changed_data(self) -> list[str]:
        is_merged = self.is_bound and not self.is_new
        mine = self.sides.mine if is_merged else []
        known = {*self.keys, "revision"} if is_merged else {"revision"}
        return [
            name
            for name, bound in self._bound_items()
            if (name in mine if name in known else bound._has_changed())
        ]

    def forget_sides(self) -> None:
        """Forget the result, so that it is computed again."""
        for name in ("keys", "taken", "sides", "changed_data"):
            self.__dict__.pop(name, None)
        self._bound_fields_cache.clear()
