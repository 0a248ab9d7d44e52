"""Why functions that one might look for may not be called: what is wrong with them, by name."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["REASONS"]

_NAMES: Mapping[str, str] = {
    "an aggregate function: it needs many rows, and an expression sees one": """
        sum avg mean count count_star count_if min max first last any_value arbitrary median mode
        quantile quantile_cont quantile_disc stddev stddev_pop stddev_samp variance var_pop var_samp
        string_agg group_concat listagg list array_agg arg_min arg_max min_by max_by product bool_and
        bool_or bit_and bit_or bit_xor approx_count_distinct histogram corr covar_pop covar_samp
        regr_slope entropy kurtosis skewness fsum kahan_sum favg list_aggregate list_aggr
        array_aggregate list_sum list_avg list_min list_max reservoir_quantile
    """,
    "a window function: it needs many rows, and an expression sees one": """
        row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value
        nth_value fill
    """,
    "a function that reads files or the network": """
        read_csv read_csv_auto sniff_csv read_parquet parquet_scan parquet_metadata parquet_schema
        read_json read_json_auto read_json_objects read_ndjson read_ndjson_auto read_ndjson_objects
        read_text read_blob glob sqlite_scan postgres_scan mysql_scan iceberg_scan delta_scan st_read
        read_xlsx arrow_scan python_scan pandas_scan seq_scan read_duckdb write_log parquet_kv_metadata
        parquet_file_metadata
    """,
    "a function that looks at the system, its settings or the running query": """
        getenv current_setting set_config current_query current_database current_schema current_schemas
        current_catalog current_user session_user user version pg_typeof getvariable duckdb_settings
        duckdb_tables duckdb_functions duckdb_secrets duckdb_extensions duckdb_columns duckdb_databases
        duckdb_memory duckdb_temporary_files duckdb_variables duckdb_logs query query_table
        pragma_version pragma_database_size pragma_storage_info pragma_table_info checkpoint
        force_checkpoint which_secret in_search_path txid_current pg_get_viewdef current_transaction_id
        current_connection_id current_query_id add_parquet_key parse_duckdb_log_message
        json_execute_serialized_sql json_serialize_sql json_deserialize_sql json_serialize_plan
        from_substrait get_substrait test_all_types error sleep sleep_ms format_type getbit finalize
        combine summary show_databases
    """,
    "a function whose result differs from one run to the next": """
        random uuid gen_random_uuid uuidv4 uuidv7 setseed now today current_date current_time
        current_timestamp get_current_time get_current_timestamp localtime localtimestamp
        transaction_timestamp current_localtime current_localtimestamp nextval currval hash stats
    """,
    "a function that multiplies rows": """
        unnest unlist generate_subscripts json_each json_tree repeat_row
    """,
    "a function that multiplies memory": """
        repeat range generate_series list_resize array_resize bar format printf flatten hex to_hex bin
        to_binary to_base to_base64 base64 url_encode factorial bitstring formatreadabledecimalsize
        array_cross_product
    """,
    "a function that takes a lambda": """
        list_transform array_transform list_apply array_apply apply list_filter array_filter filter
        list_reduce array_reduce reduce
    """,
    "a function that makes structures": "row struct_pack map map_from_entries list_zip",
}
REASONS: Mapping[str, str] = {name: reason for reason, names in _NAMES.items() for name in names.split()}
"""What is wrong with a function, by its name in lower case."""
