"""Checks of document classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from django_cbtools.models.base import CouchbaseModel
from django_cbtools.models.blobs import BlobField
from django_cbtools.models.fields import values
from django_cbtools.models.files import AttachmentStorage
from django_cbtools.models.meta import DocumentBase
from django_cbtools.models.registry import documents
from django_cbtools.sync_gateway.keyspaces import of_class

Document = type[CouchbaseModel]


@register("cbtools", Tags.models)
def check_documents(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check for fields and options that documents cannot have. Nested models also get Django's
    checks of models."""
    messages: list[CheckMessage] = []
    for model in documents(app_configs, nested=True):
        messages += _many_to_many(model) + _own(model)
        messages += _computed(model) + _attached(model)
        messages += _keys(model)
        if model._meta.auto_created:
            messages += model.check(**kwargs)
    return messages


def _attached(model: Document) -> list[CheckMessage]:
    """Return errors for fields of a nested model that would need attachments."""
    fields: list[Any] = [*model._meta.local_concrete_fields] if model.is_nested else []
    return [
        Error(
            f"{type(field).__name__} keeps its contents in an attachment, and a part of a document "
            "has none.",
            hint="Put it into the document itself, or use a FileField of another storage.",
            obj=field,
            id="cbtools.E030",
        )
        for field in fields
        if isinstance(field, BlobField)
        or isinstance(getattr(field, "storage", None), AttachmentStorage)
    ]


def _many_to_many(model: Document) -> list[CheckMessage]:
    return [
        Error(
            "A document cannot have a many-to-many field.",
            hint="Keep the uids of the other documents in a ListField.",
            obj=field,
            id="cbtools.E001",
        )
        for field in model._meta.local_many_to_many
    ]


def _computed(model: Document) -> list[CheckMessage]:
    """Return errors for fields with values that a table would compute."""
    fields = model._meta.local_concrete_fields
    by_annotate = "Compute it where it is asked for, by annotate() or by a property."
    by_default = "Use default, which may be a function."
    found = [
        *((field, "a GeneratedField", by_annotate) for field in fields if field.generated),
        *((field, "a db_default", by_default) for field in fields if field.has_db_default()),
    ]
    return [
        Error(
            f"A document cannot have {what}: no table computes it.",
            hint=hint,
            obj=field,
            id="cbtools.E010",
        )
        for field, what, hint in found
    ]


def _keys(model: Document) -> list[CheckMessage]:
    return [
        Error(
            f"SQL cannot read the key {key!r} of a document.",
            hint="Give the field a db_column without quotes, backslashes and line breaks.",
            obj=field,
            id="cbtools.E011",
        )
        for field in model._meta.local_concrete_fields
        for key in [values.json_key(field)]
        if not values.is_readable(key)
    ]


#: What the library keeps in fields of its own that a class cannot have for something else.
_OWN = {
    "uid": "the key of a document",
    "rev": "the revision of a document",
    "channels": "the channels of a document",
    "st_deleted": "whether a document is softly deleted",
    "extra": "the keys of a document's JSON that the model does not declare",
}


def _own(model: Document) -> list[CheckMessage]:
    fields = {field.name: field for field in model._meta.fields}
    return [
        Error(
            f"The field {name} holds {what}.",
            hint=f'Give the field another name; db_column="{name}" keeps its key.'
            if name == "extra"
            else "Give the field another name.",
            obj=model,
            id="cbtools.E009",
        )
        for name, what in _OWN.items()
        if not isinstance(fields.get(name), type(CouchbaseModel._meta.get_field(name)))
    ]


@register("cbtools", Tags.models)
def check_tables(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that each table name belongs to one class only."""
    by_table: dict[str, list[Any]] = {}
    for model in apps.get_models():
        if not model._meta.proxy:
            by_table.setdefault(model._meta.db_table, []).append(model)
    chosen = documents(app_configs)
    return [
        Error(
            f"{model._meta.label} has the db_table {table!r} of {other._meta.label}: queries "
            "cannot tell one from the other.",
            hint="Leave db_table out, or give each its own. (A Meta that inherits a Meta inherits "
            "its db_table.)",
            obj=model,
            id="cbtools.E013",
        )
        for table, models in by_table.items()
        for model in models
        if model in chosen
        for other in [each for each in models if each is not model][:1]
    ]


@register("cbtools", Tags.models)
def check_migrated(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that documents in migrations are declared as unmanaged."""
    return [
        Warning(
            f"makemigrations makes a migration of {model._meta.label}, "
            + ("and migrate a table, which stays empty." if model._meta.managed else "for nothing.")
            + " Documents are in no table.",
            hint="Set abstract = True in its Meta. It stays a model as any other: only migrations "
            "leave it out. Where a migration has to know it, set managed = False.",
            obj=model,
            id="cbtools.W011",
        )
        for model in documents(app_configs)
        if model.in_migrations and (model._meta.managed or not model.Meta._is_managed_declared)
    ]


@register("cbtools", Tags.models)
def check_relations(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that relations to documents are the library's, since Django's need a table."""
    configs = apps.get_app_configs() if app_configs is None else app_configs
    messages: list[CheckMessage] = []
    for model in [model for config in configs for model in config.get_models()]:
        for field in (*model._meta.local_fields, *model._meta.local_many_to_many):
            related: Any = field.related_model
            if not isinstance(related, DocumentBase):
                is_of_documents = hasattr(field, "is_by_key") and isinstance(related, type)
                messages += [_to_no_document(field)] if is_of_documents else []
                continue
            if hasattr(field, "is_by_key"):
                continue
            if issubclass(model, CouchbaseModel):
                messages += [] if field.many_to_many else [_followed_by_query(field)]
            elif model._meta.managed and not related.in_migrations:
                messages.append(_not_in_migrations(field))
    return messages


def _to_no_document(field: Any) -> CheckMessage:
    return Error(
        f"django_cbtools.models.ForeignKey refers to {field.related_model._meta.label}, which is "
        "no document.",
        hint="Use Django's ForeignKey, which keeps the key of the row in the document.",
        obj=field,
        id="cbtools.E029",
    )


def _followed_by_query(field: Any) -> CheckMessage:
    return Warning(
        f"{type(field).__name__} of Django's refers to a document: it is followed by a query, "
        "which a gateway without an ORM cannot answer.",
        hint="Use django_cbtools.models.ForeignKey, which goes by key. The JSON is the same.",
        obj=field,
        id="cbtools.W013",
    )


def _not_in_migrations(field: Any) -> CheckMessage:
    hint = "Use django_cbtools.models.ForeignKey, which is a column of text to migrations."
    if field.many_to_many:
        hint = "Make a model of the pairs, with a django_cbtools.models.ForeignKey to the document."
    return Error(
        f"{type(field).__name__} of Django's refers to a document, which migrations do not know.",
        hint=hint,
        obj=field,
        id="cbtools.E014",
    )


@register("cbtools", Tags.models)
def check_bases(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that a class with subclasses is meant to have documents of its own."""
    chosen = documents(app_configs)
    return [
        Warning(
            f"{model._meta.label} is inherited by {inherits._meta.label}, and has no doc_type: is "
            "it only a base?",
            hint=f"Declare class {model.__name__}(..., base=True): it then has no documents, "
            "managers and permissions. Where it has documents, say so by a doc_type.",
            obj=model,
            id="cbtools.W012",
        )
        for model in chosen
        if model.doc_type is None
        for inherits in [each for each in chosen if model in each.__bases__][:1]
    ]


@register("cbtools", Tags.models)
def check_doc_types(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that each doc_type belongs to one class only."""
    by_type: dict[Any, list[Document]] = {}
    for model in documents(app_configs):
        by_type.setdefault((of_class(model), model.type_name()), []).append(model)
    return [
        Warning(
            f"{model._meta.label} has the doc_type {doc_type!r} of {first._meta.label}: each finds "
            "and loads the documents of both.",
            hint="Give it a doc_type of its own. (A subclass that is meant to share its parent's "
            "says so: it repeats the doc_type, or adds no fields.)",
            obj=model,
            id="cbtools.W007",
        )
        for (_, doc_type), models in by_type.items()
        for first, *others in [[model for model in models if not _shares(model, models)]]
        for model in others
    ]


def _shares(model: Document, models: list[Document]) -> bool:
    """Return whether the class shares the doc_type of one of its parents on purpose."""
    return any(
        issubclass(model, parent)
        and ("doc_type" in vars(model) or _field_names(model) == _field_names(parent))
        for parent in models
        if parent is not model
    )


def _field_names(model: Document) -> set[str]:
    return {field.name for field in model._meta.fields}
