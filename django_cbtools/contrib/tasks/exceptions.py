"""Exceptions of tasks, besides those that tasks raise themselves."""


class GiveUp(Exception):
    """A task raises it to fail for good: the task is not tried again."""


class WorkerLost(Exception):
    """The worker that ran the task has stopped without a result, as if it was killed."""
