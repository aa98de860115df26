"""Unique constraints of documents, in validation and at the gateway.

The ORM checks ``unique=True``, ``UniqueConstraint``, ``unique_together`` and ``unique_for_date``
among documents that are not deleted softly. The values of a softly deleted document are free again.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connections
from django.db.models import UniqueConstraint

from django_cbtools import conf
from django_cbtools.exceptions import StaleFormWarning, shown

from .channels import channels_problem, decide_channels
from .sql import holds_documents


class UniqueKey(UniqueConstraint):
    """A unique constraint that also holds if two documents are saved at the same time.

    Declare it in a document's Meta: ``constraints = [UniqueKey(fields=["slug"],
    name="unique_slug")]``. It is checked when a document is validated, as any UniqueConstraint. In
    addition, a small document whose uid stands for the values is created before the document is
    saved. Values that include a null need not be unique, unless ``nulls_distinct=False``.

    Saving a document whose values are taken raises UniqueKeyTaken.
    """

    def __init__(
        self,
        *,
        fields: Sequence[str],
        name: str,
        nulls_distinct: bool | None = None,
        violation_error_code: str | None = None,
        violation_error_message: Any = None,
    ) -> None:
        super().__init__(
            fields=fields,
            name=name,
            nulls_distinct=nulls_distinct,
            violation_error_code=violation_error_code,
            violation_error_message=violation_error_message,
        )


class ValidatedUniqueness:
    """The part of CouchbaseModel that validates documents.

    If documents have no ORM, uniqueness is not checked.
    """

    def full_clean(
        self, exclude: Any = None, validate_unique: bool = True, validate_constraints: bool = True
    ) -> None:
        # A ModelForm excludes unique checks from full_clean(), and runs them later.
        if not validate_unique and self.rev and not getattr(self._state, "is_form_current", False):  # type: ignore[attr-defined]
            warnings.warn(
                f"A form writes over {type(self).__name__} {shown(self.uid)} without the revision "  # type: ignore[attr-defined]
                "that it was made from: what somebody else has saved meanwhile is lost. Use "
                "CBUpdateView, or a form of the class django_cbtools.forms.DocumentForm, and show "
                "the form's hidden fields in the template.",
                StaleFormWarning,
                stacklevel=2,
            )
        super().full_clean(exclude, validate_unique, validate_constraints)  # type: ignore[misc]

    def clean_fields(self, exclude: Any = None) -> None:
        # Fields that a form has not changed are not checked alone. But they may have to be unique
        # together with changed ones, so they cannot be excluded completely.
        unchecked = getattr(self._state, "unchecked", ())  # type: ignore[attr-defined]
        # A new document without channels gets the class's default ones.
        errors: dict[str, Any] = {}
        try:
            super().clean_fields({*(exclude or ()), *unchecked})  # type: ignore[misc]
        except ValidationError as error:
            errors = error.update_error_dict(errors)
        if "channels" not in (exclude or ()):
            decide_channels(self)
            problem = channels_problem(self.channels, type(self))  # type: ignore[attr-defined]
            if problem is not None:
                errors["channels"] = [problem]
        if errors:
            raise ValidationError(errors)

    def validate_unique(self, exclude: Any = None) -> None:
        # The gateway refuses a uid that is in use, as a conflict.
        super().validate_unique({*(exclude or ()), "uid"})  # type: ignore[misc]

    def _get_unique_checks(self, *args: Any, **kwargs: Any) -> tuple[list[Any], list[Any]]:
        if not can_be_asked():
            return [], []
        checks: tuple[list[Any], list[Any]] = super()._get_unique_checks(*args, **kwargs)  # type: ignore[misc]
        return checks

    def get_constraints(self) -> Any:
        found: list[tuple[Any, list[Any]]] = super().get_constraints()  # type: ignore[misc]
        if can_be_asked():
            return found
        return [
            (model, [each for each in constraints if not isinstance(each, UniqueConstraint)])
            for model, constraints in found
        ]


def can_be_asked() -> bool:
    """Return whether documents have an ORM."""
    return holds_documents(connections[conf.document_alias()])
