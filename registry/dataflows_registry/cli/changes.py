"""How the commands that change the environment show what they will do, ask, and do it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from dataflows_registry.install import Plan

__all__ = ["agreement_options", "carry_out"]

Function = TypeVar("Function", bound=Callable[..., Any])


def agreement_options(function: Function) -> Function:
    """Add the options that say whether to ask; the command's function takes `yes` and `dry_run`."""
    yes = click.option("--yes", "-y", is_flag=True, help="Do it without asking.")
    dry = click.option("--dry-run", is_flag=True, help="Show the plan; change nothing.")
    return yes(dry(function))


def carry_out(plan: Plan, *, yes: bool, dry_run: bool, as_json: bool, offline: bool = False) -> None:
    """Show a plan, ask, and do it.

    Args:
        plan: The plan.
        yes: Do not ask.
        dry_run: Do nothing.
        as_json: Print JSON; nobody is asked then.
        offline: Open no socket.

    Raises:
        click.UsageError: There is nobody to ask.
        click.Abort: The answer was no.
    """
    from dataflows_core.render import printable
    from dataflows_registry.install import apply

    doing = bool(plan.changes) and not dry_run
    if not as_json:
        click.echo(printable(plan.text(), keep="\n") or "nothing to do")
    if doing and not yes:
        if as_json or not sys.stdin.isatty():
            raise click.UsageError(
                "there is nobody to ask; --yes agrees to the plan, --dry-run only shows it"
            )
        click.confirm("Do it?", abort=True)
    if doing:
        apply(plan, offline=offline)
        _renew_stubs()
    if as_json:
        from dataflows_registry.cli.options import print_json

        print_json({"ok": True, "done": doing, **plan.to_json()})
    elif doing:
        click.echo("done")


def _renew_stubs() -> None:
    """Let editors know of the change, where they know of the plugins at all."""
    from dataflows_core.errors import DataflowsError
    from dataflows_registry.stubs import default_folder, renew_stubs

    try:
        renew_stubs(default_folder())
    except DataflowsError as error:  # what was asked for is done
        click.echo(f"the stubs are as they were: {error}", err=True)
