"""`dataflows init`: a first flow for a source."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from dataflows_core.cli.ending import common_options

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from dataflows_core.package import Package
    from dataflows_core.resource import Resource
    from dataflows_core.schema import Field

__all__ = ["command"]

HELLO_WORLD = "hello-world"

CITIES = """\
city,country,population,founded
Lyon,France,522250,-43
Oslo,Norway,709037,1040
Quito,Ecuador,1763275,1534
Dakar,Senegal,1182417,1857
Nara,Japan,354630,710
"""
"""The data of the hello-world flow: rounded census figures."""

MOST_LINES = 40
"""Fields that the flow file lists; a comment says how many more there are."""


@click.command("init")
@click.argument("source")
@click.option("--output", "-o", type=click.Path(), help="The flow file; NAME_flow.py by default.")
@click.option("--rows", default=5, show_default=True, type=click.IntRange(min=0), help="Rows to show.")
@common_options
@click.pass_context
def command(ctx: click.Context, source: str, output: str | None, rows: int) -> None:
    """Write a first flow for a source, and run it.

    SOURCE is whatever load() reads: a file, a URL, a Data Package; or hello-world for a small example with
    its data. Format and types are guessed; the flow file says what was guessed. Existing files are kept.
    The first rows are shown.
    """
    from pathlib import Path

    from dataflows_core.cli.preview import first_rows
    from dataflows_core.cli.run import run_flow
    from dataflows_core.cli.summary import summary_text
    from dataflows_core.cli.targets import Target
    from dataflows_core.render import printable

    ctx.obj.writes = True
    name = _name(source)
    file = Path(output) if output is not None else Path(f"{name}_flow.py")
    data = Path(f"{name}.csv") if source == HELLO_WORLD else None
    _refuse(path for path in (file, data) if path is not None)
    if data is not None:
        _write(data, CITIES)
        source = str(data)
    _write(file, _flow_text(source, name, _planned(source), str(file)))
    click.echo(f"wrote {printable(str(file))}")

    flow = Target(str(file)).flow()
    facts = run_flow(flow)
    for resource in flow.package().resources:
        click.echo(f"\n{click.style(printable(resource.name), bold=True)}")
        click.echo("\n".join(first_rows(resource, rows, indent=0)))
    click.echo(f"\n{summary_text(facts)}")
    click.echo(f"\nnext: change {printable(str(file))}, then: dataflows run {printable(str(file))}")


def _planned(source: str) -> Package:
    from dataflows_core.flow import Flow
    from dataflows_core.loading import load

    return Flow(load(source)).plan()


def _refuse(paths: Iterable[Path]) -> None:
    from dataflows_core.errors import FlowError

    for path in paths:
        if path.exists() or path.is_symlink():
            raise FlowError(f"{path} exists already, and is kept; name another file with -o, or remove it")


def _write(path: Path, text: str) -> None:
    from dataflows_core.errors import AccessError

    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise AccessError(f"cannot write {path}: {error.strerror}") from error


def _name(source: str) -> str:
    """A name for files, made of the source's own."""
    last = [part for part in re.split(r"[/\\?#]", source) if part] or ["data"]
    if last[-1] == "datapackage.json" and len(last) > 1:
        last.pop()
    stem = last[-1].partition(".")[0] or last[-1].lstrip(".")
    name = re.sub(r"\W+", "_", stem, flags=re.ASCII).strip("_").lower()
    return name if name.isidentifier() else f"data_{name}".rstrip("_")


def _flow_text(source: str, name: str, package: Package, file: str) -> str:
    """The flow file: what is done, and in comments what could be."""
    tables = [resource for resource in package.resources if resource.tabular]
    lines = [line for resource in tables for line in _type_lines(resource, alone=len(tables) == 1)]
    example = next((line for resource in tables if (line := _filter_line(resource))), None)
    comments = []
    if lines:
        comments.append("# The types that were guessed. To say otherwise, change a line and take away its #.")
        comments += [f"# {line}" for line in lines]
    if example is not None:
        comments += ["# Keep some rows only:", f"# {example}"]
    body = "\n".join(f"    {line}" for line in comments)
    steps = f"{body}\n" if body else ""
    return f'''"""The flow of {_docstring(source)}.

Run it with: dataflows run {_docstring(file)}
"""

from dataflows_core import Flow
from dataflows_core.processors import dump_to_path, filter_rows, load, set_type

flow = Flow(
    load({_literal(source)}),
{steps}    dump_to_path({_literal(f"out/{name}")}),
)

if __name__ == "__main__":
    flow.process()
'''


def _type_lines(resource: Resource, *, alone: bool) -> Iterator[str]:
    where = "" if alone else f", resources=[{_literal(resource.name)}]"
    typed = [field for field in resource.schema if field.type != "string"]
    for field in typed[:MOST_LINES]:
        options = "".join(f", {key}={value}" for key, value in _options(field).items())
        yield f"set_type({_literal(field.name)}{where}, type={_literal(field.type)}{options}, regex=False),"
    if len(typed) > MOST_LINES:
        yield f"… and {len(typed) - MOST_LINES} more fields"


def _options(field: Field) -> Mapping[str, str]:
    """What else was guessed of a field."""
    names = ("format", "decimalChar", "groupChar", "bareNumber", "floatNumber", "trueValues", "falseValues")
    found = {name: field.descriptor.get(name) for name in names}
    said = {name: value for name, value in found.items() if value not in (None, "default")}
    return {name: _literal(value) if isinstance(value, str) else repr(value) for name, value in said.items()}


def _filter_line(resource: Resource) -> str | None:
    numbers = [field.name for field in resource.schema if field.type in ("integer", "number", "year")]
    texts = [field.name for field in resource.schema if field.type == "string"]
    if numbers:
        condition = f"{_identifier(numbers[0])} > 0"
    elif texts:
        condition = f"{_identifier(texts[0])} is not null"
    else:
        return None
    return f"filter_rows({_literal(condition)}),"


def _identifier(name: str) -> str:
    """A field's name in an expression."""
    return name if re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) else '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    """A Python literal, in double quotes where they do."""
    if text.isprintable() and "\\" not in text:
        for quote in ('"', "'"):
            if quote not in text:
                return f"{quote}{text}{quote}"
    return repr(text)


def _docstring(text: str) -> str:
    """A text that can stand in a docstring."""
    return repr(text)[1:-1].replace('"', "'").replace("\\", "\\\\") if not _is_plain(text) else text


def _is_plain(text: str) -> bool:
    return text.isprintable() and '"' not in text and "\\" not in text
