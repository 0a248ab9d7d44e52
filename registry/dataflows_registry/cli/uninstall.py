"""`dataflows registry uninstall`: remove plugins."""

from __future__ import annotations

import click

from dataflows_registry.cli.changes import agreement_options, carry_out
from dataflows_registry.cli.options import local_options

__all__ = ["command"]


@click.command("uninstall")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@agreement_options
@local_options
def command(names: tuple[str, ...], yes: bool, dry_run: bool, as_json: bool) -> None:
    """Remove plugins, each named by one of its processors or as a distribution.

    What other distributions need is not removed. The libraries that a plugin brought along stay.
    """
    from dataflows_registry.install import plan_uninstall

    carry_out(plan_uninstall(names), yes=yes, dry_run=dry_run, as_json=as_json)
