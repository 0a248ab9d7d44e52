"""A file of the web: tried again, continued when it breaks off, and never mixed of two versions.

What breaks off is continued where the server promises the same version (`Validators.if_range`). Where it does
not, the file is read again from its beginning, and what was passed on already is compared by digest. So what
comes out is one version, byte for byte, or an error.
"""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from http.client import HTTPResponse
from typing import Any, TypeVar

from dataflows_core.errors import AccessError
from dataflows_core.files.answers import Body, content_range
from dataflows_core.files.limits import check_announced, refuse_longer
from dataflows_core.files.listening import tell
from dataflows_core.files.patience import Passing, Patience
from dataflows_core.files.urls import shown
from dataflows_core.files.validators import Sightings, Validators
from dataflows_core.files.web import ask, header_fields

__all__ = ["Beginning", "Changed", "Download"]

T = TypeVar("T")

logger = logging.getLogger("dataflows.files")


class Changed(AccessError):
    """The file changed while it was read."""


class Beginning:
    """What is there of a file already.

    Args:
        validators: Which version it is of.
        size: How many bytes it has.
        digest: Their SHA-256, so far.
    """

    def __init__(self, validators: Validators, size: int = 0, digest: Any = None) -> None:
        self.validators, self.size = validators, size
        self.digest = digest or hashlib.sha256()


class Download(io.RawIOBase):
    """A file of the web, as it is sent: `encoding` says what is to be undone.

    Args:
        url: Its URL.
        options: Header fields to send.
        max_size: The most bytes it may have.
        seen: The version that it has to be of, once it has been seen.
        kept: The version that the caller has; if it is the newest, `is_kept` is true, and nothing is read.
        beginning: What the caller has of it already; the bytes behind that are read.

    Attributes:
        source: What messages call it.
        validators: Which version it is.
        is_kept: Whether the server says that the version which the caller has is the newest.
        encoding: How the server has packed it: ``"gzip"``, or nothing.

    Raises:
        AccessError: It cannot be opened; also later, by `read`, when it cannot be read to its end.
        UnreadableError: It has more bytes than it may have.
        FlowError: It is no URL, or the header fields are none.
    """

    def __init__(
        self,
        url: str,
        options: Mapping[str, Any],
        *,
        max_size: int | None = None,
        seen: Sightings | None = None,
        kept: Validators | None = None,
        beginning: Beginning | None = None,
    ) -> None:
        self._body: Body | None = None
        self._url, self._max_size, self._seen, self._kept = url, max_size, seen, kept
        self.source = shown(url)
        self._fields = header_fields(options, self.source)
        self._patience = Patience(self.source)
        beginning = beginning or Beginning(Validators())
        self.validators, self._passed, self._digest = beginning.validators, beginning.size, beginning.digest
        self.encoding, self.is_kept = "", False
        self._ranges = True  # whether parts are asked for
        self._ended = self._looked_at = False
        self._patiently(self._opened)
        self._kept, self._looked_at = None, True

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; fewer only at the end.

        Raises:
            AccessError: They cannot be had.
            UnreadableError: There are more than there may be.
        """
        parts: list[bytes] = []
        left = size
        while left and (data := self.read_some(left)):
            parts.append(data)
            left = left - len(data) if left > 0 else left
        return b"".join(parts)

    def read_some(self, most: int) -> bytes:
        """What comes first of up to `most` bytes; none only at the end.

        Raises:
            AccessError: They cannot be had.
            UnreadableError: There are more than there may be.
        """
        data = self._patiently(lambda: self._some(most))
        self._passed += len(data)
        self._digest.update(data)
        self._patience.progress(len(data))
        tell(self.source, self._passed, self.validators.length)
        refuse_longer(self._passed, self._max_size, self.source)
        return data

    def _patiently(self, work: Callable[[], T]) -> T:
        while True:
            try:
                return work()
            except Passing as failure:
                self._drop()
                self._patience.wait_after(failure)
            except BaseException:
                self._drop()
                raise

    def _some(self, most: int) -> bytes:
        body = None if self._ended else self._opened()
        if body is None:
            return b""
        data, length = body.read(most), self.validators.length
        if length is not None and self._passed + len(data) > length:
            raise AccessError(
                f"{self.source}: the server sends more than the {length:,} bytes that it announced"
            )
        if not data:
            self._check_end(body)
        return data

    def _check_end(self, body: Body) -> None:
        """See that it ended where it should; a server may send shorter parts than those asked for."""
        length = self.validators.length
        if length is not None and self._passed < length:
            raise Passing(f"broke off: {self._passed:,} of {length:,} bytes came")
        if length is None and body.ends_by_closing:
            logger.warning(
                "%s: the server does not say how long it is; whether all of it came cannot be told",
                self.source,
            )
        self._ended = True

    def _opened(self) -> Body | None:
        """The answer that is being read; a new one, at the place where the last one broke off."""
        if self._body is None and not self.is_kept:
            if not self._passed:
                self._begin()
            elif self._ranges and self.validators.if_range:
                self._continue()
            else:
                self._take_again(ask(self._url, self._fields))
        return self._body

    def _begin(self) -> None:
        conditions = {} if self._kept is None else self._kept.conditions
        response = ask(self._url, {**self._fields, **conditions})
        if response.status == 304 and conditions:
            response.close()
            self.is_kept = True
            return
        self._see(self._take_whole(response))

    def _continue(self) -> None:
        """Ask for the rest; a server may as well send the whole."""
        first = self._passed
        wanted = {"Range": f"bytes={first}-", "If-Range": self.validators.if_range}
        response = ask(self._url, {**self._fields, **wanted})
        if response.status == 200:
            self._take_again(response)
            return
        found = content_range(response.headers.get("Content-Range") or "")
        body = self._body = Body(response, self.source)
        if response.status != 206 or found is None or not self._fits(found, body, response):
            self._ranges = False
            raise Passing(f"broke off, and the server does not continue it as asked ({response.status})")
        self.validators = replace(self.validators, length=found[2] or self.validators.length)
        check_announced(self.validators.length, self._max_size, self.source)

    def _fits(self, found: tuple[int, int, int | None], body: Body, response: HTTPResponse) -> bool:
        """Whether an answer is the rest of what was passed on, or the beginning of the rest."""
        first, last, total = found
        version, own = Validators.of(response.headers, total), self.validators
        # A server that does not heed If-Range sends the rest of any version.
        said = version.etag == own.etag if own.etag else version.modified == own.modified
        return (
            said
            and first == self._passed
            and body.length in (None, last - first + 1)
            and not (total is None and own.length is None)
            and _encoding(response, self.source) == self.encoding
            and not version.differ(own)
        )

    def _take_again(self, response: HTTPResponse) -> None:
        """Take the whole file when a part is there: its beginning must be that part."""
        version = self._take_whole(response)
        if not self._looked_at and version.differ(self.validators):
            raise self._changed()
        digest, left = hashlib.sha256(), self._passed
        while left and self._body is not None and (data := self._body.read(left)):
            digest.update(data)
            left -= len(data)
        if left or digest.digest() != self._digest.digest():
            raise self._changed()
        # Not before: until here what was passed on may be of another version.
        self._see(version)

    def _take_whole(self, response: HTTPResponse) -> Validators:
        body = self._body = Body(response, self.source)
        if response.status not in (200, 203):
            raise AccessError(
                f"{self.source}: the server answered {response.status}, which was not asked for"
            )
        encoding = _encoding(response, self.source)
        if encoding != self.encoding and (self._looked_at or self._passed):
            raise self._changed()
        self.encoding = encoding
        check_announced(body.length, self._max_size, self.source)
        return Validators.of(response.headers, body.length)

    def _see(self, version: Validators) -> None:
        self.validators = version
        if self._seen is not None:
            self._seen.see(version, self.source)

    def _changed(self) -> Changed:
        return Changed(f"{self.source} changed on the server while it was read\n  run the flow again")

    def _drop(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None

    def close(self) -> None:
        """Close the connection."""
        self._drop()
        super().close()


def _encoding(response: HTTPResponse, source: str) -> str:
    named = (response.headers.get("Content-Encoding") or "identity").strip().lower()
    known = {"": "", "identity": "", "gzip": "gzip", "x-gzip": "gzip"}
    if named not in known:
        raise AccessError(
            f"{source}: the server packs it as {named!r}, though it was asked to leave it as it is"
        )
    return known[named]
