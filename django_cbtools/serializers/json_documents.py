"""Django's serializer of JSON, with documents."""

from __future__ import annotations

from django.core.serializers import json as djangos

from .exact import ExactDocuments


class Serializer(ExactDocuments, djangos.Serializer):
    pass


Deserializer = djangos.Deserializer
