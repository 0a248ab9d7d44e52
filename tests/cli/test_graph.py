from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core import Flow
from dataflows_core.graph import Graph, Group, Node

SVG = "{http://www.w3.org/2000/svg}"


def named(name: str) -> object:
    def step(package: object) -> None: ...

    step.__processor__ = name  # type: ignore[attr-defined]
    return step


names = st.text(max_size=30)
flows = st.recursive(
    st.lists(names.map(named), max_size=5).map(lambda links: Flow(*links)),
    lambda inner: st.lists(names.map(named) | inner, max_size=5).map(lambda links: Flow(*links)),
    max_leaves=6,
)


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


def box(element: ET.Element) -> tuple[int, int, int, int]:
    left, top, width, height = (int(element.attrib[name]) for name in ("x", "y", "width", "height"))
    return left, top, left + width, top + height


@given(flows)
def test_the_picture_is_xml_with_every_step_in_its_place(flow: Flow) -> None:
    graph = flow.graph()
    root = ET.fromstring(graph.svg())
    labels = [element.text for element in root.iter(f"{SVG}text")]
    assert [text for text in labels if text and not text.endswith("  Flow")] == [
        node.label for node in graph.root.nodes() if not node.label.endswith("  Flow")
    ]
    rects = list(root.iter(f"{SVG}rect"))
    boxes = [box(rect) for rect in rects if "stroke-dasharray" not in rect.attrib]
    assert len(boxes) == len(list(graph.root.nodes()))
    groups = [box(rect) for rect in rects if "stroke-dasharray" in rect.attrib]
    width, height = int(root.attrib["width"]), int(root.attrib["height"])
    for one in (*boxes, *groups):
        assert 0 <= one[0] < one[2] <= width
        assert 0 <= one[1] < one[3] <= height
    for one, other in pairwise(boxes):  # a chain goes down
        assert one[3] < other[1]
    members = dict(zip((node.position for node in graph.root.nodes()), boxes, strict=True))
    for group, outer in zip(_groups(graph.root), groups, strict=True):
        for position, inner in members.items():
            inside = (
                outer[0] < inner[0] and outer[1] < inner[1] and inner[2] < outer[2] and inner[3] < outer[3]
            )
            apart = inner[3] < outer[1] or outer[3] < inner[1]
            assert inside if position.startswith(f"{group.position}.") else apart


def _groups(group: Group) -> list[Group]:
    found = []
    for member in group.members:
        if isinstance(member, Group) and list(member.nodes()):
            found += [member, *_groups(member)]
    return found


def test_branches_stand_side_by_side() -> None:
    """No link makes them yet; the graph is ready for what a plugin draws."""
    nodes = tuple(Node(str(number), name) for number, name in enumerate(["load", "left", "right", "join"], 1))
    edges = (("1", "2"), ("1", "3"), ("2", "4"), ("3", "4"))
    rects = [box(rect) for rect in ET.fromstring(Graph(Group("", nodes), edges).svg()).iter(f"{SVG}rect")]
    load, left, right, join = rects
    assert left[1] == right[1]
    assert left[2] < right[0]
    assert load[3] < left[1] < join[1]


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
