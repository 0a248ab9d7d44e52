"""The registry: what processors exist, installed or not, and which distribution brings each.

The command group `dataflows registry` is all there is so far; it has no subcommand yet.
"""

from __future__ import annotations
