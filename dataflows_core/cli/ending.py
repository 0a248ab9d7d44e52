"""How every command ends: one exit code, one way to show an error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from dataflows_core.errors import DataflowsError, ProcessorError

__all__ = ["Settings", "common_options", "ended", "target_argument", "termination_raised"]

Function = TypeVar("Function", bound=Callable[..., Any])


class Settings:
    """What a command line says about its own output, and how it ended.

    Attributes:
        json: Errors are printed as JSON.
        traceback: Unexpected errors are shown with their traceback.
        writes: The command writes data, so that stopping it is worth a word on what became of them.
        color: False when the user wants none (`NO_COLOR`); None lets the terminal decide.
        exit_code: What the process returns.
    """

    def __init__(self) -> None:
        self.json = self.traceback = self.writes = False
        self.color = False if os.environ.get("NO_COLOR") else None
        self.exit_code = 0


def common_options(function: Function) -> Function:
    """Add the options that every command has."""

    def keep(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
        ctx.obj.traceback = value

    option = click.option(
        "--traceback",
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=keep,
        help="Show where in the code an error came from.",
    )
    return option(function)


def target_argument(function: Function) -> Function:
    """Add what names the flow that a command is about: TARGET and its parameters."""
    setting = click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="NAME=VALUE",
        help="Give a parameter of the flow function a value; may be repeated.",
    )
    return click.argument("target", type=click.Path())(setting(function))


@contextmanager
def ended(settings: Settings) -> Iterator[None]:
    """Turn whatever ends a command into an exit code and a message."""
    try:
        yield
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        settings.exit_code = error.exit_code
    except (click.Abort, KeyboardInterrupt) as error:
        stop = error.__cause__ or error  # click makes an Abort of every interrupt
        _show(_stopped(stop, settings), settings, label="")
        settings.exit_code = 143 if isinstance(stop, Terminated) else 130
    except BrokenPipeError:
        # Whoever read our output has seen enough. Python flushes at exit, into the void from now on.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        settings.exit_code = 1
    except DataflowsError as error:
        settings.exit_code = error.exit_code
        _show_error(error, str(error), settings)
    except Exception as error:  # noqa: BLE001 - the seam: the command line's last line
        settings.exit_code = 1
        hint = "" if settings.traceback else "\n  this was not foreseen; --traceback shows where it came from"
        _show_error(error, f"{type(error).__name__}: {error}{hint}", settings)


class Terminated(KeyboardInterrupt):
    """Somebody asked the process to end (SIGTERM); it takes back what it has begun, as for Ctrl-C."""


@contextmanager
def termination_raised() -> Iterator[None]:
    """Let SIGTERM end the block like Ctrl-C; does nothing outside the main thread."""

    def stop(*_: object) -> None:
        raise Terminated

    import signal
    import threading

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _stopped(stop: BaseException, settings: Settings) -> str:
    notes = getattr(stop, "__notes__", [])
    return "\n  ".join(["stopped" + ("; nothing was written" * (settings.writes and not notes)), *notes])


def _show_error(error: Exception, message: str, settings: Settings) -> None:
    message = "\n  ".join([message, *getattr(error, "__notes__", [])])
    if settings.traceback:
        import traceback

        from dataflows_core.render import printable

        click.echo(printable("".join(traceback.format_exception(error)), keep="\n"), err=True)
    if settings.json:
        import json

        click.echo(json.dumps({"ok": False, "error": error_facts(error)}, ensure_ascii=False, default=str))
    else:
        _show(message, settings)


def _show(message: str, settings: Settings, label: str = "Error: ") -> None:
    from dataflows_core.render import printable

    text = (click.style(label, fg="red", bold=True) if label else "") + printable(message, keep="\n")
    click.echo(text, err=True, color=settings.color)


def error_facts(error: BaseException) -> dict[str, Any]:
    """What is known about an error, for programs.

    The facts of a step's error (`processor`, `position`, `resource`, `row`, `source`, `values`) and those
    of its cause (`field`, `value`, `expected` …) stand side by side; absent ones are left out.
    """
    facts: dict[str, Any] = {
        "type": type(error).__name__,
        "message": str(error),
        "notes": getattr(error, "__notes__", None),
        "exit_code": getattr(error, "exit_code", 1),
    }
    cause: BaseException = error
    if isinstance(error, ProcessorError):
        cause = error.cause
        facts["type"] = type(cause).__name__
        for name in ("processor", "position", "resource", "row", "source", "values"):
            facts[name] = getattr(error, name)
    if isinstance(cause, DataflowsError):
        for name in ("field", "value", "expected", "constraint", "remedy", "expression", "name", "known"):
            facts[name] = getattr(cause, name, None)
    return {name: value for name, value in facts.items() if value not in (None, "", [])}
