"""`dataflows graph`: draw a flow."""

from __future__ import annotations

import click

from dataflows_core.cli.ending import common_options, target_argument

__all__ = ["command"]

FORMATS = ("mermaid", "svg")


@click.command("graph")
@target_argument
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    help="By default what the ending of the output file says, and mermaid without one.",
)
@click.option("--output", "-o", type=click.Path(), help="Write a file; stdout by default.")
@common_options
def command(target: str, settings: tuple[str, ...], format_: str | None, output: str | None) -> None:
    """Draw the steps of a flow, as Mermaid text or as SVG.

    Nothing is read or written but the picture.
    """
    from pathlib import Path

    from dataflows_core.cli.targets import Target
    from dataflows_core.errors import AccessError

    graph = Target(target, settings).flow().graph()
    if format_ is None:
        format_ = "svg" if output is not None and output.endswith(".svg") else "mermaid"
    text = graph.svg() if format_ == "svg" else graph.mermaid()
    if output is None:
        click.echo(text)
        return
    try:
        Path(output).write_text(f"{text}\n", "utf-8")
    except OSError as error:
        raise AccessError(f"cannot write {output}: {error.strerror}") from error
