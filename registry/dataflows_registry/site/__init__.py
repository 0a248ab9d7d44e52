"""The static site of a catalogue: a search page, pages of processors and distributions, and data.

    entries.py    Distribution -> what a page shows
    pages.py      … -> HTML, through the templates
    data.py       … -> index.json, the JSON Schemas, the data that the search page loads
    folder.py     files -> a folder

The site needs no server and asks for nothing outside itself. The same catalogue gives the same bytes.
"""

from __future__ import annotations

from dataflows_registry.site.build import TITLE, write_site

__all__ = ["TITLE", "write_site"]
