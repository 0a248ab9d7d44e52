"""`dataflows registry index build`: sources -> an index in a folder."""

from __future__ import annotations

from pathlib import Path

import click

from dataflows_registry.cli.options import network_options

__all__ = ["command"]


@click.command("build")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option(
    "-o", "--output", "folder", required=True, type=click.Path(path_type=Path), help="The folder to write."
)
@click.option("--name", default="index", show_default=True, help="What the index calls itself.")
@click.option(
    "--extra",
    "extras",
    multiple=True,
    metavar="DISTRIBUTION",
    help="Look for this one at a package index, too.",
)
@network_options
def command(
    sources: tuple[str, ...], folder: Path, name: str, extras: tuple[str, ...], as_json: bool, offline: bool
) -> None:
    """Describe the processors of sources, and write the index into a folder.

    The folder can be served as it is, and added by its address. Built again, only what has changed is read,
    and nothing is written if nothing has. A release that several sources have is taken from the first.
    """
    from dataflows_registry.cli.index.building import print_built
    from dataflows_registry.index.build import build_index
    from dataflows_registry.sources import open_source

    opened = [open_source(source, extras=extras, offline=offline) for source in sources]
    print_built({name: build_index(opened, folder, name=name)}, as_json=as_json)
