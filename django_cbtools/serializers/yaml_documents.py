"""Django's serializer of YAML, with documents."""

from __future__ import annotations

from django.core.serializers import pyyaml as djangos

from .exact import ExactDocuments


class Serializer(ExactDocuments, djangos.Serializer):
    pass


Deserializer = djangos.Deserializer
