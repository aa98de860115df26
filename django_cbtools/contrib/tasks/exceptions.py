"""Exceptions of tasks, in addition to those that tasks raise themselves."""


class GiveUp(Exception):
    """Raised by a task to fail for good. The task is not tried again."""


class WorkerLost(Exception):
    """The worker that ran the task has stopped without a result, as if it was killed."""
