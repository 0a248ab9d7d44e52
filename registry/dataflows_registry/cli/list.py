"""`dataflows registry list`: everything that is known."""

from __future__ import annotations

import click

from dataflows_registry.cli.filters import filter_options
from dataflows_registry.cli.options import local_options

__all__ = ["command"]


@click.command("list")
@filter_options
@local_options
def command(
    kind: str | None, format: str | None, scheme: str | None, installed: bool | None, as_json: bool
) -> None:
    """List the processors that are installed, or that can be.

    Those that can be installed come from the indexes that were added, and from the one of the first-party
    plugins that the registry brings along.
    """
    from dataflows_registry.catalog import Catalog
    from dataflows_registry.cli.filters import meant, print_known

    catalog = Catalog()
    known = catalog.search(kind=kind, format=format, scheme=scheme, installed=installed)
    nothing = "" if known else f"no processor is known that is so{meant(catalog, format)}"
    print_known(catalog, known, as_json=as_json, nothing=nothing)
