"""The smallest flow worth the name: rows in Python, one function, a printed table.

Run it with `dataflows run examples/hello-world/flow.py`, or with
`dataflows run examples/hello-world/flow.py --set greeting=Hola`.
"""

from __future__ import annotations

from typing import Any

from dataflows_core import Flow
from dataflows_core.processors import add_field, printer

PEOPLE = [{"name": "Ada", "born": 1815}, {"name": "Grace", "born": 1906}, {"name": "Barbara", "born": 1939}]


def hello(greeting: str = "Hello") -> Flow:
    """A flow that greets everyone; its parameter is one of the command line as well."""

    def greet(row: dict[str, Any]) -> None:
        row["greeting"] = f"{greeting}, {row['name']}!"

    return Flow(PEOPLE, add_field("greeting", "string"), greet, printer())
