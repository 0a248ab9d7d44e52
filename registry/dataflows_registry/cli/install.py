"""`dataflows registry install`: bring in plugins."""

from __future__ import annotations

import click

from dataflows_registry.cli.changes import agreement_options, carry_out
from dataflows_registry.cli.options import network_options

__all__ = ["command"]


@click.command("install")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@agreement_options
@network_options
def command(names: tuple[str, ...], yes: bool, dry_run: bool, as_json: bool, offline: bool) -> None:
    """Install plugins, each named by one of its processors or as a distribution.

    NAME may have versions behind it: 'load_csv>=1.2'. The plan is shown first: what comes, from which index,
    with which sha256. What a policy forbids, what was withdrawn, and files that are not those of the index
    are refused.
    """
    from dataflows_registry.install import plan_install

    plan = plan_install(names, offline=offline)
    carry_out(plan, yes=yes, dry_run=dry_run, as_json=as_json, offline=offline)
