"""The parameters of a view query, in the form of the REST API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django_cbtools.exceptions import SyncGatewayBadRequest

#: Stands for a key that is not asked for: null is one.
UNSET: Any = object()


@dataclass(frozen=True)
class Asked:
    """The parameters of a view query. ``group_level`` is 0 to reduce all rows to one, and None to
    group by whole keys."""

    startkey: Any = UNSET
    endkey: Any = UNSET
    keys: list[Any] | None = None
    startkey_docid: str | None = None
    endkey_docid: str | None = None
    inclusive_end: bool = True
    descending: bool = False
    limit: int | None = None
    skip: int = 0
    reduce: bool = True
    group_level: int | None = 0

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Asked:
        """Return the parameters of a Query. Raise SyncGatewayBadRequest if one is not valid."""
        found: dict[str, Any] = {
            name: parameters[name] for name in ("startkey", "endkey") if name in parameters
        }
        if "key" in parameters:
            found["startkey"] = found["endkey"] = parameters["key"]
        if parameters.get("keys") is not None:
            if not isinstance(parameters["keys"], (list, tuple)):
                raise SyncGatewayBadRequest("keys must be a list", status=400)
            found["keys"] = list(parameters["keys"])
        for name in ("inclusive_end", "descending", "reduce"):
            if name in parameters:
                found[name] = _is_true(parameters[name])
        for name in ("limit", "skip", "group_level"):
            if name in parameters:
                found[name] = _number(name, parameters[name])
        if _is_true(parameters.get("group")) and not found.get("group_level"):
            found["group_level"] = None
        for name in ("startkey_docid", "endkey_docid"):
            if parameters.get(name):
                found[name] = str(parameters[name])
        return cls(**found)

    @property
    def lowest(self) -> Any:
        return self.endkey if self.descending else self.startkey

    @property
    def highest(self) -> Any:
        return self.startkey if self.descending else self.endkey


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"


def _number(name: str, value: Any) -> int:
    try:
        found = int(value)
    except (TypeError, ValueError):
        found = -1
    if found < 0:
        raise SyncGatewayBadRequest(f"{name} cannot be {value!r}", status=400)
    return found
