"""Loads JSON into dataflows.

* `shape`: where in a document the rows are, and what they look like
* `rows`: the rows of a document, one after the other
* `split`: the engine's split, and values as columns
* `load`: the processor
"""

from __future__ import annotations

from dataflows_load_json.load import load_json

__all__ = ["load_json"]
