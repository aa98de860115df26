"""Checks of the collections that document classes name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Tags, register

from django_cbtools import conf
from django_cbtools.models.registry import documents
from django_cbtools.sync_gateway.keyspaces import checked, of_class, of_settings, split

from .databases import place


@register("cbtools", Tags.models)
def check_keyspaces(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that each class names a valid collection, and that no view is needed in a named one."""
    messages: list[CheckMessage] = []
    for model in documents(app_configs):
        if "keyspace" in {field.attname for field in model._meta.concrete_fields}:
            continue
        try:
            is_default = checked(model.keyspace) is None
        except ValueError as error:
            hint = 'Such as keyspace = "inventory.airlines"; None is the default collection.'
            messages.append(
                Error(f"{model._meta.label}: {error}", hint=hint, obj=model, id="cbtools.E026")
            )
            continue
        if not is_default and model.relation_views:
            messages.append(
                Error(
                    f"{model._meta.label} has relation_views, and is in the keyspace "
                    f"{model.keyspace!r}: views have documents of the default collection only.",
                    hint="Take relation_views away. What points to a document that is deleted is "
                    "found by the ORM, with ENGINE django_cbtools.backends.couchbase.",
                    obj=model,
                    id="cbtools.E027",
                )
            )
    return messages


@register("cbtools")
def check_scopes(**kwargs: Any) -> list[CheckMessage]:
    """Check that one database can have the collections of all classes."""
    labels: dict[str | None, str] = {}
    for model in documents():
        try:
            labels.setdefault(checked(of_class(model)), model._meta.label)
        except ValueError:
            continue  # check_keyspaces says it
    try:
        known = of_settings()
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return [
            Error(
                f"SYNC_GATEWAY_DATABASE['scopes'] cannot be read: {type(error).__name__}: {error}",
                hint='It is {"scope": {"collections": {"name": {}}}}.',
                id="cbtools.E028",
            )
        ]
    is_said = known != [None] or place(conf.uses_embedded_gateway)
    unknown = [keyspace for keyspace in labels if is_said and keyspace not in known]
    messages: list[CheckMessage] = [
        Error(
            f"{labels[keyspace]} is in the keyspace {'.'.join(split(keyspace))!r}, which is none "
            "of SYNC_GATEWAY_DATABASE['scopes'].",
            hint="Name it there. A database has one scope: a class in no keyspace is in "
            "'_default._default', and others beside it are in the scope '_default', too.",
            id="cbtools.E028",
        )
        for keyspace in unknown
    ]
    scopes = {split(keyspace)[0]: label for keyspace, label in labels.items()}
    if not messages and len(scopes) > 1:
        found = ", ".join(f"{scope} ({label})" for scope, label in sorted(scopes.items()))
        messages.append(
            Error(
                f"Documents are in several scopes: {found}. A gateway's database has one.",
                hint="Give all classes a keyspace of one scope, by a common base class.",
                id="cbtools.E028",
            )
        )
    return messages
