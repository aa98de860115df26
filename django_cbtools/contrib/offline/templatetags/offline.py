"""The template tag ``{% offline "notes" %}``, for the head of a page."""

from __future__ import annotations

from typing import Any

from django import template
from django.contrib.staticfiles.storage import staticfiles_storage
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from django_cbtools.contrib.offline import manifests, webapp

register = template.Library()


@register.simple_tag
def offline(name: str) -> SafeString:
    """Return links and a script that let a page use its manifest's service worker and be installed.
    There is no inline script.

    Raises KeyError if there is no such manifest, and ImproperlyConfigured if it is wrong.
    """
    manifest = manifests.get(name)
    script = format_html(
        '<script src="{}" data-worker="{}" data-scope="{}" defer></script>',
        staticfiles_storage.url(manifests.SCRIPT),
        reverse("offline:worker", args=[name]),
        manifest.urls()["scope"],
    )
    return SafeString("\n".join((*_of_app(manifest), script)))


def _of_app(manifest: manifests.Manifest) -> list[Any]:
    if manifest.app is None:
        return []
    address = reverse("offline:webapp", args=[manifest.name])
    told = webapp.as_json(manifest)
    metas = {
        "theme-color": told.get("theme_color"),
        "mobile-web-app-capable": "yes",
        "apple-mobile-web-app-title": told.get("short_name", told["name"]),
    }
    links = [("manifest", address)]
    links += [("apple-touch-icon", icon["src"]) for icon in told["icons"] if _is_png(icon)][:1]
    if picture := webapp.start_picture(manifest):
        links.append(("apple-touch-startup-image", staticfiles_storage.url(picture)))
    return [
        format_html_join("\n", '<link rel="{}" href="{}">', links),
        format_html_join(
            "\n", '<meta name="{}" content="{}">', [(k, v) for k, v in metas.items() if v]
        ),
    ]


def _is_png(icon: Any) -> bool:
    return icon["type"] == "image/png" and "maskable" not in icon.get("purpose", "")
