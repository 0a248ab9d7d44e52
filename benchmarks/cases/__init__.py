"""The cases, one module per question; each module's `CASES` says what is run and what is hoped for."""

from __future__ import annotations

from cases import memory, rows, startup, tables

ALL = [*tables.CASES, *rows.CASES, *memory.CASES, *startup.CASES]
