"""Reads views from folders: ``name.js`` is a map function, ``name_reduce.js`` its reduce
function."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import ENVIRONMENT_VARIABLE, settings

from django_cbtools.query import DEFAULT_DESIGN

FOLDER = "couchbase_views"
_REDUCE = "_reduce"


class ViewFileError(Exception):
    """A folder of views cannot be read, or contradicts itself."""


def design_documents() -> dict[str, dict[str, Any]]:
    """Return the design documents of the project, by name: ``{"views": {name: {"map": ...,
    ...}}}``.

    Each app's folder becomes the design document with its label. The package's own folder and the
    project's (beside ``manage.py``) become ``django_cbtools``. Raises ViewFileError.
    """
    designs: dict[str, dict[str, Any]] = {}
    folders = [(config.label, Path(config.path) / FOLDER) for config in apps.get_app_configs()]
    project = project_folder()
    if project is not None:
        folders.append((DEFAULT_DESIGN, project / FOLDER))
    seen: set[Path] = set()
    for design, folder in folders:
        if not folder.is_dir() or folder.resolve() in seen:
            continue
        seen.add(folder.resolve())
        views = designs.setdefault(design, {"views": {}})["views"]
        for name, functions in read_folder(folder).items():
            if name in views:
                raise ViewFileError(
                    f"{folder / name}.js: design document {design!r} has a view {name!r} already."
                )
            views[name] = functions
    return {name: design for name, design in designs.items() if design["views"]}


def views_of(designs: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, str]]]:
    """Yield the views of design documents: the names of the design document and the view, and its
    functions."""
    for design, found in designs.items():
        for name, functions in found["views"].items():
            yield design, name, functions


def project_folder() -> Path | None:
    """Return the folder of ``manage.py``: BASE_DIR, or the parent of the settings' package.

    None if the settings do not come from a module.
    """
    base = getattr(settings, "BASE_DIR", None)
    if base is not None:
        return Path(base)
    module = os.environ.get(ENVIRONMENT_VARIABLE)
    package = import_module(module.partition(".")[0]) if module else None
    return Path(package.__file__).resolve().parent.parent if package and package.__file__ else None


def read_folder(folder: Path) -> dict[str, dict[str, str]]:
    """Return the views in a folder, by name. Raise ViewFileError if it cannot be read."""
    texts = {path.stem: _read(path) for path in sorted(folder.glob("*.js"))}
    views = {name: {"map": text} for name, text in texts.items() if not _is_reduce(name, texts)}
    for name, text in texts.items():
        if _is_reduce(name, texts):
            views[name.removesuffix(_REDUCE)]["reduce"] = text.strip()
        elif name.endswith(_REDUCE):
            raise ViewFileError(
                f"{folder / name}.js: there is no {name.removesuffix(_REDUCE)}.js for it to reduce."
            )
    return views


def _is_reduce(name: str, texts: dict[str, str]) -> bool:
    return name.endswith(_REDUCE) and name.removesuffix(_REDUCE) in texts


def _read(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ViewFileError(f"{path} cannot be read: {error}") from error
    if not text.strip():
        raise ViewFileError(f"{path} is empty.")
    return text
