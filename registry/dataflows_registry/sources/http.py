"""Requests that are cheap when nothing has changed, and bounded when something is wrong."""

from __future__ import annotations

from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from dataflows_core.errors import AccessError, DataError
from dataflows_core.files.urls import shown

if TYPE_CHECKING:
    import requests

__all__ = ["Client", "Missing"]

_TIMEOUT = 30.0


class Client:
    """A session over HTTP that sends validators and refuses what is too large.

    Args:
        accept: The media types that are wanted.
    """

    def __init__(self, accept: str = "*/*") -> None:
        self.accept = accept
        self.last: requests.Response | None = None

    @cached_property
    def _session(self) -> requests.Session:
        import requests

        session = requests.Session()
        session.headers["Accept"] = self.accept
        return session

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if "_session" in self.__dict__:
            self._session.close()

    def get(self, url: str, limit: int, before: dict[str, Any], after: dict[str, Any]) -> bytes | None:
        """The content of an address, or None if it is as it was.

        Args:
            url: The address.
            limit: How many bytes it may have.
            before: `etag` and `modified` of the last answer.
            after: Gets those of this one.

        Raises:
            AccessError: It cannot be had; `missing` tells whether that is because nothing is there.
            DataError: It is larger than the limit.
        """
        import requests

        headers = {
            header: before[key]
            for key, header in (("etag", "If-None-Match"), ("modified", "If-Modified-Since"))
            if isinstance(before.get(key), str)
        }
        try:
            with self._session.get(url, headers=headers, timeout=_TIMEOUT, stream=True) as response:
                self.last = response
                if response.status_code == 304 and headers:
                    after |= {key: before[key] for key in ("etag", "modified") if key in before}
                    return None
                if response.status_code != 200:
                    raise Missing(url, response.status_code)
                for key, header in (("etag", "ETag"), ("modified", "Last-Modified")):
                    if header in response.headers:
                        after[key] = response.headers[header]
                content = bytearray()
                for chunk in response.iter_content(1 << 16):
                    content += chunk
                    if len(content) > limit:
                        raise DataError(f"{shown(url)} is larger than {limit:,} bytes; that is refused")
                return bytes(content)
        except (requests.RequestException, ValueError) as error:
            reason = type(error).__name__
            raise AccessError(f"{shown(url)} cannot be read: {reason}") from error


class Missing(AccessError):
    """An address that answers with something else than its content.

    Args:
        url: The address.
        status: The answer's number.
    """

    def __init__(self, url: str, status: int) -> None:
        self.url, self.status = url, status
        super().__init__(f"{shown(url)} answers with {status}")
