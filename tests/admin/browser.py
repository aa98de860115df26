"""What a browser does with a page: it reads a form, and sends it."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from django.http import QueryDict


class Page(HTMLParser):
    """The fields of a form, by its id, with what they would send."""

    def __init__(self, text: str, form_id: str) -> None:
        super().__init__()
        self.form_id = form_id
        self._templates = 0
        self.fields: dict[str, Any] = {}
        self._is_inside = False
        self._open: str | None = None  # a textarea, or a select
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._is_inside = known.get("id") == self.form_id
        self._templates += tag == "template"
        if not self._is_inside or self._templates:
            return
        name = known.get("name", "")
        if tag == "input" and name:
            kind = known.get("type")
            if kind == "checkbox" and "checked" in known:
                self._add(name, known.get("value", "on"))
            elif kind not in ("checkbox", "submit", "file"):
                self.fields[name] = known.get("value", "")
        elif tag in ("textarea", "select") and name:
            self._open = name
            self.fields[name] = ""
        elif tag == "option" and self._open and "selected" in known:
            self.fields[self._open] = known.get("value", "")
            self._open = None

    def _add(self, name: str, value: str) -> None:
        """One more value: those of checkboxes of one name are a list."""
        old = self.fields.get(name)
        if old is None:
            self.fields[name] = value
        else:
            self.fields[name] = [*(old if isinstance(old, list) else [old]), value]

    def handle_endtag(self, tag: str) -> None:
        if tag in ("textarea", "select"):
            self._open = None
        elif tag == "form":
            self._is_inside = False
        self._templates -= tag == "template"

    def handle_data(self, data: str) -> None:
        if self._open and self.lasttag == "textarea":
            self.fields[self._open] += data.removeprefix("\n")


def sent(form: Any) -> QueryDict:
    """What a browser sends of a form that nobody has touched."""
    page = Page(f'<form id="page">{form.as_div()}</form>', "page")
    data = QueryDict(mutable=True)
    for name, value in page.fields.items():
        data.setlist(name, value if isinstance(value, list) else [value])
    return data


def fields(response: Any, form_id: str) -> dict[str, Any]:
    """What a form on a page would send, unchanged."""
    return Page(response.content.decode(), form_id).fields
