"""The command group `dataflows registry`.

One module per command; a command's module is imported when the command is run, and not for a list of them.
"""

from __future__ import annotations

import click

from dataflows_registry.cli.group import LazyGroup

__all__ = ["registry"]

COMMANDS: dict[str, str] = {
    "install": "Install plugins, each named by one of its processors or as a distribution.",
    "uninstall": "Remove plugins, each named by one of its processors or as a distribution.",
    "upgrade": "Bring plugins to the newest release that can be installed here.",
    "lock": "Write down which plugins are installed, with the hashes of all files of their releases.",
    "sync": "Install what a lock file says, to the byte; FILE is dataflows.lock by default.",
}
"""The commands in the order of the help: each is a module of this package, with an attribute `command`."""


@click.group(cls=LazyGroup, package=__name__, summaries=COMMANDS, no_args_is_help=True)
@click.version_option(package_name="dataflows-registry", prog_name="dataflows-registry")
def registry() -> None:
    """Find, understand and install processors."""
