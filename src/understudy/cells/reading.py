"""A `Reading`: what a column's cells are, and how they become numbers on a line and text again.

It holds only facts that were declared or paid for. Reading is total: whatever a cell holds, the
result is a finite number or `readable = False`.

What may not happen here: a fact taken from the cells; an exception that a cell can cause.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from understudy.cells.dates import DAY, Layout, layout_of, read_moments, write_moments
from understudy.cells.figures import Style, read_figures, write_figures
from understudy.cells.sieve import texts_of
from understudy.cells.storage import storage_numbers, storage_render
from understudy.errors import SchemaError
from understudy.schema.model import Kind

__all__ = ["READABLE_KINDS", "Reading", "storage_numbers", "storage_render"]

#: Kinds whose cells are points on a line.
READABLE_KINDS = frozenset({Kind.NUMBER, Kind.BOOLEAN, Kind.DATE, Kind.DATETIME, Kind.TIME})

_DEFAULT_FORMAT = {
    Kind.DATE: "%Y-%m-%d",
    Kind.DATETIME: "%Y-%m-%d %H:%M:%S",
    Kind.TIME: "%H:%M:%S",
}

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """How the cells of one column are read as numbers and written as text.

    Parameters
    ----------
    kind
        NUMBER, BOOLEAN, DATE, DATETIME or TIME.
    decimals
        Decimal places shown, 0 to 9; None: floats as they are.
    fixed_decimals
        Whether trailing zeros are shown: always so many decimals.
    width
        Digits before the decimal mark, filled up with zeros; None: no leading zeros.
    grouping
        Whether thousands are grouped.
    decimal_mark
        "." or ",".
    format
        strftime format of dates, datetimes and times (see `dates`).
    zone
        IANA zone or offset in which moments with an offset are written; None: UTC.
    true, false
        The two spellings of a boolean.
    point_zero
        Whether whole numbers are written with ".0".
    prefix, suffix
        Text around every number: "$", "%", or the blank before every cell of a padded file.
    scientific
        Whether numbers that are shorter with an exponent are written so (1e+05).

    >>> reading = Reading(kind=Kind.NUMBER, decimals=2, fixed_decimals=True)
    >>> reading.numbers(pa.array(["1.50", "?", "1e400"]))
    (array([1.5, 0. , 0. ]), array([ True, False, False]))
    >>> reading.render(np.array([1.5, -0.001])).to_pylist()
    ['1.50', '0.00']
    """

    kind: Kind
    decimals: int | None = None
    fixed_decimals: bool = False
    width: int | None = None
    grouping: bool = False
    decimal_mark: str = "."
    format: str | None = None
    zone: str | None = None
    true: str | None = None
    false: str | None = None
    point_zero: bool = False
    prefix: str = ""
    suffix: str = ""
    scientific: bool = False

    def __post_init__(self) -> None:
        """Refuse facts that cannot be: they come from a schema or a model file."""
        object.__setattr__(self, "kind", Kind(self.kind))
        if self.kind not in READABLE_KINDS:
            raise SchemaError("cells of this kind are no numbers", kind=str(self.kind))
        if self.decimals is not None and not 0 <= self.decimals <= 9:
            raise SchemaError("decimals are out of range", allowed="0 to 9", decimals=self.decimals)
        if self.width is not None and not 1 <= self.width <= 40:
            raise SchemaError("width is out of range", allowed="1 to 40", width=self.width)
        if self.decimal_mark not in (".", ","):
            raise SchemaError("the decimal mark is a point or a comma")
        if self.kind in _DEFAULT_FORMAT:
            if self.format is None:
                object.__setattr__(self, "format", _DEFAULT_FORMAT[self.kind])
            self._layout()
        if self.kind is Kind.BOOLEAN and (self.true is None or self.true == self.false):
            raise SchemaError("a boolean needs two different spellings")

    @property
    def unit(self) -> float | None:
        """The step between two neighbouring values; None: floats as they are.

        Days for dates, seconds for datetimes and times.

        >>> Reading(kind=Kind.DATETIME, format="%Y-%m-%d %H:%M").unit
        60.0
        """
        if self.kind is Kind.NUMBER:
            return None if self.decimals is None else 10.0**-self.decimals
        if self.kind in (Kind.BOOLEAN, Kind.DATE):
            return 1.0
        return self._layout().step / 1e6

    def snap(self, numbers: npt.NDArray[np.floating[Any]]) -> Floats:
        """Return numbers moved to the nearest value of the column's lattice; never -0.0."""
        values = np.asarray(numbers, dtype=np.float64)
        if self.kind is Kind.NUMBER and self.decimals is not None:
            scale = 10.0**self.decimals
            with np.errstate(over="ignore"):
                scaled = values * scale
            fine = np.abs(scaled) < 2.0**53
            return np.where(fine, np.rint(np.where(fine, scaled, 0.0)) / scale, values) + 0.0
        unit = self.unit
        if unit is None:
            return values + 0.0
        if unit < 1:
            per = round(1 / unit)
            whole = np.floor(values)
            return np.asarray(whole + np.rint((values - whole) * per) / per + 0.0)
        return np.asarray(np.rint(values / unit) * unit + 0.0)

    def numbers(self, values: pa.Array | pa.ChunkedArray) -> tuple[Floats, Flags]:
        """Return (numbers on the lattice, readable) of text cells.

        Parameters
        ----------
        values
            n text cells: string, large string, or a dictionary of these; nulls are unreadable.

        Returns
        -------
        tuple of ndarray
            n finite floats, 0 where unreadable: dates are days since 1970-01-01, datetimes
            seconds since then in UTC (microseconds are exact until 2106), times seconds since
            midnight, booleans 0 and 1. A cell's number depends on that cell alone.
        """
        distinct, indices = texts_of(values)
        if self.kind is Kind.BOOLEAN:
            true = pc.equal(distinct, self.true).to_numpy(zero_copy_only=False)
            false = pc.equal(distinct, self.false).to_numpy(zero_copy_only=False)
            found, good = true.astype(np.float64), true | false
        elif self.kind is Kind.NUMBER:
            found, good = read_figures(distinct, self._style())
            found = np.where(good, self.snap(found), 0.0)
        else:
            micros, good = read_moments(distinct, self._layout())
            found = np.where(good, self._from_micros(micros), 0.0)
        return np.append(found, 0.0)[indices], np.append(good, False)[indices]

    def render(self, numbers: npt.NDArray[np.floating[Any]]) -> pa.StringArray:
        """Return numbers as text in the column's own style.

        Parameters
        ----------
        numbers
            n numbers as `numbers` returns them; they are moved to the lattice. Values beyond
            what can be written (years 1 to 9999, 18 digits) are clipped. NaN and infinities
            become null.

        Returns
        -------
        Array
            n strings; `numbers(render(x))` is x on the lattice.
        """
        values = np.asarray(numbers, dtype=np.float64)
        finite = np.isfinite(values)
        if not finite.all():
            texts = self.render(np.where(finite, values, 0.0))
            return pc.if_else(pa.array(finite), texts, pa.scalar(None, pa.string()))
        if self.kind is Kind.BOOLEAN:
            spelled = pa.array([self.false, self.true], pa.string())
            return spelled.take(pa.array((values >= 0.5).astype(np.int8)))
        if self.kind is Kind.NUMBER:
            return write_figures(values, self._style())
        layout = self._layout()
        micros = self._to_micros(values)
        zoned = self.zone is not None and "z" in layout.letters
        return write_moments(micros, layout, _ahead(micros, str(self.zone)) if zoned else None)

    def facts(self) -> dict[str, Any]:
        """Return what differs from the defaults, as JSON values; `Reading.of` reads it back."""
        blank = asdict(Reading(kind=Kind.NUMBER))
        held = {key: value for key, value in asdict(self).items() if value != blank[key]}
        return {**held, "kind": self.kind.value}

    @classmethod
    def of(cls, facts: dict[str, Any]) -> Reading:
        """Return the reading that `facts` describes.

        >>> reading = Reading(kind=Kind.DATE, format="%d.%m.%Y")
        >>> Reading.of(reading.facts()) == reading
        True
        """
        return cls(**{**facts, "kind": Kind(facts["kind"])})

    def _style(self) -> Style:
        """Return how numbers are spelled."""
        return Style(
            decimals=self.decimals,
            fixed_decimals=self.fixed_decimals,
            width=self.width,
            grouping=self.grouping,
            decimal_mark=self.decimal_mark,
            point_zero=self.point_zero,
            prefix=self.prefix,
            suffix=self.suffix,
            scientific=self.scientific,
        )

    def _layout(self) -> Layout:
        """Return the format taken apart."""
        return layout_of(str(self.format))

    def _from_micros(self, micros: npt.NDArray[np.int64]) -> Floats:
        """Return moments as numbers on the line of this kind."""
        if self.kind is Kind.DATE:
            return np.floor_divide(micros, DAY).astype(np.float64)
        return micros / 1e6

    def _to_micros(self, values: Floats) -> npt.NDArray[np.int64]:
        """Return numbers on the line of this kind as moments."""
        if self.kind is Kind.DATE:
            return np.rint(np.clip(values, -1e6, 4e6)).astype(np.int64) * DAY
        top = 86_400.0 - self._layout().step / 1e6 if self.kind is Kind.TIME else 3e11
        low = 0.0 if self.kind is Kind.TIME else -1e11
        snapped = np.clip(self.snap(np.clip(values, low, top)), low, top)
        return np.rint(snapped * 1e6).astype(np.int64)


def _ahead(micros: npt.NDArray[np.int64], zone: str) -> npt.NDArray[np.int64]:
    """Return by how many microseconds local time is ahead of UTC at each moment."""
    if math.prod(micros.shape) == 0:
        return micros
    distinct, inverse = np.unique(micros, return_inverse=True)
    there = pc.local_timestamp(pa.array(distinct).cast(pa.timestamp("us", tz=zone)))
    local = there.cast(pa.int64()).to_numpy(zero_copy_only=False)
    return np.asarray((local - distinct)[inverse], dtype=np.int64)
