"""What can go wrong with a task, besides what it raises itself."""


class GiveUp(Exception):
    """Raised by a task: it has failed, and is not to be tried again."""


class WorkerLost(Exception):
    """A worker has begun a task, and was not heard of again: it was killed, or its machine was."""
