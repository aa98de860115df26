"""A page of the admin with lists in lists, and a browser that shows pages that nobody serves."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import django.contrib.admin
from django.contrib import admin
from django.urls import path

import django_cbtools
from django_cbtools.admin import CouchbaseModelAdmin
from tests.gateway.hostile.chromium import Chromium
from tests.orm.array_models import Customer

site = admin.AdminSite(name="admin")


@admin.register(Customer, site=site)
class CustomerAdmin(CouchbaseModelAdmin):
    fields = ["name", "channels", "tags", "colors", "address", "payments"]
    list_display = ["name", "tags", "colors", "address", "payments"]


urlpatterns = [path("admin/", site.urls)]
CHANGE = "/admin/orm/customer/a/change/"
STATIC = [
    Path(each.__file__ or "").parent / "static" for each in (django.contrib.admin, django_cbtools)
]


class Window:
    """A browser 390 px wide, in which forms are filled in; the test's client sends them."""

    def __init__(self, program: str, folder: Path) -> None:
        self._folder = folder
        for each in STATIC:
            shutil.copytree(each, folder / "static", dirs_exist_ok=True)
        self.chromium = Chromium(program, folder / "profile")
        self.chromium.resize(390, 844)

    def scripts(self, are_on: bool) -> None:
        self.chromium._ask("Emulation.setScriptExecutionDisabled", value=not are_on)

    def open(self, html: str) -> None:
        file = self._folder / "page.html"
        file.write_text(html.replace('"/static/', '"static/'))
        assert self.chromium.open(file.as_uri())

    def run(self, script: str) -> Any:
        return self.chromium.evaluate(script)

    def sent(self, form_id: str) -> dict[str, Any]:
        """What the form would send."""
        pairs = self.run(f"Array.from(new FormData(document.getElementById('{form_id}')))")
        found: dict[str, list[str]] = {}
        for name, value in pairs:
            if isinstance(value, str):
                found.setdefault(name, []).append(value)
        return found

    def close(self) -> None:
        self.chromium.close()
