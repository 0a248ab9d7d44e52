"""`dataflows registry sync`: make the environment equal to a lock."""

from __future__ import annotations

from pathlib import Path

import click

from dataflows_registry.cli.changes import agreement_options, carry_out
from dataflows_registry.cli.options import network_options

__all__ = ["command"]


@click.command("sync")
@click.argument("file", type=click.Path(path_type=Path), default=Path("dataflows.lock"))
@click.option("--remove", is_flag=True, help="Remove plugins that are not in the lock.")
@agreement_options
@network_options
def command(file: Path, remove: bool, yes: bool, dry_run: bool, as_json: bool, offline: bool) -> None:
    """Install what a lock file says, to the byte; FILE is dataflows.lock by default."""
    from dataflows_registry.lock import Lock, plan_sync

    plan = plan_sync(Lock.read(file), remove=remove, offline=offline)
    carry_out(plan, yes=yes, dry_run=dry_run, as_json=as_json, offline=offline)
