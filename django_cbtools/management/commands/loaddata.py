"""Django's ``loaddata``, for documents in a gateway that no database of the program holds, too."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import loaddata
from django.db import connections

from django_cbtools.models import CouchbaseModel
from django_cbtools.models.sql import holds_documents


class Command(loaddata.Command):
    """Documents are written through the gateway."""

    def save_obj(self, obj: Any) -> bool:
        saved = super().save_obj(obj)
        model = type(obj.object)
        if issubclass(model, CouchbaseModel) and not holds_documents(connections[self.using]):
            # They have no table there whose constraints could be checked.
            self.models.discard(model)
        return saved
