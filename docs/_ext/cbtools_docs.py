"""Settings, checks and commands in the documentation, with what the library itself says of them.

``.. setting::``, ``.. check::`` and ``.. manage::`` describe one each; ``:setting:``, ``:check:``
and ``:manage:`` lead there. Defaults, and the options of commands, are the library's own.
``.. exceptions::`` is the tree of its exceptions.
"""

from __future__ import annotations

import inspect
import re
from argparse import Action, _HelpAction
from collections.abc import Iterable, Iterator
from typing import Any

from asgiref.sync import SyncToAsync
from django.core.checks import registry
from django.core.management import load_command_class
from django.core.management.base import BaseCommand
from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx
from sphinx.domains.std import GenericObject

from django_cbtools import conf, exceptions


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


class Check(GenericObject):
    """A system check; it says whether it needs ``--deploy``."""

    def transform_content(self, content_node: Any) -> None:
        if self.arguments[0] in check_ids(registry.registry.deployment_checks):
            content_node.insert(0, nodes.paragraph("", "", nodes.emphasis("", "With --deploy.")))


def check_ids(functions: Iterable[Any]) -> set[str]:
    """The ids of what functions of checks say, among those of the library."""
    sources = (inspect.getsource(f) for f in functions if "cbtools" in f.tags)
    return set(re.findall(r'id="(cbtools\.[EW]\d{3})"', "".join(sources)))


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
            # A sentence, unless it begins with an address.
            said = re.sub("^[a-z](?=[a-z]*(?: |: ))", lambda first: first[0].upper(), said)
            said = said.rstrip(".") + "."
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


#: Members that the library alone calls.
_INNER = {
    "after_delete", "after_save", "before_delete", "before_save", "check", "clean_fields",
    "declared_keys", "document_columns", "fields_as_json", "from_cleaned_data", "from_db",
    "from_row", "get_deferred_fields", "is_gone", "is_nested", "prepare_database_save",
    "prepare_field", "save_base", "saved_as", "tables", "type_name", "unread_as",
}  # fmt: skip


def leave_out(app: Any, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Members that the reference leaves out: what a class has from Django, twins for async code,
    and what only the library calls."""
    if what not in ("class", "exception") or skip:
        return None
    if (
        name in _INNER
        or isinstance(obj, SyncToAsync)
        or inspect.iscoroutinefunction(obj)
        or inspect.isclass(obj)
    ):
        return True
    function = obj.fget if isinstance(obj, property) else getattr(obj, "__func__", obj)
    module = getattr(inspect.unwrap(function), "__module__", None) if callable(function) else None
    if module is None:
        return True if inspect.isroutine(obj) else None
    return not module.startswith("django_cbtools.") or None


def setup(app: Sphinx) -> dict[str, Any]:
    for kind, directive in [("setting", Setting), ("manage", Manage), ("check", Check)]:
        app.add_object_type(kind, kind, indextemplate=f"pair: %s; {kind}")
        app.add_directive_to_domain("std", kind, directive, override=True)
    app.connect("autodoc-skip-member", leave_out)
    app.add_directive("exceptions", Exceptions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
