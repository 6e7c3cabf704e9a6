"""Look for given values in everything a folder holds, through every packing we write.

For tests and for stewards who want to see for themselves that a value did not get out. What may
not happen here: a file that is skipped because it is packed.
"""

from __future__ import annotations

import base64
import binascii
import bz2
import gzip
import html
import io
import json
import lzma
import unicodedata
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.release.manifest import walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True, kw_only=True, slots=True)
class Sighting:
    """A needle and the file it was seen in."""

    path: str
    needle: str | int | float


def find_values(folder: Path | str, needles: Iterable[str | int | float]) -> tuple[Sighting, ...]:
    """Find texts and numbers in the bytes of every file below a folder.

    Looks at raw bytes (UTF-8, UTF-16 and UTF-32), inside gzip, zstd, bzip2, xz and zip files,
    behind JSON and HTML escapes, in base64 payloads of JSON, in NumPy arrays and in Parquet
    columns. Numbers are looked for as text in their shortest spelling and as array elements.

    Parameters
    ----------
    folder
        What to search, links followed to files.
    needles
        Values that should not be there; choose them so that they cannot occur by chance.

    Returns
    -------
    Each needle with each file it was seen in, sorted by file.
    """
    root = Path(folder)
    wanted = tuple(dict.fromkeys(needles))
    seen: list[Sighting] = []
    for name in walk(root):
        path = root / name
        if not path.is_file():
            continue
        found: set[str | int | float] = set()
        for piece in _unpack(path.read_bytes()):
            found |= {needle for needle in wanted if _holds(piece, needle)}
        seen += [Sighting(path=name, needle=needle) for needle in wanted if needle in found]
    return tuple(seen)


def _unpack(raw: bytes, depth: int = 0) -> Iterator[bytes]:
    """The bytes, and everything that can be unpacked from them."""
    yield raw
    if depth > 4:
        return
    for inner in _inside(raw):
        yield from _unpack(inner, depth + 1)


def _inside(raw: bytes) -> Iterator[bytes]:
    """One layer of packing off, by the magic bytes."""
    if raw.startswith(b"\x1f\x8b"):
        yield gzip.decompress(raw)
    elif raw.startswith(b"BZh"):
        yield bz2.decompress(raw)
    elif raw.startswith(b"\xfd7zXZ\x00"):
        yield lzma.decompress(raw)
    elif raw.startswith(b"\x28\xb5\x2f\xfd"):
        yield _zstd(raw)
    elif raw.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            yield from (archive.read(member) for member in archive.namelist())
    elif raw.startswith(b"PAR1"):
        yield _parquet_as_text(raw)
    elif raw.startswith(b"\x93NUMPY"):
        yield _array_as_text(raw)
    else:
        yield from _inside_text(raw)


def _inside_text(raw: bytes) -> Iterator[bytes]:
    """One layer off what begins like text, or like the length of a header."""
    first = raw.lstrip()[:1]
    if first in (b"{", b"["):
        yield from _json_as_text(raw)
    elif first == b"<":
        yield html.unescape(raw.decode("utf-8", "replace")).encode()
    if raw[8:9] == b"{":
        yield from _tensors_as_text(raw)


def _zstd(raw: bytes) -> bytes:
    """Decompress zstd through Arrow."""
    import pyarrow as pa

    with pa.CompressedInputStream(pa.BufferReader(raw), "zstd") as stream:
        unpacked: bytes = stream.read()
    return unpacked


def _parquet_as_text(raw: bytes) -> bytes:
    """Every cell and the schema's metadata, one per line."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(pa.BufferReader(raw))
    lines = [str(table.schema.metadata or "")]
    for column in table.columns:
        lines += [str(value) for value in column.to_pylist()]
    return "\n".join(lines).encode()


def _array_as_text(raw: bytes) -> bytes:
    """Every element of a .npy file in its shortest spelling, one per line."""
    import numpy as np

    array = np.load(io.BytesIO(raw), allow_pickle=False)
    return "\n".join(_spell(value) for value in array.ravel().tolist()).encode()


def _tensors_as_text(raw: bytes) -> Iterator[bytes]:
    """Every element of a safetensors file in its shortest spelling, one per line."""
    from understudy.synthesize.tensors import from_bytes

    try:
        arrays = from_bytes(raw)
    except ValueError:
        return
    for array in arrays.values():
        yield "\n".join(_spell(value) for value in array.ravel().tolist()).encode()


def _json_as_text(raw: bytes) -> Iterator[bytes]:
    """The document without escapes, and what its long base64 texts hold."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return
    waiting, texts = [body], []
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            waiting += [*part.keys(), *part.values()]
        elif isinstance(part, list):
            waiting += part
        else:
            texts.append(part if isinstance(part, str) else _spell(part))
    yield "\n".join(texts).encode("utf-8", "surrogatepass")
    for text in texts:
        if len(text) >= 64:
            try:
                yield base64.b64decode(text, validate=True)
            except (binascii.Error, ValueError):
                continue


def _holds(piece: bytes, needle: str | float) -> bool:
    """Whether the bytes hold a needle in any encoding; a number must stand alone."""
    if isinstance(needle, str):
        forms = {unicodedata.normalize(form, needle) for form in ("NFC", "NFD")} | {needle}
        return any(
            form.encode(encoding) in piece
            for form in forms
            for encoding in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
        )
    text = _spell(needle).encode()
    start = piece.find(text)
    while start >= 0:
        before, after = piece[start - 1 : start] if start else b"", piece[start + len(text) :][:2]
        if not before.isdigit() and before not in (b".", b"-") and not _goes_on(after):
            return True
        start = piece.find(text, start + 1)
    return False


def _goes_on(after: bytes) -> bool:
    """Whether a number continues: a digit, or a point with a digit behind it."""
    return after[:1].isdigit() or (after[:1] == b"." and after[1:2].isdigit())


def _spell(value: object) -> str:
    """The shortest spelling of a number; whole floats without their point."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
