from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core import Flow
from dataflows_core.branching import branch, sources
from dataflows_core.graph import Group, Member, Node

SVG = "{http://www.w3.org/2000/svg}"


def named(name: str) -> object:
    def step(package: object) -> None: ...

    step.__processor__ = name  # type: ignore[attr-defined]
    return step


names = st.text(max_size=30)
steps = names.map(named)
flows = st.recursive(
    st.lists(steps, max_size=4).map(lambda links: Flow(*links)),
    lambda inner: st.lists(
        steps
        | inner
        | st.lists(inner, min_size=1, max_size=3).map(lambda flows: branch(*flows))
        | st.lists(inner, min_size=1, max_size=3).map(lambda flows: sources(*flows)),
        max_size=5,
    ).map(lambda links: Flow(*links)),
    max_leaves=8,
)

Box = tuple[int, int, int, int]


def test_mermaid_of_a_nested_flow() -> None:
    flow = Flow(named("load"), None, Flow(named("a"), Flow(named("b"))), Flow(), named("dump"))
    assert flow.graph().mermaid() == (
        "flowchart TD\n"
        '    s1["1  load"]\n'
        '    subgraph g3["3  Flow"]\n'
        '        s3_1["3.1  a"]\n'
        '        subgraph g3_2["3.2  Flow"]\n'
        '            s3_2_1["3.2.1  b"]\n'
        "        end\n"
        "    end\n"
        '    s5["5  dump"]\n'
        "    s1 --> s3_1\n"
        "    s3_1 --> s3_2_1\n"
        "    s3_2_1 --> s5"
    )


@given(flows)
def test_no_name_breaks_out_of_its_mermaid_label(flow: Flow) -> None:
    label = r'\["[^"<>`&;\[\]{}|#]*(#\d+;[^"<>`&;\[\]{}|#]*)*"\]'
    group = r'subgraph g[\d_]+\["[\d.]+  Flow"\]'
    shape = rf"flowchart TD|\s+(s[\d_]+{label}|{group}|end|s[\d_]+ --> s[\d_]+)"
    for line in flow.graph().mermaid().split("\n"):
        assert re.fullmatch(shape, line), line


def test_labels_decode_to_the_names() -> None:
    text = Flow(named('a "quoted" <b>&amp;</b> `x` #1; Ünïcode 東京')).graph().mermaid()
    label = re.search(r'\["(.*)"\]', text)
    assert label is not None
    decoded = re.sub(r"#(\d+);", lambda match: chr(int(match[1])), label[1])
    assert decoded == '1  a "quoted" <b>&amp;</b> `x` #1; Ünïcode 東京'


def box(element: ET.Element) -> Box:
    left, top, width, height = (int(element.attrib[name]) for name in ("x", "y", "width", "height"))
    return left, top, left + width, top + height


@given(flows)
def test_the_picture_is_xml_with_every_step_in_its_place(flow: Flow) -> None:
    graph = flow.graph()
    root = ET.fromstring(graph.svg())
    nodes, groups = parts(graph.members)
    texts = sorted(element.text or "" for element in root.iter(f"{SVG}text"))
    assert texts == sorted(item.label for item in (*nodes, *groups))

    rects = list(root.iter(f"{SVG}rect"))
    boxes = [box(rect) for rect in rects if "stroke-dasharray" not in rect.attrib]
    frames = [box(rect) for rect in rects if "stroke-dasharray" in rect.attrib]
    width, height = int(root.attrib["width"]), int(root.attrib["height"])
    for one in (*boxes, *frames):
        assert 0 <= one[0] < one[2] <= width
        assert 0 <= one[1] < one[3] <= height
    for one, other in combinations(boxes, 2):
        assert apart(one, other)
    for one, other in combinations(frames, 2):
        assert apart(one, other) or within(one, other) or within(other, one)

    # Steps are drawn in the order of their labels in the picture: a box for each.
    labels = [element.text for element in root.iter(f"{SVG}text") if "text-anchor" in element.attrib]
    places = dict(zip((str(label).partition(" ")[0] for label in labels), boxes, strict=True))
    headings = [element.text for element in root.iter(f"{SVG}text") if "text-anchor" not in element.attrib]
    framed = dict(zip((str(label).partition(" ")[0] for label in headings), frames, strict=True))
    for position, frame in framed.items():
        for other, place in places.items():
            assert within(place, frame) if other.startswith(f"{position}.") else apart(place, frame)
    for upper, lower in graph.edges:
        assert places[upper][3] < places[lower][1]


def parts(members: Iterable[Member]) -> tuple[list[Node], list[Group]]:
    """All steps and all flows that have steps."""
    nodes: list[Node] = []
    groups: list[Group] = []
    for member in members:
        inner = (
            member.members
            if isinstance(member, Group)
            else member.flows
            if not isinstance(member, Node)
            else ()
        )
        found = parts(inner)
        if isinstance(member, Group):
            groups += [member] if found[0] else []
        else:
            nodes.append(member if isinstance(member, Node) else member.node)
        nodes += found[0]
        groups += found[1]
    return nodes, groups


def apart(one: Box, other: Box) -> bool:
    return one[2] < other[0] or other[2] < one[0] or one[3] < other[1] or other[3] < one[1]


def within(inner: Box, outer: Box) -> bool:
    return outer[0] < inner[0] and outer[1] < inner[1] and inner[2] < outer[2] and inner[3] < outer[3]


def test_flows_that_part_and_meet() -> None:
    flow = Flow(
        named("first"),
        sources(Flow(named("a"), named("b")), [{"c": 1}]),
        branch(Flow(named("d"), Flow(named("e"))), named("f")),
        named("last"),
    )
    assert flow.graph().edges == (
        ("2.1.1", "2.1.2"),
        ("1", "2"),
        ("2.1.2", "2"),
        ("2.2.1", "2"),
        ("2", "3"),
        ("3", "3.1.1"),
        ("3.1.1", "3.1.2.1"),
        ("3", "3.2.1"),
        ("3", "4"),
    )
    assert flow.graph().mermaid().split("\n")[1:16] == [
        '    s1["1  first"]',
        '    s2["2  sources"]',
        '    subgraph g2_1["2.1  Flow"]',
        '        s2_1_1["2.1.1  a"]',
        '        s2_1_2["2.1.2  b"]',
        "    end",
        '    subgraph g2_2["2.2  Flow"]',
        '        s2_2_1["2.2.1  list"]',
        "    end",
        '    s3["3  branch"]',
        '    subgraph g3_1["3.1  Flow"]',
        '        s3_1_1["3.1.1  d"]',
        '        subgraph g3_1_2["3.1.2  Flow"]',
        '            s3_1_2_1["3.1.2.1  e"]',
        "        end",
    ]


FLOW = "from dataflows_core import Flow\nflow = Flow([{'a': 1}], lambda row: None)\n"


@pytest.mark.parametrize(
    ("more", "written"),
    [(["-o", "flow.svg"], "svg"), (["-o", "x", "--format", "svg"], "svg"), (["-o", "flow.mmd"], "")],
)
def test_the_command_writes_files(cli, folder: Path, more: list[str], written: str) -> None:
    (folder / "flow.py").write_text(FLOW)
    result = cli("graph", "flow.py", *more)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    text = (folder / more[1]).read_text("utf-8")
    assert text.startswith("<svg " if written else "flowchart TD\n")


def test_the_command_prints_mermaid_and_names_what_it_cannot_write(cli, folder: Path) -> None:
    (folder / "flow.py").write_text(FLOW)
    assert cli("graph", "flow.py").stdout == (
        'flowchart TD\n    s1["1  list"]\n    s2["2  function"]\n    s1 --> s2\n'
    )
    result = cli("graph", "flow.py", "-o", "no/such/folder.svg")
    assert result.returncode == 1
    assert result.stderr == "Error: cannot write no/such/folder.svg: No such file or directory\n"
