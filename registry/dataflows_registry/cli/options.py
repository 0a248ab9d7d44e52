"""What the commands have in common: their options, and how they print."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dataflows_core.cli.ending import Settings

if TYPE_CHECKING:
    from dataflows_core.render import Column

__all__ = ["local_options", "network_options", "print_json", "print_table"]

Function = TypeVar("Function", bound=Callable[..., Any])


def _keep(ctx: click.Context, parameter: click.Parameter, value: bool) -> bool:
    settings = ctx.ensure_object(Settings)
    setattr(settings, {"as_json": "json"}.get(parameter.name or "", parameter.name or ""), value)
    return value


_JSON = click.option(
    "--json", "as_json", is_flag=True, is_eager=True, callback=_keep, help="Print JSON, for programs."
)
_TRACEBACK = click.option(
    "--traceback",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_keep,
    help="Show where in the code an error came from.",
)


def local_options(function: Function) -> Function:
    """Add the options of a command that never opens a socket; its function takes `as_json`."""
    offline = click.option(
        "--offline", is_flag=True, expose_value=False, help="Open no socket; this command never does."
    )
    return _JSON(offline(_TRACEBACK(function)))


def network_options(function: Function) -> Function:
    """Add the options of a command that may open sockets; its function takes `as_json` and `offline`."""
    offline = click.option("--offline", is_flag=True, help="Open no socket; fail where one is needed.")
    return _JSON(offline(_TRACEBACK(function)))


def print_json(value: Any) -> None:
    """Print a value for programs."""
    import json

    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[str | None]]) -> None:
    """Print a table as wide as the terminal; nothing is left out of it where nobody looks."""
    import shutil
    import sys

    from dataflows_core.render import table_text

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 1_000_000
    click.echo(table_text(columns, rows, width))
