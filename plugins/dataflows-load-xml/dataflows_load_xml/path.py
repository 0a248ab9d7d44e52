"""The path that leads to the records of a document."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from dataflows_core.errors import FlowError
from dataflows_load_xml.parse import Element, local_name, parts_of

__all__ = ["Path", "steps_to"]

# An element on the way: its namespace, the prefix it is written with, its name.
_ELEMENT = "\x1e"
_PART = "\x1f"
_STEP = re.compile(r"(?:(?P<prefix>[^\W\d][\w.-]*):)?(?P<name>[^\W\d][\w.-]*|\*)")


@dataclass(frozen=True)
class Path:
    """A path of element names, from the root.

    Args:
        text: The path: ``channel/item`` below the root, ``/rss/channel/item`` with the root, ``//item``
            anywhere; ``*`` stands for any name. A name without a prefix is found in every namespace.
        namespaces: Namespaces by prefix; a prefix that is not there is the one of the document.

    Raises:
        FlowError: It is no path.
    """

    text: str
    namespaces: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for step in self._steps:
            if step and not _STEP.fullmatch(step):
                raise FlowError(
                    f"record={self.text!r} is no path of element names, such as 'channel/item', "
                    "'/rss/channel/item' "
                    f"or '//item': {step!r} is no name"
                )
        if not self._steps or not self._steps[-1] or "///" in self.text:
            raise FlowError(
                f"record={self.text!r} is no path of element names, such as 'channel/item' or '//item'"
            )

    @cached_property
    def _steps(self) -> list[str]:
        return self.text.removeprefix("/").split("/") if self.text else []

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        anyone = f"{_ELEMENT}[^{_ELEMENT}]*"
        absolute = self.text.startswith("/") and not self.text.startswith("//")
        steps = [f"(?:{anyone})*" if not step else self._element(step) for step in self._steps]
        return re.compile(("" if absolute or not self._steps[0] else anyone) + "".join(steps))

    def _element(self, step: str) -> str:
        found = _STEP.fullmatch(step)
        assert found is not None
        prefix, name = found["prefix"], found["name"]
        last = f"[^{_ELEMENT}]*" if name == "*" else re.escape(name)
        if prefix is None:
            return f"{_ELEMENT}[^{_ELEMENT}]*{_PART}{last}" if name != "*" else f"{_ELEMENT}{last}"
        if prefix in self.namespaces:
            return f"{_ELEMENT}{re.escape(self.namespaces[prefix])}{_PART}[^{_PART}]*{_PART}{last}"
        return f"{_ELEMENT}[^{_PART}]*{_PART}{re.escape(prefix)}{_PART}{last}"

    @property
    def tags(self) -> tuple[str, ...] | None:
        """The elements that can be records, as lxml filters them; None for all."""
        name = self._steps[-1].rpartition(":")[2]
        return None if name == "*" else (f"{{*}}{name}",)

    def matcher(self) -> Matcher:
        """What tells records from other elements, of one document."""
        return Matcher(self._pattern, self.tags)


class Matcher:
    """Tells which elements of a document are records.

    An element within a record is a part of it, whatever its name. The answer is remembered for elements of
    the same name in the same place.
    """

    def __init__(self, pattern: re.Pattern[str], tags: tuple[str, ...] | None) -> None:
        self._pattern = pattern
        self._name = None if tags is None else tags[0].removeprefix("{*}")
        self._parent: Element = None
        self._known: dict[tuple[str, str | None], bool] = {}

    def __call__(self, element: Element) -> bool:
        """Whether an element is a record."""
        tag = element.tag
        if self._name is not None and not (tag.endswith(self._name) and local_name(element) == self._name):
            return False
        parent = element.getparent()
        if parent is not self._parent or parent is None:
            self._parent, self._known = parent, {}
        key = (tag, element.prefix)
        if key not in self._known:
            self._known[key] = self._judge(element)
        return self._known[key]

    def _judge(self, element: Element) -> bool:
        chain = [element, *element.iterancestors()][::-1]
        names = [_written(one) for one in chain]
        matches = [bool(self._pattern.fullmatch("".join(names[:end]))) for end in range(1, len(names) + 1)]
        return matches[-1] and not any(matches[:-1])


def _written(element: Element) -> str:
    namespace, name = parts_of(element.tag)
    return f"{_ELEMENT}{namespace}{_PART}{element.prefix or ''}{_PART}{name}"


def steps_to(element: Element) -> Sequence[str]:
    """The names that lead from below the root to an element."""
    chain = [element, *element.iterancestors()]
    return [local_name(one) for one in reversed(chain[:-1])]
