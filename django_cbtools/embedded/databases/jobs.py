"""Jobs that process a whole database. Their progress is stored with the database.

A job runs in the request that starts it, in batches. Each batch is one transaction, which also
stores the progress. So the stored progress is correct even if the process dies in between.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from ..database import Database
from ..errors import GatewayError

RUNNING = "running"
STOPPING = "stopping"
STOPPED = "stopped"
COMPLETED = "completed"

#: The state of a job that has never run.
_NEVER: Mapping[str, Any] = {
    "status": COMPLETED, "start_time": "0001-01-01T00:00:00Z", "last_error": "",
}  # fmt: skip
#: A job that has not reported progress for this time (seconds) is considered dead.
SILENCE = 30.0


class Job:
    """A job of one kind, with its counts. Use it inside :meth:`Database.atomic`."""

    def __init__(self, database: Database, kind: str, counts: Mapping[str, Any]) -> None:
        self._database = database
        self._kind = kind
        self._all: dict[str, Any] = json.loads(
            database.value("SELECT jobs FROM cbtools_databases WHERE name = %s", [database.name])
            or "{}"
        )
        self.members: dict[str, Any] = {**_NEVER, **counts, **self._all.get(kind, {})}
        if self.members["status"] in (RUNNING, STOPPING) and not is_alive(self.members):
            self.members["status"] = STOPPED

    @property
    def status(self) -> str:
        status: str = self.members["status"]
        return status

    @property
    def is_running(self) -> bool:
        return self.status in (RUNNING, STOPPING)

    def shown(self) -> dict[str, Any]:
        """Return the job as answers show it."""
        return {key: value for key, value in self.members.items() if key != "beat"}

    def begin(self, **members: Any) -> None:
        """Start the job; raise a 503 GatewayError if it is already running."""
        if self.is_running:
            raise GatewayError(503, "Process already running")
        start = datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")
        self.keep(**{**_NEVER, "start_time": start, "status": RUNNING, **members})

    def stop(self) -> None:
        """Ask the process that runs the job to stop after its current batch.

        Raises a 503 GatewayError if the job is stopping already, or not running.
        """
        if self.status == STOPPING:
            raise GatewayError(503, "Process currently stopping. Wait until stopped to retry")
        if not self.is_running:
            raise GatewayError(503, "Process already stopped")
        self.keep(status=STOPPING)

    def keep(self, **members: Any) -> None:
        """Change members of the job's state, and store it."""
        self.members |= {**members, "beat": time.time()}
        self._all[self._kind] = self.members
        self._database.execute(
            "UPDATE cbtools_databases SET jobs = %s WHERE name = %s",
            [json.dumps(self._all), self._database.name],
        )


def is_alive(members: Mapping[str, Any]) -> bool:
    """Return whether a running job has reported progress within the last SILENCE seconds.

    The clock may have been set back, so reports from the future count only if they are as near.
    """
    return bool(abs(time.time() - members.get("beat", 0)) < SILENCE)
