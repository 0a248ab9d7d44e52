"""`dataflows registry index add`: make an index known."""

from __future__ import annotations

from pathlib import Path

import click

from dataflows_registry.cli.options import network_options

__all__ = ["command"]


@click.command("add")
@click.argument("name")
@click.argument("source")
@click.option("--first", is_flag=True, help="Let it take precedence over those added before.")
@click.option(
    "--pin",
    "pins",
    multiple=True,
    metavar="PATTERN",
    help="Take such distributions ('acme-*') from it alone.",
)
@click.option(
    "--extra",
    "extras",
    multiple=True,
    metavar="DISTRIBUTION",
    help="Look for this one at a package index, too.",
)
@network_options
def command(
    name: str,
    source: str,
    first: bool,
    pins: tuple[str, ...],
    extras: tuple[str, ...],
    as_json: bool,
    offline: bool,
) -> None:
    """Add an index, and read its source.

    SOURCE is as for `index build`. What is read is kept, so that searching needs no network; `index update`
    reads it again.
    """
    from dataflows_registry.cli.index.building import print_built, read_index
    from dataflows_registry.sources import is_remote_source
    from dataflows_registry.store import ConfiguredIndex, Store

    store = Store()
    store.check_new(name)
    if not is_remote_source(source) and Path(source).expanduser().exists():
        source = str(Path(source).expanduser().absolute())
    index = ConfiguredIndex(name, source, pins, extras)
    built = read_index(store, index, offline=offline)
    store.add(index, first=first)
    print_built({name: built}, as_json=as_json)
