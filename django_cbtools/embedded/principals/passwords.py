"""Users' passwords, hashed as Django hashes its own."""

from __future__ import annotations

import hashlib
import hmac
import os

from django.contrib.auth.hashers import check_password, make_password

# Hashing is slow on purpose, and clients send the password with every request: as a real gateway
# does, remember for the life of the process which ones were right, by a keyed digest.
_KEY = os.urandom(32)
_right: dict[tuple[str, bytes], None] = {}


def encode(password: str) -> str:
    """The password as it is stored."""
    return make_password(password)


def verify(encoded: str, password: str) -> bool:
    """Whether a password is the one that is stored ('': there is none, and none is to be given)."""
    if not encoded:
        return not password
    key = encoded, hmac.new(_KEY, password.encode(), hashlib.sha256).digest()
    if key not in _right:
        if not check_password(password, encoded):
            return False
        if len(_right) >= 1000:
            _right.clear()
        _right[key] = None
    return True
