"""Taking times, and telling them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def timed(work: Callable[[], Any], runs: int = 1) -> float:
    """Seconds of the fastest of some runs."""
    best = float("inf")
    for _ in range(runs):
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    return best


def report(
    what: str, seconds: float, beside: float | None = None, aim: float | None = None
) -> None:
    line = f"{what:<58}{seconds * 1000:>10.1f} ms"
    if beside is not None:
        line += f"{beside * 1000:>10.1f} ms {seconds / beside:>8.2f}x"
    if aim is not None:
        line += f"   (aim: {aim}x at most)"
    print(line, flush=True)
