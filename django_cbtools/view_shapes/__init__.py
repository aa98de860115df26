"""Parses map functions into data: the rows that they emit, and the conditions of these.

The result has exactly the meaning of the JavaScript, or the function is refused
(:exc:`Unreadable`). The package does not know SQL++ or models.
"""

from .reading import read_view
from .shapes import View
from .syntax import Unreadable

__all__ = ["Unreadable", "View", "read_view"]
