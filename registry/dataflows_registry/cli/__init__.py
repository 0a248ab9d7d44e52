"""The command group `dataflows registry`.

One module per command; a command's module is imported when the command is run, and not for a list of them.
"""

from __future__ import annotations

import click

from dataflows_registry.cli.group import LazyGroup

__all__ = ["registry"]

COMMANDS: dict[str, str] = {
    "list": "List the processors that are installed, or that can be.",
    "search": "Find processors by words, format or scheme.",
    "show": "Show what a processor does and takes.",
    "provides": "Say which processors read or write a file, a URL or a format.",
    "index": "Build, add and update indexes of processors.",
    "doctor": "Say what is wrong with the plugins and indexes here, and how to mend it.",
    "install": "Install plugins, each named by one of its processors or as a distribution.",
    "uninstall": "Remove plugins, each named by one of its processors or as a distribution.",
    "upgrade": "Bring plugins to the newest release that can be installed here.",
    "lock": "Write down which plugins are installed, with the hashes of all files of their releases.",
    "sync": "Install what a lock file says, to the byte; FILE is dataflows.lock by default.",
    "diff": "Show what changed in the processors of DIST from release A to release B.",
    "docs": "Write a static site: a search page, pages of processors and distributions, and data.",
    "stubs": "Write a typed stub of the installed processors.",
}
"""The commands in the order of the help: each is a module of this package, with an attribute `command`."""


@click.group(cls=LazyGroup, package=__name__, summaries=COMMANDS, no_args_is_help=True)
@click.version_option(package_name="dataflows-registry", prog_name="dataflows-registry")
def registry() -> None:
    """Find, understand and install processors."""
