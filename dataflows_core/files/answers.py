"""The body of one answer of a web server: exactly the bytes that it announces, or an error."""

from __future__ import annotations

import re
from http.client import HTTPException, HTTPResponse, IncompleteRead

from dataflows_core.errors import AccessError
from dataflows_core.files.patience import Passing

__all__ = ["Body", "content_range"]

_LINGER = 2.0
_PIECE = 1 << 20


class Body:
    """The body of an answer, read once.

    Args:
        response: The answer.
        source: What messages call it.

    Attributes:
        length: How many bytes are announced; None when that is left open.

    Raises:
        AccessError: Its length, or the way in which it is sent, is nonsense.
    """

    def __init__(self, response: HTTPResponse, source: str) -> None:
        self._response, self._source, self._count = response, source, 0
        try:
            self.length = self._announced()
        except AccessError:
            response.close()
            raise
        closes = (response.headers.get("Connection") or "").lower() == "close"
        self._until_close = closes and self.length is not None
        if self._until_close:
            response.length = None  # what is sent beyond the length is to be seen

    def _announced(self) -> int | None:
        headers = self._response.headers
        coding = (headers.get("Transfer-Encoding") or "").strip().lower()
        if coding not in ("", "identity", "chunked"):
            raise AccessError(f"{self._source}: the server sends it as {coding!r}, which is not known")
        if coding == "chunked":
            return None
        fields: list[str] = headers.get_all("Content-Length", [])
        values = {value.strip() for field in fields for value in field.split(",")}
        if not values:
            return None
        length = values.pop()
        if values or not re.fullmatch("[0-9]{1,18}", length):
            said = ", ".join(fields)
            raise AccessError(
                f"{self._source}: the server says that it has {said!r} bytes, which is no number"
            )
        return int(length)

    @property
    def ends_by_closing(self) -> bool:
        """Whether nothing but the end of the connection says where it ends."""
        return self.length is None and not getattr(self._response, "chunked", False)

    def read(self, most: int) -> bytes:
        """Some bytes, at most so many; none at the end.

        Raises:
            Passing: The connection broke off.
            AccessError: There are more bytes than were announced.
        """
        most = _PIECE if most < 0 else min(most, _PIECE)
        left = None if self.length is None else self.length - self._count
        if left == 0:
            self._check_end()
            return b""
        try:
            # One more than there should be, so that the buffer beneath is empty at the end.
            data = self._response.read1(most if left is None else min(most, left + self._until_close))
        except IncompleteRead:
            raise self._torn("the last chunk did not come") from None
        except (HTTPException, OSError) as error:
            raise self._torn(str(error) or type(error).__name__) from None
        self._count += len(data)
        if left is not None and not data:
            raise self._torn(f"{self._count:,} of {self.length:,} bytes came")
        if left is not None and len(data) > left:
            raise self._too_long()
        return data

    def _torn(self, problem: str) -> Passing:
        return Passing(f"broke off: {problem}")

    def _too_long(self) -> AccessError:
        return AccessError(
            f"{self._source}: the server sends more than the {self.length:,} bytes that it announced, "
            "so that nobody knows which of the two is true"
        )

    def _check_end(self) -> None:
        """Look whether there is more than was announced, where the end of the connection will tell."""
        if not self._until_close:
            return
        import selectors

        self._until_close = False
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self._response.fileno(), selectors.EVENT_READ)
                more = selector.select(_LINGER) and self._response.read1(1)
        except (HTTPException, OSError, ValueError):  # all that was announced is there
            return
        if more:
            raise self._too_long()

    def close(self) -> None:
        """Close the connection."""
        self._response.close()


def content_range(text: str) -> tuple[int, int, int | None] | None:
    """First byte, last byte and length of the whole, as the field ``Content-Range`` says them.

    Examples:
        >>> content_range("bytes 5-9/10"), content_range("bytes 5-9/*"), content_range("bytes */10")
        ((5, 9, 10), (5, 9, None), None)
    """
    found = re.fullmatch(r"bytes\s+([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)", text.strip(), re.IGNORECASE)
    if found is None:
        return None
    first, last = int(found[1]), int(found[2])
    total = None if found[3] == "*" else int(found[3])
    return (first, last, total) if first <= last and (total is None or last < total) else None
