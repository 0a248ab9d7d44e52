"""`dataflows registry search`: words -> processors."""

from __future__ import annotations

import click

from dataflows_registry.cli.filters import filter_options
from dataflows_registry.cli.options import local_options

__all__ = ["command"]


@click.command("search")
@click.argument("words", nargs=-1, metavar="[WORDS]...")
@filter_options
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Print so many at most."
)
@local_options
def command(
    words: tuple[str, ...],
    kind: str | None,
    format: str | None,
    scheme: str | None,
    installed: bool | None,
    limit: int,
    as_json: bool,
) -> None:
    """Find processors by words, format or scheme.

    The best answer comes first. Synonyms and typing errors are understood: 'excel' finds what reads xlsx,
    'upsert' what writes to a database.
    """
    from dataflows_registry.catalog import Catalog
    from dataflows_registry.cli.filters import meant, print_known

    catalog = Catalog()
    text = " ".join(words)
    known = catalog.search(text, kind=kind, format=format, scheme=scheme, installed=installed, most=limit + 1)
    hint = "; `dataflows registry index add` makes more processors known"
    nothing = "" if known else f"nothing was found{meant(catalog, format) or hint}"
    print_known(catalog, known[:limit], as_json=as_json, nothing=nothing)
    if len(known) > limit and not as_json:
        click.echo(f"… and more: --limit {2 * limit} shows them", err=True)
