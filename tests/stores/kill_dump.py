"""A dump into a store that is killed when everything is uploaded, and nothing is shown."""

from __future__ import annotations

import json
import os
import signal
import sys

from dataflows_core import Flow, store_commit
from dataflows_core.processors import dump_to_path


def killed(_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    url, options = sys.argv[1], json.loads(sys.argv[2])
    store_commit._Showing.wait = killed  # type: ignore[method-assign]
    Flow([{"new": 1}], dump_to_path(url, storage_options=options)).process()
