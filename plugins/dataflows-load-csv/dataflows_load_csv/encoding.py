"""From the bytes of a source to UTF-8: byte order marks, detection, transcoding."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterable
from typing import NamedTuple

from dataflows_core.errors import DataError, FlowError, near_misses
from dataflows_core.files import Readable

__all__ = [
    "BadBytes",
    "Encoding",
    "detect_elsewhere",
    "detect_encoding",
    "normalize_encoding",
    "to_utf8",
]

# The longer marks first: UTF-32 LE begins like UTF-16 LE.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_COMMON = ("utf-8", "utf-16", "latin-1", "cp1252", "cp1251", "shift_jis", "gb18030", "big5", "euc-kr")
_DETECTION_BYTES = 1 << 16
_ENOUGH = 1 << 10
_CHUNK = 1 << 20


class BadBytes(DataError):
    """Bytes that are no text in the encoding of their file.

    Args:
        encoding: The encoding they were read in.
        found: The offending bytes.
        before: Text that comes before them.
    """

    def __init__(self, encoding: str, found: bytes, before: str = "") -> None:
        self.encoding, self.found, self.before = encoding, found, before
        remedy = "cp1252" if encoding == "utf-8" else "utf-8"
        shown = " ".join(f"0x{byte:02X}" for byte in found[:4])
        message = (
            f"the bytes {shown} are not {encoding}"
            if len(found) > 1
            else f"the byte {shown} is not {encoding}"
        )
        if before:
            message += (
                f"; they follow {before[-30:]!r}" if len(found) > 1 else f"; it follows {before[-30:]!r}"
            )
        super().__init__(f"{message}\n  say how the file is written, such as encoding={remedy!r}")


class Encoding(NamedTuple):
    """How a source is written.

    Attributes:
        name: The name of a Python codec; never a variant that looks for a byte order mark.
        mark: The number of bytes of its byte order mark.
        note: What the user should know of how it was found; empty when there is no doubt.
    """

    name: str
    mark: int = 0
    note: str = ""


def normalize_encoding(name: str) -> str:
    """The canonical name of a text encoding.

    Raises:
        FlowError: Python has no such text encoding.

    Examples:
        >>> normalize_encoding("UTF8"), normalize_encoding("latin1")
        ('utf-8', 'iso8859-1')
    """
    try:
        # Only text encodings may be used here; rot13 and hex are codecs too.
        "".encode(name)
        return codecs.lookup(name).name
    except LookupError as error:
        close = near_misses(name.lower(), _COMMON)
        hint = f"; did you mean {' or '.join(close)}?" if close else f", such as {', '.join(_COMMON)}"
        raise FlowError(f"encoding={name!r} is no text encoding that Python knows{hint}") from error


def detect_encoding(sample: bytes, given: str | None = None, *, complete: bool = False) -> Encoding:
    r"""How a source is written, told from its first bytes.

    A byte order mark decides; then UTF-8 if the sample is valid in it, which other encodings hardly ever
    are by chance; then UTF-16 by its NULs; then statistics (charset-normalizer), with a note to the user.

    Args:
        sample: The first bytes.
        given: What the user says; then only a byte order mark is looked for.
        complete: Whether the sample is the whole source; otherwise its last character may be cut in two.

    Raises:
        FlowError: The given encoding does not exist.
        DataError: No encoding makes text of the bytes.

    Examples:
        >>> detect_encoding("naïve".encode("utf-8")).name
        'utf-8'
        >>> detect_encoding("\ufeffnaïve".encode("utf-16-le"))
        Encoding(name='utf-16-le', mark=2, note='')
    """
    marked = next((Encoding(name, len(mark)) for mark, name in _MARKS if sample.startswith(mark)), None)
    if given is not None:
        return _given(normalize_encoding(given), marked)
    if marked:
        return marked
    if _is_text(sample, "utf-8", complete):
        return Encoding("utf-8")
    return _by_nuls(sample) or _by_statistics(sample)


def detect_elsewhere(places: Iterable[bytes]) -> Encoding | None:
    """The encoding of a file whose head is ASCII or UTF-8, and other places are not; None when they are.

    Args:
        places: Whole lines from all over the file.

    Raises:
        DataError: No encoding makes text of the bytes.
    """
    strange = b"".join(lines for lines in places if not _is_text(lines, "utf-8", complete=True))
    return _by_statistics(strange) if strange else None


def _given(name: str, marked: Encoding | None) -> Encoding:
    family = {"utf-8-sig": "utf-8", "utf-16": "utf-16", "utf-32": "utf-32"}.get(name)
    if marked and (marked.name == name or (family and marked.name.startswith(family))):
        return marked
    if marked and marked.mark >= 3:
        return Encoding(
            name, 0, f"the file begins with the byte order mark of {marked.name}, but was read as {name}"
        )
    return Encoding({"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(name, name))


def _is_text(sample: bytes, encoding: str, complete: bool) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(sample, complete)
    except UnicodeDecodeError:
        return False
    # Text without marks in UTF-16 is valid ASCII, with NULs.
    return sample.count(0) * 4 < len(sample) or not sample


def _by_nuls(sample: bytes) -> Encoding | None:
    for name, order in (("utf-16-le", 1), ("utf-16-be", 0)):
        if sample[order::2].count(0) * 3 > len(sample[order::2]) and _is_text16(sample, name):
            return Encoding(name, 0, f"the encoding was not given; the file looks like {name}")
    return None


def _is_text16(sample: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeDecodeError:
        return False
    return True


def _by_statistics(sample: bytes) -> Encoding:
    from charset_normalizer import from_bytes

    telling = _telling(sample)
    # UTF-16 and UTF-32 make text of nearly anything; they were looked for by their NULs.
    best = from_bytes(telling, cp_exclusion=["utf_16", "utf_16_le", "utf_16_be", "utf_32", "utf_7"]).best()
    name = _latin(telling, best.encoding if best else "")
    if not name:
        raise DataError(
            "the encoding cannot be told: the bytes are no text in any encoding that is known"
            "\n  give it, such as encoding='cp1252', if this is a text file at all"
        )
    name = normalize_encoding(name)
    return Encoding(name, 0, f"the encoding was not given, and is not UTF-8; it was guessed to be {name}")


def _latin(telling: bytes, guess: str) -> str:
    """The guess, or cp1252 where that is as good: Latin letters with accents are mostly that."""
    if guess and codecs.lookup(guess).name in _MANY_BYTES:
        return guess
    runs = re.findall(rb"(?:[A-Za-z]|\b)[\x80-\xff]+[A-Za-z]?|[\x80-\xff]+", telling)
    in_words = sum(run[:1].isalpha() or run[-1:].isalpha() for run in runs)
    if guess and in_words * 2 < len(runs):
        return guess  # words without ASCII letters: another script
    try:
        text = telling.decode("cp1252")
    except UnicodeDecodeError:
        return guess or "latin-1"
    # In Polish or Czech, read as cp1252, signs stand in the middle of words.
    odd = re.search(r"[A-Za-z][£¥¯¹²³¿¼½¾±¦¶][A-Za-z]", text)
    return guess if guess and (odd or guess == "cp1254") else "cp1252"


_EAST_ASIAN = """
    big5 big5hkscs cp932 cp949 cp950 euc_jis_2004 euc_jisx0213 euc_jp euc_kr gb18030 gb2312 gbk hz iso2022_jp
    iso2022_kr johab shift_jis shift_jis_2004 shift_jisx0213
"""
_MANY_BYTES = frozenset(_EAST_ASIAN.split())


def _telling(sample: bytes) -> bytes:
    """The lines that say something, those with bytes beyond ASCII, in the midst of enough others."""
    whole = sample[: sample.rfind(b"\n") + 1] or sample
    lines = [line for line in whole.splitlines(keepends=True) if not line.isascii()]
    telling = b"".join(lines)[:_DETECTION_BYTES]
    return telling if len(telling) > _ENOUGH else telling + whole[:_ENOUGH]


def to_utf8(stream: Readable, encoding: Encoding) -> Readable:
    """A stream of UTF-8 without byte order mark, of a stream in any encoding.

    Args:
        stream: The bytes of the source.
        encoding: How they are written. UTF-8 passes as it is, unchecked: Arrow checks it, in parallel.
    """
    if encoding.mark:
        stream.read(encoding.mark)
    return stream if encoding.name == "utf-8" else Transcoded(stream, encoding.name)


class Transcoded(io.RawIOBase):
    """The text of a stream, in UTF-8.

    Raises:
        BadBytes: By `read`, when it comes to bytes that are no text; what is before them was returned.
    """

    def __init__(self, stream: Readable, encoding: str) -> None:
        self._stream, self._encoding = stream, encoding
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._fault: BadBytes | None = None

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """About `size` bytes of UTF-8: more or less, as characters are longer or shorter; none at the end."""
        while True:
            if self._fault:
                raise self._fault
            chunk = self._stream.read(_CHUNK if size < 0 else size) or b""
            text = self._decode(chunk)
            if text or not (chunk or self._fault):
                return text.encode("utf-8")

    def _decode(self, chunk: bytes) -> str:
        state = self._decoder.getstate()
        try:
            return self._decoder.decode(chunk, not chunk)
        except UnicodeDecodeError as error:
            held = len(state[0])
            self._decoder.setstate(state)
            text = self._decoder.decode(chunk[: max(error.start - held, 0)])
            self._fault = BadBytes(self._encoding, error.object[error.start : error.end], text)
            return text

    def close(self) -> None:
        """Close the stream beneath."""
        self._stream.close()
        super().close()
