"""The form of documents in the admin."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.admin.widgets import AdminTextareaWidget
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from django_cbtools import forms


class DocumentForm(forms.DocumentForm):
    """The form of a document in the admin. Subclass it for a ``form`` of your own.

    It has a field ``channels``, unless ``fields`` is a list without it.
    """

    channels = forms.ChannelsField(
        label=_("Channels"), widget=AdminTextareaWidget(attrs={"rows": 3})
    )
    #: The reason why the form's data could not be saved.
    failure: ClassVar[Exception | None] = None

    def has_channels(self) -> bool:
        shown = self._meta.fields
        return not isinstance(shown, (list, tuple)) or "channels" in shown

    def _post_clean(self) -> None:
        super()._post_clean()
        failure = self.failure
        if failure is not None and not self.errors and self._is_about(failure):
            self.add_error(None, ValidationError(str(failure), code="failure"))

    def _is_about(self, failure: Exception) -> bool:
        """Return whether an error belongs to this form, which may be one of several on the page."""
        uid = getattr(failure, "uid", None)
        return not self.prefix or (self.has_changed() and uid in (None, self.instance.uid))
