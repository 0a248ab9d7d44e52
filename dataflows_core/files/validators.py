"""What a server says by which one sees whether a file has changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from dataflows_core.errors import AccessError

if TYPE_CHECKING:
    from email.message import Message

__all__ = ["Sightings", "Validators"]


_STORE_FACTS = (
    *("ETag", "etag", "e_tag", "md5Hash", "content_md5", "sha", "generation", "version_id"),
    *("LastModified", "last_modified", "mtime", "modified", "updated", "modify", "created"),
)


@dataclass(frozen=True)
class Validators:
    """What is known of one version of a file.

    Args:
        etag: Its entity tag, quotes and all; empty when there is none.
        modified: When it was last changed, as the server writes it; empty when that is not said.
        date: When the server said so.
        length: How many bytes it has as they are sent; None when that is not said.
    """

    etag: str = ""
    modified: str = ""
    date: str = ""
    length: int | None = None

    @classmethod
    def of(cls, headers: Message, length: int | None) -> Validators:
        """Those of an answer.

        Args:
            headers: Its header fields.
            length: How long the file is.
        """
        etag, modified, date = (headers.get(name, "") for name in ("ETag", "Last-Modified", "Date"))
        return cls(etag.strip(), modified.strip(), date.strip(), length)

    @classmethod
    def of_store(cls, info: Mapping[str, Any]) -> Validators:
        """Those of a file in a store; its `etag` is made of all that the file system says of its version.

        Args:
            info: What `info` of the fsspec file system gives.
        """
        facts = sorted((name, str(info[name])) for name in _STORE_FACTS if info.get(name) is not None)
        size = info.get("size")
        return cls(etag=repr(facts) if facts else "", length=size if isinstance(size, int) else None)

    @classmethod
    def from_json(cls, data: Any) -> Validators:
        """Those that `json` wrote.

        Raises:
            TypeError: It is something else.
        """
        found = cls(**data)
        if not all(isinstance(text, str) for text in (found.etag, found.modified, found.date)):
            raise TypeError("validators are texts")
        return found

    @property
    def json(self) -> dict[str, Any]:
        """As a file keeps them."""
        return asdict(self)

    @property
    def if_range(self) -> str:
        """What makes the server send the rest of this very version, byte for byte; empty when nothing can.

        A weak tag stands for bytes that may differ, and a date for all the versions of its second (RFC 9110,
        section 8.8.2.2).
        """
        if self.etag:
            return "" if self.etag.startswith("W/") else self.etag
        from email.utils import parsedate_to_datetime

        try:
            later = parsedate_to_datetime(self.date) > parsedate_to_datetime(self.modified)
        except (TypeError, ValueError):
            return ""
        return self.modified if later else ""

    @property
    def conditions(self) -> dict[str, str]:
        """The header fields that ask for the file only if it is another version."""
        fields = {"If-None-Match": self.etag, "If-Modified-Since": self.modified}
        return {name: value for name, value in fields.items() if value}

    def differ(self, other: Validators) -> bool:
        """Whether the two are of different versions, as far as that can be told."""
        tags = (self.etag.removeprefix("W/"), other.etag.removeprefix("W/"))
        pairs = (tags, (self.modified, other.modified), (self.length, other.length))
        return any(one != two for one, two in pairs if one not in ("", None) and two not in ("", None))


class Sightings:
    """The version of a file that was seen first; whoever opens it again must find the same."""

    def __init__(self) -> None:
        self.first: Validators | None = None

    def see(self, found: Validators, source: str) -> None:
        """Take in what is found.

        Raises:
            AccessError: It is another version.
        """
        if self.first is None:
            self.first = found
        elif self.first.differ(found):
            raise AccessError(
                f"{source} has changed since the flow was planned\n"
                "  run the flow again; cache=True makes planning and running read the same copy"
            )
