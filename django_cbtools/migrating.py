"""Migrations take no care of documents that are declared ``abstract = True``.

Django asks ``apps.get_models()`` for the models that migrations are about, and documents are models
as any other there: content types, system checks, signals and the admin need them. It offers one
place where documents can be left out, which is :meth:`ProjectState.from_apps`.
"""

from __future__ import annotations

from typing import Any

from django.db.migrations.state import ProjectState

_from_apps: Any = vars(ProjectState)["from_apps"].__func__


def leave_documents_out() -> None:
    """Have migrations see the models of a project without its documents."""
    ProjectState.from_apps = classmethod(from_apps)  # type: ignore[method-assign,assignment]


def from_apps(cls: type[ProjectState], apps: Any) -> ProjectState:
    """As Django's; see :func:`leave_documents_out`."""
    state: ProjectState = _from_apps(cls, _Migrated(apps))
    return state


class _Migrated:
    """A registry of apps, as migrations see it."""

    def __init__(self, apps: Any) -> None:
        self._apps = apps

    def __getattr__(self, name: str) -> Any:
        return getattr(self._apps, name)

    def get_models(self, *args: Any, **kwargs: Any) -> list[Any]:
        found = self._apps.get_models(*args, **kwargs)
        return [model for model in found if getattr(model, "in_migrations", True)]
