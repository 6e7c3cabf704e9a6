"""What kind of file lies at a path, told by its first bytes and its header line.

What may not happen here: a look behind the header line. A delimiter guessed from rows would be a
fact of the data.
"""

from __future__ import annotations

import codecs
import csv
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from understudy.errors import FormatError, InputError
from understudy.source.address import refuse_address
from understudy.source.table import Compression, FileFormat

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_HEAD_BYTES = 1 << 20
_MAGIC: dict[bytes, Compression] = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_FOREIGN = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook", "export the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "export the sheet as CSV"),
    (b"%PDF", "a PDF document", "export the table as CSV"),
    (b"SQLite format 3", "an SQLite database", "export the table as CSV"),
    (b"ARROW1", "an Arrow file", "convert it to Parquet, or pass the table from Python"),
    (b"FEA1", "a Feather file", "convert it to Parquet"),
    (b"\x89HDF", "an HDF5 file", "export the table as Parquet"),
    (b"$FL2", "an SPSS file", "export the table as CSV"),
    (b"<stata_dta>", "a Stata file", "export the table as CSV"),
    (b"BZh", "compressed with bzip2", "use gzip or zstd, or no compression"),
    (b"\xfd7zXZ", "compressed with xz", "use gzip or zstd, or no compression"),
    (b"\x80\x04\x95", "a pickle, which is never opened", "export the table as Parquet"),
)
_DELIMITERS = ",\t;|"
_NO_NAME = re.compile(r"[-+]?[\d.,:/\s-]*\d[\d.,:/\s%-]*|.*@.*\..*")


@dataclass(frozen=True, kw_only=True, slots=True)
class CsvHead:
    """The header line of a CSV file: its names, its format, and where the rows start."""

    names: tuple[str, ...]
    format: FileFormat
    length: int
    warnings: tuple[str, ...]


def compression_of(path: Path) -> Compression | None:
    """Tell by its first bytes how a file is compressed.

    Raises
    ------
    FormatError
        If the file is missing, a folder, unreadable, or empty.
    InputError
        If it is the address of a database.
    """
    refuse_address(path)
    try:
        if path.is_dir():
            raise FormatError(
                f"{path} is a folder, not a file", hint="name one file: CSV, TSV or Parquet"
            )
        with path.open("rb") as file:
            magic = file.read(8)
    except FileNotFoundError:
        raise FormatError(f"there is no file {path}", hint="check the path") from None
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or "not a path"
        raise FormatError(f"{path} cannot be read: {why}") from None
    if not magic:
        raise FormatError(f"{path.name} is empty", hint="a table needs a header line and rows")
    return next((kind for start, kind in _MAGIC.items() if magic.startswith(start)), None)


def open_stream(path: Path, compression: Compression | None) -> pa.NativeFile:
    """Open a file for reading, decompressed."""
    if compression is None:
        return pa.OSFile(str(path))
    return pa.CompressedInputStream(pa.OSFile(str(path)), compression)


def read_head(path: Path, compression: Compression | None) -> bytes:
    """Return the first MiB of a file, decompressed.

    Raises
    ------
    FormatError
        If the compressed stream is damaged, or holds nothing.
    """
    try:
        with open_stream(path, compression) as stream:
            head = bytes(stream.read(_HEAD_BYTES))
    except (OSError, pa.ArrowException):
        raise damaged(path) from None
    if not head:
        raise FormatError(f"{path.name} is empty", hint="a table needs a header line and rows")
    return head


def damaged(path: Path) -> FormatError:
    """Build the error of a file that ends early or is corrupt."""
    return FormatError(
        f"{path.name} is truncated or corrupt", hint="copy or download the file again"
    )


def is_parquet(head: bytes) -> bool:
    """Whether a file's first bytes are Parquet's."""
    return head.startswith((b"PAR1", b"PARE"))


ROW_NUMBERS = "row numbers"
"""What a first column without a name is called where it is let in."""


def csv_head(
    path: Path,
    head: bytes,
    *,
    compression: Compression | None,
    delimiter: str | None,
    encoding: str | None,
    row_numbers: bool = False,
) -> CsvHead:
    """Read the header line of a CSV file, and nothing after it.

    Parameters
    ----------
    path
        The file, for messages.
    head
        Its first bytes, decompressed.
    compression
        How the file was compressed.
    delimiter
        One character; None: the one among comma, tab, semicolon and pipe that the header line
        holds most often.
    encoding
        A codec; None: by byte order mark, else UTF-8.
    row_numbers
        Whether a first column without a name is let in, as `ROW_NUMBERS`.

    Raises
    ------
    FormatError
        If the file is of another kind, or the header line is not usable.
    InputError
        If delimiter or encoding is not one.
    """
    _refuse_foreign(path, head)
    mark, codec = next(((m, c) for m, c in _BOMS if head.startswith(m)), (b"", None))
    codec = _codec(encoding, codec)
    body = head[len(mark) :] if codec.startswith("utf") else head
    mark = mark if codec.startswith("utf") else b""
    if b"\x00" in body and not codec.startswith(("utf-16", "utf-32")):
        raise FormatError(
            f"{path.name} is not text", hint="INPUT is CSV, TSV or Parquet, gzip or zstd too"
        )
    text = _decoded(path, body, codec)
    line, end = _header_line(path, text, whole=len(head) < _HEAD_BYTES)
    length = len(mark) + len((line + end).encode(codec))
    if not head[len(mark) :].startswith((line + end).encode(codec)):
        raise InputError(f"the encoding {codec} cannot be read line by line", hint="use utf-8")
    if not line.strip():
        raise FormatError(
            f"the first line of {path.name} is blank", hint="it must name the columns"
        )
    mark_of_cells = _delimiter(line, path) if delimiter is None else _one_character(delimiter)
    names, quoted = _names(path, line, mark_of_cells)
    if row_numbers and not names[0].strip():
        names = (ROW_NUMBERS, *names[1:])
    check_names(path.name, names)
    style = FileFormat(
        container="csv",
        delimiter=mark_of_cells,
        compression=compression,
        encoding=codec,
        bom=bool(mark),
        quote_all=all(quoted),
        quoted_names=tuple(n for n, q in zip(names, quoted, strict=True) if q),
        line_end=end or "\n",
    )
    return CsvHead(names=names, format=style, length=length, warnings=_warnings(names))


def check_names(where: str, names: Sequence[str]) -> None:
    """Refuse empty and duplicate column names; columns are counted from 1.

    Raises
    ------
    FormatError
        With the positions, and the name when it looks like one.

    >>> check_names("t.csv", ["age", "sex", "age"])
    Traceback (most recent call last):
    understudy.errors.FormatError: columns 1 and 3 of t.csv have the same name ('age'). \
rename one; if the first line is not a header line, add one
    """
    first: dict[str, int] = {}
    for position, name in enumerate(names, start=1):
        if not name.strip():
            raise FormatError(
                f"column {position} of {where} has no name",
                hint="name it in the header line; a column of row numbers is better left out",
            )
        if name in first:
            told = "" if looks_like_a_cell(name) else f" ({name!r})"
            raise FormatError(
                f"columns {first[name]} and {position} of {where} have the same name{told}",
                hint="rename one; if the first line is not a header line, add one",
            )
        first[name] = position


def looks_like_a_cell(name: str) -> bool:
    """Whether a column name looks like a number, a date or an e-mail address."""
    return _NO_NAME.fullmatch(name.strip()) is not None


def _refuse_foreign(path: Path, head: bytes) -> None:
    """Name a well-known format that is not a table of text."""
    for magic, what, hint in _FOREIGN:
        if head.startswith(magic):
            raise FormatError(f"{path.name} is {what}", hint=hint)


def _codec(asked: str | None, found: str | None) -> str:
    """Return the codec's own name: the one asked for, else the one found, else UTF-8."""
    if asked is None:
        return found or "utf-8"
    try:
        name = codecs.lookup(asked).name
    except LookupError:
        raise InputError("the encoding is not known", hint="for example utf-8 or latin-1") from None
    if name in ("utf-8-sig", "utf-16", "utf-32"):
        return found or ("utf-8" if name == "utf-8-sig" else f"{name}-le")
    return name


def _decoded(path: Path, body: bytes, codec: str) -> str:
    """Decode up to the end of the header line, tolerating a character cut at the end."""
    decoder = codecs.getincrementaldecoder(codec)("strict")
    try:
        return decoder.decode(body)
    except UnicodeDecodeError as problem:
        text = body[: problem.start].decode(codec, errors="ignore")
        if "\n" in text or "\r" in text:
            return text
        raise wrong_encoding(path, codec) from None


def wrong_encoding(path: Path, codec: str) -> FormatError:
    """Build the error of text in another encoding."""
    return FormatError(
        f"{path.name} is not {codec.upper()} text",
        hint="say which encoding it has, often --encoding latin-1 or --encoding cp1252",
    )


def _header_line(path: Path, text: str, *, whole: bool) -> tuple[str, str]:
    """Return the header line and its line end, minding line ends inside quotes."""
    quoted = False
    for at, char in enumerate(text):
        if char == '"':
            quoted = not quoted
        elif char in "\r\n" and not quoted:
            end = "\r\n" if text[at : at + 2] == "\r\n" else char
            return text[:at], end
    if quoted or not whole:
        raise FormatError(
            f"the header line of {path.name} does not end",
            hint="check its quotes: each opening one needs a closing one",
        )
    return text, ""


def _delimiter(line: str, path: Path) -> str:
    """Return the delimiter the header line holds most often outside quotes."""
    bare = re.sub(r'"(?:[^"]|"")*"', "", line)
    counts = {mark: bare.count(mark) for mark in _DELIMITERS}
    best = max(counts, key=lambda mark: counts[mark])
    if counts[best]:
        return best
    return "\t" if ".tsv" in path.suffixes else ","


def _one_character(delimiter: str) -> str:
    """Refuse a delimiter that is not one plain character."""
    named = {"\\t": "\t", "tab": "\t"}.get(delimiter, delimiter)
    if len(named) != 1 or named in '"\r\n' or not named.isascii():
        raise InputError("a delimiter is one character", hint="for example ; or tab")
    return named


def _names(path: Path, line: str, delimiter: str) -> tuple[tuple[str, ...], tuple[bool, ...]]:
    """Split the header line into names, telling which were quoted."""
    try:
        rows = list(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error:
        raise FormatError(
            f"the header line of {path.name} is not readable", hint="check its quotes"
        ) from None
    names = tuple(rows[0])
    cell = re.compile(rf'("(?:[^"]|"")*"|[^{re.escape(delimiter)}]*)(?:{re.escape(delimiter)}|$)')
    quoted, position = [], 0
    for _ in names:
        found = cell.match(line, position)
        quoted.append(found is not None and found[1].startswith('"'))
        position = found.end() if found else position
    return names, tuple(quoted)


def _warnings(names: Sequence[str]) -> tuple[str, ...]:
    """Warn when the header line looks like a row; without printing it."""
    odd = sum(looks_like_a_cell(name) for name in names)
    if odd * 2 < len(names) or not odd:
        return ()
    return ("the first line looks like data, not like column names; if so, add a header line",)
