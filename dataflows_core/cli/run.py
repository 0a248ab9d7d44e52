"""`dataflows run`: run a flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from dataflows_core.cli.ending import common_options, target_argument, termination_raised

if TYPE_CHECKING:
    from dataflows_core.flow import Flow

__all__ = ["LOCK_CHECKS", "command", "run_flow"]

LOCK_CHECKS = "dataflows.locks"
"""The entry-point group of what checks a lock: called with the folders that the lock may be in."""


@click.command("run")
@target_argument
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Read at most N rows of each source.")
@click.option(
    "--runner",
    metavar="NAME[:OPTION]",
    help="Where the work is done: local (the default), processes, processes:4, or that of a plugin.",
)
@click.option(
    "--locked",
    is_flag=True,
    help="Refuse to run unless the installed plugins are those of dataflows.lock, to the byte.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome, or the error, as JSON.")
@click.option("--quiet", "-q", is_flag=True, help="Print only errors, and what the flow itself prints.")
@common_options
@click.pass_context
def command(
    ctx: click.Context,
    target: str,
    settings: tuple[str, ...],
    limit: int | None,
    runner: str | None,
    locked: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Run a flow.

    TARGET is a Python file that holds a Flow, or a function that returns one: the one named flow, or the
    only one. FILE:NAME names another. Paths in it are relative to the current folder.
    """
    ctx.obj.json, ctx.obj.writes = as_json, True
    if locked:
        _check_lock(target)
    from dataflows_core.cli.targets import Target

    with _stdout_kept(as_json), termination_raised():
        flow = Target(target, settings).flow()
        facts = run_flow(flow, limit=limit, runner=runner, quiet=quiet or as_json)
    if as_json:
        import json

        click.echo(json.dumps(facts, ensure_ascii=False, default=str))
    elif not quiet:
        from dataflows_core.cli.summary import summary_text

        click.echo(summary_text(facts))


def run_flow(
    flow: Flow, *, limit: int | None = None, runner: str | None = None, quiet: bool = False
) -> dict[str, Any]:
    """Run a flow and show how far it is.

    Args:
        flow: The flow.
        limit: The most rows to read of each source.
        runner: The runner's name, with its option behind a colon.
        quiet: Whether no progress is shown.

    Returns:
        What `dataflows_core.cli.summary.run_facts` says.
    """
    import time

    from dataflows_core.cli.summary import run_facts

    started = time.monotonic()
    if quiet:
        package, _ = flow.run(runner, limit=limit)
    else:
        from dataflows_core.cli.progress import shown_progress
        from dataflows_core.hooks import Events

        with shown_progress() as progress:
            package, _ = flow.run(runner, limit=limit, events=Events(progress))
    return run_facts(package, time.monotonic() - started)


def _stdout_kept(wanted: bool) -> Any:
    """With JSON on stdout, what the flow prints goes to stderr."""
    import contextlib
    import sys

    return contextlib.redirect_stdout(sys.stderr) if wanted else contextlib.nullcontext()


def _check_lock(target: str) -> None:
    """Refuse an environment that is not the locked one, before anything of a plugin is imported."""
    from pathlib import Path

    from dataflows_core.discovery import entries
    from dataflows_core.errors import FlowError

    checks = [entry for entry in entries(LOCK_CHECKS) if entry.first_party]
    if not checks:
        raise FlowError(
            "--locked needs dataflows-registry, which writes and checks lock files\n"
            "  pip install dataflows-registry"
        )
    for check in checks:
        check.load()([Path.cwd(), Path(target).absolute().parent])
