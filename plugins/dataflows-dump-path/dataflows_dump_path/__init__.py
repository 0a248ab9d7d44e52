"""Writes packages of dataflows: a folder or a zip file with CSV, JSON or NDJSON and a `datapackage.json`."""

from __future__ import annotations

from dataflows_dump_path.processors import dump_to_path, dump_to_zip

__all__ = ["dump_to_path", "dump_to_zip"]
