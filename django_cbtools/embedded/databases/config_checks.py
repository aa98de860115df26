"""Checks database configurations, with the error messages of a real gateway."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..documents import syncfunction
from ..errors import GatewayError, bad_request
from ..options import NOT_PERSISTED

_NAME = re.compile(r"[a-z][-a-z0-9_$()+/]*")
#: A valid name of a cookie or header.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SAME_SITE = ("Lax", "Strict", "None", "Default")
#: Options of the channel cache that must be at least 1.
_CHANNEL_CACHE_MINIMA = (
    "max_num_pending", "max_wait_pending", "max_wait_skipped", "max_length", "min_length",
    "expiry_seconds",
)  # fmt: skip
#: The smallest allowed values of warning thresholds.
_THRESHOLD_MINIMA = {
    "channels_per_doc": 5, "access_and_role_grants_per_doc": 5,
}  # fmt: skip
_MIB = 1024 * 1024


def is_name(name: str) -> bool:
    """Return whether a string is a valid name of a database."""
    return bool(_NAME.fullmatch(name))


def check(config: Mapping[str, Any]) -> None:
    """Raise a 400 GatewayError that lists all errors in a configuration."""
    _raise(_not_persisted(config))
    _raise(_errors(config))
    _check_editions(config)


def check_change(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Check a configuration that replaces another one, as :func:`check` does."""
    _raise(_not_persisted(new))
    _raise([*_errors(new), *_forbidden_changes(old, new)])
    _check_editions(new)


def _check_editions(config: Mapping[str, Any]) -> None:
    """Raise a 500 GatewayError for errors that a real gateway finds when it starts a database."""
    pages = config.get("query_pagination_limit") or 2
    if pages < 2:
        raise GatewayError(
            500, f"Internal error: query_pagination_limit: {pages} must be greater than 1"
        )
    if config.get("user_xattr_key"):
        raise GatewayError(
            500, "Internal error: user_xattr_key is only supported in enterpise edition"
        )


def _not_persisted(config: Mapping[str, Any]) -> list[str]:
    return [
        f'Persisted database config does not support customization of the "{name}" field'
        for name in NOT_PERSISTED
        if name in config
    ]


def _raise(errors: Iterable[str]) -> None:
    found = list(errors)
    if found:
        raise bad_request("\n".join((f"{len(found)} errors:", *found)))


def _errors(config: Mapping[str, Any]) -> Iterator[str]:
    def get(path: str) -> Any:
        value: Any = config
        for key in path.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        return value

    days = get("compact_interval_days")
    if days and not 0.04 <= days <= 60:
        yield "valid range for compact_interval_days is: 0.04-60"
    if get("use_system_metadata_collection") and get("use_views"):
        yield "use_system_metadata_collection is not supported with use_views=true"
    for name in _CHANNEL_CACHE_MINIMA:
        value = get(f"cache.channel_cache.{name}")
        if value is not None and value < 1:
            yield f"minimum value for cache.channel_cache.{name} is: 1"
    if get("cache.channel_cache.enable_star_channel") is False:
        yield "enable_star_channel cannot be set to false"
    if get("cache.rev_cache.shard_count") == 0:
        yield "minimum value for cache.rev_cache.shard_count is: 1"
    imports = get("import_docs")
    if imports is not None and imports != "continuous" and not isinstance(imports, bool):
        shown = f'"{imports}"' if isinstance(imports, (str, int, float)) else repr(imports)
        yield f"Unrecognized value for import_docs: {shown}. Valid values are true and false."
    yield from _code_errors("sync function error", get("sync"))
    yield from _code_errors("import filter error", get("import_filter"))
    if not is_name(config.get("name", "")):
        yield f"400 Illegal database name: {config.get('name', '')}"
    yield from _threshold_errors(get("unsupported.warning_thresholds") or {})
    if get("revs_limit") == 0:
        yield (
            "The revs_limit (0) value in your Sync Gateway configuration must be greater than zero."
        )
    yield from _scope_errors(config)
    same_site = get("unsupported.same_site_cookie")
    if same_site is not None and same_site not in _SAME_SITE:
        yield (
            f'unsupported_options.same_site_cookie option "{same_site}" is not valid, '
            'choices are "Lax", "Strict", and "None'
        )
    # A real gateway accepts invalid names, but then does not send the cookie or header.
    for header_part in (get("session_cookie_name"), *(get("cors.headers") or ())):
        if header_part and not _TOKEN.fullmatch(header_part):
            yield f'"{header_part}" cannot be the name of a cookie or a header'
    if get("num_index_replicas") is not None and get("index.num_replicas") is not None:
        yield (
            "num_index_replicas and index.num_replicas are mutually exclusive. "
            "Remove num_index_replicas deprecated option."
        )
    if get("index.num_partitions") == 0:
        yield "index.num_partitions must be greater than 0"
    if len(get("user_xattr_key") or "") > 15:
        yield "user_xattr_key can only be a maximum of 15 characters"
    if get("oidc") is not None and not get("oidc.providers"):
        yield "OpenID Connect defined in config, but no valid providers specified"
    if get("allow_conflicts"):
        yield "allow_conflicts cannot be set to true"


def _threshold_errors(thresholds: Mapping[str, int]) -> Iterator[str]:
    size = thresholds.get("xattr_size_bytes")
    if size is not None and size < _MIB // 10:
        yield f"xattr_size warning threshold cannot be lower than {_MIB // 10} bytes"
    if size is not None and size > _MIB:
        yield f"xattr_size warning threshold cannot be higher than {_MIB} bytes"
    for name, minimum in _THRESHOLD_MINIMA.items():
        value = thresholds.get(name)
        if value is not None and value < minimum:
            yield f"{name} warning threshold cannot be lower than {minimum}"


def _scope_errors(config: Mapping[str, Any]) -> Iterator[str]:
    scopes = config.get("scopes", {})
    if len(scopes) > 1:
        yield f"only one named scope is supported, but had {len(scopes)} ({', '.join(scopes)})"
        return
    if scopes and config.get("use_views"):
        yield "use_views=true is incompatible with collections which requires GSI"
    for scope, settings in scopes.items():
        if not settings.get("collections"):
            yield f"must specify at least one collection in scope {scope}"
            continue
        if "sync" in config:
            yield "cannot specify a database-level sync function with named scopes and collections"
        if "import_filter" in config:
            yield "cannot specify a database-level import filter with named scopes and collections"
        for name, collection in settings["collections"].items():
            where = f'collection "{name}"'
            yield from _code_errors(f"{where} sync function error", collection.get("sync"))
            yield from _code_errors(f"{where} import filter error", collection.get("import_filter"))
            if not _is_collection(scope) or not _is_collection(name):
                yield f"invalid scope or collection name: {scope}.{name}"


def _is_collection(name: str) -> bool:
    # Couchbase Server's rule for the names of scopes and collections.
    return name == "_default" or bool(re.fullmatch(r"[A-Za-z0-9-][A-Za-z0-9_%-]{0,250}", name))


def _code_errors(where: str, source: str | None) -> Iterator[str]:
    if source:
        try:
            syncfunction.check(source)
        except GatewayError as error:
            yield f"{where}: {error.reason}"


def _forbidden_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    before, after = set(old.get("scopes", {})), set(new.get("scopes", {}))
    if len(after) < 2 and before != after and (before or after != {"_default"}):
        yield "cannot change scopes after database creation"
    if old.get("use_system_metadata_collection") and not new.get("use_system_metadata_collection"):
        yield "use_system_metadata_collection cannot be disabled once enabled"
