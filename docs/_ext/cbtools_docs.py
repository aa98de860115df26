"""Settings, checks and commands in the documentation, with what the library itself says of them.

``.. setting::``, ``.. check::`` and ``.. manage::`` describe one each; ``:setting:``, ``:check:``
and ``:manage:`` lead there. Defaults, and the options of commands, are the library's own.
``.. exceptions::`` is the tree of its exceptions.
"""

from __future__ import annotations

import inspect
from argparse import Action, _HelpAction
from collections.abc import Iterator
from typing import Any

from django.core.management import load_command_class
from django.core.management.base import BaseCommand
from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx
from sphinx.domains.std import GenericObject

from django_cbtools import conf, exceptions

#: The apps with commands.
APPS = ["django_cbtools", "django_cbtools.contrib.gateway_users"]


def _paragraph(label: str, *rest: nodes.Node) -> nodes.paragraph:
    return nodes.paragraph("", "", nodes.Text(label), *rest)


class Setting(GenericObject):
    """A setting; below its name stands its default."""

    def transform_content(self, content_node: Any) -> None:
        default = conf.DEFAULTS[self.arguments[0]]
        content_node.insert(0, _paragraph("Default: ", nodes.literal("", repr(default))))


def command(name: str) -> tuple[BaseCommand, list[Action]]:
    """A command, and the options that are its own."""
    from django.core.management import get_commands

    loaded = load_command_class(get_commands()[name], name)
    parser = loaded.create_parser("manage.py", name)
    shared = {action.dest for action in BaseCommand().create_parser("manage.py", name)._actions} | {
        "help"
    }
    django_own = type(loaded).__mro__[1]
    if django_own is not BaseCommand and django_own.__module__.startswith("django.core"):
        shared |= {a.dest for a in django_own().create_parser("manage.py", name)._actions}
    own = [
        action
        for action in parser._actions
        if action.dest not in shared and not isinstance(action, _HelpAction)
    ]
    return loaded, own


def _names(action: Action) -> str:
    """How an option is written: ``--port PORT``."""
    if not action.option_strings:
        return str(action.metavar or action.dest)
    if action.nargs == 0:
        return ", ".join(action.option_strings)
    value = action.metavar or action.dest.upper()
    many = {"*": f" [{value} ...]", "?": f" [{value}]"}.get(str(action.nargs), f" {value}")
    return ", ".join(f"{option}{many}" for option in action.option_strings)


class Manage(GenericObject):
    """A command; below what the page says of it stand its options."""

    def transform_content(self, content_node: Any) -> None:
        _, options = command(self.arguments[0])
        entries = nodes.definition_list()
        for action in options:
            said = (action.help or "") % {**vars(action), "prog": "manage.py"}
            said = said[:1].upper() + said[1:].rstrip(".") + "."
            entries += nodes.definition_list_item(
                "",
                nodes.term("", "", nodes.literal("", _names(action))),
                nodes.definition("", nodes.paragraph("", said)),
            )
        if options:
            content_node += entries


class Exceptions(Directive):
    """The exceptions, each below the one that it is a case of, with what its docstring begins
    with."""

    def run(self) -> list[nodes.Node]:
        from django_cbtools.sync_gateway import SyncGatewayException

        roots = [SyncGatewayException, exceptions.CouchbaseModelError]
        return [self._list(roots)]

    def _list(self, classes: list[type]) -> nodes.bullet_list:
        found = nodes.bullet_list()
        for cls in classes:
            name = f"django_cbtools.exceptions.{cls.__name__}"
            first = (inspect.getdoc(cls) or "").split("\n\n")[0].replace("\n", " ")
            item = nodes.list_item("", nodes.paragraph())
            parsed, _ = self.state.inline_text(
                f":exc:`~{name}`: {first[:1].lower()}{first[1:]}", self.lineno
            )
            item[0] += parsed
            below = list(_below(cls))
            if below:
                item += self._list(below)
            found += item
        return found


def _below(cls: type) -> Iterator[type]:
    for name, other in vars(exceptions).items():
        if inspect.isclass(other) and other.__base__ is cls and not name.startswith("_"):
            yield other


def setup(app: Sphinx) -> dict[str, Any]:
    for kind, directive in [("setting", Setting), ("manage", Manage), ("check", GenericObject)]:
        app.add_object_type(kind, kind, indextemplate=f"pair: %s; {kind}")
        if directive is not GenericObject:
            app.add_directive_to_domain("std", kind, directive, override=True)
    app.add_directive("exceptions", Exceptions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
