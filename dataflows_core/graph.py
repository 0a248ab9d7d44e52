"""The graph of a flow: its steps, what follows what, and nested flows as groups. Mermaid and SVG.

The drawing is layered: a node stands below everything that leads to it; nodes of one layer stand side by
side, in the order of the flow, and are centred. Groups are boxes around their nodes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

from dataflows_core.render import display_width, printable

if TYPE_CHECKING:
    from dataflows_core.flow import Flow

__all__ = ["Graph", "Group", "Node", "graph_of"]

_CHARACTER, _HEIGHT = 8, 36  # pixels: an average character of 14 px type; a node
_ACROSS, _DOWN = 24, 36  # pixels between nodes of a layer, and between layers
_MARGIN, _INSET, _LABEL = 24, 10, 18  # pixels: around all; between a group's box and its nodes; its label

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
    """A nested flow.

    Attributes:
        position: Its position in the flow around it.
        members: The nodes and groups in it, in order.
    """

    position: str
    members: tuple[Node | Group, ...]

    def nodes(self) -> Iterator[Node]:
        """The nodes, those of inner groups in their place."""
        for member in self.members:
            if isinstance(member, Group):
                yield from member.nodes()
            else:
                yield member

    @property
    def label(self) -> str:
        """What is written on its box."""
        return f"{self.position}  Flow"


@dataclass(frozen=True)
class Graph:
    """The steps of a flow and what follows what.

    Attributes:
        root: Everything, as one group without a position.
        edges: Positions of two steps, the second of which gets what the first leaves.
    """

    root: Group
    edges: tuple[tuple[str, str], ...]

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
        lines = ["flowchart TD", *_mermaid(self.root.members, 1)]
        lines += [f"    {_id('s', one)} --> {_id('s', other)}" for one, other in self.edges]
        return "\n".join(lines)

    def svg(self) -> str:
        """The graph as an SVG picture; it needs nothing from elsewhere."""
        boxes = _layout(self)
        groups = list(_boxed(self.root, boxes))
        right = max([_MARGIN, *(box.right for box in (*boxes.values(), *(box for _, box in groups)))])
        bottom = max([_MARGIN, *(box.bottom for box in (*boxes.values(), *(box for _, box in groups)))])
        parts = [
            _SVG_HEAD.format(width=right + _MARGIN, height=bottom + _MARGIN),
        ]
        parts += [_svg_group(group, box) for group, box in groups]
        parts += [_svg_edge(boxes[one], boxes[other]) for one, other in self.edges]
        parts += [_svg_node(node, boxes[node.position]) for node in self.root.nodes()]
        return "\n".join([*parts, "</svg>"])


def graph_of(flow: Flow) -> Graph:
    """The graph of a flow; nothing is planned or read for it."""
    root = Group("", tuple(_members(flow, "")))
    return Graph(root, tuple(pairwise(node.position for node in root.nodes())))


def _members(flow: Flow, prefix: str) -> Iterator[Node | Group]:
    from dataflows_core.flow import Flow

    for planned in flow.own_steps():
        position = f"{prefix}{planned.ref.position}"
        if isinstance(planned.link, Flow):
            yield Group(position, tuple(_members(planned.link, f"{position}.")))
        else:
            yield Node(position, planned.ref.name)


# Mermaid.


def _mermaid(members: Iterable[Node | Group], depth: int) -> Iterator[str]:
    indent = "    " * depth
    for member in members:
        if isinstance(member, Node):
            yield f'{indent}{_id("s", member.position)}["{_mermaid_text(member.label)}"]'
        elif member.members:
            yield f'{indent}subgraph {_id("g", member.position)}["{_mermaid_text(member.label)}"]'
            yield from _mermaid(member.members, depth + 1)
            yield f"{indent}end"


def _id(kind: str, position: str) -> str:
    return kind + position.replace(".", "_")


def _mermaid_text(text: str) -> str:
    """Everything but letters, digits and harmless signs as character codes, which Mermaid decodes."""
    return re.sub(r"[^\w .,()=+/-]", lambda match: f"#{ord(match[0])};", text)


# SVG.


@dataclass(frozen=True)
class _Box:
    """Where something stands, in pixels from the upper left corner."""

    left: int
    top: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.left + self.width

    @property
    def bottom(self) -> int:
        return self.top + self.height

    @property
    def middle(self) -> int:
        return self.left + self.width // 2


def _layers(graph: Graph) -> list[list[Node]]:
    """The nodes by the length of the longest way to them; edges lead onwards in the order of the flow."""
    depth: dict[str, int] = {}
    for node in graph.root.nodes():
        above = [depth[one] for one, other in graph.edges if other == node.position]
        depth[node.position] = 1 + max(above, default=-1)
    layers: list[list[Node]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for node in graph.root.nodes():
        layers[depth[node.position]].append(node)
    return layers


def _layout(graph: Graph) -> dict[str, _Box]:
    """The box of each node, by position."""
    layers = _layers(graph)
    margin = _MARGIN + _INSET * _nesting(graph.root)
    widths = [sum(_width(node) for node in layer) + _ACROSS * (len(layer) - 1) for layer in layers]
    labels = max((len(group.label) * _CHARACTER for group in _groups(graph.root)), default=0)
    widest = max([labels, *widths])
    boxes: dict[str, _Box] = {}
    top = margin
    before: frozenset[str] = frozenset()
    for layer, width in zip(layers, widths, strict=True):
        groups = frozenset(group for node in layer for group in _around(node))
        # A box that begins or ends between two layers needs its place there.
        top += (_LABEL + _INSET) * len(groups - before) + _INSET * len(before - groups)
        before = groups
        left = margin + (widest - width) // 2
        for node in layer:
            boxes[node.position] = _Box(left, top, _width(node), _HEIGHT)
            left += _width(node) + _ACROSS
        top += _HEIGHT + _DOWN
    return boxes


def _width(node: Node) -> int:
    return display_width(node.label) * _CHARACTER + 24


def _around(node: Node) -> Iterator[str]:
    """The positions of the groups that a node is in."""
    parts = node.position.split(".")[:-1]
    for length in range(1, len(parts) + 1):
        yield ".".join(parts[:length])


def _groups(group: Group) -> Iterator[Group]:
    for member in group.members:
        if isinstance(member, Group) and member.members:
            yield member
            yield from _groups(member)


def _nesting(group: Group) -> int:
    return max((1 + _nesting(member) for member in group.members if isinstance(member, Group)), default=0)


def _boxed(root: Group, boxes: dict[str, _Box]) -> Iterator[tuple[Group, _Box]]:
    """The boxes of the groups that have nodes, the outer before the inner."""
    for group in _groups(root):
        inside = [boxes[node.position] for node in group.nodes()]
        if not inside:
            continue
        around = _INSET * (1 + _nesting(group))
        above = (_INSET + _LABEL) * (1 + _nesting_at_top(group))
        left = min(box.left for box in inside) - around
        top = min(box.top for box in inside) - above
        right = max(*(box.right for box in inside), left + len(group.label) * _CHARACTER) + around
        bottom = max(box.bottom for box in inside) + _INSET * (1 + _nesting_at_end(group))
        yield group, _Box(left, top, right - left, bottom - top)


def _nesting_at_top(group: Group) -> int:
    first = group.members[0]
    return 1 + _nesting_at_top(first) if isinstance(first, Group) and first.members else 0


def _nesting_at_end(group: Group) -> int:
    last = group.members[-1]
    return 1 + _nesting_at_end(last) if isinstance(last, Group) and last.members else 0


def _svg_group(group: Group, box: _Box) -> str:
    return (
        f'<rect x="{box.left}" y="{box.top}" width="{box.width}" height="{box.height}" rx="8" '
        'fill="#00000008" stroke="#999" stroke-dasharray="4 3"/>'
        f'<text x="{box.left + 8}" y="{box.top + 16}" font-size="12" fill="#777">{_xml(group.label)}</text>'
    )


def _svg_edge(one: _Box, other: _Box) -> str:
    return (
        f'<path d="M{one.middle} {one.bottom}L{other.middle} {other.top}" stroke="#555" '
        'stroke-width="1.5" fill="none" marker-end="url(#arrow)"/>'
    )


def _svg_node(node: Node, box: _Box) -> str:
    return (
        f'<rect x="{box.left}" y="{box.top}" width="{box.width}" height="{box.height}" rx="6" '
        'fill="#fff" stroke="#333"/>'
        f'<text x="{box.middle}" y="{box.top + _HEIGHT // 2}" text-anchor="middle" '
        f'dominant-baseline="central" fill="#111">{_xml(node.label)}</text>'
    )


def _xml(text: str) -> str:
    return escape(text)  # control characters, which XML cannot hold, were made printable before
