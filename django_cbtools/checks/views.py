"""Checks of views that SQL++ answers."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured

from django_cbtools import conf
from django_cbtools.view_files import ViewFileError, design_documents, views_of

from .databases import place


@register("cbtools")
def check_views(**kwargs: Any) -> list[CheckMessage]:
    """Check that COUCHBASE_VIEWS has a valid value, and that the packages that it needs are
    installed."""
    alias = place(conf.document_alias)
    if alias is None or conf.get("COUCHBASE_VIEWS") is None:
        return []
    try:
        conf.uses_sqlpp_views()
    except ImproperlyConfigured as error:
        return [Error(str(error), id="cbtools.E022")]
    if find_spec("tree_sitter") is None or find_spec("tree_sitter_javascript") is None:
        return [
            Error(
                f"COUCHBASE_VIEWS is {conf.SQLPP!r}, and tree-sitter, by which views are read, is "
                "not installed.",
                hint="pip install 'django-cbtools[views]'",
                id="cbtools.E022",
            )
        ]
    return []


@register("cbtools", deploy=True)
def check_answers(**kwargs: Any) -> list[CheckMessage]:
    """Check for views that SQL++ cannot answer, or not in their order."""
    if conf.get("COUCHBASE_VIEWS") is None or check_views():
        return []
    messages: list[CheckMessage] = []
    if find_spec("py_mini_racer") is None:
        messages.append(
            Warning(
                "mini-racer is not installed: rows of a view that has keys with other letters than "
                "ASCII's cannot be put into the order of views, and asking for them fails.",
                hint="pip install 'django-cbtools[embedded]'",
                id="cbtools.W016",
            )
        )
    try:
        designs = design_documents()
    except ViewFileError:
        return messages  # create_cb_views says it
    from django_cbtools.view_shapes import Unreadable, read_view  # few sites need it

    for design, name, functions in views_of(designs):
        try:
            read_view(functions)
        except Unreadable as error:
            messages.append(
                Warning(
                    f"SQL++ cannot answer view {design}/{name}: {error}.",
                    hint="Ask a QuerySet instead, or write the function as "
                    "docs/couchbase-server.rst says (Moving off views).",
                    id="cbtools.W017",
                )
            )
    return messages
