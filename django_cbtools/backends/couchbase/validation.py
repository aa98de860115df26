"""Checks of settings and fields."""

from __future__ import annotations

from django.db.backends.base.validation import BaseDatabaseValidation


class DatabaseValidation(BaseDatabaseValidation):
    """No checks of fields: the system checks of documents include them."""
