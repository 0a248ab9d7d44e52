"""A processor as a page for a terminal, as wide as it is; plain where nobody looks."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from dataflows_core.render import display_width, printable
from dataflows_registry.usage import python_form, yaml_example, yaml_form

if TYPE_CHECKING:
    from dataflows_registry.catalog import Entry
    from dataflows_registry.model import Parameter, Processor

__all__ = ["page_text"]

_WIDEST = 100
_NARROWEST = 30


def page_text(entry: Entry, health: dict[str, Any], width: int | None = None) -> str:
    """The page of a processor.

    Args:
        entry: The processor.
        health: What is known of its releases, and the command that installs it.
        width: Terminal columns; as many as there are by default, 100 at most.
    """
    width = max(_NARROWEST, min(width or shutil.get_terminal_size((_WIDEST, 24)).columns, _WIDEST))
    return "\n".join(_lines(entry, health, width))


def _lines(entry: Entry, health: dict[str, Any], width: int) -> Iterator[str]:
    processor, release = entry.processor, entry.release
    yield f"{_bold(printable(processor.name))}  {_dim(_kind(processor))}"
    yield from _wrapped(processor.summary or "(its author has not described it)", width)
    if processor.description.strip():
        yield ""
        yield from _paragraphs(processor.description, width)
    yield from _heading("Parameters")
    for parameter in processor.parameters:
        yield from _parameter(parameter, width)
    if not processor.parameters:
        yield "  (none)"
    if processor.raises:
        yield from _heading("Raises")
        for error in processor.raises:
            yield from _definition(error.get("type", ""), "", error.get("doc", ""), width)
    yield from _examples(processor)
    yield from _heading("From")
    yield from _facts(entry, health, width)
    if health["problems"]:
        yield from _heading("Problems", "yellow")
        for problem in health["problems"]:
            yield from _wrapped(f"• {problem}", width, "  ", "    ")
    if not entry.installed_version:
        yield from _heading("Install")
        yield f"  {health['install']}"
        yield _dim(f"  (brings {release.distribution} {release.version})")


def _kind(processor: Processor) -> str:
    words = [processor.kind if processor.kind != "unknown" else "of unknown kind"]
    if processor.formats:
        words.append(", ".join(processor.formats))
    if processor.schemes:
        words.append(", ".join(f"{scheme}://" for scheme in processor.schemes))
    return printable(" · ".join(words))


def _parameter(parameter: Parameter, width: int) -> Iterator[str]:
    facts = [parameter.type or ""]
    if parameter.required:
        facts.append("required")
    elif parameter.default is not None:
        facts.append(f"default {parameter.default}")
    if parameter.keyword_only:
        facts.append("by name only")
    stars = (
        ""
        if not parameter.variadic
        else "**"
        if parameter.keyword_only or parameter.name in ("options", "kwargs")
        else "*"
    )
    yield from _definition(stars + parameter.name, " · ".join(filter(None, facts)), parameter.doc, width)


def _definition(name: str, facts: str, text: str, width: int) -> Iterator[str]:
    """A name, what it is, and below, indented, what it means."""
    name, facts = printable(name), printable(facts)
    if display_width(name) + display_width(facts) + 4 <= width:
        yield f"  {_bold(name)}  {_dim(facts)}".rstrip()
    else:
        yield f"  {_bold(name)}"
        yield from (_dim(line) for line in _wrapped(facts, width, "      ", "      "))
    if text:
        yield from _paragraphs(text, width, "      ")


def _examples(processor: Processor) -> Iterator[str]:
    given = [(example.get("code", ""), example.get("doc", "")) for example in processor.examples]
    yield from _heading("In Python")
    for code, text in given:
        if text:
            yield from _paragraphs(text, _WIDEST, "  ")
        yield from _code(code)
    if not given:
        yield from _code(python_form(processor))
    steps = [step for code, _ in given if (step := yaml_example(code, processor))]
    yield from _heading("In YAML")
    for step in steps or [yaml_form(processor)]:
        yield from _code(step)


def _code(text: str) -> Iterator[str]:
    return (f"  {printable(line)}".rstrip() for line in text.strip("\n").split("\n"))


def _facts(entry: Entry, health: dict[str, Any], width: int) -> Iterator[str]:
    release = entry.release
    here = "installed" if entry.installed_version else f"not installed; known from the index {entry.index!r}"
    facts = {
        "distribution": f"{release.distribution} {release.version} ({here})",
        "long name": entry.processor.qualified_name,
        "needs": "; ".join(
            text
            for text in (
                f"Python {release.requires_python}" if release.requires_python else "",
                f"dataflows-core {release.requires_core}" if release.requires_core else "",
            )
            if text
        ),
        "licence": release.licence,
        "versions": _versions(health),
        "last release": (health["last_release"] or "")[:10],
        **release.links,
    }
    for name, text in facts.items():
        if text:
            yield from _wrapped(f"{name}: {text}", width, "  ", "    ")


def _versions(health: dict[str, Any]) -> str:
    count = health["releases"]
    return f"{count} known, the newest is {health['newest']}" if count > 1 else ""


def _heading(text: str, color: str | None = None) -> Iterator[str]:
    yield ""
    yield click.style(text, bold=True, fg=color)


def _paragraphs(text: str, width: int, indent: str = "") -> Iterator[str]:
    """Text as its author broke it into paragraphs, lists and code, wrapped anew."""
    for number, paragraph in enumerate(re.split(r"\n\s*\n", textwrap.dedent(text).strip("\n"))):
        if number:
            yield ""
        lines = paragraph.split("\n")
        if any(line.startswith((" ", "|", "```", ">>>")) for line in lines):
            yield from (f"{indent}{printable(line)}".rstrip() for line in lines)
        elif any(re.match(r"[*-] ", line) for line in lines):
            for item in re.split(r"\n(?=[*-] )", paragraph):
                yield from _wrapped(" ".join(item.split()), width, indent, f"{indent}  ")
        else:
            yield from _wrapped(" ".join(paragraph.split()), width, indent, indent)


def _wrapped(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    return textwrap.wrap(
        printable(text), width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False
    )


def _bold(text: str) -> str:
    return click.style(text, bold=True)


def _dim(text: str) -> str:
    return click.style(text, dim=True) if text else ""
