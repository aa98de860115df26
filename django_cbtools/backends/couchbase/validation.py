"""Checks of settings and fields."""

from __future__ import annotations

from django.db.backends.base.validation import BaseDatabaseValidation


class DatabaseValidation(BaseDatabaseValidation):
    """Documents' own checks say what is wrong with them; there is nothing about tables to add."""
