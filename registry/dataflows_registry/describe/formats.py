"""Which names of loaders are schemes of addresses, and which are formats."""

from __future__ import annotations

import re

__all__ = ["formats_of", "schemes_of", "schemes_shown"]

_SCHEMES = frozenset({
    "abfs", "abfss", "adl", "az", "azure", "bigquery", "clickhouse", "cockroachdb", "dask",
    "databricks", "env", "file", "ftp", "ftps", "gcs", "gdrive", "git", "github", "gs", "hdfs",
    "hive", "http", "https", "imap", "imaps", "jdbc", "kafka", "ldap", "mariadb", "memory",
    "mongodb", "mssql", "mysql", "odbc", "oracle", "oss", "postgres", "postgresql", "presto",
    "redis", "redshift", "s3", "s3a", "sftp", "smb", "snowflake", "ssh", "teradata", "trino",
    "webdav", "webhdfs",
})  # fmt: skip
_READ_ONLY = frozenset({"env", "file", "http", "https"})
_BOTH = frozenset({"duckdb", "sqlite"})
"""Files of that format have addresses of that scheme, too."""


def schemes_of(names: list[str]) -> list[str]:
    """Those of the names of loaders or writers that are schemes.

    Args:
        names: Names in `dataflows.loaders` or `dataflows.writers`.

    Examples:
        >>> schemes_of(["csv", "s3", "postgresql+psycopg", "sqlite"])
        ['s3', 'postgresql+psycopg', 'sqlite']
    """
    return [name for name in names if _is_scheme(name) or name in _BOTH]


def schemes_shown(text: str) -> list[str]:
    """The schemes of the addresses that the words about a sink's parameters show.

    Args:
        text: The words.

    Examples:
        >>> schemes_shown('The URL (``postgresql://…``), or ``"env://NAME"``; see https://example.org')
        ['postgresql']
    """
    found = dict.fromkeys(re.findall(r"\b([a-z][a-z0-9+]*)://", text))
    return [scheme for scheme in schemes_of([*found]) if scheme not in _READ_ONLY]


def formats_of(names: list[str]) -> list[str]:
    """Those that are formats.

    Args:
        names: Names in `dataflows.loaders` or `dataflows.writers`.

    Examples:
        >>> formats_of(["csv", "s3", "postgresql+psycopg", "sqlite"])
        ['csv', 'sqlite']
    """
    return [name for name in names if not _is_scheme(name)]


def _is_scheme(name: str) -> bool:
    return re.split(r"\+", name)[0] in _SCHEMES
