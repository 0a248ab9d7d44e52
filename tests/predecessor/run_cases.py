"""Runs the cases with the predecessor or with ours, and prints what came of each as JSON.

Usage: `python run_cases.py (dataflows|ours)`, in an environment that has it.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from cases import CASES


def processors(which: str) -> Any:
    """The names of a library that cases use."""
    if which == "dataflows":
        import dataflows

        return dataflows
    from dataflows_core import Flow, processors
    from dataflows_core.processors import __dir__ as names  # type: ignore[attr-defined]

    found = {name: getattr(processors, name) for name in names()}
    policies = SimpleNamespace(drop="drop", clear="clear", ignore="ignore")
    return SimpleNamespace(Flow=Flow, schema_validator=policies, **found)


def plain(value: Any) -> Any:
    """A value as JSON says it, with its type where JSON has none."""
    if isinstance(value, bool) or value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Decimal):
        return {"decimal": format(value.normalize(), "f")}
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return {type(value).__name__: value.isoformat()}
    if isinstance(value, dict):
        return {"object": {key: plain(item) for key, item in value.items()}}
    return [plain(item) for item in value]


def outcome(links: list[Any], flow: Any) -> dict[str, Any]:
    """Rows, schemas, stats and metadata of a flow's results; or the class of its error."""
    try:
        rows, package, stats = flow(*links).results()
    except Exception as error:
        return {"error": type(error).__name__}
    descriptor = package.descriptor
    return {
        "rows": [[{key: plain(value) for key, value in row.items()} for row in table] for table in rows],
        "names": [resource["name"] for resource in descriptor["resources"]],
        "fields": [
            [[field["name"], field["type"]] for field in resource["schema"]["fields"]]
            for resource in descriptor["resources"]
        ],
        "keys": [resource["schema"].get("primaryKey") or [] for resource in descriptor["resources"]],
        "titles": [descriptor.get("title"), *(resource.get("title") for resource in descriptor["resources"])],
        "stats": {key: plain(value) for key, value in stats.items()},
    }


def main() -> None:
    """Runs every case."""
    library = processors(sys.argv[1])
    print(json.dumps({name: outcome(case(library), library.Flow) for name, case in CASES.items()}))


if __name__ == "__main__":
    main()
