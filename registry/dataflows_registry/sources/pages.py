"""What a project's page at a package index says of its releases and files."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dataflows_core.errors import DataError
from dataflows_registry.model import File
from dataflows_registry.text import FILE_NAME, clean_line, normalised

if TYPE_CHECKING:
    from pypi_simple import DistributionPackage, ProjectPage

__all__ = ["by_version", "file_of", "offered", "status_of", "understood", "with_hash"]


@contextmanager
def understood(what: str) -> Iterator[None]:
    """Turn whatever pypi-simple makes of a page that is none into one error.

    Args:
        what: What the page is, for the error.

    Raises:
        DataError: The page cannot be understood.
    """
    from pypi_simple import UnexpectedRepoVersionWarning, UnsupportedRepoVersionError

    try:
        with warnings.catch_warnings():
            # A later minor version only adds to what is read here.
            warnings.simplefilter("ignore", UnexpectedRepoVersionWarning)
            yield
    except (ValueError, TypeError, KeyError, AttributeError, LookupError, RecursionError) as error:
        raise DataError(f"{what} is no page of a package index: {clean_line(str(error))}") from None
    except UnsupportedRepoVersionError as error:
        raise DataError(f"{what} is of a version that this registry does not know: {error}") from None


def by_version(page: ProjectPage, name: str) -> dict[str, list[DistributionPackage]]:
    """The wheels and sdists of a project, by version as it is compared.

    Args:
        page: The project's page.
        name: Its normalised name; files of other names are left out.
    """
    from packaging.version import InvalidVersion, Version

    found: dict[str, list[DistributionPackage]] = {}
    for package in page.packages:
        if package.package_type not in ("wheel", "sdist") or package.version is None:
            continue
        if normalised(package.project or "") != name or not FILE_NAME.fullmatch(package.filename):
            continue
        try:
            found.setdefault(str(Version(package.version)), []).append(package)
        except InvalidVersion:
            continue
    return found


def file_of(package: DistributionPackage) -> File:
    """A file as the page lists it.

    Raises:
        DataError: The page gives a hash that is none.
    """
    yanked = clean_line(package.yanked_reason or "") if package.is_yanked else None
    requires = clean_line(package.requires_python) if package.requires_python else None
    digest = package.digests.get("sha256")
    return File(clean_line(package.filename), package.size, digest and digest.lower(), requires, yanked)


def with_hash(file: File, known: tuple[File, ...]) -> File:
    """A file with the size and hash that were seen when it was read, where the page gives none."""
    for other in known:
        if other.name == file.name and file.sha256 in (None, other.sha256):
            return replace(file, sha256=other.sha256, size=file.size if file.size is not None else other.size)
    return file


def status_of(page: ProjectPage) -> str | None:
    """The project's status with its reason, unless it is the usual one."""
    if page.status in (None, "active"):
        return None
    status = getattr(page.status, "value", page.status)
    return clean_line(f"{status}: {page.status_reason}" if page.status_reason else str(status))


def offered(
    page: ProjectPage, packages: list[DistributionPackage], files: tuple[File, ...]
) -> dict[str, Any]:
    """What the page says of a release, by the names of the fields of `Release`.

    Args:
        page: The project's page.
        packages: The release's files there.
        files: The same, as they are kept.
    """
    times = sorted(package.upload_time for package in packages if package.upload_time is not None)
    gone = [file.yanked for file in files]
    return {
        "files": files,
        "upload_time": times[0].isoformat() if times else None,
        "yanked": None if None in gone else next(filter(None, gone), ""),
        "status": status_of(page),
    }
