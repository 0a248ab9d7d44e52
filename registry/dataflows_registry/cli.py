"""The command group `dataflows registry`."""

from __future__ import annotations

import click

__all__ = ["registry"]


@click.group(
    no_args_is_help=True,
    epilog="This version of dataflows-registry has no subcommand yet. "
    "`dataflows processors` lists the processors that are installed.",
)
@click.version_option(package_name="dataflows-registry", prog_name="dataflows-registry")
def registry() -> None:
    """Find processors that are not installed yet."""
