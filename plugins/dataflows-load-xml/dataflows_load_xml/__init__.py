"""Loads XML, Excel-2003 XML and HTML tables into dataflows."""

from __future__ import annotations

from dataflows_load_xml.load_xml import load_xml

__all__ = ["load_xml"]
