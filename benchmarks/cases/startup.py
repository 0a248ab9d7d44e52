"""What it costs before there is anything to do."""

from __future__ import annotations

from case import OURS, Case, Program, Ratio, Table

TEN = Table(10, fixed=True)
PYARROW = Program("bare/import_pyarrow.py", dumps=False)

CASES = [
    Case(
        "help",
        "`dataflows --help` against a bare click program",
        {
            OURS: Program(command="dataflows", arguments=("--help",), dumps=False),
            "bare click": Program("bare/click_help.py", dumps=False),
        },
        (Ratio("bare click", target=1.5),),
    ),
    Case(
        "small",
        "a flow of ten rows against `import pyarrow`",
        {
            OURS: Program("ours/small.py", TEN),
            "with expressions": Program("ours/columns.py", TEN),
            "import pyarrow": PYARROW,
        },
        (
            Ratio("import pyarrow", target=4),
            Ratio("import pyarrow", target=5, ours="with expressions"),
        ),
        equal_rows=False,
    ),
    Case(
        "first-row",
        "time until a row function sees the first of 2 million rows, against `import pyarrow`",
        {
            OURS: Program("ours/first_row.py", Table(2_000_000), dumps=False),
            "import pyarrow": PYARROW,
        },
        (Ratio("import pyarrow"),),
    ),
]
