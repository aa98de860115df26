"""Which serializers Django takes."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import serializers

from django_cbtools.serializers import FORMATS, register

DJANGOS = {
    "python": "django.core.serializers.python", "json": "django.core.serializers.json",
    "jsonl": "django.core.serializers.jsonl", "xml": "django.core.serializers.xml_serializer",
    "yaml": "django.core.serializers.pyyaml",
}  # fmt: skip


@pytest.mark.parametrize("is_loaded", [False, True])
def test_the_librarys_unless_the_settings_name_others(
    settings: Any, monkeypatch: Any, is_loaded: bool
) -> None:
    settings.SERIALIZATION_MODULES = {"xml": "django.core.serializers.base", "own": "json"}
    monkeypatch.setattr(serializers, "_serializers", {})
    monkeypatch.setattr(serializers, "BUILTIN_SERIALIZERS", dict(DJANGOS))
    if is_loaded:
        assert "own" in serializers.get_serializer_formats()
    register()
    register()
    assert "own" in serializers.get_serializer_formats()
    found = {name: serializers._serializers[name].__name__ for name in FORMATS}
    wanted = {name: f"django_cbtools.serializers.{name}_documents" for name in FORMATS}
    assert found == {**wanted, "xml": "django.core.serializers.base"}
