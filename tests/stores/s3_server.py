"""An S3 server on loopback: moto's, with a log of what it is asked, and with faults on request.

Run as `python s3_server.py`; prints its port. `GET /-/log` gives the requests since the last such question;
`POST /-/fault` takes `{"method": …, "path": regular expression, "status": 403 | 0, "skip": n}` for requests
that match, beginning with the one behind the first n; status 0 ends the server there. `{}` ends the faults.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterable
from typing import Any

DENIED = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'


class Watched:
    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application
        self._log: list[dict[str, Any]] = []
        self._fault: dict[str, Any] = {}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if path == "/-/log":
            log, self._log = self._log, []
            return self._answer(start_response, "200 OK", json.dumps(log).encode())
        if path == "/-/fault":
            self._fault = json.loads(environ["wsgi.input"].read(length))
            return self._answer(start_response, "200 OK", b"")
        url = path + ("?" + environ["QUERY_STRING"] if environ.get("QUERY_STRING") else "")
        if self._is_at_fault(method, url):
            if not self._fault["status"]:
                os._exit(1)
            environ["wsgi.input"].read(length)
            return self._answer(start_response, f"{self._fault['status']} Refused", DENIED)
        entry = {"method": method, "url": url, "sent": length, "bytes": 0}
        self._log.append(entry)
        body = b"".join(self._application(environ, start_response))
        entry["bytes"] = len(body)
        return [body]

    def _is_at_fault(self, method: str, url: str) -> bool:
        fault = self._fault
        if not fault or method != fault["method"] or not re.search(fault["path"], url):
            return False
        fault["skip"] = fault.get("skip", 0) - 1
        return bool(fault["skip"] < 0)

    def _answer(self, start_response: Callable[..., Any], status: str, body: bytes) -> Iterable[bytes]:
        start_response(status, [("Content-Length", str(len(body))), ("Content-Type", "application/xml")])
        return [body]


def main() -> None:
    # The server of moto speaks to nobody but its client.
    os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Handler(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_request(self, *_: Any) -> None:
            pass

    application = Watched(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Handler)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
