"""`dataflows registry docs`: write the static site of a catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from dataflows_registry.cli.options import network_options, print_json

__all__ = ["command"]


@click.command("docs")
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option(
    "--output",
    "-o",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The folder to write; of an earlier site, what is no longer right is replaced.",
)
@click.option("--title", help="What the site calls itself.")
@network_options
def command(sources: Sequence[str], folder: Path, title: str | None, as_json: bool, offline: bool) -> None:
    """Write a static site: a search page, pages of processors and distributions, and data.

    It needs no server: index.html can be opened as a file, and the folder published as it is. The site is
    also an index, which `dataflows registry index add NAME ADDRESS/index.json` reads.

    A SOURCE is a wheel, a folder of wheels, the address of an index, or `installed`; the site shows what they
    have. Without one it shows all that is installed here or known from the indexes that were added.
    """
    from dataflows_registry.releases import from_sources, known_here
    from dataflows_registry.site import TITLE, write_site

    shown = from_sources(sources, offline=offline) if sources else known_here()
    count = write_site(folder, shown.distributions.values(), installed=shown.installed, title=title or TITLE)
    for problem in shown.problems:
        click.echo(f"not shown: {problem}", err=True)
    if as_json:
        print_json(
            {
                "ok": True,
                "folder": str(folder),
                "processors": count,
                "distributions": sorted(shown.distributions),
                "problems": shown.problems,
            }
        )
    else:
        processors = "1 processor" if count == 1 else f"{count} processors"
        click.echo(f"{folder / 'index.html'}: {processors}")
