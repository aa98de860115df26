"""The options of a database's configuration: their types and their defaults.

Names and types are those of a real gateway (see "Database configuration" in its documentation).
The defaults are those that it shows for ``include_runtime=true`` (30-config.json).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .gostructs import Map, Struct

_COLLECTION = Struct("CollectionConfig", {"sync": "string?", "import_filter": "string?"})
_SCOPE = Struct("ScopeConfig", {"collections": Map("rest.CollectionsConfig", _COLLECTION)})

_COLLECTION_ACCESS = Struct("CollectionAccessConfig", {
    "admin_channels": "Set", "all_channels": "Set", "jwt_channels": "Set",
    "jwt_last_updated": "time.Time",
}, "auth")  # fmt: skip
#: The configuration of a user or role.
PRINCIPAL = Struct("PrincipalConfig", {
    "name": "string", "admin_channels": "Set",
    "collection_access": Map("map[string]map[string]*auth.CollectionAccessConfig", Map(
        "map[string]*auth.CollectionAccessConfig", _COLLECTION_ACCESS)),
    "email": "string", "disabled": "bool", "password": "string", "admin_roles": "Set",
    "all_channels": "Set", "roles": "[]string", "jwt_issuer": "string",
    "jwt_roles": "Set", "jwt_channels": "Set", "jwt_last_updated": "time.Time",
}, "auth")  # fmt: skip

_EVENTS = Struct("EventHandlerConfig", {
    "max_processes": "uint?", "wait_for_process": "string?", "document_changed": "[]object?",
    "db_state_changed": "[]object?",
})  # fmt: skip

_CACHE = Struct("CacheConfig", {
    "rev_cache": Struct("RevCacheConfig", {
        "size": "uint32", "max_memory_count_mb": "uint32", "shard_count": "uint16",
        "insert_on_write": "bool",
    }),
    "channel_cache": Struct("ChannelCacheConfig", {
        "max_number": "int", "compact_high_watermark_pct": "int",
        "compact_low_watermark_pct": "int", "max_wait_pending": "uint32", "max_num_pending": "int",
        "max_wait_skipped": "uint32", "enable_star_channel": "bool", "max_length": "int",
        "min_length": "int", "expiry_seconds": "int", "query_limit": "int",
    }),
    "max_wait_pending": "uint32", "max_num_pending": "int", "max_wait_skipped": "uint32",
    "enable_star_channel": "bool", "channel_cache_max_length": "int",
    "channel_cache_min_length": "int", "channel_cache_expiry": "int",
})  # fmt: skip

_UNSUPPORTED = Struct("UnsupportedOptions", {
    "user_views": Struct("UserViewsOptions", {"enabled": "bool"}),
    "oidc_test_provider": Struct("OidcTestProviderOptions", {"enabled": "bool?"}),
    "api_endpoints": Struct("APIEndpoints", {"enable_couchbase_bucket_flush": "bool?"}),
    "warning_thresholds": Struct("WarningThresholds", {
        "xattr_size_bytes": "uint32", "channels_per_doc": "uint32",
        "access_and_role_grants_per_doc": "uint32", "channels_per_user": "uint32",
        "channel_name_size": "uint32",
    }),
    "disable_clean_skipped_query": "bool?", "oidc_tls_skip_verify": "bool?",
    "sgr_tls_skip_verify": "bool?", "remote_config_tls_skip_verify": "bool?",
    "guest_read_only": "bool?", "force_api_forbidden_errors": "bool?", "connected_client": "bool?",
    "use_query_resync_manager": "bool?", "dcp_read_buffer": "int?", "kv_buffer": "int?",
    "blip_send_docs_with_channel_removal": "bool?", "reject_writes_with_skipped_sequences": "bool?",
    "same_site_cookie": "string", "resync_partitions": "uint16",
}, "db")  # fmt: skip

_LOGGING = Struct("DbLoggingConfig", {
    "console": Struct("DbConsoleLoggingConfig", {"log_level": "string", "log_keys": "[]string?"}),
    "audit": Struct("DbAuditLoggingConfig", {
        "enabled": "bool", "enabled_events": "[]uint?", "disabled_users": "[]object?",
        "disabled_roles": "[]object?",
    }),
})  # fmt: skip

#: The configuration of a database. Answers and the version's digest use this order of options.
DATABASE = Struct("DbConfig", {
    "server": "string", "pool": "string", "bucket": "string", "username": "string?",
    "password": "string?", "certpath": "string?", "keypath": "string?", "cacertpath": "string?",
    "kv_tls_port": "int?", "max_concurrent_query_ops": "int",
    "scopes": Map("rest.ScopesConfig", _SCOPE),
    "name": "string?", "sync": "string?",
    "users": Map("map[string]*auth.PrincipalConfig", PRINCIPAL),
    "roles": Map("map[string]*auth.PrincipalConfig", PRINCIPAL),
    "revs_limit": "uint32", "import_docs": "any", "import_partitions": "uint16",
    "import_filter": "string?", "import_backup_old_rev": "bool", "event_handlers": _EVENTS,
    "feed_type": "string?", "allow_empty_password": "bool", "cache": _CACHE,
    "rev_cache_size": "uint32", "offline": "bool", "unsupported": _UNSUPPORTED,
    "oidc": Struct(
        "OIDCOptions", {"providers": "object", "default_provider": "string"}, "auth"),
    "local_jwt": Map("auth.LocalJWTConfig", "object"),
    "old_rev_expiry_seconds": "uint32", "view_query_timeout_secs": "uint32",
    "local_doc_expiry_secs": "uint32", "enable_shared_bucket_access": "bool",
    "session_cookie_secure": "bool", "session_cookie_name": "string?",
    "session_cookie_http_only": "bool", "allow_conflicts": "bool", "num_index_replicas": "uint",
    "index": Struct("IndexConfig", {"num_replicas": "uint", "num_partitions": "uint32"}),
    "use_views": "bool", "send_www_authenticate_header": "bool", "disable_password_auth": "bool",
    "bucket_op_timeout_ms": "uint32", "slow_query_warning_threshold": "uint32",
    "delta_sync": Struct("DeltaSyncConfig", {"enabled": "bool", "rev_max_age_seconds": "uint32"}),
    "store_legacy_revtree_data": "bool", "compact_interval_days": "float32",
    "sgreplicate_enabled": "bool", "sgreplicate_websocket_heartbeat_secs": "int",
    "replications": Map("map[string]*db.ReplicationConfig", "object"),
    "serve_insecure_attachment_types": "bool", "query_pagination_limit": "int",
    "user_xattr_key": "string", "client_partition_window_secs": "int", "guest": PRINCIPAL,
    "javascript_timeout_secs": "uint32",
    "functions": Struct("FunctionsConfig", {
        "definitions": "object", "max_function_count": "int", "max_code_size": "int",
        "max_request_size": "int",
    }),
    "suspendable": "bool", "changes_request_plus": "bool",
    "cors": Struct("CORSConfig", {
        "origin": "[]string?", "login_origin": "[]string?", "headers": "[]string?",
        "max_age": "int?",
    }, "auth"),
    "logging": _LOGGING, "updated_at": "time.Time", "created_at": "time.Time",
    "disable_public_all_docs": "bool", "use_system_metadata_collection": "bool",
})  # fmt: skip

#: Options that are allowed in configuration files only.
NOT_PERSISTED = (
    "server", "username", "password", "certpath", "keypath", "cacertpath", "users", "roles",
)  # fmt: skip

DEFAULT_SYNC = "function(doc){channel(doc.channels);}"

#: The default values.
RUNTIME: Mapping[str, Any] = {
    "server": "rosmar:/?mode=memory",
    "sync": DEFAULT_SYNC,
    "revs_limit": 50,
    "import_docs": False,
    "import_backup_old_rev": False,
    "allow_empty_password": False,
    "cache": {
        "rev_cache": {"size": 5000, "shard_count": 16},
        "channel_cache": {
            "max_number": 50000, "compact_high_watermark_pct": 80, "compact_low_watermark_pct": 60,
            "max_wait_pending": 5000, "max_num_pending": 10000, "max_wait_skipped": 3600000,
            "enable_star_channel": True, "max_length": 500, "min_length": 50, "expiry_seconds": 60,
        },
    },
    "offline": False,
    "unsupported": {
        "warning_thresholds": {
            "xattr_size_bytes": 943718, "channels_per_doc": 50,
            "access_and_role_grants_per_doc": 50, "channels_per_user": 50000,
            "channel_name_size": 250,
        },
    },
    "old_rev_expiry_seconds": 300,
    "view_query_timeout_secs": 75,
    "local_doc_expiry_secs": 7776000,
    "enable_shared_bucket_access": True,
    "session_cookie_secure": False,
    "session_cookie_name": "SyncGatewaySession",
    "session_cookie_http_only": False,
    "allow_conflicts": False,
    "index": {"num_replicas": 1, "num_partitions": 1},
    "use_views": False,
    "send_www_authenticate_header": True,
    "disable_password_auth": False,
    "bucket_op_timeout_ms": 10000,
    "slow_query_warning_threshold": 500,
    "delta_sync": {"enabled": False, "rev_max_age_seconds": 86400},
    "store_legacy_revtree_data": True,
    "compact_interval_days": 1,
    "sgreplicate_enabled": True,
    "sgreplicate_websocket_heartbeat_secs": 300,
    "serve_insecure_attachment_types": False,
    "query_pagination_limit": 5000,
    "client_partition_window_secs": 2592000,
    "guest": {"name": "", "disabled": True},
    "javascript_timeout_secs": 0,
    "changes_request_plus": False,
    "logging": {
        "console": {"log_level": "info", "log_keys": ["*"]},
        "audit": {
            "enabled": False,
            "enabled_events": [
                53280, 53281, 53282, 53283, 53284, 53290, 53291, 53292, 54000, 54002, 54010, 54011,
                54020, 54021, 54030, 54031, 54032, 54041, 54042, 54044, 54045, 54100, 54101, 54102,
                54103, 54104, 54105, 54106, 54110, 54111, 54112, 54113, 54114, 54200, 54300, 54301,
                54400, 54401, 54402, 54403, 54411, 54412, 54413, 54421,
            ],
        },
    },
    "disable_public_all_docs": False,
    "use_system_metadata_collection": False,
}  # fmt: skip
