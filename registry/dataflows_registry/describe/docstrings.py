"""Google docstrings, taken apart by griffe."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import griffe

from dataflows_registry.text import MAX_LINE, clean_line, clean_text

__all__ = ["Docstring", "read_docstring"]

_FENCE = re.compile(r"^[ \t]*(```+|~~~+)[^\n]*\n(.*?)^[ \t]*\1[ \t]*$", re.MULTILINE | re.DOTALL)
_MAX_EXAMPLES = 50


@dataclass
class Docstring:
    """What a docstring says.

    Attributes:
        summary: Its first paragraph, on one line.
        description: What follows, before the sections.
        parameters: By name, without asterisks.
        raises: ``{"type", "doc"}`` of each error.
        examples: ``{"code", "doc"}`` of each.
        deprecated: Why it should not be used, or None.
    """

    summary: str = ""
    description: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    raises: list[dict[str, str]] = field(default_factory=list)
    examples: list[dict[str, str]] = field(default_factory=list)
    deprecated: str | None = None


def read_docstring(docstring: griffe.Docstring | None) -> Docstring:
    """The parts of a docstring; none for None.

    Args:
        docstring: As griffe found it.
    """
    read = Docstring()
    if docstring is None:
        return read
    text: list[str] = []
    for section in griffe.parse_google(docstring, warnings=False):
        value: Any = section.value
        match section.kind:
            case griffe.DocstringSectionKind.text:
                text.append(value)
            case griffe.DocstringSectionKind.parameters | griffe.DocstringSectionKind.other_parameters:
                read.parameters |= {clean_line(p.name.lstrip("*")): _words(p.description) for p in value}
            case griffe.DocstringSectionKind.raises:
                read.raises += [
                    {"type": clean_line(str(r.annotation)), "doc": _words(r.description)} for r in value
                ]
            case griffe.DocstringSectionKind.examples:
                read.examples += _examples(value)
            case griffe.DocstringSectionKind.admonition:
                if value.kind in ("deprecated", "deprecation"):
                    read.deprecated = _words(value.contents)
                else:
                    text.append(f"{section.title or value.kind}: {value.contents}")
    whole = clean_text("\n\n".join(text)).strip()
    summary, _, rest = whole.partition("\n\n")
    read.summary, read.description = clean_line(summary, MAX_LINE), rest.strip()
    read.examples = read.examples[:_MAX_EXAMPLES]
    return read


def _words(text: str) -> str:
    """A description of one paragraph, on one line; of several, with its breaks."""
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", clean_text(text))]
    return "\n\n".join(part for part in paragraphs if part)


def _examples(parts: list[tuple[Any, str]]) -> Iterator[dict[str, str]]:
    """Code, each piece with the text before it: doctests and fenced blocks."""
    doc = ""
    for kind, text in parts:
        if kind is griffe.DocstringSectionKind.examples:
            yield _example(text, doc)
            doc = ""
            continue
        end = 0
        for fence in _FENCE.finditer(text):
            yield _example(fence[2], doc + text[end : fence.start()])
            doc, end = "", fence.end()
        doc += text[end:]


def _example(code: str, doc: str) -> dict[str, str]:
    said = _words(doc)
    return {"code": clean_text(code).strip("\n"), **({"doc": said} if said else {})}
