"""National CO2 emissions since 1990: typed, filtered, with computed columns, dumped as a Data Package.

Run it with `dataflows run examples/co2-emissions/flow.py`; the result is in `out/` beside this file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dataflows_core import Flow
from dataflows_core.processors import (
    compute,
    delete_fields,
    dump_to_path,
    filter_rows,
    load,
    printer,
    set_type,
)

HERE = Path(__file__).parent


def tidy_country(row: dict[str, Any]) -> None:
    """Writes `FRANCE (INCLUDING MONACO)` as `France`; the file shouts."""
    row["Country"] = row["Country"].partition(" (")[0].title()


flow = Flow(
    load(HERE / "data" / "emissions.csv", name="emissions"),
    set_type("Year", type="year"),
    filter_rows("Year >= 1990 AND Total > 0"),
    compute(
        solid_share='"Solid Fuel" / Total',
        other='Total - coalesce("Solid Fuel", 0) - coalesce("Liquid Fuel", 0) - coalesce("Gas Fuel", 0)',
    ),
    tidy_country,
    delete_fields(["Bunker fuels (Not in Total)"]),
    printer(num_rows=3),
    dump_to_path(HERE / "out"),
)
