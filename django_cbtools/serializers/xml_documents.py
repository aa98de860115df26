"""Django's serializer of XML, with documents."""

from __future__ import annotations

from django.core.serializers import xml_serializer as djangos

from .exact import ExactInXML


class Serializer(ExactInXML, djangos.Serializer):
    pass


Deserializer = djangos.Deserializer
