"""Which database is meant, and how it is shown without its secrets."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from dataflows_core.errors import FlowError, UnreadableError, near_misses

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

__all__ = ["Address"]

# What may be shown of the options in a URL; any other may be a secret, or hold one.
_HARMLESS = {"application_name", "charset", "client_encoding", "connect_timeout", "driver", "host", "mode"}
_HARMLESS |= {"gssencmode", "port", "sslmode", "target_session_attrs", "uri", "user"}
_SAID = re.compile(r"\b(pwd|\w*password)(\s*=\s*)('[^']*'|[^\s;&']+)", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][\w+.-]*://")
_NEARLY = re.compile(r"(?![A-Za-z]:[\\/])([A-Za-z][\w+.-]*:/|[A-Za-z][\w+.-]*//.*@|.*:.*@)", re.DOTALL)
_SHORT = {"postgres": "postgresql", "sqlite3": "sqlite"}
_HIDDEN = "***"
_FORM = "postgresql://user:password@host:port/database"


@dataclass(frozen=True)
class Address:
    """Where a database is.

    Args:
        url: Its URL.
        engine: The SQLAlchemy engine that was given, if one was.

    Examples:
        >>> Address.of("postgresql://me:secret@localhost/shop").shown
        'postgresql://me:***@localhost/shop'
    """

    url: URL = field(repr=False)
    engine: Engine | None = field(default=None, repr=False)

    @classmethod
    def of(cls, engine: Any) -> Address:
        """The address that a URL, a path, ``env://NAME`` or a SQLAlchemy engine says.

        Raises:
            FlowError: It says none.
            UnreadableError: A path leads to a file that is no database.
        """
        from sqlalchemy import URL, Engine, make_url
        from sqlalchemy.exc import ArgumentError

        if isinstance(engine, Engine):
            return cls(engine.url, engine)
        if isinstance(engine, URL):
            return cls(engine)
        if not isinstance(engine, str | Path):
            raise FlowError(
                f"engine must be a URL, a path or a SQLAlchemy engine, and is a {type(engine).__name__}"
            )
        text = _from_environment(str(engine))
        if "://" in text and not _SCHEME.match(text):
            raise FlowError(f"the URL of a database begins with a scheme; it has the form {_FORM}")
        if not _SCHEME.match(text):
            if _NEARLY.match(text) and not os.path.lexists(text):
                # Not shown: a part of it may be a password.
                raise FlowError(
                    "engine is neither a path nor a URL: the URL of a database has '://' behind its scheme, "
                    f"in the form {_FORM}\n  a file of such a name is written sqlite:///name"
                )
            return cls(URL.create(_kind_of_file(Path(text)), database=text))
        try:
            url = make_url(text)
        except (ArgumentError, ValueError):
            # What SQLAlchemy says may quote the URL.
            scheme = text.partition("://")[0]
            raise FlowError(
                f"the URL that begins with {scheme + '://'!r} is no URL of a database; "
                f"it has the form {_FORM}"
            ) from None
        if "@" in (url.host or ""):
            raise FlowError(
                f"the URL that begins with {url.drivername + '://'!r} has two characters '@'; "
                "the one within the user's name or the password is written %40"
            )
        name, _, driver = url.drivername.partition("+")
        return cls(url.set(drivername="+".join(filter(None, [_SHORT.get(name, name), driver]))))

    def check_options(self) -> None:
        """See that the URL of a file has no options, which would make no difference.

        Raises:
            FlowError: It has some.
        """
        if self.url.query and self.engine is None:
            raise FlowError(
                f"{self.shown} has options, which make no difference here: {', '.join(self.url.query)}"
                "\n  leave them out, or give a SQLAlchemy engine that has them"
            )

    @property
    def dialect(self) -> str:
        """The kind of database, such as ``"postgresql"``."""
        return self.url.get_backend_name()

    @property
    def shown(self) -> str:
        """The URL as messages show it."""
        query = {key: value if key in _HARMLESS else _HIDDEN for key, value in self.url.query.items()}
        shown = self.url.set(query=query).render_as_string(hide_password=True)
        return shown.replace("%2A%2A%2A", _HIDDEN)

    def clean(self, message: object) -> str:
        """A message of a driver, on one line or several, without secrets."""
        secrets = {str(self.url.password or "")}
        for key, value in self.url.query.items():
            if key not in _HARMLESS:
                secrets |= {value} if isinstance(value, str) else {*value}
        text = _SAID.sub(rf"\1\2{_HIDDEN}", str(message).strip().replace("\t", "  "))
        for secret in secrets | {quote(secret, safe="") for secret in secrets}:
            if len(secret) > 1:
                text = text.replace(secret, _HIDDEN)
        return text


def _from_environment(text: str) -> str:
    if not text.startswith("env://"):
        return text
    name = text.removeprefix("env://")
    if os.environ.get(name):
        return os.environ[name]
    message = f"the environment variable {name!r} is not set, and {text!r} asks for its value"
    if close := near_misses(name, os.environ, most=1):
        message += f"; did you mean {close[0]!r}?"
    raise FlowError(
        f"{message}\n  it holds the URL of a database, such as postgresql://user:password@host/db"
    )


def _kind_of_file(path: Path) -> str:
    """The kind of database that a file is, by its content or, for a new one, its name."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except FileNotFoundError:
        head = b""
    except OSError as error:
        raise UnreadableError(f"{path} cannot be read: {error.strerror}") from error
    if head[8:12] == b"DUCK" or (not head and path.suffix.lower() in (".duckdb", ".ddb")):
        return "duckdb"
    if head.startswith(b"SQLite format 3") or (not head and path.suffix.lower() in _SQLITE_ENDINGS):
        return "sqlite"
    raise UnreadableError(
        f"{path} is no database of SQLite or DuckDB; a URL says which one is meant, such as sqlite:///{path}"
    )


_SQLITE_ENDINGS = (".db", ".sqlite", ".sqlite3")
