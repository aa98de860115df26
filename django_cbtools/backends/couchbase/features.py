"""The features of the query service for Django, with reasons for those that it lacks."""

from __future__ import annotations

from django.db.backends.base.features import BaseDatabaseFeatures


class DatabaseFeatures(BaseDatabaseFeatures):
    minimum_database_version = (7, 6)
    #: A document's JSON is data itself, not text.
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
    #: A number in ORDER BY or GROUP BY is a constant, not the position of a column.
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

    #: The parts of queries that are refused here, with the reason and advice.
    refused = {
        "rev": (
            "The query service does not know revisions: they are the gateway's metadata. Ask "
            "instances for them: [document.rev for document in queryset]. Without a name, values() "
            "and values_list() are of all fields: name those that you want."
        ),
        "extra(tables)": (
            "Documents are in a keyspace, and no tables are beside them. Follow a relation, or "
            "have a Subquery."
        ),
        "SHA1": "SQL++ has no SHA-1. Take SHA256, or another one of Django's functions.",
        "Collate": "SQL++ has no COLLATE. Lower() orders, and compares, without case.",
    }

    #: Tests of the ORM's suite with other results here, by reason. An id may be the beginning of
    #: several ids with parameters.
    orm_test_expected_failures = {
        "Documents and ordinary tables are in two databases, and cannot be joined.": (
            "test_generic_relations.py::test_a_join_restricts_the_content_type[log]",
        ),
        "LIKE does not fold the case of letters; SQLite's does, of ASCII.": (
            "test_lookups.py::test_lookup[{'title__startswith': 'A'}",
            "test_random.py::TestRows::test_any_rows",  # if one of them has a capital letter
        ),
        "UPPER and LOWER know all letters; SQLite's know ASCII.": (
            "test_querysets.py::test_query[line120",
            "test_querysets.py::test_query[line123",
        ),
        "Less and greater do not cross types of JSON.": (
            "test_lookups.py::test_lookup[{'meta__n__gt': 1}",
            "test_lookups.py::test_lookup[{'meta__size__w__range': (1, 10)}",
        ),
        "There is no COLLATE.": (
            "test_conditional.py::test_query[line66",
            "test_conditional.py::test_query[line69",
        ),
        "There is no SHA-1.": ("test_functions.py::test_query[line160",),
        "Attachments and revisions are the gateway's, which is asked when they are used.": (
            "test_attachments_kept.py::test_same_extra_however_it_is_loaded",
            "test_relations.py::test_select_related",
        ),
        "What SQLite cannot take for a parameter is one here.": (
            "test_bad_values.py::test_wrong_values[key]",
        ),
        "Bytes are texts in base64, and have their order.": (
            "test_values.py::test_order_and_ranges[binary]",
        ),
        "A number beyond 64 bits is a double.": ("test_odd_values.py::test_huge_integers",),
        "A document with a number that no double can be is no JSON, and not found.": (
            "test_bulk_refusals.py::test_update",
            "test_bulk_refusals.py::test_bulk_update",
            "test_bulk_refusals.py::test_delete",
        ),
    }
    test_db_allows_multiple_connections = True
