"""The web: one request by the standard library, and what an answer must be to be believed."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from functools import cache
from http.client import HTTPException, HTTPResponse, InvalidURL
from typing import IO, TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit
from urllib.request import (
    HTTPErrorProcessor,
    HTTPRedirectHandler,
    ProxyHandler,
    Request,
    build_opener,
    getproxies,
)

from dataflows_core.errors import AccessError, FlowError
from dataflows_core.files.patience import TRIES, Passing
from dataflows_core.files.urls import shown, without_urls_secrets

if TYPE_CHECKING:
    from email.message import Message
    from urllib.request import OpenerDirector

__all__ = ["ask", "header_fields"]

_TIMEOUT = 60.0
_PASSING = {408, 425, 429, *range(500, 600)} - {501, 505, 511}
_OF_ANY_SERVER = {
    *("accept", "accept-encoding", "accept-language", "user-agent"),
    *("if-modified-since", "if-none-match", "if-range", "range"),
}
_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def header_fields(options: Mapping[str, Any], source: str) -> dict[str, str]:
    """The header fields to send.

    Args:
        options: What the user gives.
        source: What messages call the source.

    Raises:
        FlowError: They are no header fields. Values, which may be secrets, are not shown.
    """
    # Servers compress what is compressed already, and lose its length by it.
    fields = {"User-Agent": "dataflows", "Accept": "*/*", "Accept-Encoding": "identity"}
    for name, value in options.items():
        if not isinstance(value, str | int) or not _FIELD_NAME.fullmatch(str(name)):
            raise FlowError(f"{source}: storage_options of HTTP are header fields, and {name!r} is none")
        if re.search(r"[\0-\x08\x0a-\x1f\x7f]|[^\0-\xff]", str(value)):
            raise FlowError(
                f"{source}: the value of the header field {name!r} has characters it must not have"
            )
        fields[str(name).title()] = str(value)
    return fields


def ask(url: str, fields: Mapping[str, str]) -> HTTPResponse:
    """Send one request, follow redirects, and return the answer.

    Args:
        url: The URL; a user and a password in it are sent as the header field ``Authorization``.
        fields: Header fields.

    Raises:
        Passing: It failed, and may not the next time.
        AccessError: It failed for good.
        FlowError: It is no URL.
    """
    request = _request(url, fields)
    try:
        answer: HTTPResponse = _opener(frozenset(getproxies().items())).open(request, timeout=_TIMEOUT)
    except HTTPError as error:
        error.close()
        raise _refused(url, error.code, error.headers) from None
    except URLError as error:
        raise _unreachable(url, error.reason) from None
    except InvalidURL:
        raise FlowError(f"{shown(url)} is no URL, or leads to what is none") from None
    except (HTTPException, OSError) as error:
        raise _unreachable(url, error) from None
    return answer


def _request(url: str, fields: Mapping[str, str]) -> Request:
    try:
        parts = urlsplit(url)
        user, at, _ = parts.netloc.rpartition("@")
        host = (parts.hostname or "").encode("idna").decode()
        port = f":{parts.port}" if parts.port is not None else ""
    except ValueError:
        host = ""
    if not host or re.search(r"[\0-\x20/?#@\\]", host):
        raise FlowError(f"{shown(url)} is no URL: https://host/path is expected")
    host = f"[{host}]" if ":" in host else host
    # Characters that a URL must not have are percent-encoded, as browsers do; those that are, stay.
    path, query = (quote(part, safe="%/:=&?~#+!$,;'@()*[]|") for part in (parts.path, parts.query))
    request = Request(urlunsplit((parts.scheme, host + port, path, query, "")), headers=dict(fields))  # noqa: S310
    if at and not request.has_header("Authorization"):
        name, _, password = user.partition(":")
        pair = f"{unquote(name)}:{unquote(password)}".encode()
        request.add_header("Authorization", "Basic " + base64.b64encode(pair).decode())
    return request


def _refused(url: str, status: int, headers: Message) -> Exception:
    if 300 <= status < 400:
        return AccessError(f"{shown(url)} redirects in a circle, or too often")
    from http import HTTPStatus

    try:
        phrase = f" {HTTPStatus(status).phrase}"
    except ValueError:
        phrase = ""
    if status not in _PASSING:
        return AccessError(f"{shown(url)}: the server answered {status}{phrase}")
    return Passing(f"cannot be had: the server answered {status}{phrase}", after=_seconds(headers))


def _seconds(headers: Message) -> float | None:
    """How long the server asks to wait: a number, or a date beside its own."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment, now = parsedate_to_datetime(text), parsedate_to_datetime(headers.get("Date", ""))
        return max(0.0, (moment - now).total_seconds())
    except (TypeError, ValueError):
        return None


def _unreachable(url: str, problem: object) -> Exception:
    import socket
    import ssl

    said = without_urls_secrets(str(problem) or type(problem).__name__)[:200]
    if isinstance(problem, ssl.SSLCertVerificationError):
        reason = problem.verify_message or said
        return AccessError(f"{shown(url)}: the certificate of the server is not valid: {reason}")
    if isinstance(problem, ssl.SSLError) and not isinstance(problem, ssl.SSLEOFError):
        return AccessError(f"{shown(url)} cannot be reached safely: {said}")
    # Nobody there: that rarely passes.
    tries = 3 if isinstance(problem, socket.gaierror | ConnectionRefusedError) else TRIES
    return Passing(f"cannot be reached: {said}", tries=tries)


class _Redirects(HTTPRedirectHandler):
    """Leads to the web only, and takes what was meant for one server to no other."""

    def http_error_302(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message
    ) -> HTTPResponse | None:
        fp.close()  # or all of its body would be read, however long it is
        place = headers.get("Location") or headers.get("URI") or ""
        target = urljoin(req.full_url, place)
        if not place or urlsplit(target).scheme not in ("http", "https"):
            raise AccessError(
                f"{shown(req.full_url)} redirects to {shown(target) if place else 'nowhere'}; that is refused"
            )
        found: HTTPResponse | None = super().http_error_302(req, fp, code, msg, headers)  # type: ignore[arg-type]
        return found

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(
        self, req: Request, _fp: IO[bytes], _code: int, _msg: str, _headers: Message, newurl: str
    ) -> Request | None:
        fields = dict(req.header_items())
        if not _same_server(req.full_url, newurl):
            fields = {name: value for name, value in fields.items() if name.lower() in _OF_ANY_SERVER}
        try:
            return _request(newurl, {name: value for name, value in fields.items() if name != "Host"})
        except FlowError as error:
            raise AccessError(
                f"{shown(req.full_url)} redirects to {shown(newurl)}, which is no URL"
            ) from error


def _same_server(old: str, new: str) -> bool:
    """Whether two URLs are of one server; the step from HTTP to HTTPS does not leave it."""
    one, two = urlsplit(old), urlsplit(new)
    ports = {"http": 80, "https": 443}
    try:
        places = [(part.scheme, part.port or ports[part.scheme]) for part in (one, two)]
    except ValueError:
        return False
    safer = places == [("http", 80), ("https", 443)]
    return one.hostname == two.hostname and (places[0] == places[1] or safer)


class _Answers(HTTPErrorProcessor):
    """Lets those answers through that whoever asks with conditions has to look at."""

    def http_response(self, request: Request, response: HTTPResponse) -> HTTPResponse:
        if response.status in (304, 416):
            return response
        found: HTTPResponse = super().http_response(request, response)
        return found

    https_response = http_response


@cache  # certificates are read when it is made
def _opener(proxies: frozenset[tuple[str, str]]) -> OpenerDirector:
    return build_opener(ProxyHandler(dict(proxies)), _Redirects, _Answers)
