"""`dataflows registry upgrade`: bring plugins to their newest release."""

from __future__ import annotations

import click

from dataflows_registry.cli.changes import agreement_options, carry_out
from dataflows_registry.cli.options import network_options

__all__ = ["command"]


@click.command("upgrade")
@click.argument("names", nargs=-1, metavar="[NAME...]")
@click.option("--all", "everything", is_flag=True, help="Every plugin that is installed.")
@agreement_options
@network_options
def command(
    names: tuple[str, ...], everything: bool, yes: bool, dry_run: bool, as_json: bool, offline: bool
) -> None:
    """Bring plugins to the newest release that can be installed here.

    What is newest is what the indexes said when they were last read: `dataflows registry index update`.
    """
    from dataflows_registry.install import plan_upgrade

    if bool(names) == everything:
        raise click.UsageError("name what to upgrade, or give --all")
    plan = plan_upgrade(names, offline=offline)
    carry_out(plan, yes=yes, dry_run=dry_run, as_json=as_json, offline=offline)
