"""How much memory another process takes while it is busy."""

from __future__ import annotations

import re
from pathlib import Path


class Peak:
    """The most memory (bytes) that a process has taken since this was made, as Linux counts it."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")
        self._folder.joinpath("clear_refs").write_text("5")

    def bytes(self) -> int:
        found = re.search(r"VmHWM:\s+(\d+) kB", self._folder.joinpath("status").read_text())
        assert found
        return int(found[1]) * 1024
