"""Predicates on rows, counted fast: conjunctions of intervals on ordered codes.

Every comparison (equal, not equal, at least, at most, missing) is an interval of codes or its
complement. A condition is evaluated once, as one bit per row; a predicate is the "and" of its
conditions' words of 64 rows, and its count their population count. What may not happen here: a
decision about which rows are members.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from understudy.attack.protocol import Records

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MISSING = np.uint32(0xFFFFFFFF)
Codes = NDArray[np.uint32]
Table = tuple[Codes, ...]
Words = NDArray[np.uint64]
Places = NDArray[np.intp]
_WIDEST = 2.0**31
_KEPT_BYTES = 1 << 25
_BLOCK_WORDS = 1 << 19
_CHUNK_WORDS = 1 << 14


@dataclass(frozen=True, kw_only=True, slots=True)
class Predicates:
    """Conjunctions over the same number of conditions each (predicates x conditions).

    Parameters
    ----------
    columns
        Place of the column of each condition, ascending within a predicate.
    low, high
        Codes between which a row lies, both included.
    negated
        Whether the condition asks for the opposite; a missing cell meets neither.
    """

    columns: NDArray[np.intp]
    low: Codes
    high: Codes
    negated: NDArray[np.bool_]

    def __len__(self) -> int:
        """Number of predicates."""
        return len(self.columns)

    def at(self, places: NDArray[Any] | slice) -> Predicates:
        """These predicates."""
        return Predicates(
            columns=self.columns[places],
            low=self.low[places],
            high=self.high[places],
            negated=self.negated[places],
        )

    def joined(self, other: Predicates) -> Predicates:
        """Both, one after the other."""
        return Predicates(
            columns=np.concatenate([self.columns, other.columns]),
            low=np.concatenate([self.low, other.low]),
            high=np.concatenate([self.high, other.high]),
            negated=np.concatenate([self.negated, other.negated]),
        )

    def first_of_each(self) -> Predicates:
        """Every distinct predicate once, in order of first appearance."""
        packed = np.concatenate(
            [self.columns.astype(np.uint32), self.low, self.high, self.negated.astype(np.uint32)],
            axis=1,
        )
        rows = np.ascontiguousarray(packed).view([("", np.uint32)] * packed.shape[1]).ravel()
        _, first = np.unique(rows, return_index=True)
        return self.at(np.sort(first))


@dataclass(frozen=True, kw_only=True, slots=True)
class Index:
    """A table and the conditions already evaluated on it, one bit per row.

    Parameters
    ----------
    table
        Its codes.
    kept
        Bits of conditions by (column, low, high, negated), up to a few megabytes.
    """

    table: Table
    kept: dict[tuple[int, int, int, bool], Words] = field(default_factory=dict, repr=False)

    @property
    def size(self) -> int:
        """Number of rows."""
        return len(self.table[0])

    def bits(self, column: int, low: int, high: int, *, negated: bool) -> Words:
        """One bit per row: whether it meets the condition."""
        key = (column, low, high, negated)
        if key in self.kept:
            return self.kept[key]
        codes = self.table[column]
        inside = codes - np.uint32(low) <= np.uint32(high - low)
        if negated:
            inside = ~inside & (codes != MISSING)
        made = words_of(inside)
        if len(self.kept) * made.nbytes < _KEPT_BYTES:
            self.kept[key] = made
        return made


def coded(*parts: Records) -> tuple[Table, ...]:
    """Give equal values equal codes in all tables, ordered where the values are.

    >>> few = Records(arrays=(np.array([2.5, np.nan, 0.5]),))
    >>> coded(few, few.at(np.array([2])))[1][0].tolist()
    [0]
    """
    tables: list[list[Codes]] = [[] for _ in parts]
    for place in range(len(parts[0].arrays)):
        arrays = [part.arrays[place] for part in parts]
        for table, codes in zip(tables, _coded_column(arrays), strict=True):
            table.append(codes)
    return tuple(tuple(table) for table in tables)


def words_of(mask: NDArray[np.bool_]) -> Words:
    """Pack one bit per row into words of 64 rows.

    >>> int(words_of(np.array([True, False, True]))[0])
    5
    """
    padded = np.zeros(-(-mask.size // 64) * 64, dtype=bool)
    padded[: mask.size] = mask
    return np.packbits(padded, bitorder="little").view(np.uint64)


def distinct_rows(table: Table) -> Table:
    """Every distinct row once, in order of first appearance.

    >>> [codes.tolist() for codes in distinct_rows((np.array([1, 2, 1], np.uint32),))]
    [[1, 2]]
    """
    kept = first_rows(table)
    return table if kept.all() else tuple(codes[kept] for codes in table)


def first_rows(table: Table) -> NDArray[np.bool_]:
    """Whether each row is the first of those equal to it (by 64-bit fingerprints)."""
    rows = fingerprints(table)
    kept = np.zeros(rows.size, dtype=bool)
    kept[np.unique(rows, return_index=True)[1]] = True
    return kept


def fingerprints(table: Table) -> NDArray[np.uint64]:
    """64 bits of each row: equal rows have equal ones, others collide with chance 2^-64."""
    rows = np.zeros(len(table[0]), dtype=np.uint64)
    for codes in table:
        rows = _mixed(rows, codes)
    return rows


def counts(
    predicates: Predicates, index: Index, among: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """How many rows, or rows among some, meet each predicate."""
    found = np.empty(len(predicates), dtype=np.int64)
    mask = None if among is None else words_of(among)
    for part, words in _meeting(predicates, index):
        here = words if mask is None else np.bitwise_and(words, mask, out=words)
        found[part] = np.bitwise_count(here).sum(axis=1, dtype=np.int64)
    return found


def matches(predicates: Predicates, index: Index, most: int) -> list[Places | None]:
    """The rows that meet each predicate, ascending; None where there are more than `most`."""
    found: list[Places | None] = []
    for _, words in _meeting(predicates, index):
        sizes = np.bitwise_count(words).sum(axis=1, dtype=np.int64)
        words[sizes > most] = 0
        which, place = np.nonzero(words)
        bits = np.unpackbits(
            words[which, place].view(np.uint8).reshape(-1, 8), axis=1, bitorder="little"
        )
        hit, bit = np.nonzero(bits)
        rows = place[hit] * 64 + bit
        cuts = np.searchsorted(which[hit], np.arange(1, len(words)))
        parts = np.split(rows, cuts)
        found += [None if size > most else part for size, part in zip(sizes, parts, strict=True)]
    return found


def _meeting(predicates: Predicates, index: Index) -> Iterator[tuple[slice, NDArray[np.uint64]]]:
    """Yield a few predicates at a time with the bits of the rows that meet all conditions."""
    words = -(-index.size // 64)
    most = max(1, _BLOCK_WORDS // max(1, words))
    step = max(1, _CHUNK_WORDS // max(1, words))
    for start in range(0, len(predicates), most):
        stop = min(start + most, len(predicates))
        few = predicates.at(slice(start, stop))
        turns = [_evaluated(few, turn, index) for turn in range(few.columns.shape[1])]
        for first in range(0, len(few), step):
            part = slice(first, min(first + step, len(few)))
            made = turns[0][0][turns[0][1][part]]
            for bits, which in turns[1:]:
                made &= bits[which[part]]
            yield slice(start + part.start, start + part.stop), made


def _evaluated(
    predicates: Predicates, turn: int, index: Index
) -> tuple[NDArray[np.uint64], Places]:
    """Bits of the distinct conditions in one place, and which of them each predicate has."""
    packed = (
        predicates.columns[:, turn].astype(np.uint64) * np.uint64(2)
        + predicates.negated[:, turn].astype(np.uint64),
        (predicates.low[:, turn].astype(np.uint64) << np.uint64(32))
        + predicates.high[:, turn].astype(np.uint64),
    )
    order = np.lexsort(packed)
    fresh = np.ones(order.size, dtype=bool)
    fresh[1:] = (np.diff(packed[0][order]) != 0) | (np.diff(packed[1][order]) != 0)
    which = np.empty(order.size, dtype=np.intp)
    which[order] = np.cumsum(fresh) - 1
    first = order[fresh]
    bits = np.empty((first.size, -(-index.size // 64)), dtype=np.uint64)
    conditions = zip(
        predicates.columns[first, turn].tolist(),
        predicates.low[first, turn].tolist(),
        predicates.high[first, turn].tolist(),
        predicates.negated[first, turn].tolist(),
        strict=True,
    )
    for place, (column, low, high, negated) in enumerate(conditions):
        bits[place] = index.bits(column, low, high, negated=negated)
    return bits, which


def _coded_column(arrays: Sequence[NDArray[Any]]) -> list[Codes]:
    """One column's codes in every table."""
    if arrays[0].dtype.kind != "f":
        return [np.ascontiguousarray(array, dtype=np.int32).view(np.uint32) for array in arrays]
    joined = np.concatenate(arrays)
    known = ~np.isnan(joined)
    present = joined[known]
    codes = np.full(joined.size, MISSING, dtype=np.uint32)
    low, high = (present.min(), present.max()) if present.size else (0.0, 0.0)
    if high - low < _WIDEST and bool((present == np.floor(present)).all()):
        codes[known] = (present - low).astype(np.uint32)
    else:
        codes[known] = np.unique(present, return_inverse=True)[1]
    return np.split(codes, np.cumsum([len(array) for array in arrays])[:-1])


def _mixed(rows: NDArray[np.uint64], codes: Codes) -> NDArray[np.uint64]:
    """Fold a column into fingerprints of rows (the finaliser of SplitMix64)."""
    mixed = rows * np.uint64(0x9E3779B97F4A7C15) + codes + np.uint64(0x632BE59BD9B4E019)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))
