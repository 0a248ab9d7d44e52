"""What was computed once, kept for the next run."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dataflows_core import Flow
from dataflows_core.commit import safe_path
from dataflows_core.drift import OnDrift, check_on_drift, meet
from dataflows_core.errors import FlowError
from dataflows_core.fit import fit
from dataflows_core.flow import Planned
from dataflows_core.operations import Write
from dataflows_core.package import Package, ResourceSelector
from dataflows_core.resource import Resource
from dataflows_core.steps import Step, current_step
from dataflows_stdlib.checkpoints.fingerprint import Fingerprint
from dataflows_stdlib.checkpoints.inputs import named_files, read_files, states
from dataflows_stdlib.checkpoints.sink import KeepSink, Writing
from dataflows_stdlib.checkpoints.store import Kept, Link, read_kept

__all__ = ["checkpoint"]

logger = logging.getLogger("dataflows.checkpoint")


def checkpoint(
    checkpoint_name: str,
    checkpoint_path: str | Path = ".checkpoints",
    steps: Iterable[Any] | None = None,
    resources: ResourceSelector = None,
    *,
    inputs: Iterable[str] | None = None,
    on_drift: OnDrift | None = None,
) -> Step | Flow:
    """Keep on disk what the steps before it give; the next run reads that, and leaves these steps out.

    It is written anew when one of the steps before it has changed (its code, the functions it calls, its
    parameters, the version of its distribution), or a local file that they read (its size or time). What is
    on the network, in a database, or comes out of a generator is not watched: a line in the log names it.
    Delete the folder to have such sources read again.

    The rows are kept with their exact types. A run that fails, or is killed, leaves the previous checkpoint
    whole. A run with a limit uses a checkpoint, and writes none.

    Args:
        checkpoint_name: Its name, and that of its folder.
        checkpoint_path: The folder that checkpoints are in.
        steps: Links that are put before it; the same as writing them before it.
        resources: Which resources it keeps: None for all, a regular expression, a position or a list of
            names. Others end here, in every run.
        inputs: The local files, or patterns of them, that functions of the steps open by themselves. By
            default those that texts in the steps name. The files of sources are watched anyway.
        on_drift: What becomes of fields that differ from those of the previous checkpoint when it is written
            anew: ``"error"``, ``"add"``, ``"drop"`` or ``"ignore"``, as in `union`; by default it has the
            fields that the steps give.

    Raises:
        FlowError: It stands within `branch` or `conditional`, where nobody knows what is before it.
        SchemaError: Fields differ, and `on_drift` says that this is an error.
        AccessError: The folder cannot be read or written.

    Examples:
        >>> from dataflows_core import Flow
        >>> flow = Flow([{"n": 1}], checkpoint("numbers"), lambda row: row.update(n=row["n"] + 1))
        >>> flow.results().rows, Path(".checkpoints/numbers/checkpoint.json").exists()
        ([[{'n': 2}]], True)
    """
    if on_drift is not None:
        check_on_drift(on_drift)
    folder = Path(checkpoint_path, safe_path(checkpoint_name))
    given = None if inputs is None else frozenset(inputs)

    def step(package: Package) -> None:
        raise FlowError(
            f"a checkpoint has to know all that is before it, and this one was handed {package!r}; put it "
            "into the flow itself, not into branch() or conditional()"
        )

    def behind(before: Sequence[Planned], package: Package) -> tuple[Step, bool]:
        kept = read_kept(folder)
        links, named, unknown = _looked_at(before)
        own = current_step()
        links.append(Link(own.position, own.name, Fingerprint((resources, on_drift)).digest))
        reason = "there is none" if kept is None else kept.outdated(links)
        if kept is not None and reason is None:
            logger.info("checkpoint %s is used; steps 1 to %s are left out", folder, len(before))
            return kept.bring, True
        if package.limit is not None:
            return (lambda package: _end_others(package, resources)), False
        logger.info("checkpoint %s is written: %s", folder, reason)
        if given is not None:
            named = {"": _there(given)}
        made = _Made(folder, kept, links, named, unknown)

        def write(package: Package) -> None:
            made.write(package, resources, on_drift)

        return write, False

    step.__behind__ = behind  # type: ignore[attr-defined] # see Flow.plan
    return step if steps is None else Flow(*steps, step)


def _there(inputs: frozenset[str]) -> frozenset[str]:
    for path in inputs:
        if not named_files([path]):
            raise FlowError(f"inputs names {path!r}, and there is no such file")
    return inputs


def _looked_at(before: Sequence[Planned]) -> tuple[list[Link], dict[str, frozenset[str]], list[str]]:
    """The links before a checkpoint; by position the texts they hold; and what cannot be looked at."""
    links, texts, unknown = [], {}, []
    for planned in before:
        found = Fingerprint(planned.link)
        links.append(Link(planned.ref.position, planned.ref.name, found.digest))
        texts[planned.ref.position] = frozenset(found.texts)
        unknown += [f"{words} (step {planned.ref.position}, {planned.ref.name})" for words in found.unknown]
    return links, texts, unknown


@dataclass(frozen=True)
class _Made:
    """A checkpoint that is to be written.

    Attributes:
        folder: Where.
        previous: The one that is there.
        links: The links before it.
        texts: The texts that they hold, by position; some may name files.
        unknown: What cannot be watched, in words.
    """

    folder: Path
    previous: Kept | None
    links: list[Link]
    texts: dict[str, frozenset[str]]
    unknown: list[str]

    def write(self, package: Package, resources: ResourceSelector, on_drift: OnDrift | None) -> None:
        """Append what writes it."""
        inputs, remote = self._inputs(package)
        unknown = sorted({*self.unknown, *remote})
        if unknown:
            logger.warning("checkpoint %s does not watch %s", self.folder, "; ".join(unknown))
        _end_others(package, resources)
        selected = package.resources
        if on_drift is not None and self.previous is not None:
            for resource in selected:
                _met(resource, self.previous, on_drift)
        content = {
            "version": 1,
            "links": [asdict(link) for link in self.links],
            "inputs": inputs,
            "not watched": unknown,
            "properties": dict(package.properties),
            "stats": dict(package.stats),
            "resources": [_item(resource) for resource in selected],
        }
        writing = Writing(self.folder, self.previous, content)
        for number, resource in enumerate(selected):
            if resource.tabular:
                target = f"checkpoint {self.folder.name}, {resource.name}"
                resource.write(KeepSink(target, number, resource.schema, writing))
        package.on_finish(writing.finish)
        package.on_abort(writing.abort)

    def _inputs(self, package: Package) -> tuple[dict[str, Any], set[str]]:
        """The state of the files that are read, and the sources on the network."""
        files, remote = read_files(package)
        # A file that a step writes is not one that it reads.
        writers = {
            operation.step.position
            for resource in (*package.removed, *package.resources)
            for stream in (resource.stream.upstream() if resource.stream is not None else ())
            for operation in stream.operations
            if isinstance(operation, Write)
        }
        for position, texts in self.texts.items():
            if position not in writers:
                files |= named_files(texts)
        return states(files), remote


def _end_others(package: Package, resources: ResourceSelector) -> None:
    """Take out what a checkpoint does not keep."""
    selected = package.select(resources)
    for resource in [one for one in package.resources if one not in selected]:
        package.remove(resource)


def _item(resource: Resource) -> dict[str, Any]:
    return {
        "descriptor": resource.descriptor,
        "path": "path" in resource.properties,
        "source": list(resource.source),
        "unnamed": resource.unnamed,
        "files": [],
    }


def _met(resource: Resource, previous: Kept, on_drift: OnDrift) -> None:
    """Give a resource the fields that it may have beside those of the previous checkpoint."""
    known = previous.schemas().get(resource.name)
    if known is None or not resource.tabular:
        return
    names = (f"the checkpoint {previous.folder.name}", f"resource {resource.name!r}")
    schema = meet(known, resource.schema, on_drift, names=names)
    if [(field.name, field.arrow) for field in schema] != [(f.name, f.arrow) for f in resource.schema]:
        fitted = fit(resource.schema, schema)
        resource.map_batches(fitted, schema, reads=fitted.reads)
