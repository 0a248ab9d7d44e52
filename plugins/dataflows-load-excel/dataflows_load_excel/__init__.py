"""Loads spreadsheets into dataflows.

* `workbook`: a file that is safe to open, its sheets and their cells
* `check`: what it unpacks to, how far it reaches, what it does not say
* `extent`: how far the cells of a sheet reach
* `compound`: files of sectors: xls, and xlsx with a password
* `area`: the rectangle of cells that is wanted, and its header
* `cells`: columns of cells to columns of values
* `split`: the engine's split
* `load`: the processor
"""

from __future__ import annotations

from dataflows_load_excel.load import load_excel

__all__ = ["load_excel"]
