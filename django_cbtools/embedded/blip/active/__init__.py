"""The active side of a replication: this gateway pulls from another one, or pushes to it.

It uses the same functions as the server side. This package adds the task, the progress, the
checkpoints, and the resolution of conflicts.
"""
