"""The steps that the replicator's functions yield to the code that runs them.

A function that must wait is a generator. It yields a step, is resumed with the step's result, and
returns its own result at the end. So it takes no thread while it waits. Between two steps, it must
not keep anything that belongs to a thread, such as a cursor or a transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from ..documents.plans import Edit
from ..http.streams import Waiting
from .messages import Message

if TYPE_CHECKING:
    from .session import Place

T = TypeVar("T")


@dataclass
class Ask:
    """Send a request. The result is the reply."""

    request: Message


#: A function that is called with the reply to a request.
OnReply: TypeAlias = "Callable[[Message], None] | None"


@dataclass
class Tell:
    """Send requests, and go on. Each has a function for its reply, or None."""

    requests: Sequence[tuple[Message, OnReply]]


@dataclass
class Save:
    """Write a revision in a collection. The result is a Saved or a GatewayError.

    Revisions that are to be written at the same time are written together.
    """

    place: Place
    edit: Edit


@dataclass
class Start:
    """Run other steps beside these."""

    steps: Steps[None]


@dataclass
class Then:
    """Send a request, and go on. The steps that ``then`` makes of the reply run beside these.

    The result is a value for :class:`Join`.
    """

    request: Message
    then: Callable[[Message], Steps[None]]


@dataclass
class Join:
    """Wait until the steps of :class:`Then` are at their end."""

    started: Any


#: ``Waiting`` is a pause, as in the stream of an answer.
Step: TypeAlias = "Ask | Tell | Save | Start | Then | Join | Waiting"
Steps: TypeAlias = Generator[Step, Any, T]


class Goodbye(Exception):
    """The connection must be closed: its user may no longer log in, or its database is gone."""
