"""A dump: the sinks of a package's tables, copies of its other files, the descriptor, and one commit."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from dataflows_core.commit import STAGING, access_errors
from dataflows_core.errors import FlowError
from dataflows_core.package import Package
from dataflows_core.resource import Resource
from dataflows_core.targets import Staging, Target
from dataflows_dump_path.descriptor import DESCRIPTOR, descriptor_bytes, descriptor_hash, obsolete_files
from dataflows_dump_path.files import zip_files
from dataflows_dump_path.output import Written
from dataflows_dump_path.planned import Layout, PlannedFiles, PlannedTable, plan_files, plan_table

__all__ = ["Dump"]


class Dump:
    """One dump of a package, as the package is when the step is planned.

    Args:
        package: The package; sinks are appended to its tables.
        target: The folder that is written to, or that the zip file is in.
        layout: How the files are to look.
        zip_name: The name of the zip file; None for plain files.

    Raises:
        FlowError: Two resources have one path, or one cannot be written as the layout says.
        AccessError: The target is in a store whose file system is not installed.
    """

    def __init__(self, package: Package, target: Target, layout: Layout, zip_name: str | None = None) -> None:
        self._package, self._layout = package, layout
        self._target, self._zip_name = target.planned(), zip_name
        self._properties = {k: copy.deepcopy(v) for k, v in package.descriptor.items() if k != "resources"}
        self._commit: Staging | None = None
        self._planned = [self._plan(resource, number) for number, resource in enumerate(package.resources)]
        self._refuse_clashes()
        package.on_finish(self.finish)
        package.on_abort(self.abort)

    def _plan(self, resource: Resource, number: int) -> PlannedTable | PlannedFiles:
        if not resource.tabular:
            return plan_files(resource)
        return plan_table(resource, self._layout, self._shown, lambda: self._scratch(number), self.abort)

    def _shown(self, path: str) -> str:
        """What messages call a path in the folder, or in the zip file."""
        return self._target.shown(path if self._zip_name is None else f"{self._zip_name}/{path}")

    def _refuse_clashes(self) -> None:
        taken = {DESCRIPTOR: DESCRIPTOR}
        for planned in self._planned:
            for path in planned.paths:
                name = planned.descriptor["name"]
                if path in taken:
                    raise FlowError(f"{taken[path]!r} and {name!r} would both become {path!r}")
                taken[path] = name

    def _scratch(self, number: int) -> Path:
        """The folder for one resource's files while they are written; the first call locks the target."""
        if self._commit is None:
            staging = STAGING if self._zip_name is None else f".{self._zip_name}{STAGING}"
            self._commit = self._target.begin(staging)
            if self._zip_name is None:
                self._target.size(DESCRIPTOR)  # what may not be looked at is found before data move
        folder = self._commit.scratch / str(number)
        with access_errors(f"write into {self._target.shown()}"):
            folder.mkdir(exist_ok=True)
        return folder

    def finish(self) -> None:
        """Write the descriptor, swap everything in, and add to the package's stats.

        Raises:
            AccessError: Something cannot be written.
        """
        files: list[tuple[str, Path]] = []
        resources, sizes, rows = [], 0, 0
        for number, planned in enumerate(self._planned):
            written = planned.written(self._scratch(number))
            descriptor, paths = self._described(planned, written)
            files += zip(paths, (file.path for file in written), strict=True)
            resources.append(descriptor)
            sizes += sum(file.bytes for file in written)
            rows += sum(file.rows for file in written)
        descriptor, digest = self._package_descriptor(resources, sizes, rows)
        text = descriptor_bytes(descriptor, pretty=self._layout.pretty_descriptor)
        self._swap_in(files, text)
        self._package.stats.update(
            count_of_rows=rows, bytes=sizes + len(text), hash=digest, dataset_name=descriptor.get("name")
        )

    def abort(self) -> None:
        """Remove what was staged; the previous output stays."""
        if self._commit is not None:
            self._commit.abort()

    def _described(
        self, planned: PlannedTable | PlannedFiles, written: list[Written]
    ) -> tuple[dict[str, Any], list[str]]:
        """The descriptor of a resource with its counts, and its final paths."""
        descriptor, paths, put = dict(planned.descriptor), planned.paths, self._layout.counters.put
        if self._layout.add_filehash_to_path:
            paths = [f"{file.digest}/{Path(path).name}" for path, file in zip(paths, written, strict=True)]
            if paths:
                descriptor["path"] = paths if len(paths) > 1 else paths[0]
        schema = descriptor.pop("schema", None)
        if isinstance(planned, PlannedTable):
            put(descriptor, "resource-rowcount", written[0].rows)
        if written:
            put(descriptor, "resource-bytes", sum(file.bytes for file in written))
            put(descriptor, "resource-hash", written[0].hash if len(written) == 1 else None)
        if schema is not None:
            descriptor["schema"] = schema
        return descriptor, paths

    def _package_descriptor(
        self, resources: list[dict[str, Any]], sizes: int, rows: int
    ) -> tuple[dict[str, Any], str]:
        descriptor = {**copy.deepcopy(self._properties), "resources": resources}
        put = self._layout.counters.put
        put(descriptor, "datapackage-rowcount", rows)
        put(descriptor, "datapackage-bytes", sizes)
        put(descriptor, "datapackage-hash", None)
        digest = descriptor_hash(descriptor)
        put(descriptor, "datapackage-hash", digest)
        return descriptor, digest

    def _swap_in(self, files: list[tuple[str, Path]], descriptor: bytes) -> None:
        self._scratch(0)
        assert self._commit is not None
        commit = self._commit
        staged = commit.scratch / DESCRIPTOR if self._zip_name else commit.stage(DESCRIPTOR)
        with access_errors(f"write {self._shown(DESCRIPTOR)}"):
            staged.write_bytes(descriptor)
        if self._zip_name is not None:
            zip_files(commit.stage(self._zip_name), [(DESCRIPTOR, staged), *files], self._zip_name)
            commit.finish([self._zip_name])
            return
        for path, file in files:
            with access_errors(f"write {self._shown(path)}"):
                file.replace(commit.stage(path))
        paths = [path for path, _ in files]
        obsolete = obsolete_files(self._target, paths)
        commit.finish([*dict.fromkeys(paths), DESCRIPTOR], remove=obsolete)
