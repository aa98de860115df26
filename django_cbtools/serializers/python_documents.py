"""Django's serializer of Python objects, with documents."""

from __future__ import annotations

from django.core.serializers import python as djangos

from .exact import ExactDocuments


class Serializer(ExactDocuments, djangos.Serializer):
    pass


Deserializer = djangos.Deserializer
