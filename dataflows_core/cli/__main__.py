"""``python -m dataflows_core.cli``: the command `dataflows`, also where it is not installed."""

from __future__ import annotations

import sys

from dataflows_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
