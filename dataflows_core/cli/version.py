"""The versions of core and of what is installed beside it."""

from __future__ import annotations

from dataflows_core.discovery import entries

__all__ = ["version_text"]


def version_text() -> str:
    """One line per distribution: core first, then the plugins by name."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        core = version("dataflows-core")
    except PackageNotFoundError:
        core = "(a checkout that is not installed)"
    plugins = {entry.distribution: entry.version for entry in entries()}
    plugins.pop("dataflows-core", None)
    return "\n".join([f"dataflows-core {core}", *(f"{name} {plugins[name]}" for name in sorted(plugins))])
