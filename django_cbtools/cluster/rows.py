"""The serializer by which the SDK reads rows."""

from __future__ import annotations

from typing import Any

from couchbase.serializer import Serializer

from django_cbtools.sync_gateway.calls.client import parse


class RowSerializer(Serializer):  # type: ignore[misc]
    """A serializer that parses rows as all JSON here, whatever numbers they contain. If ``skips``
    is true, it does not parse them."""

    skips = False

    def serialize(self, value: Any) -> bytes:
        raise NotImplementedError

    def deserialize(self, value: bytes) -> Any:
        return None if self.skips else parse(value)
