"""A column as the model sees it: codes, what they mean, how many rows hold each, how surely.

An attribute is learned once (by `learn`), is free of rows, and is all that decoding needs.
What may not happen here: a question to a curator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from understudy.cells.reading import Reading, storage_render
from understudy.curator import LabelCells, NumberCells
from understudy.prepare.standins import StandIns
from understudy.schema import IdentifierKind, Kind, Storage
from understudy.source import Header

REST = "(other)"
"""How the reserved rest category is spelled in a synthetic table."""

_SPELLED = (Storage.TEXT, Storage.CATEGORY)


@dataclass(frozen=True, kw_only=True)
class StandIn:
    """What replaces a direct identifier: its kind, its pattern or the range of its numbers."""

    kind: IdentifierKind
    pattern: str | None = None
    whole_numbers: tuple[int, int] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Attribute:
    """One modelled column.

    Parameters
    ----------
    header
        Public name and storage of the column.
    encoding
        Fine codes: number cells or labels, then marks, then the rest.
    counts
        Estimated rows per fine code, shape `(encoding.size,)`, never negative.
    variances
        Approximate noise variance of each count before it was made non-negative.
    ordered
        Whether neighbouring codes are alike (numbers, dates, ordered labels).
    standin
        What the rest code becomes when the column is a direct identifier.
    paid
        For the evidence: how each fact was come by, in public words.
    """

    header: Header
    kind: Kind
    encoding: NumberCells | LabelCells
    counts: np.ndarray
    variances: np.ndarray
    ordered: bool = False
    standin: StandIn | None = None
    paid: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Column name."""
        return self.header.name

    @property
    def type(self) -> pa.DataType:
        """Arrow type of the cells: the container's, with labels in order only if that is declared.

        A container may know an order of its labels; which of them occur, and so the order of
        those that are shown, it cannot know without looking.
        """
        kind = self.header.type
        if not pa.types.is_dictionary(kind) or self.ordered or not kind.ordered:
            return kind
        return pa.dictionary(kind.index_type, kind.value_type)

    @property
    def shares(self) -> np.ndarray:
        """Estimated share of rows per fine code; uniform when nothing is known."""
        total = float(self.counts.sum())
        if total <= 0:
            return np.full(len(self.counts), 1.0 / len(self.counts))
        return self.counts / total

    def to_json(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Plain facts and arrays for a model file."""
        encoding = self.encoding
        facts: dict[str, Any] = {
            "header": self.header.to_json(),
            "kind": self.kind.value,
            "ordered": self.ordered,
            "paid": self.paid,
        }
        arrays = {"counts": self.counts, "variances": self.variances}
        if isinstance(encoding, NumberCells):
            facts["reading"] = encoding.reading.facts()
            facts["marks"] = list(encoding.marks)
            arrays["edges"] = np.asarray(encoding.edges)
        else:
            facts["labels"] = list(encoding.labels)
        if self.standin is not None:
            facts["standin"] = {
                "kind": self.standin.kind.value,
                "pattern": self.standin.pattern,
                "whole_numbers": self.standin.whole_numbers,
            }
        return facts, arrays

    @classmethod
    def from_json(cls, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Attribute:
        """Read back what `to_json` returned."""
        header = Header.from_json(facts["header"])
        encoding: NumberCells | LabelCells
        if "reading" in facts:
            encoding = NumberCells(
                column=header.name,
                reading=Reading.of(facts["reading"]),
                edges=tuple(arrays["edges"].tolist()),
                marks=tuple(facts["marks"]),
            )
        else:
            encoding = LabelCells(column=header.name, labels=tuple(facts["labels"]))
        told = facts.get("standin")
        span = told["whole_numbers"] if told else None
        standin = told and StandIn(
            kind=IdentifierKind(told["kind"]),
            pattern=told["pattern"],
            whole_numbers=(int(span[0]), int(span[1])) if span else None,
        )
        return cls(
            header=header,
            kind=Kind(facts["kind"]),
            encoding=encoding,
            counts=arrays["counts"],
            variances=arrays["variances"],
            ordered=bool(facts["ordered"]),
            standin=standin,
            paid=dict(facts["paid"]),
        )

    def names(self) -> list[str]:
        """A readable name of every fine code (for reports; nothing but public facts)."""
        if isinstance(self.encoding, LabelCells):
            rest = f"<{self.standin.kind.value}>" if self.standin else REST
            return [_spell(label) for label in self.encoding.labels] + [rest]
        reading, edges = self.encoding.reading, np.asarray(self.encoding.edges)
        unit = reading.unit or 1.0
        last = np.maximum(edges[1:] - (1 if reading.unit else 0), edges[:-1])
        low = reading.render(edges[:-1] * unit).to_pylist()
        high = reading.render(last * unit).to_pylist()
        spans = [a if a == b else f"{a} to {b}" for a, b in zip(low, high, strict=True)]
        return spans + [_spell(mark) for mark in self.encoding.marks] + ["(unreadable)"]

    def merge(self, levels: int, *, least: float = 0.0) -> np.ndarray:
        """A public map from fine codes to at most `levels` coarse codes of similar mass.

        Parameters
        ----------
        levels
            Most coarse codes, at least 2 unless the attribute has fewer.
        least
            Share below which a special code (mark, rest) does not get a code of its own.
        """
        shares = self.shares
        if len(shares) <= levels and np.all(shares > least):
            return np.arange(len(shares))
        if not self.ordered:
            return most_frequent(shares, levels, least)
        line = self.encoding.cells if isinstance(self.encoding, NumberCells) else len(shares) - 1
        special = shares[line:]
        own = np.flatnonzero(special > max(least, 0.25 / levels))[: max(levels // 3, 1)]
        into = np.empty(len(shares), dtype=np.int64)
        cut = equal_mass(shares[:line], max(levels - len(own), 1))
        into[:line] = cut
        into[line:] = cut[int(np.argmax(shares[:line]))] if line else 0
        into[line + own] = (cut.max() + 1 if line else 0) + np.arange(len(own))
        return into

    def decode(self, codes: np.ndarray, rng: np.random.Generator) -> pa.Array:
        """Cells of the column's own storage and style for fine codes.

        Values inside a cell are drawn uniformly over its lattice points; marks and labels come
        back as they are spelled; identifiers become stand-ins.
        """
        if isinstance(self.encoding, NumberCells):
            made = self._decode_numbers(self.encoding, codes, rng)
        elif self.standin is not None and self.header.storage not in _SPELLED:
            made = self._decode_keys(self.encoding, codes, rng)
        else:
            made = self._decode_labels(self.encoding, codes, rng)
        made = made if made.type == self.type else _cast(made, self.type)
        return made if self.header.nullable or not made.null_count else _filled(made)

    def _decode_numbers(
        self, encoding: NumberCells, codes: np.ndarray, rng: np.random.Generator
    ) -> pa.Array:
        """Numbers drawn inside their cells; then marks laid over them."""
        edges = np.asarray(encoding.edges)
        codes = codes.astype(np.int64)
        cell = np.minimum(codes, encoding.cells - 1)
        low, width = edges[:-1][cell], np.diff(edges)[cell]
        numbers = low + rng.random(len(codes)) * width
        if encoding.reading.unit is not None:
            numbers = np.floor(np.minimum(numbers, low + np.maximum(width - 1, 0) + 0.5))
            numbers = encoding.reading.snap(numbers * encoding.reading.unit)
        special = codes - encoding.cells
        missing = special >= 0
        if self.header.storage not in (Storage.TEXT, Storage.CATEGORY):
            return storage_render(numbers, self.header.type, missing)
        text = encoding.reading.render(numbers)
        if not missing.any():
            return text
        spelled = pa.array([*encoding.marks, None], pa.string())
        return pc.replace_with_mask(text, missing, spelled.take(pa.array(special[missing])))

    def _decode_labels(
        self, encoding: LabelCells, codes: np.ndarray, rng: np.random.Generator
    ) -> pa.Array:
        """Labels as spelled; the rest code becomes stand-ins or the reserved label."""
        values = pa.array([*encoding.labels, None if self.standin else REST], pa.string())
        text = values.take(pa.array(codes))
        rest = codes == len(encoding.labels)
        if self.standin is not None and rest.any():
            fresh = (
                StandIns()
                .generate(
                    self.standin.kind,
                    self.standin.pattern,
                    int(rest.sum()),
                    rng,
                    integer_range=self.standin.whole_numbers,
                )
                .cast(pa.string())
            )
            text = fresh if rest.all() else pc.replace_with_mask(text, rest, fresh)
        if not pa.types.is_dictionary(self.header.type) or self.standin is not None:
            return text
        return _labelled(_cast(values, self.type.value_type), codes, self.type)

    def _decode_keys(
        self, encoding: LabelCells, codes: np.ndarray, rng: np.random.Generator
    ) -> pa.Array:
        """Keys of a typed column: numbers of the range that was paid for, in the type's range."""
        assert self.standin is not None
        fresh = StandIns().generate(
            IdentifierKind.KEY, None, len(codes), rng, integer_range=self.standin.whole_numbers
        )
        numbers = np.asarray(fresh.cast(pa.int64()))
        missing = codes < len(encoding.labels)
        if not pa.types.is_integer(self.header.type):
            return storage_render(numbers.astype(float), self.header.type, missing)
        limits = np.iinfo(self.header.type.to_pandas_dtype())
        within = np.clip(numbers, limits.min, min(limits.max, 2**63 - 1))
        return pa.array(within, mask=missing).cast(self.header.type)


def _cast(made: pa.Array, kind: pa.DataType) -> pa.Array:
    """Cells in the container's own type; what does not fit becomes null."""
    if pa.types.is_dictionary(kind):
        coded = _cast(made, kind.value_type).dictionary_encode()
        return pa.DictionaryArray.from_arrays(
            coded.indices, coded.dictionary, ordered=kind.ordered
        ).cast(kind)
    try:
        return made.cast(kind)
    except pa.ArrowInvalid:
        coded = made.dictionary_encode()
        fitting = [_cast_one(label, kind) for label in coded.dictionary]
        return pa.concat_arrays(fitting).take(coded.indices)


def _cast_one(label: pa.Scalar, kind: pa.DataType) -> pa.Array:
    """One label in the container's own type, or null."""
    try:
        return pa.array([label.as_py()], pa.string()).cast(kind)
    except pa.ArrowInvalid:
        return pa.nulls(1, kind)


def _labelled(labels: pa.Array, codes: np.ndarray, kind: pa.DataType) -> pa.Array:
    """Codes as a dictionary column, its labels in the order of the codes."""
    known = labels.is_valid().to_numpy(zero_copy_only=False)
    known &= np.bincount(codes, minlength=len(labels)) > 0
    held = labels.filter(pa.array(known))
    if len(held.unique()) < len(held):
        return _cast(labels.take(pa.array(codes)), kind)
    place = np.cumsum(known) - 1
    indices = pa.array(place[codes].astype(np.int32), mask=~known[codes])
    return pa.DictionaryArray.from_arrays(indices, held, ordered=kind.ordered).cast(kind)


def _filled(made: pa.Array) -> pa.Array:
    """Cells without null, for a container that has none: the least value drawn, or zero."""
    kind = made.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pc.fill_null(made, "")
    if pa.types.is_dictionary(kind):
        return _cast(_filled(made.dictionary_decode()), kind)
    held = made.drop_null()
    spare = pc.min(held) if len(held) else storage_render(np.zeros(1), kind)[0]
    return pc.fill_null(made, spare)


def _spell(label: str | None) -> str:
    """A label for people: the null and the blank made visible."""
    if label is None:
        return "(null)"
    return label if label.strip() else "(blank)"


def most_frequent(shares: np.ndarray, levels: int, least: float) -> np.ndarray:
    """The most frequent codes keep their own level, the others share the last one."""
    order = np.argsort(-shares, kind="stable")
    kept = order[: levels - 1]
    kept = kept[shares[kept] > least]
    if len(kept) == 0:
        return np.zeros(len(shares), dtype=np.int64)
    others = float(shares.sum() - shares[kept].sum())
    if len(kept) == len(shares) - 1 and others > least:
        kept = order
    into = np.full(len(shares), len(kept), dtype=np.int64)
    into[np.sort(kept)] = np.arange(len(kept))
    if others <= least:
        into[into == len(kept)] = into[kept[-1]]
    return into


def equal_mass(shares: np.ndarray, levels: int) -> np.ndarray:
    """Neighbouring codes joined into at most `levels` groups of about equal mass."""
    into = np.zeros(len(shares), dtype=np.int64)
    remaining, group, held = float(shares.sum()), 0, 0.0
    goal = remaining / levels
    for index, share in enumerate(shares):
        full = held > 0 and (held + share / 2 > goal or share > goal)
        if full and group < levels - 1:
            remaining -= held
            group += 1
            held = 0.0
            goal = remaining / (levels - group)
        into[index] = group
        held += share
    return into
