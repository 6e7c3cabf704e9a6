"""What each column is, decided on the real training table.

A column is a number, a category, a moment or an identifier of rows. Declared kinds win. What may
not happen here: a value from the data in a message or a representation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from understudy.errors import InputError
from understudy.evaluate.cells import (
    ISO,
    NULL_MARKERS,
    NUMBER,
    moment_format,
    numbers_of,
    texts_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

ColumnKind = Literal["numeric", "categorical", "datetime", "identifier"]
_KINDS: Mapping[str, ColumnKind] = {
    "numeric": "numeric",
    "number": "numeric",
    "numerical": "numeric",
    "categorical": "categorical",
    "category": "categorical",
    "boolean": "categorical",
    "datetime": "datetime",
    "date": "datetime",
    "time": "datetime",
    "identifier": "identifier",
    "id": "identifier",
    "text": "identifier",
}
_FEW_LEVELS = 10
_READABLE = 0.98
_NEARLY_UNIQUE = 0.9
_ROWS_TO_JUDGE_UNIQUE = 50
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How the cells of one column are read, decided on the training table."""

    name: str
    kind: ColumnKind
    by_number: bool = False
    format: str | None = field(default=None, repr=False)
    nulls: frozenset[str] = field(default=NULL_MARKERS, repr=False)


def plan_column(
    name: str, cells: pa.ChunkedArray, kind: str | None, nulls: frozenset[str] = NULL_MARKERS
) -> Plan | None:
    """Decide how a column is read; None for cells that cannot be compared.

    Parameters
    ----------
    name, cells
        The column of the real training table.
    kind
        Its declared kind, or None to decide.
    nulls
        Texts that mean missing.

    >>> plan_column("a", pa.chunked_array([["1.5", "2", "?"]]), None).kind
    'numeric'
    """
    wanted = None if kind is None else _named_kind(name, kind)
    if pa.types.is_nested(cells.type) or _is_binary(cells.type):
        return None
    if wanted == "identifier":
        return Plan(name=name, kind="identifier", nulls=nulls)
    if pa.types.is_temporal(cells.type):
        temporal: ColumnKind = "categorical" if wanted == "categorical" else "datetime"
        return Plan(name=name, kind=temporal, nulls=nulls)
    if pa.types.is_boolean(cells.type) or pa.types.is_null(cells.type):
        return Plan(name=name, kind="categorical", nulls=nulls)
    if wanted == "numeric":
        return Plan(name=name, kind="numeric", nulls=nulls)
    texts = _tally(cells, nulls) if _is_text(cells.type) else None
    if wanted == "datetime":
        form = None if texts is None else moment_format(texts.distinct)
        return Plan(name=name, kind="datetime", format=form or ISO, nulls=nulls)
    if texts is None or _reads_as_numbers(texts):
        return _plan_numbers(name, numbers_of(cells, nulls), wanted, nulls)
    if wanted is None:
        return _plan_text(name, texts, nulls)
    return Plan(name=name, kind="categorical", nulls=nulls)


def _plan_numbers(
    name: str, values: Floats, wanted: ColumnKind | None, nulls: frozenset[str]
) -> Plan:
    """Plan for cells that are numbers: labels if few, a row count if unique, else numbers."""
    if wanted == "categorical" or _is_few_levels(values):
        return Plan(name=name, kind="categorical", by_number=True, nulls=nulls)
    kind: ColumnKind = "identifier" if _counts_rows(name, values) else "numeric"
    return Plan(name=name, kind=kind, nulls=nulls)


def _plan_text(name: str, texts: _Texts, nulls: frozenset[str]) -> Plan:
    """Plan for words: moments if one format reads them all, identifiers if nearly unique."""
    form = moment_format(texts.distinct)
    if form is not None:
        return Plan(name=name, kind="datetime", format=form, nulls=nulls)
    unique = _is_nearly_unique(texts)
    return Plan(name=name, kind="identifier" if unique else "categorical", nulls=nulls)


def _named_kind(name: str, kind: str) -> ColumnKind:
    """Translate a kind's name, refusing unknown ones."""
    text = str(getattr(kind, "value", kind)).lower()
    if text not in _KINDS:
        raise InputError(f"column {name!r} has an unknown kind", hint=f"one of {sorted(_KINDS)}")
    return _KINDS[text]


def _is_text(of_type: pa.DataType) -> bool:
    """Tell whether cells are text, dictionary-encoded or not."""
    if pa.types.is_dictionary(of_type):
        of_type = of_type.value_type
    return bool(
        pa.types.is_string(of_type)
        or pa.types.is_large_string(of_type)
        or pa.types.is_string_view(of_type)
    )


def _is_binary(of_type: pa.DataType) -> bool:
    """Tell whether cells are bytes."""
    return bool(
        pa.types.is_binary(of_type)
        or pa.types.is_large_binary(of_type)
        or pa.types.is_fixed_size_binary(of_type)
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Texts:
    """The distinct texts of a column that are no null marks, and how often each occurs."""

    distinct: pa.Array = field(repr=False)
    counts: NDArray[np.int64] = field(repr=False)

    @property
    def known(self) -> int:
        """Cells that are not missing."""
        return int(self.counts.sum())


def _tally(cells: pa.ChunkedArray, nulls: frozenset[str]) -> _Texts:
    """Count the distinct texts in one pass."""
    counted = pc.value_counts(texts_of(cells, frozenset()))
    distinct, counts = pc.struct_field(counted, 0), pc.struct_field(counted, 1)
    kept = pc.is_valid(distinct)
    if nulls:
        kept = pc.and_not(kept, pc.is_in(distinct, pa.array(sorted(nulls), pa.string())))
    return _Texts(distinct=distinct.filter(kept), counts=np.asarray(counts.filter(kept)))


def _reads_as_numbers(texts: _Texts) -> bool:
    """Tell whether text is numbers: nearly all known cells parse and none is zero-padded.

    One or two words among many different numbers are codes for "does not apply".
    """
    values = numbers_of(pa.chunked_array([texts.distinct], pa.string()), frozenset())
    reads = ~np.isnan(values)
    numbers = int(texts.counts[reads].sum())
    if numbers == 0 or pc.any(pc.match_substring_regex(texts.distinct, _PADDED)).as_py():
        return False
    marks = np.asarray(pc.is_in(pc.utf8_trim_whitespace(texts.distinct), _NUMBER_NULLS))
    if numbers >= _READABLE * (texts.known - int(texts.counts[marks].sum())):
        return True
    words = len(texts.distinct) - pc.sum(pc.match_substring_regex(texts.distinct, NUMBER)).as_py()
    return bool(words <= 2 and np.unique(values[reads]).size > 30 and numbers >= texts.known // 2)


_PADDED = r"^\s*[+-]?0[0-9]"
_NUMBER_NULLS = pa.array(["?", "-", "--", ".", "..", "*", "unknown", "Unknown", "missing"])


def _is_few_levels(values: Floats) -> bool:
    """Tell whether whole numbers are so few that they are labels (SDV's rule: ten, n/10)."""
    known = values[~np.isnan(values)]
    if known.size == 0:
        return True
    if known.size > 2000 and np.unique(known[:2000]).size > _FEW_LEVELS:
        return False
    distinct = np.unique(known)
    few = distinct.size <= max(2, min(_FEW_LEVELS, known.size // 10))
    return bool(few and np.all(distinct == np.floor(distinct)))


def _counts_rows(name: str, values: Floats) -> bool:
    """Tell whether whole numbers are unique and either nearly consecutive or named an id."""
    if np.isnan(values).any() or values.size < _ROWS_TO_JUDGE_UNIQUE:
        return False
    if np.any(values != np.floor(values)) or np.unique(values).size < values.size:
        return False
    named = name.lower() == "id" or name.lower().endswith(("_id", " id", "-id"))
    dense = values.max() - values.min() < 3 * values.size
    return bool(dense or named or name.endswith(("Id", "ID")))


def _is_nearly_unique(texts: _Texts) -> bool:
    """Tell whether text names rows: nearly every cell differs, or it is prose."""
    if texts.known < _ROWS_TO_JUDGE_UNIQUE:
        return False
    share = len(texts.distinct) / texts.known
    length = pc.mean(pc.utf8_length(texts.distinct)).as_py() or 0.0
    return bool(share > _NEARLY_UNIQUE or (share > 0.5 and length > 30))
