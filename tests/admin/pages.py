"""Pages of the admin, and what they say."""

from __future__ import annotations

import datetime
from typing import Any

from django.contrib import admin
from django.urls import reverse

from django_cbtools.sync_gateway import SyncGateway

UTC = datetime.timezone.utc
LIST = "/admin/testapp/cbarticle/"
#: What an address must quote, and what HTML must.
ODD = "a/b_c%20'\"<i>&é\n?#;: [x]"


def url(page: str, document: Any) -> str:
    name = f"admin:{document._meta.app_label}_{document._meta.model_name}_{page}"
    return reverse(name, args=[admin.utils.quote(document.pk)])


def titles(response: Any) -> list[str]:
    return [document.title for document in response.context["cl"].result_list]


def stored(uid: str) -> dict[str, Any]:
    return SyncGateway.all_docs([uid])["rows"][0]["doc"]


def told(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]
