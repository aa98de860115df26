"""Document expiry: the special property `_exp` in requests."""

from __future__ import annotations

from typing import Any

from django_cbtools import expiry

from ..errors import bad_request

shown = expiry.shown


def parse(value: Any) -> int | None:
    """Return the time (seconds since 1970) at which a document with this `_exp` expires.

    None means never. Raises a 400 GatewayError if the value is invalid.
    """
    try:
        return expiry.parse(value)
    except ValueError as error:
        raise bad_request(str(error)) from None
