"""How documents are shown in lists, whatever phones have written into them."""

from __future__ import annotations

import copy
from typing import Any

from django.db import models


def shown(document: Any) -> Any:
    """The document, or a copy whose booleans can be shown: Django has no icon for other values but
    the one for unknown."""
    unread = [
        name
        for name in document.unread()
        if isinstance(document._meta.get_field(name), models.BooleanField)
    ]
    if unread:
        document = copy.copy(document)
        for name in unread:
            setattr(document, name, None)
    return document
