"""The cases, one module per question; each module's `CASES` says what is run and what is hoped for."""

from __future__ import annotations

from cases import keyed, memory, ordered, rows, startup, tables

ALL = [*tables.CASES, *rows.CASES, *keyed.CASES, *ordered.CASES, *memory.CASES, *startup.CASES]
