"""What tabulator and its parsers raise, in our words: the reason kept, passwords left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from dataflows_core.errors import AccessError, DataError, DataflowsError, FlowError, UnreadableError
from dataflows_core.files.urls import shown as shown_url

__all__ = ["failures"]


@contextmanager
def failures(source: Any, shown: str, where: Callable[[], str] = lambda: "") -> Iterator[None]:
    """What fails within is one of our errors that names the source.

    Parsers are written by anybody and raise anything, so that everything is caught here.

    Args:
        source: The source as tabulator got it.
        shown: What messages call it.
        where: Says how far it was read.

    Raises:
        AccessError: It cannot be opened, or not be read to its end.
        UnreadableError: Its format is not the one it is read as.
        FlowError: Something is to be installed first.
        DataError: Anything else.
    """
    try:
        yield
    except (DataflowsError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - the seam: a parser may raise anything
        if own := _own(error):
            raise own from None
        made = _translated(error, f"{shown}{where()}", source)
        # What the parser said is kept for whoever looks, unless it holds a password.
        raise made from (None if _masked(str(error), source) != str(error) else error)


def _own(error: BaseException) -> DataflowsError | None:
    """The error of ours that tabulator has put into one of its own."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, DataflowsError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None


def _translated(error: Exception, place: str, source: Any) -> DataflowsError:
    from tabulator import exceptions

    reason = _masked(_reason(error), source)
    if isinstance(error, ImportError):
        return FlowError(f"{place} needs a library that is not installed: {reason}{_extra(error)}")
    if isinstance(error, exceptions.EncodingError):
        return DataError(f"{place}: {_bytes(error)}\n  say how it is written: encoding='cp1252', for example")
    if isinstance(error, exceptions.FormatError):
        return UnreadableError(f"{place} cannot be read: {reason}")
    if isinstance(error, exceptions.SchemeError | OSError):
        return AccessError(f"{place} cannot be read: {reason}")
    return DataError(f"{place} cannot be read: {reason}")


def _reason(error: Exception) -> str:
    """What was wrong; tabulator keeps the text of an error only, and 'a' alone says little of a KeyError."""
    from tabulator.exceptions import TabulatorException

    cause = error.__context__
    if isinstance(error, TabulatorException):
        if cause is None or isinstance(cause, TabulatorException | StopIteration):
            return str(error)
        if str(cause) != str(error):
            return str(error)
        return f"{type(cause).__name__}: {cause}"
    return f"{type(error).__name__}: {error}"


def _bytes(error: Exception) -> str:
    cause = error.__context__
    if not isinstance(cause, UnicodeDecodeError):
        return str(error)
    found = " ".join(f"0x{byte:02X}" for byte in cause.object[cause.start : cause.end][:4])
    return f"the bytes {found} are no text in {cause.encoding}"


def _extra(error: ImportError) -> str:
    extras = {"ezodf": "ods", "pyquery": "html", "lxml": "ods"}
    extra = extras.get((error.name or "").partition(".")[0])
    return f"\n  pip install 'dataflows-load-tabulator[{extra}]'" if extra else ""


def _masked(text: str, source: Any) -> str:
    if not isinstance(source, str):
        return text
    text = text.replace(source, shown_url(source))
    password = urlsplit(source).password if "://" in source else None
    return text.replace(password, "***") if password else text
