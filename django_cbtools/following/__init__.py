"""Follows the changes of documents by phones and others, and sends signals for them."""

from .tasks import handle_change

__all__ = ["handle_change"]
