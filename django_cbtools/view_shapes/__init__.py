"""Map functions, read as data: which documents they emit rows for, and which rows.

What JavaScript means is kept exactly, or the function is refused (:exc:`Unreadable`). Nothing here
knows SQL++ or models.
"""

from .reading import read_view
from .shapes import View
from .syntax import Unreadable

__all__ = ["Unreadable", "View", "read_view"]
