"""Checks of settings and fields."""

from __future__ import annotations

from django.db.backends.base.validation import BaseDatabaseValidation


class DatabaseValidation(BaseDatabaseValidation):
    """No checks: the system checks of documents find what is wrong with them."""
