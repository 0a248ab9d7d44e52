"""The registry: what processors exist, installed or not, and which distribution brings each.

`catalog` is what everything reads through; `cli` is the command group `dataflows registry`.
"""

from __future__ import annotations
