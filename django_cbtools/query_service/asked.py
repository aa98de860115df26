"""A statement with its parameters and options."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from . import codes
from .errors import DataError, about


@dataclass(frozen=True)
class Asked:
    """A statement with its parameters and options. ``timeout`` is in seconds. ``prepared`` says
    whether its plan is worth keeping."""

    statement: str
    args: Sequence[Any]
    readonly: bool
    scan_consistency: str
    timeout: float
    prepared: bool
    context_id: str

    def body(self, seconds: float, **how: Any) -> bytes:
        """Return the request as JSON, to be answered within ``seconds``.

        ``how`` has the members that say what to do with the statement. Raises DataError if JSON
        cannot represent a parameter, and InterfaceError if the request is too large.
        """
        members = {
            **how,
            "args": list(self.args),
            "readonly": self.readonly,
            "scan_consistency": self.scan_consistency,
            "timeout": f"{max(round(seconds * 1000), 1)}ms",
            "client_context_id": self.context_id,
            "pretty": False,
        }
        try:
            body = _dumps(members)
        except (TypeError, ValueError, RecursionError):
            # The original message may contain a value.
            raise self._not_json() from None
        if len(body) > codes.LARGEST:
            raise codes.too_large(len(body), self.statement)
        return body

    def _not_json(self) -> DataError:
        wrong = [
            f"${number} ({type(value).__name__})"
            for number, value in enumerate(self.args, 1)
            if not _is_json(value)
        ]
        return DataError(
            about(f"JSON has nothing for parameter {', '.join(wrong[:5])}.", self.statement),
            statement=self.statement,
        )


def _is_json(value: Any) -> bool:
    try:
        _dumps(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _dumps(value: Any) -> bytes:
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()
