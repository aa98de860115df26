"""Django's serializer of JSONL, with documents."""

from __future__ import annotations

from django.core.serializers import jsonl as djangos

from .exact import ExactDocuments


class Serializer(ExactDocuments, djangos.Serializer):
    pass


Deserializer = djangos.Deserializer
