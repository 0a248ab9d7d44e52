"""`dataflows registry diff`: what changed between two releases, and what of it breaks flows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from dataflows_registry.cli.options import network_options, print_json, print_table

if TYPE_CHECKING:
    from dataflows_registry.diff import Change

__all__ = ["command"]


@click.command("diff")
@click.argument("words", nargs=-1, required=True, metavar="DIST [A [B]] | WHEEL WHEEL")
@click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="SOURCE",
    help="Where the releases are: a folder of wheels, the address of an index. Otherwise what is known here.",
)
@network_options
@click.pass_context
def command(
    ctx: click.Context, words: Sequence[str], sources: Sequence[str], as_json: bool, offline: bool
) -> None:
    """Show what changed in the processors of DIST from release A to release B.

    Without A and B they are the two newest releases; without B it is the newest. Either may be a version,
    `installed`, `latest` or the path of a wheel. Two wheels need no DIST.

    The exit code is 0 when every flow that was right for A is right for B, and means the same; 1 when one
    may not be: `breaking` says which changes those are.
    """
    from dataflows_registry.diff import changes
    from dataflows_registry.releases import two_releases

    before, after = two_releases(words, sources, offline=offline)
    found = changes(before, after)
    breaking = any(change.breaking for change in found)
    if as_json:
        print_json(
            {
                "ok": not breaking,
                "distribution": after.distribution,
                "before": before.version,
                "after": after.version,
                "breaking": breaking,
                "changes": [change.to_json() for change in found],
            }
        )
    else:
        _print(before.version, after.version, found)
    ctx.exit(1 if breaking else 0)


def _print(before: str, after: str, found: Sequence[Change]) -> None:
    from dataflows_core.render import Column, printable

    click.echo(printable(f"{before} → {after}"))
    columns = [
        Column(title) for title in ("breaking", "processor", "parameter", "change", "before", "after", "note")
    ]
    rows = [
        [
            "yes" if one.breaking else "no",
            one.processor,
            one.parameter,
            one.what,
            one.before,
            one.after,
            one.note,
        ]
        for one in found
    ]
    if rows:
        print_table(columns, rows)
    else:
        click.echo("nothing changed in the processors")
