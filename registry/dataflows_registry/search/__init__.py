"""Search: words -> processors, ranked; on SQLite's full text index, without a network.

`head` writes the file that is searched, `reader` reads it, `ranking` decides what comes first; `words`,
`synonyms` and `spelling` say when two words are one.
"""

from __future__ import annotations

from dataflows_registry.search.head import write_head
from dataflows_registry.search.ranking import Hit, search
from dataflows_registry.search.reader import Filters, Found, Head

__all__ = ["Filters", "Found", "Head", "Hit", "search", "write_head"]
