"""The URLs of the admin's pages."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.utils import quote
from django.urls import reverse


def page_name(model: Any, page: str) -> str:
    """Return the name of the URL pattern of a page of a class."""
    return f"{model._meta.app_label}_{model._meta.model_name}_{page}"


def address(site: Any, model: Any, page: str, uid: Any = None) -> str:
    """Return the URL of a page of a class, or of one of its documents. Raise NoReverseMatch if
    there is none."""
    args = () if uid is None else [quote(uid)]
    return reverse(f"admin:{page_name(model, page)}", args=args, current_app=site.name)
