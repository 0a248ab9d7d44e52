"""Loads XML, Excel-2003 XML and HTML tables into dataflows.

* `parse`: a document, read piece by piece; what is hostile is refused
* `path`, `survey`: which of its elements are records, as they are asked for, or as they repeat
* `values`, `shape`: records as values, and what they have in common
* `split`, `load_xml`: the engine's split, and the processor
* `sheets`, `kinds`, `sheet_split`, `load_excel_xml`: the same for workbooks
* `page`, `page_tables`, `page_split`, `load_html`: the same for web pages
* `grid`: the header above rows of cells, for both of these
"""

from __future__ import annotations

from dataflows_load_xml.load_excel_xml import load_excel_xml
from dataflows_load_xml.load_html import load_html
from dataflows_load_xml.load_xml import load_xml

__all__ = ["load_excel_xml", "load_html", "load_xml"]
