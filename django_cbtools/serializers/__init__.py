"""Django's serializers for documents. They keep the JSON of documents exactly."""

from __future__ import annotations

from django.core import serializers

#: The formats whose modules replace Django's.
FORMATS = ("python", "json", "jsonl", "xml", "yaml")


def register() -> None:
    """Replace Django's serializers by the library's, unless the settings name others.

    Django imports serializers when the first one is asked for; until then, neither are these.
    """
    names = serializers.BUILTIN_SERIALIZERS
    loaded = serializers._serializers  # type: ignore[attr-defined]
    for name in FORMATS:
        module = getattr(loaded.get(name), "__name__", None)
        own = f"{__name__}.{name}_documents"
        if module == names[name]:
            serializers.register_serializer(name, own)
        names[name] = own
