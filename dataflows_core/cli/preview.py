"""`dataflows preview`: what each step does to the schema and to the first rows. Nothing is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dataflows_core.cli.ending import common_options, target_argument

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dataflows_core.package import Package
    from dataflows_core.resource import Resource
    from dataflows_core.schema import Field, Schema
    from dataflows_core.steps import StepRef

__all__ = ["command", "first_rows", "schema_changes"]


@click.command("preview")
@target_argument
@click.option("--step", "position", metavar="N", help="Show this step only: 3, or 3.1 in a nested flow.")
@click.option("--rows", default=5, show_default=True, type=click.IntRange(min=0), help="Rows to show.")
@common_options
def command(target: str, settings: tuple[str, ...], position: str | None, rows: int) -> None:
    """Show what each step does, to the schema and to the first rows.

    Nothing is written: steps that write are left out. Everything is read anew for each step, and only as
    far as the rows that are shown.
    """
    from dataflows_core.cli.targets import Target
    from dataflows_core.package import Package

    made = Target(target, settings)
    steps = [planned.ref for planned in made.flow().steps()]
    wanted = _wanted(steps, position)
    after = made.flow().plan(last=wanted[0]) if wanted and wanted[0] else Package()
    for number in wanted:
        before, after = after, made.flow().plan(last=number + 1)
        if number != wanted[0]:
            click.echo()
        for line in _step_lines(steps[number], before, after, rows):
            click.echo(line)


def _wanted(steps: Sequence[StepRef], position: str | None) -> list[int]:
    """The indices of the steps that are shown."""
    from dataflows_core.errors import FlowError

    if position is None:
        return list(range(len(steps)))
    found = [
        index
        for index, step in enumerate(steps)
        if step.position == position or step.position.startswith(f"{position}.")
    ]
    if not found:
        known = ", ".join(f"{step.position} {step.name}" for step in steps)
        raise FlowError(f"there is no step {position!r}\n  the steps: {known or '(none)'}")
    return found


def _step_lines(step: StepRef, before: Package, after: Package, rows: int) -> Iterator[str]:
    """What is shown of a step."""
    from dataflows_core.render import printable

    yield click.style(f"step {step.position}, {printable(step.name)}", bold=True)
    was = {resource.name: resource for resource in before.resources}
    now = {resource.name: resource for resource in after.resources}
    same = True
    for name in was:
        if name not in now:
            same = False
            yield f"  - resource {printable(name)}"
    for name, resource in now.items():
        old = was.get(name)
        changes = list(schema_changes(old.schema if old is not None else None, resource.schema))
        if old is not None and not changes and not _touched(resource, step):
            continue
        same = False
        yield f"  {'+' if old is None else '~'} resource {printable(name)}"
        yield from (f"    {printable(change)}" for change in changes)
        yield from (f"    {line}" for line in first_rows(resource, rows))
    if same:
        yield "  (no change to the rows)"


def schema_changes(before: Schema | None, after: Schema) -> Iterator[str]:
    """What differs between two schemas, a line for each field.

    Args:
        before: The schema as it was; None when the resource is new: then nothing is said, since the
            table of its rows says it all.
        after: The schema as it is.
    """
    if before is None:
        return
    for field in before:
        if field.name not in after:
            yield f"- {_field_text(field)}"
    for field in after:
        if field.name not in before:
            yield f"+ {_field_text(field)}"
        elif (old := before.field(field.name)) != field:
            yield f"~ {_field_text(old)} → {_field_text(field).removeprefix(f'{field.name}: ')}"
    kept = [name for name in before.names if name in after]
    if kept != [name for name in after.names if name in before]:
        yield f"~ order: {', '.join(after.names)}"
    for name in dict.fromkeys([*before.properties, *after.properties]):
        if before.properties.get(name) != after.properties.get(name):
            yield f"~ {name}: {before.properties.get(name)!r} → {after.properties.get(name)!r}"


def _field_text(field: Field) -> str:
    rest = {key: value for key, value in field.descriptor.items() if key not in ("name", "type")}
    more = ", ".join(f"{key}={value!r}" for key, value in rest.items() if value != "default")
    return f"{field.name}: {field.type}" + (f" ({more})" if more else "")


def _touched(resource: Resource, step: StepRef) -> bool:
    """Whether a step did something to the rows, besides writing them."""
    from dataflows_core.operations import Map, Write

    if resource.stream is None:
        return False
    if resource.stream.origin.step == step:
        return True
    for operation in resource.stream.operations:
        parts = operation.parts if isinstance(operation, Map) else ()
        if not isinstance(operation, Write) and step in (operation.step, *(part.step for part in parts)):
            return True
    return False


def first_rows(resource: Resource, rows: int, indent: int = 4) -> list[str]:
    """The first rows of a resource as a table for the terminal; nothing is written.

    Args:
        resource: A planned resource.
        rows: How many to show.
        indent: Terminal columns that are taken by what stands before it.
    """
    import shutil
    from contextlib import closing
    from itertools import islice

    from dataflows_core.render import rows_text

    if not resource.tabular:
        return ["(not tabular)"]
    with closing(resource.rows()) as reading:  # type: ignore[type-var]
        found = list(islice(reading, rows))
    width = max(20, shutil.get_terminal_size().columns - indent)
    lines = rows_text(resource.schema, found, width=width).split("\n")
    return lines if found or not rows else [*lines, "(no rows)"]
