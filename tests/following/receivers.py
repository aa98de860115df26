"""What tests connect to signals."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django_cbtools.signals import cb_changed, cb_removed

SIGNALS = {cb_changed: "changed", cb_removed: "removed"}


class Heard(list[dict[str, Any]]):
    """A receiver that notes what it is told; ``told(name, ...)`` are these of its arguments."""

    def __call__(self, signal: Any, sender: Any, **kwargs: Any) -> None:
        self.append({"signal": SIGNALS[signal], "sender": sender, **kwargs})

    def told(self, *names: str) -> list[Any]:
        found = [tuple(said.get(name) for name in names) for said in self]
        return [values[0] for values in found] if len(names) == 1 else found


@contextmanager
def connected(receiver: Any, sender: Any = None) -> Iterator[Any]:
    """A receiver of both signals."""
    for signal in SIGNALS:
        signal.connect(receiver, sender)
    try:
        yield receiver
    finally:
        for signal in SIGNALS:
            signal.disconnect(receiver, sender)
