"""A mypy plugin that tells django-stubs about documents.

``plugins = mypy_django_plugin.main, django_cbtools.mypy_plugin``, in either order.

django-stubs knows documents as Django models, with their fields, managers and relations. But it
reads ``abstract = True`` in their source, and then refuses to instantiate them. It stores this with
the class, so this plugin stores the correct value before. Two more things are special:
``DoesNotExist`` of a document is also a SyncGatewayNotFound, with ``status`` and ``reason``, and
``uid_prefix`` and ``extra`` are arguments, but not fields.
"""

from __future__ import annotations

from collections.abc import Callable

from mypy.nodes import ARG_NAMED_OPT, ARG_STAR, ARG_STAR2, MDEF, SymbolTableNode, TypeInfo
from mypy.plugin import ClassDefContext, FunctionSigContext, Plugin
from mypy.types import CallableType, Instance
from mypy_django_plugin.lib import fullnames, helpers

DOCUMENT = "django_cbtools.models.base.CouchbaseModel"
NOT_FOUND = "django_cbtools.exceptions.SyncGatewayNotFound"
ERROR = "DoesNotExist"


class DocumentPlugin(Plugin):
    """The plugin, which customizes classes of documents."""

    def get_customize_class_mro_hook(
        self, fullname: str
    ) -> Callable[[ClassDefContext], None] | None:
        return _complete_class if self._is_document(fullname) else None

    def get_function_signature_hook(
        self, fullname: str
    ) -> Callable[[FunctionSigContext], CallableType] | None:
        return _complete_init if self._is_document(fullname) else None

    def _is_document(self, fullname: str) -> bool:
        found = self.lookup_fully_qualified(fullname)
        return bool(found and isinstance(found.node, TypeInfo) and found.node.has_base(DOCUMENT))


def _complete_class(ctx: ClassDefContext) -> None:
    info = ctx.cls.info
    if "base" in ctx.cls.keywords:  # it is abstract in truth
        return
    helpers.get_django_metadata(info)["is_abstract_model"] = False
    if ERROR not in info.names:
        error = helpers.create_type_info(ERROR, info.fullname, _error_bases(ctx))
        info.names[ERROR] = SymbolTableNode(MDEF, error, plugin_generated=True)


def _error_bases(ctx: ClassDefContext) -> list[Instance]:
    """Return the bases that the metaclass of documents gives to the exception."""
    parents = [parent.names.get(ERROR) for parent in ctx.cls.info.direct_base_classes()]
    inherited: list[TypeInfo | None] = [
        found.node for found in parents if found and isinstance(found.node, TypeInfo)
    ]
    bases = inherited or [
        helpers.lookup_fully_qualified_typeinfo(helpers.get_semanal_api(ctx), name)
        for name in (fullnames.OBJECT_DOES_NOT_EXIST, NOT_FOUND)
    ]
    return [Instance(base, []) for base in bases if base]


def _complete_init(ctx: FunctionSigContext) -> CallableType:
    signature = ctx.default_signature
    # django-stubs takes arguments after *args and **kwargs for fields, by the position of these
    # two.
    if signature.arg_kinds != [ARG_STAR, ARG_STAR2]:
        return signature
    text, anything = ctx.api.named_generic_type("builtins.str", []), signature.arg_types[1]
    json = ctx.api.named_generic_type("builtins.dict", [text, anything])
    return signature.copy_modified(
        arg_kinds=[*signature.arg_kinds, ARG_NAMED_OPT, ARG_NAMED_OPT],
        arg_names=[*signature.arg_names, "uid_prefix", "extra"],
        arg_types=[*signature.arg_types, text, json],
    )


def plugin(version: str) -> type[DocumentPlugin]:
    """Return the plugin's class. mypy calls this function."""
    return DocumentPlugin
