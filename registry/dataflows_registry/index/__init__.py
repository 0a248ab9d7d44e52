"""Indexes on disk: built from sources (`dataflows_registry.index.build`), read by everything else."""

from __future__ import annotations

from dataflows_registry.bundled import bundled_index
from dataflows_registry.index.layout import Index

__all__ = ["Index", "bundled_index"]
