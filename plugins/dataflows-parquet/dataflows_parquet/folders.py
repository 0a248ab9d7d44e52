"""Folders of files, and what the names of folders say: ``sales/year=2024/month=1/part-0.parquet``."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from dataflows_core.errors import AccessError
from dataflows_core.files import Source, expand
from dataflows_core.files.urls import is_remote
from dataflows_core.schema import Field

__all__ = ["Found", "find", "partition_fields"]

_PARTITION = re.compile(r"([^/=]+)=([^/]*)/")
_NULL = "__HIVE_DEFAULT_PARTITION__"
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")


@dataclass(frozen=True)
class Found:
    """A file, and what its folders are named for.

    Attributes:
        file: The file.
        partitions: The texts that the names of its folders give, by name of the field.
    """

    file: Source
    partitions: tuple[tuple[str, str | None], ...] = ()


def find(paths: Any, endings: Sequence[str], **options: Any) -> list[Found]:
    """The files that paths, patterns and folders mean; those of a pattern or folder in order of name.

    Args:
        paths: A path, a URL, a pattern, a folder, or a list of these.
        endings: What the names of files in folders end with; others, and those that begin with ``_`` or
            ``.``, are passed over.
        **options: For `expand`.

    Raises:
        AccessError: A pattern or folder without files.
    """
    if not isinstance(paths, str | Path):
        if isinstance(paths, Iterable) and not isinstance(paths, bytes | Mapping):
            return [found for path in paths for found in find(path, endings, **options)]
        return [Found(file) for file in expand(paths, **options)]  # which says what is wrong
    folder = _folder(paths)
    if folder is None:
        files = expand(paths, **options)
        several = [file.path for file in files] != [str(paths)]
    else:
        files = [
            file for file in expand(f"{folder}/**", **options)
            if file.path.endswith(tuple(endings)) and not _hidden(file.path.removeprefix(folder))
        ]  # fmt: skip
        several = True
        if not files:
            raise AccessError(f"there is no file in {paths} that ends with {' or '.join(endings)}")
    return [Found(file, _partitions(file.path) if several else ()) for file in files]


def partition_fields(found: Sequence[Found]) -> list[Field]:
    """The fields that the names of folders stand for: integers where all are, texts otherwise."""
    texts: dict[str, list[str]] = {}
    for item in found:
        for name, text in item.partitions:
            texts.setdefault(name, []).extend([] if text is None else [text])
    return [
        Field(
            {"name": name, "type": "integer" if values and all(map(_INTEGER.fullmatch, values)) else "string"}
        )
        for name, values in texts.items()
    ]


def _folder(path: str | Path) -> str | None:
    """The pattern that a folder is the beginning of; None for what is no folder."""
    text = str(path)
    if is_remote(text):
        return text.rstrip("/") if text.endswith("/") else None
    local = Path(text).expanduser()
    return glob.escape(str(local)) if local.is_dir() else None


def _hidden(path: str) -> bool:
    return any(part.startswith(("_", ".")) for part in path.split("/"))


def _partitions(path: str) -> tuple[tuple[str, str | None], ...]:
    pairs = ((unquote(name), unquote(text)) for name, text in _PARTITION.findall(path.replace("\\", "/")))
    return tuple({name: None if text in (_NULL, "") else text for name, text in pairs}.items())
