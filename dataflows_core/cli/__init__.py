"""The command line: `dataflows`.

One module per command; what a command needs is imported inside its function, so that `--help` costs
little more than click itself. Plugins add commands in the entry-point group `dataflows.commands`.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any

import click

from dataflows_core.cli.ending import Settings, ended

__all__ = ["main"]

COMMANDS = {
    "run": "Run a flow.",
    "init": "Write a first flow for a source, and run it.",
    "preview": "Show what each step does, to the schema and to the first rows.",
    "graph": "Draw the steps of a flow, as Mermaid text or as SVG.",
    "processors": "List the installed processors.",
    "cache": "List, or clear, the downloads that are kept.",
}
"""The commands of core, in the order of the help, with the first line of theirs: each is a module of this
package, which is not imported for a list."""


class Commands(click.Group):
    """The commands of core and those of the plugins."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Core's commands, then those of the plugins."""
        from dataflows_core.discovery import names

        return [*COMMANDS, *(name for name in names("command") if name not in COMMANDS)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """What stands for a command in lists; the command itself is imported by `resolve_command`."""
        if cmd_name in COMMANDS:
            return click.Command(cmd_name, help=COMMANDS[cmd_name])
        from dataflows_core.discovery import GROUPS, entries

        claims = [entry for entry in entries(GROUPS["command"]) if entry.name == cmd_name]
        return click.Command(cmd_name, help=f"(from {claims[0].distribution})") if claims else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is meant, imported.

        Raises:
            click.UsageError: There is none of that name; near misses are named.
            DataflowsError: Several plugins claim the name, or the one that does cannot be imported.
        """
        if args[0].startswith("-"):
            return super().resolve_command(ctx, args)
        if args[0] in COMMANDS:
            return args[0], importlib.import_module(f"{__name__}.{args[0]}").command, args[1:]
        from dataflows_core import discovery
        from dataflows_core.errors import UnknownNameError

        try:
            return args[0], discovery.load("command", args[0]), args[1:]
        except UnknownNameError:
            if ctx.resilient_parsing:  # completion: an unfinished word
                return None, None, args[1:]
            from dataflows_core.errors import near_misses

            close = near_misses(args[0], self.list_commands(ctx))
            hint = f" Did you mean {' or '.join(close)}?" if close else ""
            raise click.UsageError(f"There is no command {args[0]!r}.{hint}", ctx) from None


def _print_version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from dataflows_core.cli.version import version_text

        click.echo(version_text())
        ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_version,
    help="Show the versions of core and of every installed plugin.",
)
def command() -> None:
    """Flows of small steps over tabular data: Data Packages in and out."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: What follows the command's name; those of this process by default.

    Returns:
        The exit code: 0 done; 1 the data or the world failed; 2 the flow or the command line is wrong;
        130 stopped by Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a character gets a question mark in its place, not a traceback.
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="replace")
    settings = Settings()
    with ended(settings):
        extra: dict[str, Any] = {"obj": settings, "color": settings.color}
        settings.exit_code = command.main(arguments, "dataflows", standalone_mode=False, **extra) or 0
    return settings.exit_code
