"""What is written is read back: the same values, whatever the database."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataflows_core import Flow
from dataflows_core.package import Package
from dataflows_core.processors import dump_to_sql, load, set_type
from dataflows_core.resource import Resource
from dataflows_core.rows import RowCodec
from dataflows_core.schema import Field, Schema
from dataflows_core.stream import Stream
from dataflows_core.inline import *  # noqa: F403
