"""Form fields for lists and objects, the forms of their elements, and their widgets.

They know model fields but not documents. Code about documents as a whole is in ``forms``.
"""

from .choices import ElementChoices
from .lines import MembersFormField
from .nested import NestedListFormField, NestedObjectFormField
from .pairs import ObjectFormField
from .subforms import NestedForm

__all__ = [
    "ElementChoices",
    "MembersFormField",
    "NestedForm",
    "NestedListFormField",
    "NestedObjectFormField",
    "ObjectFormField",
]
