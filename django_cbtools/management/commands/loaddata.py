"""Django's command ``loaddata``, which also loads documents that no database of the site holds."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import loaddata
from django.db import DEFAULT_DB_ALIAS, connections

from django_cbtools import conf
from django_cbtools.exceptions import SyncGatewayUnavailable
from django_cbtools.management.base import DocumentsCommand
from django_cbtools.models import CouchbaseModel
from django_cbtools.models.sql import holds_documents


class Command(DocumentsCommand, loaddata.Command):
    """Loads fixtures. Documents are written through the gateway, whether or not their alias is
    named."""

    using: str
    # Errors in a fixture are raised as Django's command raises them.
    ends_by = (SyncGatewayUnavailable,)

    def save_obj(self, obj: Any) -> bool:
        model = type(obj.object)
        if not issubclass(model, CouchbaseModel):
            return super().save_obj(obj)
        asked, alias = self.using, conf.document_alias()
        self.using = alias if asked == DEFAULT_DB_ALIAS else asked
        try:
            saved = super().save_obj(obj)
        finally:
            self.using = asked
        if not holds_documents(connections[asked]):
            # These models have no table in this database, so they have no constraints to check.
            self.models.discard(model)
        return saved
