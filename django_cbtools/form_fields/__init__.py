"""Form fields of lists and objects, the forms of what is in them, and their widgets.

They know model fields, and no documents: whatever is about the document as a whole is above.
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
