"""The saving of a document's form: only if it has changed, only once, and merged."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property
from typing import Any

from django.core.exceptions import ObjectDoesNotExist, ValidationError

from django_cbtools.exceptions import MergeConflict, SyncGatewayConflict
from django_cbtools.models.writing.merge import is_same, merge_fields

from . import seen
from .merging import MergingForm


class SavingForm(MergingForm):
    """The part of DocumentForm that saves the document."""

    #: The JSON of the instance when the form was made, or None for a new document.
    _loaded: str | None = None

    def start(self) -> None:
        """Begin with the stored document."""
        self._loaded = self._json()

    def _json(self) -> str:
        return json.dumps(self.instance.to_dict(), sort_keys=True)

    def is_as_loaded(self) -> bool:
        """Return whether saving the instance would write the same document as when the form was
        made."""
        return self._loaded is not None and self._loaded == self._json() and not self._has_files()

    def _has_files(self) -> bool:
        """Return whether files have to be stored. Their names may be those of earlier files."""
        document: Any = self.instance
        values = (getattr(document, field.attname, None) for field in document._meta.fields)
        return bool(document._uploads) or not all(
            getattr(value, "_committed", True) for value in values
        )

    def save(self, commit: bool = True) -> Any:
        """Save the document if anything has changed.

        If somebody else has saved it since the form was cleaned, both versions are merged. If they
        cannot be merged, SyncGatewayConflict is raised, and the form has the errors that it would
        have had if the other version had been there before: show the form again.
        """
        if not commit or self.errors:
            return super().save(commit)
        super().save(commit=False)
        self.write(self._save)
        self._save_m2m()  # type: ignore[attr-defined]
        return self.instance

    def write(self, save: Callable[[], Any]) -> None:
        """Call ``save``, unless it would change nothing, or the form of a new document has been
        sent and saved before."""
        document: Any = self.instance
        if self.is_as_loaded():
            return
        chosen = self._chosen_uid if document._state.adding else None
        document.uid = chosen or document.uid
        try:
            save()
        except SyncGatewayConflict:
            if not document._state.adding:
                raise
            if self._is_saved_as(document.uid):
                document.load(document.uid)
            elif chosen:
                document.uid = None  # it is another one
                save()
            else:
                raise

    @cached_property
    def _chosen_uid(self) -> str | None:
        """The uid that was chosen for a new document when its form was shown, or None."""
        return seen.read_uid(self.instance, self.token) if self.is_new else None

    def _is_saved_as(self, uid: str) -> bool:
        """Return whether a new document has already been stored under the uid with the form's
        values."""
        try:
            stored = type(self.instance)(uid).fields_as_json()
        except ObjectDoesNotExist:
            return False
        ours = self.instance.fields_as_json()
        return all(is_same(ours[key], stored[key]) for key in (*self.keys.values(), "st_deleted"))

    def _update_errors(self, errors: ValidationError) -> None:
        # The unique values may be taken because the same form was sent before.
        if self._chosen_uid is None or not self._is_saved_as(self._chosen_uid):
            super()._update_errors(errors)  # type: ignore[misc]

    def _save(self) -> None:
        document: Any = self.instance
        if document._state.adding:
            document.save()
            return
        try:
            document.save()
        except SyncGatewayConflict:
            self._save_merged()

    def _save_merged(self) -> None:
        document: Any = self.instance
        try:
            document.save(merge=_merged)
        except SyncGatewayConflict as conflict:
            self._clean_again(conflict)
            raise

    def _clean_again(self, conflict: SyncGatewayConflict) -> None:
        """Clean the sent data again, on top of the document that is stored by now."""
        try:
            self.instance.load(self.instance.uid)
        except ObjectDoesNotExist:
            pass
        else:
            self.forget_sides()
            self.start()
            self.full_clean()
        if not self.errors:
            self.add_error(None, ValidationError(str(conflict), code="conflict"))


def _merged(base: dict[str, Any], ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    """Return the merged JSON of merge_fields(). Raise MergeConflict if the document has been
    soft-deleted meanwhile."""
    if theirs.get("st_deleted") is True and base.get("st_deleted") is not True:
        raise MergeConflict(("st_deleted",))
    return merge_fields(base, ours, theirs)
