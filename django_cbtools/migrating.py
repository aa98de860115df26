"""Excludes documents, which are declared ``abstract = True``, from migrations.

Django looks up the models of migrations in the registry of apps. Documents are registered like
other models, since content types, system checks, signals and the admin need them. They are left out
in the two places in ``django.db.migrations.state`` that read the registry: for the current models,
and for those of apps without migrations.

Document classes with ``managed = False`` are in migrations, because a model of Django's refers to
them. They have no tables either, so relations to them have no constraint, which a database could
not enforce. Migrations only know their key.
"""

from __future__ import annotations

from typing import Any, cast

from django.apps import AppConfig, apps
from django.db import models
from django.db.migrations import state
from django.db.migrations.operations import AlterModelOptions
from django.db.models.utils import make_model_tuple

_from_apps: Any = vars(state.ProjectState)["from_apps"].__func__
_from_model: Any = vars(state.ModelState)["from_model"].__func__
_render: Any = vars(state.ModelState)["render"]


#: The options of a document that migrations store.
_KEPT = frozenset(AlterModelOptions.ALTER_OPTION_KEYS)


def leave_documents_out() -> None:
    """Have migrations see the apps of a project without its documents."""
    state.ProjectState.from_apps = classmethod(from_apps)  # type: ignore[method-assign,assignment]
    state.ModelState.from_model = classmethod(from_model)  # type: ignore[method-assign,assignment]
    state.ModelState.render = render  # type: ignore[method-assign]
    state.global_apps = Migrated(apps)  # type: ignore[attr-defined]


def from_apps(cls: type[state.ProjectState], apps: Any) -> state.ProjectState:
    """Return Django's state of a project, without documents; see :func:`leave_documents_out`."""
    found: state.ProjectState = _from_apps(cls, Migrated(apps))
    return found


def from_model(
    cls: type[state.ModelState], model: Any, exclude_rels: bool = False
) -> state.ModelState:
    """Return Django's state of a model. For a document without a table, it has the key and the
    names only."""
    found: Any = _from_model(cls, model, exclude_rels)
    opts = model._meta
    if not _is_document(model) or opts.managed or opts.proxy:
        return cast("state.ModelState", found)
    key = opts.pk.name
    found.fields, found.bases = {key: found.fields[key]}, (models.Model,)
    found.options = {name: value for name, value in found.options.items() if name in _KEPT} | {
        "indexes": [],
        "constraints": [],
    }
    return cast("state.ModelState", found)


def render(self: state.ModelState, apps: Any) -> Any:
    """Render the model as Django does. Relations to documents get no database constraint."""
    model: Any = _render(self, apps)
    through = [field.remote_field.through for field in model._meta.local_many_to_many]
    automatic = [
        each for each in through if getattr(each, "_meta", None) and each._meta.auto_created
    ]
    for found in (model, *automatic):
        for field in found._meta.local_fields:
            if field.is_relation and _is_document(field.remote_field.model):
                field.db_constraint = False
    return model


def _is_document(related: Any) -> bool:
    """Return whether a model, or the model with this name, is a document of the project."""
    from django_cbtools.models import CouchbaseModel

    if related == "self":
        return False
    try:
        return issubclass(apps.get_model(*make_model_tuple(related)), CouchbaseModel)
    except LookupError:
        return False


class Migrated:
    """A stand-in for the registry of apps, or for an app, with the models that migrations see."""

    def __init__(self, seen: Any) -> None:
        self._seen = seen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._seen, name)

    def get_app_config(self, label: str) -> Migrated:
        config: AppConfig = self._seen.get_app_config(label)
        return Migrated(config)

    def get_models(self, *args: Any, **kwargs: Any) -> list[Any]:
        found = self._seen.get_models(*args, **kwargs)
        return [model for model in found if getattr(model, "in_migrations", True)]
