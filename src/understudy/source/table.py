"""A table whose rows are sensitive, and the public facts that surround it.

Public: column names, storage types, and how the container is written (delimiter, compression,
encoding, quoting of the header line). Everything else lies behind `SensitiveTable.rows`.

What may not happen here: a value, a row count or a category in a repr, a pickle or an error.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, fields
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Self

import pyarrow as pa

from understudy.errors import FormatError, InputError
from understudy.schema import Storage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Compression = Literal["gzip", "zstd"]
_ENDINGS: dict[Compression, str] = {"gzip": ".gz", "zstd": ".zst"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """What is publicly known of a column: its name and how its container stores it.

    Parameters
    ----------
    name
        The column's name.
    storage
        The storage type; every CSV column is text.
    arrow
        The Arrow type as text; `parse_arrow_type` reads it back.
    nullable
        Whether the container can hold a missing value in the column.
    """

    name: str
    storage: Storage
    arrow: str
    nullable: bool = True

    @property
    def type(self) -> pa.DataType:
        """The Arrow type a synthetic column must have."""
        return parse_arrow_type(self.arrow)

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a model file."""
        return {**asdict(self), "storage": self.storage.value}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """Read back what `to_json` returned."""
        return cls(**{**plain, "storage": Storage(plain["storage"])})


@dataclass(frozen=True, kw_only=True, slots=True)
class FileFormat:
    r"""How a table is written: public facts from the container and the header line alone.

    Parameters
    ----------
    container
        `csv` (any delimiter), `parquet`, or `frame` (a DataFrame in memory).
    delimiter
        The character between CSV cells.
    compression
        Of the whole file.
    encoding
        Of CSV text, a Python codec name.
    bom
        Whether the file starts with a byte order mark.
    quote_all
        Whether every name in the header line is quoted; then every cell is.
    quoted_names
        Names quoted in the header line without need.
    line_end
        `\n`, `\r\n` or `\r`.
    codec
        Of Parquet pages.
    pandas
        JSON note in a Parquet file on how pandas reads its types; holds no counts or values.
    frame
        Which kind of DataFrame it was.

    >>> FileFormat(container="csv", compression="gzip").suffix
    '.csv.gz'
    """

    container: Literal["csv", "parquet", "frame"]
    delimiter: str = ","
    compression: Compression | None = None
    encoding: str = "utf-8"
    bom: bool = False
    quote_all: bool = False
    quoted_names: tuple[str, ...] = ()
    line_end: str = "\n"
    codec: str | None = None
    pandas: str | None = None
    frame: str | None = None

    @property
    def suffix(self) -> str:
        """The ending of a file of this format; a frame is kept as Parquet."""
        if self.container == "csv":
            ending = ".tsv" if self.delimiter == "\t" else ".csv"
        else:
            ending = ".parquet"
        return ending + (_ENDINGS[self.compression] if self.compression else "")

    @classmethod
    def for_path(cls, path: str | PurePath, like: FileFormat | None = None) -> FileFormat:
        r"""Choose the format a path's ending asks for, `like` another one where it agrees.

        Raises
        ------
        InputError
            If the ending names no format that can be written.

        >>> FileFormat.for_path("out.tsv.zst").delimiter
        '\t'
        """
        endings = [ending.lower() for ending in PurePath(path).suffixes[-2:]]
        compression: Compression | None = None
        if endings and endings[-1] in (".gz", ".zst", ".zstd"):
            compression = "gzip" if endings.pop() == ".gz" else "zstd"
        ending = endings[-1] if endings else ""
        same = like is not None and PurePath(path).name.lower().endswith(like.suffix)
        if like is not None and same:
            return like if like.container != "frame" else cls(container="parquet")
        match ending:
            case ".csv" | ".txt":
                return cls(container="csv", compression=compression)
            case ".tsv" | ".tab":
                return cls(container="csv", delimiter="\t", compression=compression)
            case ".parquet" | ".pq":
                return cls(container="parquet", compression=compression)
            case _:
                raise InputError(
                    "the ending of the output names no format",
                    hint="use .csv, .tsv or .parquet, with .gz or .zst after it if you like",
                )

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a model file."""
        return {**asdict(self), "quoted_names": list(self.quoted_names)}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """Read back what `to_json` returned; fields of a newer version are ignored."""
        known = {item.name for item in fields(cls)}
        kept = {name: value for name, value in plain.items() if name in known}
        return cls(**{**kept, "quoted_names": tuple(kept.get("quoted_names", ()))})


@dataclass(frozen=True, kw_only=True, slots=True, repr=False, eq=False)
class SensitiveTable:
    """Rows of real people, with the public facts around them.

    Parameters
    ----------
    name
        What messages call the table: the file's name, or "frame".
    headers
        The columns' public facts, in order.
    format
        How the container is written.
    warnings
        What a person should look at; public facts only.

    Guarantees: nothing but `rows` gives out cells or their number, and a table is not pickled.
    """

    name: str
    headers: tuple[Header, ...]
    format: FileFormat
    warnings: tuple[str, ...] = ()
    _rows: pa.Table = field()
    _restore: Callable[[pa.Table], Any] | None = None

    @property
    def rows(self) -> pa.Table:
        """The rows themselves. Only curator, evaluate and attack may call this."""
        return self._rows

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(header.name for header in self.headers)

    def header(self, name: str) -> Header:
        """Return the public facts of a column; KeyError when there is none."""
        for header in self.headers:
            if header.name == name:
                return header
        raise KeyError(name)

    def with_rows(self, rows: pa.Table) -> SensitiveTable:
        """Return a table of the same public facts around other sensitive rows."""
        return SensitiveTable(
            name=self.name,
            headers=self.headers,
            format=self.format,
            warnings=self.warnings,
            _rows=rows,
            _restore=self._restore,
        )

    def give_back(self, table: pa.Table) -> Any:
        """Turn a synthetic table into the kind of frame this table came from.

        Parameters
        ----------
        table
            A synthetic table with this table's columns, all or some of them.

        Returns
        -------
        DataFrame
            pandas, polars, …, with the dtypes of the source; a `pyarrow.Table` for files.
        """
        return table if self._restore is None else self._restore(table)

    def __repr__(self) -> str:
        return f"SensitiveTable(name={self.name!r}, columns={len(self.headers)})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise InputError("a sensitive table is neither pickled nor copied")


def storage_of(kind: pa.DataType, name: str) -> Storage:
    """Return the storage type of an Arrow type.

    Raises
    ------
    FormatError
        If the type is nested; `name` is the column.

    >>> storage_of(pa.timestamp("us"), "seen")
    <Storage.DATETIME: 'datetime'>
    """
    types = pa.types
    if types.is_dictionary(kind):
        held = Storage.TEXT if types.is_null(kind.value_type) else storage_of(kind.value_type, name)
        return Storage.OTHER if held is Storage.OTHER else Storage.CATEGORY
    if types.is_nested(kind):
        raise FormatError(
            f"column {name!r} is nested ({kind}), tables of plain cells are supported",
            hint="split or flatten the column, or leave it out",
        )
    for test, storage in _STORAGES:
        if test(kind):
            return storage
    return Storage.OTHER


_STORAGES: tuple[tuple[Callable[[pa.DataType], bool], Storage], ...] = (
    (pa.types.is_string, Storage.TEXT),
    (pa.types.is_large_string, Storage.TEXT),
    (pa.types.is_string_view, Storage.TEXT),
    (pa.types.is_boolean, Storage.BOOL),
    (pa.types.is_integer, Storage.INT),
    (pa.types.is_floating, Storage.FLOAT),
    (pa.types.is_decimal, Storage.DECIMAL),
    (pa.types.is_date, Storage.DATE),
    (pa.types.is_timestamp, Storage.DATETIME),
    (pa.types.is_time, Storage.TIME),
)


def headers_of(schema: pa.Schema) -> tuple[Header, ...]:
    """Return the public facts of an Arrow schema's columns.

    Raises
    ------
    FormatError
        If a column is nested.
    """
    return tuple(
        Header(
            name=column.name,
            storage=storage_of(column.type, column.name),
            arrow=str(column.type),
            nullable=column.nullable,
        )
        for column in schema
    )


_PARAMETERS = re.compile(r"(?P<head>\w+)\s*[\[(<](?P<inside>.*)[\])>]")


def parse_arrow_type(text: str) -> pa.DataType:
    """Read an Arrow type from its text form.

    Parameters
    ----------
    text
        What `str(pyarrow_type)` returned.

    Raises
    ------
    FormatError
        If the text is no plain Arrow type.

    >>> parse_arrow_type("timestamp[us, tz=Europe/Paris]").tz
    'Europe/Paris'
    """
    found = _PARAMETERS.fullmatch(text)
    if found is None:
        simple = {"halffloat": "float16", "float": "float32", "double": "float64"}
        try:
            return pa.type_for_alias(simple.get(text, text))
        except ValueError:
            raise FormatError("an Arrow type is not understood", type=text) from None
    head, inside = found["head"], [part.strip() for part in found["inside"].split(",")]
    match head:
        case "timestamp":
            zone = inside[1].removeprefix("tz=") if len(inside) > 1 else None
            return pa.timestamp(inside[0], tz=zone)
        case "time32" | "time64" | "duration":
            return getattr(pa, head)(inside[0])
        case "date32" | "date64":
            return getattr(pa, head)()
        case "decimal32" | "decimal64" | "decimal128" | "decimal256":
            return getattr(pa, head)(int(inside[0]), int(inside[1]))
        case "fixed_size_binary":
            return pa.binary(int(inside[0]))
        case "dictionary":
            parts = re.fullmatch(
                r"values=(?P<v>.+), indices=(?P<i>\w+), ordered=(?P<o>\w+)", found["inside"]
            )
            if parts is not None:
                return pa.dictionary(
                    parse_arrow_type(parts["i"]), parse_arrow_type(parts["v"]), parts["o"] == "1"
                )
    raise FormatError("an Arrow type is not understood", type=text)
