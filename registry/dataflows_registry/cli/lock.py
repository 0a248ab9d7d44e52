"""`dataflows registry lock`: write down which plugins are installed, to the byte."""

from __future__ import annotations

from pathlib import Path

import click

from dataflows_registry.cli.options import network_options, print_json

__all__ = ["command"]


@click.command("lock")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    default=Path("dataflows.lock"),
    show_default=True,
    help="The file to write.",
)
@click.option(
    "--check", is_flag=True, help="Write nothing; fail if the environment is not what the file says."
)
@network_options
def command(output: Path, check: bool, as_json: bool, offline: bool) -> None:
    """Write down which plugins are installed, with the hashes of all files of their releases.

    `dataflows registry sync` restores that elsewhere; `dataflows run --locked` refuses to run with anything
    else. Libraries that are no plugins are not locked.
    """
    from dataflows_registry.lock import DriftError, Lock, drift, make_lock
    from dataflows_registry.store import write_atomically

    if check:
        if reasons := drift(Lock.read(output)):
            raise DriftError(output, reasons)
        lock = Lock.read(output)
    else:
        lock = make_lock(offline=offline)
        write_atomically(output, lock.text())
    if as_json:
        locked = {name: one.version for name, one in lock.distributions.items()}
        print_json({"ok": True, "file": str(output), "distributions": locked})
    else:
        click.echo(f"{output}: {len(lock.distributions)} plugins{', all as locked' if check else ''}")
