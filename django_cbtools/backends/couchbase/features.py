"""What the engine can do, and what it cannot, with the reason."""

from __future__ import annotations

from django.db.backends.base.features import BaseDatabaseFeatures


class DatabaseFeatures(BaseDatabaseFeatures):
    minimum_database_version = (7, 6)
    #: A document's JSON is data itself, and no text.
    has_native_json_field = True
    supports_json_field_contains = False
    has_native_uuid_field = False
    has_native_duration_field = False
    #: Each statement stands alone; documents are written through the gateway.
    supports_transactions = False
    can_rollback_ddl = False
    atomic_transactions = False
    supports_foreign_keys = False
    supports_table_check_constraints = False
    supports_column_check_constraints = False
    #: An ordinal is a constant: it sorts and groups nothing.
    allows_group_by_select_index = False
    allows_group_by_selected_pks = False
    #: A subquery beside GROUP BY is refused (4210).
    supports_subqueries_in_group_by = False
    supports_logical_xor = False
    supports_tuple_lookups = False
    can_distinct_on_fields = False
    has_select_for_update = False
    nulls_order_largest = False
    supports_order_by_nulls_modifier = True
    supports_aggregate_filter_clause = True
    supports_aggregate_distinct_multiple_argument = False
    supports_over_clause = True
    supports_frame_range_fixed_distance = True
    supports_frame_exclusion = True
    supports_collation_on_charfield = False
    supports_collation_on_textfield = False
    supports_parentheses_in_compound = True
    supports_slicing_ordering_in_compound = True
    supports_boolean_expr_in_select_clause = True
    supports_comparing_boolean_expr = True
    supports_temporal_subtraction = True
    supports_timezones = True
    supports_microsecond_precision = True
    supports_explaining_query_execution = True
    supported_explain_formats = {"JSON"}
    supports_expression_indexes = True
    supports_partial_indexes = True
    supports_index_column_ordering = True
    supports_json_negative_indexing = True
    supports_sequence_reset = False
    supports_paramstyle_pyformat = False
    has_bulk_insert = True
    max_query_params = None
    bare_select_suffix = ""
    test_db_allows_multiple_connections = True
