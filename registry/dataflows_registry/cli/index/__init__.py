"""`dataflows registry index`: indexes of processors."""

from __future__ import annotations

import click

from dataflows_registry.cli.group import LazyGroup

__all__ = ["command"]

COMMANDS: dict[str, str] = {
    "build": "Describe the processors of sources, and write the index into a folder.",
    "add": "Add an index, and read its source.",
    "update": "Read the sources of added indexes again; all of them without NAME.",
    "pin": "Take distributions whose names match PATTERN ('acme-*') from one index and from no other.",
    "remove": "Forget an index.",
    "sources": "List the indexes, those that take precedence first.",
}


@click.group("index", cls=LazyGroup, package=__name__, summaries=COMMANDS, no_args_is_help=True)
def command() -> None:
    """Build, add and update indexes of processors.

    A source is a wheel or an sdist, a folder of them, the folder or address of an index that `index build`
    wrote, the address of a package index, `pip` for the package index that pip is configured for, or
    `installed`. Nothing of a plugin is run, and no package index is asked that was not added.
    """
