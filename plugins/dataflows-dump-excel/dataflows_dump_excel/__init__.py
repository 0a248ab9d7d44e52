"""Writes Excel workbooks.

* `cells`: values to what a cell can hold without losing anything
* `books`: a new workbook, or one that is changed
* `kept`: what a workbook has that would be lost by changing it
* `dump`: the processor: one workbook, a sheet for each resource
* `writer`: the writer, for `dump_to_path`: a workbook for each resource
"""

from __future__ import annotations

from dataflows_dump_excel.dump import dump_to_excel

__all__ = ["dump_to_excel"]
