"""`dataflows.lock`: which plugins an environment has, to the byte; made, restored and enforced."""

from __future__ import annotations

from dataflows_registry.lock.drift import DriftError, check, drift
from dataflows_registry.lock.lockfile import FILE, Lock, Locked, LockedFile
from dataflows_registry.lock.making import make_lock
from dataflows_registry.lock.sync import plan_sync

__all__ = ["FILE", "DriftError", "Lock", "Locked", "LockedFile", "check", "drift", "make_lock", "plan_sync"]
