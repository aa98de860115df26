"""A project's permissions as strings, ``"app.codename"``, without a database."""

from __future__ import annotations

from django.apps import apps
from django.contrib.auth import get_permission_codename


def all_permissions() -> dict[str, str]:
    """Return the permissions of all models of the project: ``"app.codename"`` to the name."""
    found = {}
    for model in apps.get_models():
        opts = model._meta
        label, name = opts.app_label, opts.verbose_name_raw
        for action in opts.default_permissions:
            text = f"{label}.{get_permission_codename(action, opts)}"
            found[text] = f"{label} | {name} | Can {action} {name}"
        for codename, description in opts.permissions:
            found[f"{label}.{codename}"] = f"{label} | {name} | {description}"
    return dict(sorted(found.items()))
