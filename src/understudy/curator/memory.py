"""Rows in memory: one pyarrow table, counted with NumPy.

What may not happen here: a row, a code or an exact count that leaves through anything but
`Curator.ask`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from understudy.curator.encodings import (
    Codes,
    Encoding,
    Merged,
    NumberCells,
    as_text,
    code_type,
    distinct_codes,
    encode,
    merge_codes,
    patterns,
)
from understudy.curator.protocol import Curator, Encoded, Release, Tally, add_noise
from understudy.curator.questions import Candidate, Choose, Count, Discover, Distinct, Question
from understudy.errors import InternalError
from understudy.privacy.budget import Budget
from understudy.privacy.unit import Unit
from understudy.source import SensitiveTable, bound_rows, units_of

_KEPT_BYTES = 1 << 28
"""Most memory for exact counts of candidates that are kept between rounds."""


class MemoryCurator(Curator):
    """A curator over a table in memory.

    Parameters
    ----------
    table
        The sensitive table.
    budget, unit, release
        See `Curator`. With a unit column, at most `unit.max_rows` rows of each unit are kept,
        chosen by the operating system's entropy, before anything is counted.
    """

    gives_rows = True

    def __init__(
        self,
        table: SensitiveTable,
        *,
        budget: Budget,
        unit: Unit | None = None,
        release: Release = add_noise,
    ) -> None:
        super().__init__(budget=budget, unit=unit, release=release)
        if self.unit.column is not None:
            table = bound_rows(table, self.unit.column, self.unit.max_rows)
        self.headers = table.headers
        self._table = table
        self._storage = {header.name: header.storage for header in table.headers}
        self._codes: dict[Encoding, Codes] = {}
        self._scores: dict[str, float] = {}
        self._histograms: dict[tuple[Encoding, ...], np.ndarray] = {}
        self._kept = 0

    def __repr__(self) -> str:
        return f"MemoryCurator(columns={len(self.headers)})"

    def exact(self, question: Question) -> Any:
        """The answer without noise (sensitive)."""
        match question:
            case Count():
                return self._histogram(question.encodings)
            case Distinct():
                codes, values = distinct_codes(self._column(question.column))
                return len(values) + int((codes < 0).any())
            case Discover():
                return self._tally(question)
            case Choose():
                return np.array([self._score(item) for item in question.candidates])
        raise InternalError("unknown question", kind=type(question).__name__)

    def encoded(self, encodings: Sequence[Encoding]) -> Encoded:
        """Codes of every row (sensitive)."""
        wide = code_type(max((encoding.size for encoding in encodings), default=1))
        count = self._table.rows.num_rows
        codes = np.empty((count, len(encodings)), dtype=wide)
        for place, encoding in enumerate(encodings):
            codes[:, place] = self._encode(encoding)
        units, unit_count = units_of(self._table, self.unit.column)
        return Encoded(codes=codes, units=units, unit_count=unit_count)

    def forget(self) -> None:
        """Drop cached codes (they are as sensitive as the rows)."""
        self._codes.clear()
        self._histograms.clear()
        self._kept = 0

    def _column(self, name: str) -> pa.ChunkedArray:
        """Cells of a column (sensitive)."""
        return self._table.rows.column(name)

    def _encode(self, encoding: Encoding) -> Codes:
        """Codes of every row, computed once per encoding."""
        if encoding not in self._codes:
            if isinstance(encoding, Merged):
                self._codes[encoding] = merge_codes(encoding, self._encode(encoding.base))
            else:
                storage = self._storage[encoding.column]
                self._codes[encoding] = encode(encoding, self._column(encoding.column), storage)
        return self._codes[encoding]

    def _histogram(self, encodings: tuple[Encoding, ...]) -> np.ndarray:
        """Exact counts over a product of encodings."""
        if not encodings:
            return np.array(self._table.rows.num_rows, dtype=np.int64)
        shape = tuple(encoding.size for encoding in encodings)
        cells = int(np.prod(shape))
        wide = np.dtype(np.int64 if cells > 2**31 else np.int32)
        flat: npt.NDArray[Any] = self._encode(encodings[0]).astype(wide)
        for encoding in encodings[1:]:
            flat *= encoding.size
            flat += self._encode(encoding)
        return np.bincount(flat, minlength=cells).reshape(shape)

    def _score(self, candidate: Candidate) -> float:
        """Exact score of a candidate, computed once."""
        if candidate.key not in self._scores:
            counts = self._offered(candidate.encodings)
            distance = float(np.abs(counts - candidate.expected).sum())
            self._scores[candidate.key] = candidate.weight * (distance - candidate.penalty)
        return self._scores[candidate.key]

    def _offered(self, encodings: tuple[Encoding, ...]) -> np.ndarray:
        """Exact counts of what is on offer, kept while they fit: rounds offer the same again."""
        if encodings not in self._histograms:
            counts = self._histogram(encodings).astype(np.int32)
            if self._kept + counts.nbytes > _KEPT_BYTES:
                return counts
            self._kept += counts.nbytes
            self._histograms[encodings] = counts
        return self._histograms[encodings]

    def _tally(self, question: Discover) -> Tally:
        """Every label that occurs among the cells the question speaks of, with its count."""
        column = self._column(question.column)
        storage = self._storage[question.column]
        text = (
            patterns(column, storage) if question.among == "patterns" else as_text(column, storage)
        )
        codes, values = distinct_codes(text)
        if question.among == "unreadable":
            if not isinstance(question.excluding, NumberCells):
                raise InternalError("discovery among unreadable cells needs their encoding")
            codes = codes[self._encode(question.excluding) == question.excluding.size - 1]
        counts = np.bincount(codes + 1, minlength=len(values) + 1)
        labels: list[str | None] = [None, *values.to_pylist()]
        occurs = np.flatnonzero(counts)
        return Tally(
            labels=tuple(labels[index] for index in occurs), counts=counts[occurs].astype(np.int64)
        )
