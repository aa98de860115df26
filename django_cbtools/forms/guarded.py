"""Forms that check a document's revision without editing its fields, as for deletion."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from . import seen
from .conflict import Conflict
from .fields import RevisionField, show_stored


class GuardedForm(forms.Form):
    """A form that is only valid if nobody has saved its document since it was shown.

    :attr:`document` is the document. ``cleaned_data`` does not contain the revision.
    """

    document: Any
    revision = RevisionField()
    #: The conflict, as in a DocumentForm, but without versions, since the form edits no fields.
    conflict: Conflict | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["revision"] = lambda: seen.sign(self.document, {})

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        was = seen.read(self.document, self.cleaned_data.pop("revision", None))
        if was is not None and was.rev == self.document.rev:
            return
        is_known = was is not None
        self.conflict = Conflict(self, self.document, is_known=is_known)
        show_stored(self.fields["revision"])
        code = "conflict" if is_known else "revision"
        self.add_error(None, ValidationError(self.conflict, code=code))  # type: ignore[arg-type]
