"""The active side of a replication: this gateway pulls from another one, or pushes to it.

It answers, and asks, by the same functions as the server side. What is only its own is here: the
task, the progress and the checkpoints, and what becomes of conflicts.
"""
