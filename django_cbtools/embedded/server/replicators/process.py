"""Replications that a program runs to their end: `manage.py replicate`."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from ...blip.active import checkpoints
from ...blip.active.progress import Refusal
from ...blip.active.task import Task
from ..pools import Pools
from .remote import Remote
from .replicator import Failed, Replicator, database

#: How often a connection is tried in a row, where the replication has an end.
TRIES = 6
#: The interval (in seconds) at which progress is told.
TELLING = 0.5

Tell = Callable[[Sequence[Replicator]], None]


def reset(alias: str, name: str, tasks: Sequence[Task]) -> None:
    """Forget how far some replications have come, so that they begin anew."""
    for task in tasks:
        checkpoints.forget(database(alias, name), task)


def replicate(
    alias: str, name: str, tasks: Sequence[Task], remote: Remote, tell: Tell,
    report: Callable[[Refusal], None],
) -> list[Replicator]:  # fmt: skip
    """Replicate until all is done, or until the process gets SIGTERM or SIGINT.

    Tasks that have an end are done in order, others at the same time. ``tell`` is called at short
    intervals, ``report`` with revisions that are refused. Raises Failed if the other gateway
    refuses the connection, or if it is not to be reached.
    """
    pools = Pools()

    def gives_up(error: Failed, failures: int) -> bool:
        is_over = error.is_first or failures >= TRIES
        return error.is_final or (is_over and not is_continuous)

    is_continuous = any(task.is_continuous for task in tasks)
    try:
        return asyncio.run(
            _run(
                lambda: [
                    Replicator(alias, name, task, remote, pools, gives_up, report)
                    for task in tasks
                ],
                is_continuous, tell,
            )
        )  # fmt: skip
    finally:
        pools.close()


async def _run(
    made: Callable[[], list[Replicator]], is_continuous: bool, tell: Tell
) -> list[Replicator]:
    replicators = made()
    telling = asyncio.ensure_future(_tell(replicators, tell))
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for replicator in replicators:
            replicator.stop()
        for number in signals:  # the next one ends the process
            loop.remove_signal_handler(number)

    signals: list[int] = []
    if threading.current_thread() is threading.main_thread():
        with suppress(NotImplementedError):  # on Windows, Ctrl-C ends the process
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, stop)
                signals.append(number)
    try:
        if is_continuous:
            await _all(replicators)
        else:
            for replicator in replicators:
                await replicator.run()
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
        tell(replicators)
    return replicators


async def _all(replicators: Sequence[Replicator]) -> None:
    """Run replications at the same time. If one fails, the others end."""
    running = [asyncio.ensure_future(replicator.run()) for replicator in replicators]
    done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_EXCEPTION)
    for replicator in replicators:
        replicator.stop()
    await asyncio.gather(*running, return_exceptions=True)
    for task in done:
        task.result()


async def _tell(replicators: Sequence[Replicator], tell: Tell) -> None:
    while True:
        await asyncio.sleep(TELLING)
        tell(replicators)
