"""What a plugin can observe or add without any flow being changed (pluggy).

A plugin is a module, named in the entry-point group `dataflows`, with functions marked by `hookimpl`.
Core prints nothing by itself: the progress bar, the log and the factory's records are such plugins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from dataflows_core.flow import Flow
    from dataflows_core.package import Package
    from dataflows_core.report import Rejected
    from dataflows_core.steps import Step, StepRef

__all__ = ["Events", "hookimpl", "hookspec", "plugin_manager"]

hookspec = pluggy.HookspecMarker("dataflows")
hookimpl = pluggy.HookimplMarker("dataflows")


class Specifications:
    """The hooks. An implementation takes any of the arguments, by name."""

    @hookspec
    def flow_started(self, flow: Flow) -> None:
        """A run begins; nothing is planned yet."""

    @hookspec
    def step_planned(self, step: StepRef, package: Package) -> None:
        """A step has said what it will do; `package` is as it leaves the step."""

    @hookspec
    def progress(self, resource: str, rows: int, size: int | None) -> None:
        """Rows of a source have been read.

        Args:
            resource: The resource they belong to.
            rows: How many more rows.
            size: How many more bytes of the source, when it is known.
        """

    @hookspec
    def downloading(self, source: str, done: int, total: int | None) -> None:
        """Bytes of a file have come from far away, also while the flow is planned.

        Args:
            source: Its URL, as it may be shown.
            done: How many bytes of it have come.
            total: How many there are, packed as it is; None when the server does not say.
        """

    @hookspec
    def row_rejected(self, step: StepRef, resource: str, rejected: Rejected) -> None:
        """A row was dropped, or lost a value."""

    @hookspec
    def flow_finished(self, flow: Flow, stats: dict[str, Any]) -> None:
        """A run has ended well, and everything is committed."""

    @hookspec
    def flow_failed(self, flow: Flow, error: BaseException) -> None:
        """A run has failed, and everything is taken back."""

    @hookspec(firstresult=True)
    def adapt_link(self, link: Any) -> Step | None:
        """A step for a kind of link that core does not know; None when it is not yours."""

    @hookspec(firstresult=True)
    def resolve_name(self, kind: str, name: str) -> Any:
        """The object for a name that no entry point declares; None when you do not know it.

        Args:
            kind: ``"processor"``, ``"loader"``, ``"writer"`` or ``"runner"``.
            name: The name that was asked for.
        """

    @hookspec
    def suggest(self, kind: str, name: str) -> str | None:
        """A line that helps with an unknown name, such as the command that installs its plugin."""

    @hookspec(firstresult=True)
    def open_url(self, url: str) -> Any:
        """A binary file object for a URL; None when the scheme is not yours."""


def plugin_manager() -> pluggy.PluginManager:
    """A plugin manager with every installed plugin of the group `dataflows`.

    A plugin that cannot be imported is left out, with a warning that names it.
    """
    import warnings

    from dataflows_core.discovery import entries

    manager = pluggy.PluginManager("dataflows")
    manager.add_hookspecs(Specifications)
    for entry in entries("dataflows"):
        try:
            manager.register(entry.load(), entry.qualified_name)
        except Exception as error:  # noqa: BLE001 - the seam: one broken plugin must not break the host
            warnings.warn(f"the plugin {entry.qualified_name} is left out: {error}", stacklevel=2)
    return manager


class Events:
    """The hooks of one run, with the plugins that are installed and those of the caller.

    Args:
        plugins: Objects with functions marked by `hookimpl`, besides the installed ones.
    """

    def __init__(self, *plugins: object) -> None:
        self.manager = plugin_manager()
        for plugin in plugins:
            self.manager.register(plugin)

    def progress(self, resource: str, rows: int, size: int | None = None) -> None:
        """Tell of rows that were read."""
        self.manager.hook.progress(resource=resource, rows=rows, size=size)

    def downloading(self, source: str, done: int, total: int | None) -> None:
        """Tell how far a download is."""
        self.manager.hook.downloading(source=source, done=done, total=total)

    @property
    def hears_rejected(self) -> bool:
        """Whether a plugin wants to know each row that is rejected."""
        return bool(self.manager.hook.row_rejected.get_hookimpls())

    def row_rejected(self, step: StepRef, resource: str, rejected: Rejected) -> None:
        """Tell of a row that was rejected."""
        self.manager.hook.row_rejected(step=step, resource=resource, rejected=rejected)

    def flow_failed(self, flow: Flow, error: BaseException) -> None:
        """Tell of a run that has failed. Who fails at hearing it does not hide the error that is told."""
        try:
            self.manager.hook.flow_failed(flow=flow, error=error)
        except Exception as other:  # noqa: BLE001 - the seam: a plugin may raise anything
            error.add_note(f"a plugin that was told of this failed too: {type(other).__name__}: {other}")
