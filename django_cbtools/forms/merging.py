"""The cleaning of a document's form if somebody else may have saved the document meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.forms.models import construct_instance
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from django_cbtools.exceptions import MergeConflict
from django_cbtools.form_fields import MembersFormField
from django_cbtools.form_fields.nested import NestedFormField
from django_cbtools.models.writing.merge import is_same, merge_fields

from . import seen
from .conflict import Conflict
from .fields import ChannelsField, show_stored
from .sides import SidedForm

_THEIRS = _("Somebody else has changed this to: %(theirs)s")
#: The number of characters of another version that are shown beside a field. The conflict shows
#: all.
_BESIDE = 100


class MergingForm(SidedForm):
    """The part of DocumentForm that merges the changes of somebody else."""

    #: The conflict with both versions of the fields that both sides have changed, after cleaning.
    conflict: Conflict | None = None
    #: The fields that both sides have changed and that were merged.
    _merged: frozenset[str] = frozenset()
    if TYPE_CHECKING:
        _errors: Any

    @property
    def unmerged(self) -> dict[str, Any]:
        """The JSON that has yet to be merged with the stored document, by key, if the form is shown
        again with what was entered."""
        was = self.sides.seen if self._merged and self.conflict is not None else None
        keys = [self.keys[name] for name in self._merged]
        return {} if was is None else {key: was.values[key] for key in keys}

    @property
    def older(self) -> dict[str, Any]:
        """The JSON that the forms in the form are based on, by key, if the stored JSON is another
        one."""
        was, found = self.sides.seen, {}
        if self.conflict is not None and was is not None:
            for name in self._nested():
                key = self.keys[name]
                if name in self.changed_data and (name in self.sides.theirs or key in was.older):
                    found[key] = was.older.get(key, was.values.get(key))
        return found

    def _nested(self) -> Iterable[str]:
        """Return the names of fields that consist of forms."""
        return (name for name in self.keys if isinstance(self.fields[name], NestedFormField))

    # --------------------------------------------------------------- cleaning

    def _clean_fields(self) -> None:
        if self.is_new:
            super()._clean_fields()  # type: ignore[misc]
            return
        settled = self.sides.settled
        for name in self._nested():
            if name not in settled:
                self._bound_fields_cache[name] = self.sides.then[name]
        with self._as_stored(settled | self._unchanged()):
            super()._clean_fields()  # type: ignore[misc]
        for name in settled & self._errors.keys():
            del self._errors[name]  # nobody here has entered it
            self.cleaned_data[name] = self._stored_value(name)
        for name in self.taken:
            show_stored(self.fields[name])

    @contextmanager
    def _as_stored(self, names: Iterable[str]) -> Any:
        """Let fields have their stored values in this context, whatever was sent, and whether or
        not they are valid."""
        fields: dict[str, Any] = {name: self.fields[name] for name in names}
        for name, field in fields.items():
            field.disabled = True
            field._clean_bound_field = partial(self._clean_stored, name)
        try:
            yield
        finally:
            for field in fields.values():
                field.disabled = False
                del field._clean_bound_field

    def _clean_stored(self, name: str, bound: Any) -> Any:
        field: Any = self.fields[name]
        try:
            return type(field)._clean_bound_field(field, bound)
        except ValidationError:
            return self._stored_value(name)

    def _stored_value(self, name: str) -> Any:
        is_relation = isinstance(self.fields[name], forms.ModelChoiceField)
        return None if is_relation else self.initial.get(name)

    def _unchanged(self) -> set[str]:
        """Return the names of fields that the user has not changed. File fields are left out:
        unchanged, they keep their file anyway."""
        return {
            name
            for name in self.keys.keys() - set(self.sides.mine)
            if not isinstance(self.fields[name], forms.FileField)
        }

    def _post_clean(self) -> None:
        document: Any = self.instance
        document._state.is_form_current = True
        kept: dict[str, Any] = {}
        if not self.is_new:
            if not self.errors:
                self._merge()
            if self.conflict is not None:
                return
            # Unchanged fields keep the value that was read, and are not validated.
            unchanged = (self.keys.keys() - self.changed_data) & self.cleaned_data.keys()
            kept = {name: self.cleaned_data.pop(name) for name in unchanged}
        channels = self.cleaned_data.get("channels")
        if isinstance(self.fields.get("channels"), ChannelsField) and channels:
            document.channels = channels
        document._state.unchecked = frozenset(kept)
        try:
            super()._post_clean()  # type: ignore[misc]
        finally:
            document._state.unchecked = frozenset()
        self.cleaned_data |= {name: kept[name] for name in kept.keys() - self.errors.keys()}

    def _get_validation_exclusions(self) -> set[str]:
        found: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return found if self.is_new else found | self.sides.settled

    def forget_sides(self) -> None:
        super().forget_sides()
        self.conflict, self._merged = None, frozenset()

    def _merge(self) -> None:
        """Merge the fields that both sides have changed. Add errors for those that cannot be
        merged."""
        sides = self.sides
        is_known = sides.seen is not None
        clashing = sides.mine if sides.seen is None else self._clashing(sides.seen)
        was_deleted = sides.seen is None or sides.seen.values.get("st_deleted") is True
        is_deleted = (
            self.instance.st_deleted is True and not was_deleted and bool(self.changed_data)
        )
        if is_known and not clashing and not is_deleted:
            return
        self.conflict = Conflict(
            self, self.instance, clashing, is_known=is_known, is_deleted=is_deleted
        )
        for name, field in self.fields.items():
            if name == "revision" or (name in self.keys and name not in self.changed_data):
                self._bound_fields_cache.pop(name, None)
                show_stored(field)
        code = "conflict" if is_known else "revision"
        self.add_error(None, ValidationError(self.conflict, code=code))  # type: ignore[arg-type]
        for row in self.conflict.rows:
            theirs = Truncator(row.theirs).chars(_BESIDE)
            self.add_error(row.name, ValidationError(_THEIRS, code, {"theirs": theirs}))

    def _clashing(self, shown_then: seen.Seen) -> list[str]:
        """Return the names of fields that both sides have changed and that cannot be merged."""
        older = self.sides.older
        names = [name for name in self.sides.mine if name in older]
        if not names:
            return []
        scratch, stored = type(self.instance)(), self.instance.fields_as_json()
        # Elements of a list that cannot be read are written as they were read.
        scratch.from_dict({self.keys[name]: older[name] for name in names})
        construct_instance(self, scratch, names)
        scratch.channels = self.cleaned_data.get("channels", scratch.channels)
        ours, clashing = scratch.fields_as_json(), []
        for name in names:
            key = self.keys[name]
            was = shown_then.values if name in self.sides.theirs else shown_then.older
            base = {key: was[key]} if key in was else {}
            # If a conflict is sent again, the sent values win.
            prefer: Any = None if was is shown_then.values else "ours"
            try:
                if isinstance(self.cleaned_data[name], UploadedFile):
                    raise MergeConflict((key,))  # its name says nothing of it
                merged = merge_fields(base, {key: ours[key]}, {key: stored[key]}, prefer=prefer)
            except MergeConflict:
                clashing.append(name)
                continue
            if is_same(merged[key], stored[key]):
                self.changed_data.remove(name)
                continue
            if base and prefer is None:
                self._merged |= {name}
            if not is_same(merged[key], ours[key]):
                self.cleaned_data[name] = self._made_of(merged, name)
        return clashing

    def _made_of(self, merged: dict[str, Any], name: str) -> Any:
        """Return the field's value of merged JSON. Each part of it comes from one of the sides."""
        document, field = type(self.instance)(), self.fields[name]
        document.from_dict(merged)
        value = getattr(document, name)
        if isinstance(field, MembersFormField):
            field.field.checked(self.instance, value)
        return value
