"""Loads CSV and TSV into dataflows: files, patterns, URLs, archives; any encoding, any dialect.

The work is split so that each file holds one idea, in the order in which bytes pass through them:

    source, remote, compression   where the bytes come from
    encoding                      … to UTF-8
    dialect, grammar, sniff       how cells and records are told apart
    header                        the names of the fields
    blocks, decode, split         the engine's split: blocks of whole records, columns of text
    sample, plan                  what is found out before anything is read in full
    load                          the processor
"""

from __future__ import annotations

from dataflows_load_csv.load import load_csv

__all__ = ["load_csv"]
