"""Users' passwords, hashed as Django hashes its own."""

from __future__ import annotations

import hashlib
import hmac
import os

from django.contrib.auth.hashers import check_password, make_password

# Hashing is slow on purpose, and clients send the password with every request. So the process
# remembers a keyed digest of each correct password, as a real gateway does.
_KEY = os.urandom(32)
_right: dict[tuple[str, bytes], None] = {}


def encode(password: str) -> str:
    """Return a password in the form in which it is stored."""
    return make_password(password)


def verify(encoded: str, password: str) -> bool:
    """Return whether a password matches the stored one, ``encoded``.

    A user without a password ('') logs in with an empty one. A password is hashed even then, so
    that the time it takes reveals nothing about the user.
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
