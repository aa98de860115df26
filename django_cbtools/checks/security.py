"""Checks of the connections to the gateway and the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from django.core.checks import CheckMessage, Tags, Warning, register

from django_cbtools import conf

from .databases import place

_PUBLIC, _ADMIN = "SYNC_GATEWAY_URL", "SYNC_GATEWAY_ADMIN_URL"
_HOST = "HOST in DATABASES"
_OPTIONS, _DATABASES = "SYNC_GATEWAY_OPTIONS['verify']", "OPTIONS['verify'] in DATABASES"
_VERIFY = {_PUBLIC: _OPTIONS, _ADMIN: _OPTIONS, _HOST: _DATABASES}
_PORTS = {"http": 80, "https": 443}


class _Address(NamedTuple):
    scheme: str
    host: str
    port: int | None


def _addresses(name: str) -> list[_Address]:
    """Return the addresses in a setting. Invalid ones are left out, since the client refuses
    them."""
    found = []
    for url in _texts(name):
        try:
            parts = urlsplit(url)
            port = parts.port or _PORTS.get(parts.scheme)
        except ValueError:
            continue
        if parts.hostname:
            found.append(_Address(parts.scheme, parts.hostname, port))
    return found


def database_entry() -> Mapping[str, Any]:
    """Return the entry of DATABASES for documents, if it names a query service, else an empty
    one."""
    alias = place(conf.document_alias)
    return conf.entry(alias) if alias is not None and conf.is_couchbase_alias(alias) else {}


def _texts(name: str) -> list[str]:
    """Return the strings in a setting, or in the HOST of DATABASES. The value is a string, or a
    list or tuple of strings."""
    value = database_entry().get("HOST") if name == _HOST else conf.get(name)
    if name == _HOST and isinstance(value, str):
        value = [text.strip() for text in value.split(",")]
    values = value if isinstance(value, (list, tuple)) else [value]
    return [text for text in values if isinstance(text, str)]


def _is_local(host: str) -> bool:
    """Return whether the host is this machine. A private address belongs to another one."""
    try:
        address = ip_address(host)
    except ValueError:
        return f".{host.rstrip('.')}".endswith(".localhost")
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


@register("cbtools", Tags.security)
def check_addresses(**kwargs: Any) -> list[CheckMessage]:
    """Check that connections to a gateway on another machine are encrypted."""
    return [
        Warning(
            f"{name} has an address of plain HTTP on another machine: logins and documents can be "
            "read, and changed, on the way.",
            hint="Use https://. For a certificate of your own authority, set "
            f"{_VERIFY[name]} to the path of its file.",
            id="cbtools.W003",
        )
        for name in (_PUBLIC, _ADMIN, _HOST)
        if conf.get(_PUBLIC)
        and any(
            address.scheme == "http" and not _is_local(address.host) for address in _addresses(name)
        )
    ]


@register("cbtools", Tags.security)
def check_verification(**kwargs: Any) -> list[CheckMessage]:
    """Check that certificates are verified."""
    trusted = "COUCHBASE_OPTIONS['trust_store_path']"
    found = []
    if conf.get(_PUBLIC) and option("SYNC_GATEWAY_OPTIONS", "verify") is False:
        found.append((_OPTIONS, _OPTIONS))
    options = database_entry().get("OPTIONS")
    if isinstance(options, Mapping) and options.get("verify") is False:
        found.append((_DATABASES, _DATABASES))
    verification = option("COUCHBASE_OPTIONS", "tls_verify")
    if conf.get("COUCHBASE_HOSTS") and _is_off(getattr(verification, "value", verification)):
        found.append(("COUCHBASE_OPTIONS['tls_verify']", trusted))
    if any(map(_has_verification_off, _texts("COUCHBASE_HOSTS"))):
        found.append(("COUCHBASE_HOSTS", trusted))
    return [
        Warning(
            f"{name} turns off the verification of certificates: anybody on the way can pretend "
            "to be the server.",
            hint=f"For a certificate of your own authority, set {remedy} to the path of its file.",
            id="cbtools.W004",
        )
        for name, remedy in found
    ]


def _is_off(verification: Any) -> bool:
    """Return whether the SDK takes the value for no verification."""
    return verification in ("none", "no_verify")


def _has_verification_off(connection_string: str) -> bool:
    parameters = parse_qs(connection_string.partition("?")[2])
    return any(map(_is_off, parameters.get("tls_verify", []) + parameters.get("ssl", [])))


def option(name: str, key: str) -> Any:
    options = conf.get(name)
    return options.get(key) if isinstance(options, Mapping) else None


@register("cbtools", Tags.security)
def check_admin_address(**kwargs: Any) -> list[CheckMessage]:
    """Check that the admin API is not at the host and port of the public API."""
    public = {address[1:] for address in _addresses(_PUBLIC)}
    if public.isdisjoint(address[1:] for address in _addresses(_ADMIN)):
        return []
    return [
        Warning(
            f"{_ADMIN} and {_PUBLIC} have a host and port in common: the admin API can be reached "
            "from wherever phones reach the public one.",
            hint="Give the admin API (port 4985) an address that only your servers can reach.",
            id="cbtools.W006",
        )
    ]
