"""Ends as soon as a function has seen the first row. Usage: SOURCE."""

from __future__ import annotations

import os
import sys

from dataflows_core import Flow
from dataflows_core.processors import load


def end(row):
    os._exit(0 if row else 1)


if __name__ == "__main__":
    Flow(load(sys.argv[1], name="orders"), end).process()
    sys.exit("no row came")
