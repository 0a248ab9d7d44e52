"""The graph of a flow: its steps, what follows what, and the flows within it. Mermaid and SVG.

The drawing is made of blocks: a flow is a column, from top to bottom; flows that part (`branch`) or meet
(`sources`) stand side by side, each in a box, beside what else goes down there. So no two things overlap,
and every arrow leads down.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING, TypeAlias

from dataflows_core.render import display_width, printable

if TYPE_CHECKING:
    from dataflows_core.flow import Flow

__all__ = ["Fork", "Graph", "Group", "Join", "Member", "Node", "graph_of"]

_CHARACTER, _HEIGHT = 8, 36  # pixels: an average character of 14 px type; a node
_ACROSS, _DOWN = 24, 36  # pixels between blocks side by side, and between those of a column
_MARGIN, _INSET, _LABEL = 24, 12, 18  # pixels: around all; between a box and what is in it; its label

_SVG_HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" \
font-family="system-ui, sans-serif" font-size="14" role="img">
<title>flow</title>
<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">\
<path d="M0 0L8 4L0 8z" fill="#555"/></marker></defs>"""


@dataclass(frozen=True)
class Node:
    """One step.

    Attributes:
        position: Its 1-based position; ``"3.1"`` is the first step of the flow at 3.
        name: What messages call it.
    """

    position: str
    name: str

    @property
    def label(self) -> str:
        """What is written on it."""
        return f"{self.position}  {printable(self.name)}"


@dataclass(frozen=True)
class Group:
    """A flow within the flow.

    Attributes:
        position: Its position in the flow around it.
        members: What is in it, in order.
    """

    position: str
    members: tuple[Member, ...]

    @property
    def label(self) -> str:
        """What is written on its box."""
        return f"{self.position}  Flow"


@dataclass(frozen=True)
class Fork:
    """A step that sends the package down several flows besides its own.

    Attributes:
        node: The step.
        flows: The other flows.
    """

    node: Node
    flows: tuple[Group, ...]


@dataclass(frozen=True)
class Join:
    """A step that takes in what several flows bring.

    Attributes:
        node: The step.
        flows: The flows.
    """

    node: Node
    flows: tuple[Group, ...]


Member: TypeAlias = "Node | Group | Fork | Join"


@dataclass(frozen=True)
class Graph:
    """The steps of a flow and what follows what.

    Attributes:
        members: The steps and flows, in order.
    """

    members: tuple[Member, ...]

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """Positions of two steps, the second of which gets what the first leaves."""
        found: list[tuple[str, str]] = []
        _connect(self.members, [], found)
        return tuple(found)

    def mermaid(self) -> str:
        """The graph as a Mermaid flowchart.

        Examples:
            >>> from dataflows_core import Flow
            >>> print(Flow([{"a": 1}], Flow(lambda row: None)).graph().mermaid())
            flowchart TD
                s1["1  list"]
                subgraph g2["2  Flow"]
                    s2_1["2.1  function"]
                end
                s1 --> s2_1
        """
        lines = ["flowchart TD", *_mermaid(self.members, 1)]
        lines += [f"    {_id('s', one)} --> {_id('s', other)}" for one, other in self.edges]
        return "\n".join(lines)

    def svg(self) -> str:
        """The graph as an SVG picture; it needs nothing from elsewhere."""
        block = _column(self.members).moved(_MARGIN, _MARGIN)
        places = {place.item.position: place for place in block.places if isinstance(place.item, Node)}
        width, height = block.width + 2 * _MARGIN, block.height + 2 * _MARGIN
        parts = [_SVG_HEAD.format(width=width, height=height)]
        parts += [_svg_group(place, place.item) for place in block.places if isinstance(place.item, Group)]
        parts += [_svg_edge(places[one], places[other]) for one, other in self.edges]
        parts += [_svg_node(place, place.item) for place in block.places if isinstance(place.item, Node)]
        return "\n".join([*parts, "</svg>"])


def graph_of(flow: Flow) -> Graph:
    """The graph of a flow; nothing is planned or read for it.

    A link that plans flows within itself says so by an attribute that holds them: `__branches__`, when the
    package goes down them, or `__sources__`, when they bring something in.
    """
    return Graph(tuple(_members(flow, "")))


def _members(flow: Flow, prefix: str) -> Iterator[Member]:
    from dataflows_core.flow import Flow

    for planned in flow.own_steps():
        position = f"{prefix}{planned.ref.position}"
        node = Node(position, planned.ref.name)
        if isinstance(planned.link, Flow):
            yield Group(position, tuple(_members(planned.link, f"{position}.")))
        elif branches := getattr(planned.link, "__branches__", ()):
            yield Fork(node, _groups(branches, position))
        elif sources := getattr(planned.link, "__sources__", ()):
            yield Join(node, _groups(sources, position))
        else:
            yield node


def _groups(flows: Iterable[Flow], position: str) -> tuple[Group, ...]:
    """The flows of a fork or a join that have steps."""
    groups = (
        Group(f"{position}.{number}", tuple(_members(flow, f"{position}.{number}.")))
        for number, flow in enumerate(flows, 1)
    )
    return tuple(group for group in groups if group.members)


def _connect(members: Iterable[Member], incoming: list[str], found: list[tuple[str, str]]) -> list[str]:
    """Add the edges between members, and into the first of them; returns where the way goes on from."""
    for member in members:
        if isinstance(member, Group):
            incoming = _connect(member.members, incoming, found)
            continue
        if isinstance(member, Join):
            incoming = [
                *incoming,
                *(end for flow in member.flows for end in _connect(flow.members, [], found)),
            ]
        node = member if isinstance(member, Node) else member.node
        found += [(one, node.position) for one in incoming]
        if isinstance(member, Fork):
            for flow in member.flows:
                _connect(flow.members, [node.position], found)
        incoming = [node.position]
    return incoming


# Mermaid.


def _mermaid(members: Iterable[Member], depth: int) -> Iterator[str]:
    indent = "    " * depth
    for member in members:
        if isinstance(member, Group):
            if member.members:
                yield f'{indent}subgraph {_id("g", member.position)}["{_mermaid_text(member.label)}"]'
                yield from _mermaid(member.members, depth + 1)
                yield f"{indent}end"
            continue
        node = member if isinstance(member, Node) else member.node
        yield f'{indent}{_id("s", node.position)}["{_mermaid_text(node.label)}"]'
        if not isinstance(member, Node):
            yield from _mermaid(member.flows, depth)


def _id(kind: str, position: str) -> str:
    return kind + position.replace(".", "_")


def _mermaid_text(text: str) -> str:
    """Everything but letters, digits and harmless signs as character codes, which Mermaid decodes."""
    return re.sub(r"[^\w .,()=+/-]", lambda match: f"#{ord(match[0])};", text)


# SVG.


@dataclass(frozen=True)
class _Place:
    """Where something stands, in pixels from the upper left corner."""

    item: Node | Group
    left: int
    top: int
    width: int
    height: int

    @property
    def middle(self) -> int:
        return self.left + self.width // 2


@dataclass(frozen=True)
class _Block:
    """A rectangle with things in their places."""

    width: int = 0
    height: int = 0
    places: tuple[_Place, ...] = ()

    def moved(self, right: int, down: int) -> _Block:
        places = (replace(place, left=place.left + right, top=place.top + down) for place in self.places)
        return replace(self, places=tuple(places))


def _column(members: Sequence[Member]) -> _Block:
    """What follows each other, from top to bottom."""
    blocks: list[_Block] = []
    for index, member in enumerate(members):
        if isinstance(member, Fork):
            beside = [_column(members[index + 1 :]), *(_boxed(flow) for flow in member.flows)]
            return _stacked([*blocks, _single(member.node), _side_by_side(beside)])
        if isinstance(member, Join):
            beside = [_stacked(blocks), *(_boxed(flow) for flow in member.flows)]
            blocks = [_side_by_side(beside, at_the_bottom=True), _single(member.node)]
        elif isinstance(member, Group):
            blocks.append(_boxed(member))
        else:
            blocks.append(_single(member))
    return _stacked(blocks)


def _single(node: Node) -> _Block:
    width = display_width(node.label) * _CHARACTER + 24
    return _Block(width, _HEIGHT, (_Place(node, 0, 0, width, _HEIGHT),))


def _boxed(group: Group) -> _Block:
    """A flow in its box; nothing, when it has no steps."""
    inner = _column(group.members)
    if not inner.places:
        return inner
    width = max(inner.width, len(group.label) * _CHARACTER) + 2 * _INSET
    height = inner.height + _LABEL + 2 * _INSET
    inner = inner.moved((width - inner.width) // 2, _LABEL + _INSET)
    return _Block(width, height, (_Place(group, 0, 0, width, height), *inner.places))


def _stacked(blocks: Sequence[_Block]) -> _Block:
    """Blocks from top to bottom, on one middle."""
    blocks = [block for block in blocks if block.places]
    width = max((block.width for block in blocks), default=0)
    top = 0
    places: list[_Place] = []
    for block in blocks:
        places += block.moved((width - block.width) // 2, top).places
        top += block.height + _DOWN
    return _Block(width, max(0, top - _DOWN), tuple(places))


def _side_by_side(blocks: Sequence[_Block], *, at_the_bottom: bool = False) -> _Block:
    """Blocks from left to right, beginning (or ending) at one height."""
    blocks = [block for block in blocks if block.places]
    height = max((block.height for block in blocks), default=0)
    left = 0
    places: list[_Place] = []
    for block in blocks:
        places += block.moved(left, height - block.height if at_the_bottom else 0).places
        left += block.width + _ACROSS
    return _Block(max(0, left - _ACROSS), height, tuple(places))


def _svg_group(place: _Place, group: Group) -> str:
    return (
        f'<rect x="{place.left}" y="{place.top}" width="{place.width}" height="{place.height}" rx="8" '
        'fill="#00000008" stroke="#999" stroke-dasharray="4 3"/>'
        f'<text x="{place.left + 8}" y="{place.top + 16}" font-size="12" fill="#777">'
        f"{escape(group.label)}</text>"
    )


def _svg_edge(one: _Place, other: _Place) -> str:
    return (
        f'<path d="M{one.middle} {one.top + one.height}L{other.middle} {other.top}" stroke="#555" '
        'stroke-width="1.5" fill="none" marker-end="url(#arrow)"/>'
    )


def _svg_node(place: _Place, node: Node) -> str:
    # Labels are printable: the control characters that XML cannot hold are escapes by now.
    return (
        f'<rect x="{place.left}" y="{place.top}" width="{place.width}" height="{place.height}" rx="6" '
        'fill="#fff" stroke="#333"/>'
        f'<text x="{place.middle}" y="{place.top + _HEIGHT // 2}" text-anchor="middle" '
        f'dominant-baseline="central" fill="#111">{escape(node.label)}</text>'
    )
