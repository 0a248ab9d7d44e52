"""Sources on the web, read by the standard library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dataflows_core.errors import AccessError, FlowError
from dataflows_core.files.streams import Counted, Readable
from dataflows_core.files.urls import shown

__all__ = ["open_http"]

_TIMEOUT = 60.0


def open_http(url: str, options: Mapping[str, Any]) -> Readable:
    """Open a URL of the web.

    Args:
        url: The URL.
        options: Header fields to send.

    Raises:
        AccessError: It cannot be opened; also later, by `read`, when it breaks off.
    """
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    # Servers compress what is compressed already, and lose its length by it.
    headers = {
        "User-Agent": "dataflows",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
    }
    try:
        headers.update({str(key): str(value) for key, value in options.items()})
        request = Request(url, headers=headers)  # noqa: S310 - the caller looked at the scheme
        response = urlopen(request, timeout=_TIMEOUT)  # noqa: S310
    except HTTPError as error:
        error.close()
        raise AccessError(f"{shown(url)}: the server answered {error.code} {error.reason}") from error
    except URLError as error:
        raise AccessError(f"{shown(url)} cannot be reached: {error.reason}") from error
    except (HTTPException, OSError) as error:
        raise AccessError(f"{shown(url)} cannot be reached: {str(error) or type(error).__name__}") from error
    except ValueError as error:
        raise FlowError(f"{shown(url)} is no URL: {error}") from error
    length = response.headers.get("Content-Length")
    expected = int(length) if length and length.isdigit() and not response.chunked else None
    body = Counted(response, shown(url), expected)
    if response.headers.get("Content-Encoding", "identity").lower() in ("gzip", "x-gzip"):
        from dataflows_core.files.compression import decompressed

        return decompressed(body, shown(url), "gzip")
    return body
