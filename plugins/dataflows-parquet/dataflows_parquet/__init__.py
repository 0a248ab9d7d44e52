"""Loads and writes Parquet and Arrow files: typed, exact, by row group.

* `physical`: the types that Parquet lacks, and what stands for them
* `metadata`: the Data Resource descriptor that is kept in the file
* `opened`, `pieces`: files as Arrow reads them, in pieces of a few megabytes
* `splits`: the engine's splits: ranges of row groups, ranges of record batches
* `folders`, `tables`: what paths, patterns and folders mean; the tables of several files as one
* `load`: the processors
* `write`: the writers
"""

from __future__ import annotations

from dataflows_parquet.load import load_arrow, load_parquet

__all__ = ["load_arrow", "load_parquet"]
