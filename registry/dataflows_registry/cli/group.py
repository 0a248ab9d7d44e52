"""A command group whose commands are imported when they are run."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click

__all__ = ["LazyGroup"]


class LazyGroup(click.Group):
    """A group of commands, one module each.

    Args:
        package: The package of the modules; each has an attribute `command`.
        summaries: The first line of each command's help, by its name, in the order of the help.
        **options: Those of `click.Group`.
    """

    def __init__(self, *, package: str, summaries: Mapping[str, str], **options: Any) -> None:
        super().__init__(**options)
        self.package, self.summaries = package, summaries

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, in the order of the help."""
        return list(self.summaries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """What stands for a command in lists; the command itself is imported by `resolve_command`."""
        summary = self.summaries.get(cmd_name)
        return None if summary is None else click.Command(cmd_name, help=summary)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is meant, imported.

        Raises:
            click.UsageError: There is none of that name; near misses are named.
        """
        name, rest = args[0], args[1:]
        if name in self.summaries:
            return name, importlib.import_module(f"{self.package}.{name}").command, rest
        if name.startswith("-") or ctx.resilient_parsing:  # completion: an unfinished word
            return super().resolve_command(ctx, args)
        from dataflows_core.errors import near_misses

        close = near_misses(name, self.summaries)
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        raise click.UsageError(f"There is no command {name!r}.{hint}", ctx)
