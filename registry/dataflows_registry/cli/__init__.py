"""The command group `dataflows registry`.

One module per command; a command's module is imported when the command is run, and not for a list of them.
"""

from __future__ import annotations

import click

from dataflows_registry.cli.group import LazyGroup

__all__ = ["registry"]

COMMANDS: dict[str, str] = {}
"""The commands in the order of the help: each is a module of this package, with an attribute `command`."""


@click.group(cls=LazyGroup, package=__name__, summaries=COMMANDS, no_args_is_help=True)
@click.version_option(package_name="dataflows-registry", prog_name="dataflows-registry")
def registry() -> None:
    """Find, understand and install processors."""
