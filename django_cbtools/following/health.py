"""A file that shows whether a follower or a worker is healthy, for monitoring."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

from django.utils import timezone


@dataclass
class Report:
    """The state of a process that handles one item after another."""

    name: str
    state: str = "starting"
    handled: int = 0
    failed: int = 0
    error: str = ""
    pid: int = field(default_factory=os.getpid)

    def write(self, path: Path) -> None:
        """Write the state to a JSON file. Readers see either the former file or the new one. Raise
        OSError if it cannot be written."""
        told = {**asdict(self), "updated": timezone.now().isoformat(timespec="seconds")}
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "w") as file:
                json.dump(told, file, indent=1)
            Path(name).chmod(0o644)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise


@dataclass
class Health(Report):
    """The state of a follower. ``lag`` is the number of sequences that it is behind the database,
    None if that is not known yet."""

    since: str = ""
    lag: int | None = None


@dataclass
class Work(Report):
    """The state of a worker. Of the ``handled`` attempts, ``retried`` have failed and are repeated,
    and ``failed`` have failed for good."""

    retried: int = 0

    @property
    def done(self) -> int:
        return self.handled - self.retried - self.failed
