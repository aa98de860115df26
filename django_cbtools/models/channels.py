"""The channels of documents: defaults, and the check that a document is in one."""

from __future__ import annotations

import sys
from typing import Any

from django.core.exceptions import ValidationError

from django_cbtools.exceptions import CouchbaseModelError


class Undecided(list[str]):
    """The channels of a new document that nobody has set yet."""


def decide_channels(document: Any) -> None:
    """Set the channels of a new document to its class's ``default_channels``, unless they have been
    set."""
    channels = document.channels
    if channels or type(channels) is not Undecided or document.rev is not None:
        return
    default = type(document).default_channels
    found = default(document) if callable(default) else default or ()
    document.channels = list(found) if isinstance(found, (list, tuple, set)) else found


def check_channels(channels: Any, model: Any) -> None:
    """Raise CouchbaseModelError, with advice, if a document of the class cannot be saved with these
    channels."""
    problem = channels_problem(channels, model)
    if problem is None:
        return
    if model.default_channels is None:
        raise CouchbaseModelError(problem.messages[0]) from problem
    if not channels:
        # Programs written for 1.x compare this text. Tracebacks show the note.
        error = CouchbaseModelError("Empty channels list can not be saved")
        if sys.version_info >= (3, 11):
            error.add_note(problem.messages[0])
        raise error from problem
    raise CouchbaseModelError(f"channels is a list of names, not {channels!r}") from problem


def channels_problem(channels: Any, model: Any) -> ValidationError | None:
    """Return the problem with the channels of a document, or None."""
    name = model._meta.label
    if model.default_channels is None:
        if channels == [] or channels == ():
            return None
        return ValidationError(
            "A %(name)s is in no channel: it is the server's own, and no phone gets it. Leave its "
            "channels empty, or give the class other default_channels than None.",
            code="invalid",
            params={"name": name},
        )
    if not channels:
        return ValidationError(
            "A document is in one channel at least, or nobody could read it: set channels of this "
            "%(name)s, or give the class default_channels = [...].",
            code="blank",
            params={"name": name},
        )
    if not isinstance(channels, (list, tuple)) or not all(
        isinstance(channel, str) for channel in channels
    ):
        return ValidationError(
            "The channels of a %(name)s are a list of names.",
            code="invalid",
            params={"name": name},
        )
    return None
