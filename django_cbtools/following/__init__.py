"""Hearing what phones do: changes of documents, handed to receivers of signals."""

from .tasks import handle_change

__all__ = ["handle_change"]
