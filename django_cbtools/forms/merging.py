"""How a form of a document is cleaned where somebody else may have saved it meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.forms.models import construct_instance
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from django_cbtools.exceptions import MergeConflict
from django_cbtools.models.fields import values
from django_cbtools.models.writing.merge import is_same, merge_fields

from . import seen
from .conflict import TAKE, Conflict
from .fields import ChannelsField, show_stored

_THEIRS = _("Somebody else has changed this to: %(theirs)s")
#: How much of another version is shown beside a field; the conflict has all of it.
_BESIDE = 100


class _Sides(NamedTuple):
    """Who has changed which fields since the form was shown."""

    #: What the form has shown; None where it does not say.
    seen: seen.Seen | None
    #: The fields that the form changes.
    mine: list[str]
    #: Those that are stored otherwise than the form has shown them.
    theirs: frozenset[str]
    #: Those that stay as they are stored, whatever the form sends.
    settled: frozenset[str]


class MergingForm(forms.ModelForm):  # type: ignore[type-arg]
    """The part of DocumentForm that is about what somebody else has saved."""

    #: Both versions of what somebody else has changed too, once the form is cleaned.
    conflict: Conflict | None = None
    #: The fields whose stored values are no choices any more.
    outdated: set[str]
    if TYPE_CHECKING:
        _errors: Any
        _bound_fields_cache: dict[str, Any]

        def _bound_items(self) -> Iterator[tuple[str, Any]]: ...

    def values_of(self, document: Any) -> dict[str, Any]:
        """What the fields show of a document."""
        raise NotImplementedError

    # --------------------------------------------------------------- who changed what

    @property
    def token(self) -> Any:
        """What the form sends of what it has shown."""
        return self["revision"].data if "revision" in self.fields else None

    @cached_property
    def keys(self) -> dict[str, str]:
        """The keys of what the form can change, by the fields' names."""
        editable = self.values_of(self.instance)
        return {
            field.name: values.json_key(field)
            for field in self.instance._meta.concrete_fields
            if field.name in editable and not self.fields[field.name].disabled
        }

    @cached_property
    def _taken(self) -> frozenset[str]:
        """The fields that are to be as somebody else has saved them."""
        name = self.add_prefix(TAKE)
        posted: Any = self.data
        found = posted.getlist(name) if hasattr(posted, "getlist") else posted.get(name, ())
        return frozenset([found] if isinstance(found, str) else found) & self.keys.keys()

    @cached_property
    def _sides(self) -> _Sides:
        document: Any = self.instance
        shown_then = seen.read(document, self.token)
        theirs: dict[str, Any] = {}
        if shown_then is not None and shown_then.rev != document.rev:
            was, stored = shown_then.values, document.fields_as_json()
            theirs = {
                name: was.get(key)
                for name, key in self.keys.items()
                if key not in was or not is_same(was[key], stored[key])
            }
        mine, gone = [], set()
        for name, initial in self._shown_then(theirs).items():
            field, data = self.fields[name], self[name].data
            if name in self._taken or not field.has_changed(initial, data):
                continue
            if data in field.empty_values and self.is_gone(name, initial):
                gone.add(name)  # it was shown as empty, and stays so
            else:
                mine.append(name)
        unread = document.unread().keys() & self.keys.keys()
        settled = (self._taken | gone | unread | self.outdated | theirs.keys()).difference(mine)
        return _Sides(shown_then, mine, frozenset(theirs), settled)

    def _shown_then(self, theirs: dict[str, Any]) -> dict[str, Any]:
        """What the fields have shown, by their names; ``theirs`` is what others have had."""
        found = {name: self[name].initial for name in self.keys}
        if theirs:
            was = type(self.instance)()
            was.from_dict({self.keys[name]: raw for name, raw in theirs.items()})
            now, self.initial = self.initial, self.values_of(was)
            try:
                found |= {n: self.get_initial_for_field(self.fields[n], n) for n in theirs}
            finally:
                self.initial = now
        return found

    def is_gone(self, name: str, uid: Any) -> bool:
        """Whether a choice is shown as empty because what is chosen is not there."""
        field: Any = self.fields[name]
        widget, queryset = getattr(field.widget, "widget", field.widget), None
        if uid and isinstance(widget, forms.widgets.ChoiceWidget):
            queryset = getattr(field, "queryset", None)
        return queryset is not None and not queryset.filter(pk=uid).exists()

    @cached_property
    def changed_data(self) -> list[str]:
        found: list[str] = [name for name, bound in self._bound_items() if bound._has_changed()]
        if not self.is_bound or self.instance._state.adding:
            return found
        mine = self._sides.mine
        return [name for name in self.fields if name in (mine if name in self.keys else found)]

    # --------------------------------------------------------------- cleaning

    def _clean_fields(self) -> None:
        if self.instance._state.adding:
            super()._clean_fields()  # type: ignore[misc]
            return
        settled = self._sides.settled
        with self._as_stored(settled):
            super()._clean_fields()  # type: ignore[misc]
        for name in settled & self._errors.keys():
            del self._errors[name]  # nobody here has entered it
            is_relation = isinstance(self.fields[name], forms.ModelChoiceField)
            self.cleaned_data[name] = None if is_relation else self.initial.get(name)
        for name in self._taken:
            show_stored(self.fields[name])

    @contextmanager
    def _as_stored(self, names: Iterable[str]) -> Any:
        """Have fields cleaned by what is stored, whatever was sent."""
        for name in names:
            self.fields[name].disabled = True
        try:
            yield
        finally:
            for name in names:
                self.fields[name].disabled = False

    def _post_clean(self) -> None:
        document: Any = self.instance
        document._state.is_form_current = True
        kept: dict[str, Any] = {}
        if not document._state.adding:
            if not self.errors:
                self._merge()
            if self.conflict is not None:
                return
            # What was not changed stays as it was read, and is not validated by its halves.
            unchanged = (self.keys.keys() - self.changed_data) & self.cleaned_data.keys()
            kept = {name: self.cleaned_data.pop(name) for name in unchanged}
        channels = self.cleaned_data.get("channels")
        if isinstance(self.fields.get("channels"), ChannelsField) and channels:
            document.channels = channels
        super()._post_clean()  # type: ignore[misc]
        self.cleaned_data |= {name: kept[name] for name in kept.keys() - self.errors.keys()}

    def _get_validation_exclusions(self) -> set[str]:
        found: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return found if self.instance._state.adding else found | self._sides.settled

    def forget_sides(self) -> None:
        """Find out once more who has changed what."""
        self.conflict = None
        for name in ("keys", "_taken", "_sides", "changed_data"):
            self.__dict__.pop(name, None)
        self._bound_fields_cache.clear()

    def _merge(self) -> None:
        """Merge what both sides have changed; add errors where that cannot be done."""
        sides = self._sides
        is_known = sides.seen is not None
        if sides.seen is None:
            clashing = sides.mine
        else:
            clashing = [name for name in sides.mine if name in sides.theirs]
            clashing = self._clashing(clashing, sides.seen) if clashing else []
        was_deleted = sides.seen is None or sides.seen.values.get("st_deleted", False)
        is_deleted = self.instance.st_deleted and not was_deleted and bool(self.changed_data)
        if is_known and not clashing and not is_deleted:
            return
        self.conflict = Conflict(
            self, self.instance, clashing, is_known=is_known, is_deleted=is_deleted
        )
        for name, field in self.fields.items():
            if name == "revision" or (name in self.keys and name not in self.changed_data):
                show_stored(field)
        code = "conflict" if is_known else "revision"
        self.add_error(None, ValidationError(self.conflict, code=code))  # type: ignore[arg-type]
        for row in self.conflict.rows:
            theirs = Truncator(row.theirs).chars(_BESIDE)
            self.add_error(row.name, ValidationError(_THEIRS, code, {"theirs": theirs}))

    def _clashing(self, names: list[str], shown_then: seen.Seen) -> list[str]:
        """Those of the fields that both sides have changed which cannot be merged."""
        scratch, stored = type(self.instance)(), self.instance.fields_as_json()
        # What nobody can read of a list is written as it was read.
        scratch.from_dict({self.keys[name]: stored[self.keys[name]] for name in names})
        construct_instance(self, scratch, names)
        scratch.channels = self.cleaned_data.get("channels", scratch.channels)
        ours, clashing = scratch.fields_as_json(), []
        for name in names:
            key = self.keys[name]
            base = {key: shown_then.values[key]} if key in shown_then.values else {}
            try:
                if isinstance(self.cleaned_data[name], UploadedFile):
                    raise MergeConflict((key,))  # its name says nothing of it
                merged = merge_fields(base, {key: ours[key]}, {key: stored[key]})
            except MergeConflict:
                clashing.append(name)
                continue
            if is_same(merged[key], stored[key]):
                self.changed_data.remove(name)
            else:
                scratch.from_dict(merged)
                self.cleaned_data[name] = getattr(scratch, name)
        return clashing
