"""Entries -> data: for programs, for editors, and for the search page."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from dataflows_registry.index.layout import FORMAT, REMOVED
from dataflows_registry.model import dumps
from dataflows_registry.search.synonyms import known_words, related
from dataflows_registry.site.entries import DistributionEntry, ProcessorEntry

__all__ = ["index_files", "index_json", "search_script"]


def index_json(title: str, distributions: Sequence[DistributionEntry], files: Mapping[str, str]) -> str:
    """The whole catalogue for programs: the root of a published index, and every processor.

    Args:
        title: What the site calls itself.
        distributions: All that it shows.
        files: The other files of the index.
    """
    hashes = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in files.items()}
    return dumps(
        {
            "format": FORMAT,
            "name": title,
            "sources": [],
            "distributions": {
                one.name: {
                    "file": description_file(one),
                    "sha256": hashes[description_file(one)],
                    "latest": one.release.version,
                    "summary": one.release.summary,
                    "installed_version": one.installed_version,
                    "page": one.page,
                }
                for one in distributions
            },
            "files": {REMOVED: hashes[REMOVED]},
            "processors": [item.to_json() for one in distributions for item in one.items],
        }
    )


def index_files(distributions: Sequence[DistributionEntry]) -> dict[str, str]:
    """The files of a published index besides its root: every release of every distribution."""
    return {
        **{description_file(one): dumps(one.distribution) for one in distributions},
        REMOVED: dumps({}),
    }


def description_file(one: DistributionEntry) -> str:
    """Where an index has the descriptions of a distribution."""
    return f"dist/{one.group}.json"


def search_script(items: Sequence[ProcessorEntry]) -> str:
    """The script that hands the search page its data: a page opened as a file can load no other."""
    data = {
        "processors": [_searched(item) for item in sorted(items, key=lambda one: one.processor.name.lower())],
        "synonyms": {word: related(word) for word in sorted(known_words())},
    }
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    return f"window.CATALOGUE = {text};\n"


def _searched(item: ProcessorEntry) -> dict[str, Any]:
    processor = item.processor
    return {
        "name": processor.name,
        "qualified_name": processor.qualified_name,
        "aliases": processor.aliases,
        "kind": processor.kind,
        "summary": processor.summary,
        "keywords": item.release.keywords,
        "formats": processor.formats,
        "schemes": processor.schemes,
        "parameters": [parameter.name for parameter in processor.parameters],
        "distribution": item.release.distribution,
        "version": item.release.version,
        "installed": item.installed_version is not None,
        "deprecated": processor.deprecated is not None,
        "page": item.page,
        "distribution_page": item.distribution_page,
    }
