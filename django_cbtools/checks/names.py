"""Checks for misspelled names of settings, of options, and of attributes of document classes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Tags, Warning, register

from django_cbtools import conf
from django_cbtools.models.base import CouchbaseModel
from django_cbtools.models.registry import documents
from django_cbtools.sync_gateway.options import Options

_OPTIONS = "SYNC_GATEWAY_OPTIONS"
#: The attributes of document classes that the library reads, besides fields.
_ATTRIBUTES = ("default_channels", "doc_type", "keyspace", "relation_views", "uid_prefix")
#: The similarity from which on another attribute is taken for a misspelling of one of these.
_NEAR = 0.85


@register("cbtools")
def check_names(**kwargs: Any) -> list[CheckMessage]:
    """Check that settings and options with the library's prefixes exist."""
    options = conf.get(_OPTIONS)
    names = options.keys() - Options.known() if isinstance(options, Mapping) else ()
    return [
        *(_unknown(f"There is no setting {name}", name, conf.DEFAULTS) for name in conf.unknown()),
        *(
            _unknown(f"{_OPTIONS} has no option {name!r}", name, Options.known())
            for name in sorted(map(str, names))
        ),
    ]


def _unknown(what: str, name: str, known: Collection[str]) -> CheckMessage:
    near = get_close_matches(name, known, 1)
    return Warning(
        f"{what}: nothing reads it.",
        hint=f"Did you mean {near[0]!r}?" if near else "docs/settings.rst lists what there is.",
        id="cbtools.W021",
    )


@register("cbtools", Tags.models)
def check_attributes(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check document classes for attributes with almost the name of one that the library reads."""
    return [
        Warning(
            f"{model._meta.label} has the attribute {name!r}: the library does not read it.",
            hint=f"Did you mean {near!r}?",
            obj=model,
            id="cbtools.W022",
        )
        for model in documents(app_configs)
        for name, value in _own_attributes(model).items()
        for near in get_close_matches(name, _ATTRIBUTES, 1, _NEAR)
        # Only ``default_channels`` may be a function. Other functions are the program's methods.
        if near == "default_channels" or not callable(value)
    ]


def _own_attributes(model: type[CouchbaseModel]) -> dict[str, Any]:
    """Return the attributes that the class and its bases add to those of CouchbaseModel, without
    fields."""
    fields = {field.name for field in model._meta.get_fields()}
    return {
        name: value
        for cls in model.__mro__
        if cls is model or getattr(cls, "is_base", True)
        for name, value in vars(cls).items()
        if not (hasattr(CouchbaseModel, name) or name in fields or isinstance(value, property))
    }
