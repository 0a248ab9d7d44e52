"""`dataflows registry index sources`: which indexes there are."""

from __future__ import annotations

from typing import Any

import click

from dataflows_registry.cli.options import local_options, print_json, print_table

__all__ = ["command"]


@click.command("sources")
@local_options
def command(as_json: bool) -> None:
    """List the indexes, those that take precedence first."""
    from dataflows_core.files.urls import shown
    from dataflows_registry.catalog import Catalog

    catalog = Catalog()
    added = {index.name: index for index in catalog.store.indexes()}
    heads = {head.index: head for head in catalog.heads}
    found: list[dict[str, Any]] = [
        {
            "name": name,
            "source": shown(added[name].source) if name in added else None,
            "pins": list(added[name].pins) if name in added else [],
            "folder": str(catalog.folders[name]) if name in catalog.folders else None,
            "entries": heads[name].processors if name in heads else None,
        }
        for name in dict.fromkeys(["installed", *added, *catalog.folders])
    ]
    if as_json:
        print_json(found)
        return
    from dataflows_core.render import Column

    always = {"installed": "(what is installed here)", "bundled": "(comes with the registry)"}
    rows = [
        [
            one["name"],
            one["source"] or always.get(one["name"], ""),
            "not read yet" if one["entries"] is None else str(one["entries"]),
            ", ".join(one["pins"]) or None,
        ]
        for one in found
    ]
    print_table([Column("name"), Column("source"), Column("entries", right=True), Column("pinned")], rows)
