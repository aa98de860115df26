"""Reads sync functions and import filters from files beside ``manage.py``."""

from __future__ import annotations

from pathlib import Path

from django_cbtools.view_files import project_folder

#: The kinds of functions in a database's configuration, each with the file for the default
#: collection and the folder of files for others, ``<scope>.<collection>.js``.
KINDS = {
    "sync": ("sync_function.js", "sync_functions"),
    "import_filter": ("import_filter.js", "import_filters"),
}


def file_name(keyspace: str | None, kind: str = "sync") -> str:
    """Return the name of a function's file, relative to the folder of ``manage.py``."""
    name, folder = KINDS[kind]
    return name if keyspace is None else f"{folder}/{keyspace}.js"


class FunctionFileError(Exception):
    """A function's file cannot be read, or belongs to no collection."""


def files(kind: str = "sync") -> dict[str | None, Path]:
    """Return the files of a kind of functions, by ``"scope.collection"`` (None is the default one).

    Raises FunctionFileError if a file's name is not that of a collection.
    """
    project = project_folder()
    if project is None:
        return {}
    name, folder = KINDS[kind]
    found: dict[str | None, Path] = {}
    if (project / name).is_file():
        found[None] = project / name
    for path in sorted((project / folder).glob("*.js")):
        if path.stem.count(".") != 1:
            raise FunctionFileError(
                f"{path}: the file of a collection's function is named <scope>.<collection>.js."
            )
        found[path.stem] = path
    return found


def read(path: Path) -> str:
    """Return the function in a file. Raise FunctionFileError if it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise FunctionFileError(f"{path} cannot be read: {error}") from error
    if not text:
        raise FunctionFileError(f"{path} is empty.")
    return text
