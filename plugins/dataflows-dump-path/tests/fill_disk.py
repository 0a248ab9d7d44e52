"""Dumps that no file may outgrow; run by test_faults.py, as a full disk would be.

Prints the size that files were allowed, and the error, or the rows that were written.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

from dataflows_core import Flow
from dataflows_core.errors import AccessError, ProcessorError
from dataflows_dump_path import dump_to_path, dump_to_zip


def main() -> None:
    out, hard = Path(sys.argv[1]), resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    # Random enough that the zip file is large too.
    rows = [{"id": n, "text": f"{n * 2654435761 % 2**32:x}{n * 40503 % 65521:x}"} for n in range(40_000)]
    for size in map(int, sys.argv[2:]):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        dump = dump_to_zip(out) if out.suffix == ".zip" else dump_to_path(out)
        outcome: object
        try:
            outcome = Flow(rows, dump).process().stats["count_of_rows"]
        except (AccessError, ProcessorError) as error:
            cause = error.cause if isinstance(error, ProcessorError) else error
            assert isinstance(cause, AccessError), repr(cause)
            outcome = str(cause)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        print(json.dumps([size, outcome]))


if __name__ == "__main__":
    main()
