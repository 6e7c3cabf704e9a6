"""Files larger than memory as streams: Parquet by row groups, CSV block by block.

Cells are those of `read_table`, bit for bit. A file is read through once when it is opened, so
that whatever is wrong with it is said before any budget is touched, and every later pass makes
sure that it is still the same file.

What may not happen here: an error that prints a cell; a batch whose size follows the file's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as arrow_parquet

from understudy.errors import FormatError, InputError
from understudy.source.canonical import canonical
from understudy.source.container import (
    CsvHead,
    check_names,
    compression_of,
    csv_head,
    damaged,
    is_parquet,
    open_stream,
    read_head,
    wrong_encoding,
)
from understudy.source.memory import available_memory
from understudy.source.reading import BLOCK, csv_options, pandas_note, refuse_nul
from understudy.source.stream import BATCH_ROWS, Piece, SensitiveStream
from understudy.source.table import FileFormat, headers_of

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence

_PIECE_ROWS = 1 << 20
_BUFFER = 1 << 20
_CSV_FACTOR, _PARQUET_FACTOR, _COMPRESSED_FACTOR = 8, 24, 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Stamp:
    """Size and time of a file: another one means another file."""

    size: int
    modified: int

    @classmethod
    def of(cls, path: str) -> Stamp:
        """The stamp of a file as it is now."""
        try:
            found = Path(path).stat()
        except OSError:
            raise FormatError(f"{Path(path).name} cannot be read any more") from None
        return cls(size=found.st_size, modified=found.st_mtime_ns)

    def require(self, path: str) -> None:
        """Refuse a file that is not the one this stamp was taken of."""
        if Stamp.of(path) != self:
            raise InputError(
                f"{Path(path).name} changed while it was being read",
                hint="start again, on a copy that nobody writes to",
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class ParquetPiece:
    """Some row groups of a Parquet file. Picklable: it says where rows lie and holds none."""

    path: str
    stamp: Stamp
    groups: tuple[int, ...]
    texts: tuple[str, ...]

    def batches(self, columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
        """Read cells; see `Piece`. Text comes as a dictionary, as it is stored."""
        self.stamp.require(self.path)
        try:
            with arrow_parquet.ParquetFile(
                self.path,
                read_dictionary=[name for name in columns if name in self.texts],
                buffer_size=_BUFFER,
                pre_buffer=False,
            ) as file:
                found = file.iter_batches(
                    batch_size=BATCH_ROWS,
                    row_groups=list(self.groups),
                    columns=list(columns),
                    use_threads=False,
                )
                for batch in found:
                    yield batch.select(list(columns))
        except (OSError, EOFError, pa.ArrowException):
            raise damaged(Path(self.path)) from None


@dataclass(frozen=True, kw_only=True, slots=True)
class CsvPiece:
    """A whole CSV file. Picklable: it says where rows lie and holds none."""

    path: str
    stamp: Stamp
    head: CsvHead

    def batches(self, columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
        """Read cells; see `Piece`. Every cell is text."""
        self.stamp.require(self.path)
        file, ragged = Path(self.path), [0]

        def note_ragged(_row: arrow_csv.InvalidRow) -> str:
            ragged[0] += 1
            return "error"

        try:
            with open_stream(file, self.head.format.compression) as stream:
                stream.read(self.head.length)
                options = csv_options(self.head, note_ragged, block=BLOCK, columns=columns)
                with arrow_csv.open_csv(stream, **options) as found:
                    for batch in found:
                        yield batch.select(list(columns))
        except pa.ArrowInvalid as problem:
            why = str(problem)
        except UnicodeError:
            raise wrong_encoding(file, self.head.format.encoding) from None
        except (OSError, pa.ArrowException):
            raise damaged(file) from None
        else:
            return
        raise _csv_error(file, self.head, why, ragged=bool(ragged[0]))


def _csv_error(file: Path, head: CsvHead, why: str, *, ragged: bool) -> FormatError:
    """What was wrong with a CSV file, in our words."""
    if "Empty CSV" in why:
        return FormatError(f"{file.name} has a header line and no rows")
    if "UTF8" in why:
        return wrong_encoding(file, head.format.encoding)
    if ragged:
        return FormatError(
            f"a row of {file.name} does not have one cell per column",
            hint="check its quotes and delimiters",
        )
    if "straddl" in why:
        return FormatError(
            f"a row of {file.name} is longer than {BLOCK >> 20} MiB",
            hint="check its quotes; a file that fits in memory can be read with --in-memory",
        )
    return FormatError(f"{file.name} is not readable as CSV", hint="check the quotes of its cells")


def read_stream(
    path: str | os.PathLike[str],
    *,
    delimiter: str | None = None,
    encoding: str | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> SensitiveStream:
    """Open a file, or a folder of Parquet files, whose rows need not fit in memory.

    Parameters
    ----------
    path
        A CSV file, plain, gzip or zstd; a Parquet file; or a folder of Parquet files with the
        same columns, read in the order of their names.
    delimiter, encoding
        Of CSV text, as for `read_table`.
    progress
        Told a sentence and the fraction done.

    Returns
    -------
    SensitiveStream
        With the headers and the format that `read_table` gives.

    Raises
    ------
    FormatError, InputError
        As `read_table`. The file is read through for that: nothing that is wrong with it is
        found later.

    Guarantees: delimiter, quoting and line ends are taken from the header line alone; no message
    holds a cell; never more than some batches are in memory.
    """
    place = Path(path)
    if place.is_dir():
        files = sorted(
            item for item in place.iterdir() if item.is_file() and item.name[:1] not in "._"
        )
        if not files:
            raise FormatError(f"{place} holds no file", hint="name a file or a folder of Parquet")
        stream = _parquet_stream(place.name, files)
    else:
        compression = compression_of(place)
        head = read_head(place, compression)
        if is_parquet(head):
            if compression is not None:
                raise InputError(
                    f"{place.name} is a compressed Parquet file, which is read as a whole",
                    hint="decompress it: Parquet is compressed inside",
                )
            stream = _parquet_stream(place.name, [place])
        else:
            found = csv_head(
                place, head, compression=compression, delimiter=delimiter, encoding=encoding
            )
            stream = _csv_stream(place, found)
    check_stream(stream, progress)
    return stream


def is_larger_than_memory(path: str | os.PathLike[str]) -> bool:
    """Whether a file is better read in batches, by its size and the memory that is free.

    A folder is. A file is when the whole main job on it, read at once, would need more than half
    of what is free: a table takes several times its file, and its codes and the comparison with
    synthetic rows as much again.
    """
    place = Path(path)
    if place.is_dir():
        return True
    compression = compression_of(place)
    packed = is_parquet(read_head(place, compression))
    factor = _PARQUET_FACTOR if packed else _CSV_FACTOR * (_COMPRESSED_FACTOR if compression else 1)
    free = available_memory()
    return free is not None and place.stat().st_size * factor > free // 2


def _csv_stream(file: Path, head: CsvHead) -> SensitiveStream:
    """A stream over one CSV file."""
    text = pa.schema([pa.field(name, pa.string(), nullable=False) for name in head.names])
    piece = CsvPiece(path=str(file.resolve()), stamp=Stamp.of(str(file)), head=head)
    return SensitiveStream(
        name=file.name,
        headers=tuple(replace(header, nullable=False) for header in headers_of(text)),
        format=head.format,
        warnings=head.warnings,
        travels=True,
        _pieces=(piece,),
    )


def _parquet_stream(name: str, files: Sequence[Path]) -> SensitiveStream:
    """A stream over Parquet files with the same columns."""
    pieces: list[Piece] = []
    schemas, format_of = [], None
    for file in files:
        if not is_parquet(read_head(file, None)):
            raise FormatError(f"{file.name} is not a Parquet file", hint="move it elsewhere")
        stamp = Stamp.of(str(file))
        try:
            with arrow_parquet.ParquetFile(str(file)) as parquet:
                schema, metadata = parquet.schema_arrow, parquet.metadata
                sizes = [metadata.row_group(at).num_rows for at in range(metadata.num_row_groups)]
                codec = metadata.row_group(0).column(0).compression.lower() if sizes else "snappy"
        except (OSError, EOFError, pa.ArrowException, IndexError):
            raise damaged(file) from None
        names = tuple(schema.names)
        if not names:
            raise FormatError(f"{file.name} has no columns")
        check_names(file.name, names)
        schemas.append(headers_of(canonical(schema.empty_table(), file.name).schema))
        if schemas[-1] != schemas[0]:
            raise FormatError(f"{file.name} has other columns or types than {files[0].name}")
        texts = tuple(field.name for field in schema if pa.types.is_string(field.type))
        pieces += [
            ParquetPiece(path=str(file.resolve()), stamp=stamp, groups=groups, texts=texts)
            for groups in _grouped(sizes)
        ]
        if format_of is None:
            note = pandas_note(schema.metadata, names)
            format_of = FileFormat(container="parquet", codec=codec, pandas=note)
    assert format_of is not None
    return SensitiveStream(
        name=name, headers=schemas[0], format=format_of, travels=True, _pieces=tuple(pieces)
    )


def _grouped(sizes: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Consecutive row groups, about a million rows together."""
    group: list[int] = []
    rows = 0
    for at, size in enumerate(sizes):
        group.append(at)
        rows += size
        if rows >= _PIECE_ROWS:
            yield tuple(group)
            group, rows = [], 0
    if group:
        yield tuple(group)


def check_stream(
    stream: SensitiveStream, progress: Callable[[str, float], None] | None = None
) -> None:
    """Read a stream through once and refuse what `read_table` refuses.

    Raises
    ------
    FormatError, InputError
        There are no rows, text is no UTF-8 or holds NUL bytes, or the source is damaged.
    """
    seen, plain = 0, stream.format.container == "csv"
    for place, piece in enumerate(stream.pieces):
        if progress is not None:
            progress(f"reading {stream.name} through", place / len(stream.pieces))
        for batch in piece.batches(stream.column_names):
            seen += batch.num_rows
            for header, column in zip(stream.headers, batch.columns, strict=True):
                _check_text(stream.name, header.name, column, plain=plain)
    if not seen:
        container = "a header line" if plain else "columns"
        raise FormatError(f"{stream.name} has {container} and no rows")


def _check_text(where: str, name: str, column: pa.Array, *, plain: bool) -> None:
    """Refuse text that is not UTF-8; in a CSV file NUL bytes too."""
    text: Any = column.dictionary if pa.types.is_dictionary(column.type) else column
    kind = text.type
    if not (
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    ):
        return
    if plain:
        refuse_nul(where, name, text)
        return
    try:
        text.validate(full=True)
    except (pa.ArrowException, UnicodeDecodeError):
        raise FormatError(
            f"column {name!r} of {where} is not UTF-8 text",
            hint="convert its encoding, or export the table again",
        ) from None
