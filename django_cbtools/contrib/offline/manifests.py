"""Reads the setting OFFLINE_MANIFEST, and creates the manifests for the service worker."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.exceptions import ImproperlyConfigured
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, get_resolver, get_script_prefix

from django_cbtools import conf

from . import files

SETTING = "OFFLINE_MANIFEST"
#: The script that pages load to use the worker. It is kept with the pages' files.
SCRIPT = "django_cbtools/offline.js"
_GATEWAY = "django_cbtools.embedded.urls.public"
_NAME = re.compile(r"[-\w.]+")


@dataclass(frozen=True)
class Manifest:
    """The options of one manifest. URLs are paths, or names of URL patterns."""

    name: str
    #: The URL below which the worker handles pages. An empty one means all pages of the site.
    scope: str = ""
    #: Pages that are kept. They are loaded without a login.
    pages: files.Patterns = ()
    #: Regular expressions of the names of static files that are kept.
    cache: files.Patterns = (".*",)
    exclude: files.Patterns = ()
    #: Prefixes of URLs that are never cached. ``*`` allows other URLs to be loaded, too.
    network: files.Patterns = ("*",)
    #: Prefixes of URLs, and the page or picture to show if such a URL cannot be reached.
    fallback: Mapping[str, str] = field(default_factory=dict)
    #: The data that a phone shows of an installed app: see :mod:`.webapp`.
    app: Mapping[str, Any] | None = None

    def static_files(self) -> dict[str, str]:
        """Return the digests of the static files to keep, by their names."""
        return files.matching((re.escape(SCRIPT),), ()) | files.matching(self.cache, self.exclude)

    def urls(self) -> dict[str, Any]:
        """Return the URLs in the options. Raise ImproperlyConfigured if one cannot be used."""
        scope = self._resolved(self.scope) if self.scope else get_script_prefix()
        pages = [self._resolved(page) for page in self.pages]
        fallback = {
            self._resolved(beginning): self._resolved(page)
            for beginning, page in self.fallback.items()
        }
        for url in (*pages, *fallback):
            if not url.startswith(scope):
                raise _wrong(
                    self.name,
                    f"{url} is not below the scope {scope}: the worker would never see it.",
                )
        network = [
            url if url == "*" or _is_elsewhere(url) else self._resolved(url) for url in self.network
        ]
        return {"scope": scope, "pages": pages, "fallback": fallback, "network": network}

    def as_json(self) -> dict[str, Any]:
        """Return the manifest for the worker: URLs, and a ``version`` that changes with every file
        and with the worker itself. Raise ImproperlyConfigured if it is not valid."""
        digests = self.static_files()
        told = {"name": self.name, **self.urls()}
        told["network"] = [*_gateways(), *told["network"]]
        told["files"] = [staticfiles_storage.url(name) for name in digests]
        parts = [told, list(digests.values()), worker_source()]
        version = sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        return {**told, "version": version[:16]}

    def _resolved(self, url: str) -> str:
        try:
            path: str = resolve_url(url)
        except NoReverseMatch:
            path = ""
        if not path.startswith("/") or path.startswith("//"):
            raise _wrong(self.name, f"{url!r} is neither a path nor the name of a URL pattern.")
        return path


def names() -> list[str]:
    """Return the names of the manifests. Raise ImproperlyConfigured if the setting has a wrong
    form."""
    return list(_setting())


def get(name: str) -> Manifest:
    """Return a manifest by its name. Raise KeyError if there is none, and ImproperlyConfigured if
    its options are wrong."""
    options = _setting()[name]
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _wrong(name, "A name is made of letters, digits, “.”, “-” and “_”.")
    if not isinstance(options, Mapping):
        raise _wrong(name, "Its options have to be a dictionary.")
    known = Manifest.__dataclass_fields__.keys() - {"name"}
    if unknown := [key for key in options if key not in known]:
        raise _wrong(name, f"It has no option {unknown[0]!r}; they are {', '.join(sorted(known))}.")
    return Manifest(name, **dict(_read(name, options)))


def _setting() -> Mapping[Any, Any]:
    setting = conf.get(SETTING)
    if isinstance(setting, str):
        return {setting: {}}
    if not isinstance(setting, Mapping):
        raise ImproperlyConfigured(
            f"{SETTING} has to be a dictionary of manifests, or the name of one that has all "
            "static files."
        )
    return setting


def _read(name: str, options: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in options.items():
        if key == "scope":
            if not isinstance(value, str) or not value:
                raise _wrong(name, "“scope” has to be a URL.")
        elif key in ("fallback", "app"):
            if not isinstance(value, Mapping) or not _are_texts(value):
                raise _wrong(name, f"“{key}” has to be a dictionary with texts for keys.")
            if key == "fallback" and not _are_texts(value.values()):
                raise _wrong(name, "“fallback” has to have URLs for values.")
        elif not isinstance(value, (list, tuple)) or not _are_texts(value):
            raise _wrong(name, f"“{key}” has to be a list or tuple of texts.")
        else:
            value = tuple(value)
            if key in ("cache", "exclude"):
                _compile(name, value)
        yield key, value


def _compile(name: str, patterns: files.Patterns) -> None:
    try:
        for pattern in patterns:
            re.compile(pattern)
    except re.error as error:
        raise _wrong(name, f"{pattern!r} is no regular expression: {error}.") from error


def _is_elsewhere(url: str) -> bool:
    return url.startswith(("http://", "https://"))


def _are_texts(values: Iterable[Any]) -> bool:
    return all(isinstance(value, str) and value for value in values)


def _wrong(name: Any, problem: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"The manifest {name!r} in {SETTING} is wrong. {problem}")


@lru_cache(maxsize=1)
def worker_source() -> str:
    """Return the source of the service worker. It reads its manifest from ``offline``."""
    return (Path(__file__).parent / "worker.js").read_text("utf-8")


def _gateways() -> list[str]:
    """Return the URL prefixes of the gateway's public API in the site, which are left to the
    network.

    A URL that takes something from the address is no beginning of others, and is passed over.
    """
    return [get_script_prefix() + path for path in _mounted(get_resolver())]


def _mounted(resolver: Any, before: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        if hasattr(pattern, "url_patterns"):
            path = before + str(pattern.pattern)
            if getattr(pattern.urlconf_name, "__name__", None) != _GATEWAY:
                yield from _mounted(pattern, path)
            elif not re.search(r"[<(\[\\^]", path):
                yield path
