"""Parses map functions into data: for which documents they emit which rows.

The meaning of the JavaScript is kept exactly, or the function is refused (:exc:`Unreadable`). The
package does not know SQL++ or models.
"""

from .reading import read_view
from .shapes import View
from .syntax import Unreadable

__all__ = ["Unreadable", "View", "read_view"]
