"""Django's serializers for documents. They keep the JSON of documents exactly."""

from __future__ import annotations

from django.core import serializers

#: The formats whose modules replace Django's.
FORMATS = ("python", "json", "jsonl", "xml", "yaml")


def register() -> None:
    """Replace Django's serializers by the library's, unless the settings name others."""
    serializers.get_serializer_formats()
    for name in FORMATS:
        module = serializers._serializers.get(name)  # type: ignore[attr-defined]
        if module is not None and getattr(module, "__name__", "") == _djangos(name):
            serializers.register_serializer(name, f"{__name__}.{name}_documents")


def _djangos(name: str) -> str:
    module = "xml_serializer" if name == "xml" else "pyyaml" if name == "yaml" else name
    return f"django.core.serializers.{module}"
