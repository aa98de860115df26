"""Users' passwords, hashed as Django hashes its own."""

from __future__ import annotations

import hashlib
import hmac
import os

from django.contrib.auth.hashers import check_password, make_password

# Hashing is slow on purpose, and clients send the password with every request. As a real gateway
# does, the process remembers which passwords were right, by a keyed digest.
_KEY = os.urandom(32)
_right: dict[tuple[str, bytes], None] = {}


def encode(password: str) -> str:
    """The password as it is stored."""
    return make_password(password)


def verify(encoded: str, password: str) -> bool:
    """Whether a password is the one that is stored.

    A user without a password ('') logs in with an empty one. One password is hashed in any case:
    the time that it takes says nothing about the user.
    """
    key = encoded, hmac.new(_KEY, password.encode(), hashlib.sha256).digest()
    if key in _right:
        return True
    if encoded:
        is_right = check_password(password, encoded)
    else:
        make_password(password)
        is_right = not password
    if is_right:
        if len(_right) >= 1000:
            _right.clear()
        _right[key] = None
    return is_right
