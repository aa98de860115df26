"""Managers of users and groups. They load these by name without a query."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth import models as auth_models

from django_cbtools import conf
from django_cbtools.models import Documents
from django_cbtools.models.writing import unique_keys


class ByName(Documents[Any]):
    """A manager of documents with a :class:`UniqueKey` of their natural key."""

    def natural_field(self) -> str:
        """Return the name of the field with unique values."""
        return getattr(self.model, "USERNAME_FIELD", "name")

    def get_by_natural_key(self, name: str) -> Any:
        """Load a document by its name, in two requests. Raise DoesNotExist if there is none."""
        return unique_keys.find(self.model, **{self.natural_field(): name})

    async def aget_by_natural_key(self, name: str) -> Any:
        """Async version of :meth:`get_by_natural_key`."""
        return await sync_to_async(self.get_by_natural_key)(name)

    def db_manager(self, using: str | None = None, hints: Any = None) -> Any:
        """Return a manager for the documents' alias, whichever alias is given. Commands such as
        ``createsuperuser`` pass ``default``."""
        return super().db_manager(conf.document_alias(), hints)

    def using(self, alias: str | None) -> Any:
        """Return a queryset of the documents' alias; see :meth:`db_manager`."""
        return self.get_queryset().using(conf.document_alias())


class UserManager(ByName, auth_models.UserManager[Any]):  # type: ignore[misc]
    """Django's UserManager: ``create_user()``, ``create_superuser()``, ``with_perm()``, also async.

    Raises UniqueKeyTaken, which is also Django's IntegrityError, if a name is taken.
    """

    use_in_migrations = False
