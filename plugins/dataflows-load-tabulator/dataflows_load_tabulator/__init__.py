"""Loads whatever tabulator opens into dataflows.

* `place`: what a source is to tabulator: its scheme and its format
* `content`: the bytes of files, which are opened by dataflows and not by tabulator
* `options`: which options tabulator and a parser know
* `watch`: the rows of a parser, looked at before tabulator sees them
* `failures`: what tabulator and its parsers raise, in our words
* `header`: the names of columns
* `reader`: an open table
* `columns`: values as columns
* `split`: the engine's split
* `load`: the processor
"""

from __future__ import annotations

from dataflows_load_tabulator.load import load_tabulator

__all__ = ["load_tabulator"]
