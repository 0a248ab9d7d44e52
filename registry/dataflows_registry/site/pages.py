"""Entries -> HTML, through the templates of this package.

Every text is escaped unless a filter has made it markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from dataflows_registry.site import markup
from dataflows_registry.site.entries import DistributionEntry, ProcessorEntry, label

__all__ = ["Pages"]


class Pages:
    """The pages of a site.

    Args:
        title: What the site calls itself.
        distributions: All that it shows.
    """

    def __init__(self, title: str, distributions: Sequence[DistributionEntry]) -> None:
        self._known = {
            "title": title,
            "distributions": distributions,
            "items": [item for distribution in distributions for item in distribution.items],
        }

    def search(self) -> str:
        """The page where a visit begins."""
        return self._render("index.html", root="", here="search")

    def all(self) -> str:
        """All processors on one page, which needs no script."""
        return self._render("all.html", root="", here="all")

    def processor(self, item: ProcessorEntry) -> str:
        """The page of a processor."""
        return self._render("processor.html", root="../../", here="", item=item)

    def distribution(self, distribution: DistributionEntry) -> str:
        """The page of a distribution."""
        return self._render("distribution.html", root="../", here="", distribution=distribution)

    def _render(self, template: str, **known: object) -> str:
        return _environment().get_template(template).render(**self._known, **known)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("dataflows_registry.site"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "markdown": markup.block,
        "inline": markup.inline,
        "example": markup.example,
        "size": _size,
        "label": label,
        "breakable": _breakable,
    }
    return environment


def _size(size: int | None) -> str:
    """A file's size for people."""
    if size is None:
        return "not known"
    if size < 1000:
        return f"{size} bytes"
    return f"{size / 1000:.0f} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"


def _breakable(text: str) -> Markup:
    """A long name or annotation, which may be broken where a reader would."""
    return Markup("<wbr>").join(escape(part) for part in _after_breaks(text))


def _after_breaks(text: str) -> list[str]:
    parts = [""]
    for character in text:
        parts[-1] += character
        if character in "_./,[|":
            parts.append("")
    return parts
