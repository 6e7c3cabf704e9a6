"""Which levels of a column a comparison selects, and where it cuts a number line.

A cut is a point where a comparison divides a cell of a number column. Once the cells are cut
there (`refine`), every level lies on one side, and a comparison is a set of levels.

What may not happen here: a row, or a message with a label.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from understudy.curator import NumberCells
from understudy.errors import InputError
from understudy.prepare.attributes import REST, Attribute
from understudy.prepare.vocabulary import NULL_SPELLINGS
from understudy.schema import Kind
from understudy.schema.rules import holds
from understudy.synthesize.conditioning.comparisons import Comparison

Mask = npt.NDArray[np.bool_]

_TRUE, _FALSE = frozenset({"true", "yes", "y", "t", "1"}), frozenset({"false", "no", "n", "f", "0"})
_SLACK = 1e-9


def cuts_of(attribute: Attribute, asked: Comparison) -> tuple[float, ...]:
    """Points of the column's number line that a comparison must not leave inside a cell.

    Parameters
    ----------
    attribute
        The column.
    asked
        A comparison with it.

    Returns
    -------
    tuple of float
        In lattice steps (or the reading's own units); none for labels and for null.
    """
    if not isinstance(attribute.encoding, NumberCells) or asked.sign in ("null", "not null"):
        return ()
    if _mark_of(attribute.encoding, asked) >= 0:
        return ()
    return tuple(end for end in _span(attribute, asked) if math.isfinite(end))


def selected(attribute: Attribute, asked: Comparison) -> Mask:
    """Levels where a comparison surely holds; the cells must have been cut at `cuts_of`.

    Raises
    ------
    InputError
        The value is none the column could hold, or the column has nothing to compare.
    """
    encoding = attribute.encoding
    if attribute.standin is not None and asked.sign not in ("null", "not null"):
        raise InputError(
            f"column {attribute.name!r} holds stand-ins of a direct identifier, "
            "which the model knows nothing about",
            hint="leave it out of the condition",
        )
    if not isinstance(encoding, NumberCells):
        return _labels(attribute, asked)
    mask = np.zeros(encoding.size, dtype=bool)
    if asked.sign in ("null", "not null"):
        mask[encoding.cells :] = True
        return mask if asked.sign == "null" else ~mask
    mark = _mark_of(encoding, asked)
    if mark >= 0:
        mask[encoding.cells + mark] = True
        return mask if asked.sign == "==" else ~mask
    edges = np.asarray(encoding.edges)
    low, high = _span(attribute, asked)
    inside = (edges[:-1] >= low) & (edges[1:] <= high)
    mask[: encoding.cells] = ~inside if asked.sign == "!=" else inside
    return mask


def _mark_of(encoding: NumberCells, asked: Comparison) -> int:
    """The mark that a comparison for equality names, or -1."""
    if asked.sign not in ("==", "!=") or not isinstance(asked.value, str):
        return -1
    wanted = asked.value.strip()
    spelled = [None if mark is None else mark.strip() for mark in encoding.marks]
    return spelled.index(wanted) if wanted in spelled else -1


def _span(attribute: Attribute, asked: Comparison) -> tuple[float, float]:
    """The half-open interval a comparison selects; for `!=` the one it leaves out."""
    assert isinstance(attribute.encoding, NumberCells)
    unit = attribute.encoding.reading.unit
    value = _number(attribute, asked) / (unit or 1.0)
    if unit is None:
        point = (value, float(np.nextafter(value, np.inf)))
        after, at = value, value
    else:
        slack = _SLACK * max(1.0, abs(value))
        at, after = math.ceil(value - slack), math.floor(value + slack) + 1.0
        point = (at, after) if after > at else (at, at)
    match asked.sign:
        case "<":
            return -math.inf, float(at)
        case "<=":
            return -math.inf, float(after)
        case ">":
            return float(after), math.inf
        case ">=":
            return float(at), math.inf
    return float(point[0]), float(point[1])


def _number(attribute: Attribute, asked: Comparison) -> float:
    """The value of a comparison on the column's number line, in its own units."""
    assert isinstance(attribute.encoding, NumberCells)
    reading, value = attribute.encoding.reading, asked.value
    moment = reading.kind in (Kind.DATE, Kind.DATETIME, Kind.TIME)
    if isinstance(value, bool):
        value = (reading.true or "true") if value else (reading.false or "false")
    if isinstance(value, str):
        numbers, readable = reading.numbers(pa.array([value.strip()], pa.string()))
        if readable[0]:
            return float(numbers[0])
        plain = _iso(value, reading.kind) if moment else _float(value)
        if math.isfinite(plain):
            return plain
    elif value is not None and not moment and math.isfinite(value):
        return value
    raise InputError(
        f"column {attribute.name!r} cannot be compared with that value",
        hint="write dates as '2020-01-31' and times as '13:05:00'"
        if moment
        else "the column holds numbers; compare it with a number, or use `is null`",
        kind=attribute.kind.value,
    )


def _float(text: str) -> float:
    """A text as a number, NaN when it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _iso(text: str, kind: Kind) -> float:
    """An ISO date, moment or time in days or seconds, NaN when it is none."""
    full = f"1970-01-01T{text.strip()}" if kind is Kind.TIME else text.strip()
    try:
        moment = np.datetime64(full, "us")
    except ValueError:
        return math.nan
    if np.isnat(moment):
        return math.nan
    seconds = float(moment.astype(np.int64)) / 1e6
    return seconds / 86_400.0 if kind is Kind.DATE else seconds


def _labels(attribute: Attribute, asked: Comparison) -> Mask:
    """Labels for which a comparison surely holds."""
    assert not isinstance(attribute.encoding, NumberCells)
    spelled = [None if label is None else label.strip() for label in attribute.encoding.labels]
    missing = np.array([s is None or s.casefold() in NULL_SPELLINGS for s in spelled] + [False])
    if asked.sign in ("null", "not null"):
        return missing if asked.sign == "null" else ~missing
    equality = asked.sign in ("==", "!=")
    value = asked.value.strip() if isinstance(asked.value, str) else asked.value
    cells: npt.NDArray[np.object_]
    if isinstance(value, bool):
        truths = [_truth(s) for s in spelled]
        if any(one is None for one, gone in zip(truths, missing, strict=False) if not gone):
            raise InputError(
                f"column {attribute.name!r} is not boolean", hint="compare it with a value"
            )
        cells, value = np.array([*truths, None], dtype=object), str(value).lower()
        cells = np.array([None if c is None else str(c).lower() for c in cells], dtype=object)
    else:
        named = value in spelled
        cells = np.array([*spelled, REST if equality else None], dtype=object)
        if not named:
            cells[missing] = None
    assert value is not None
    found = holds(cells, "==" if equality else asked.sign, value)
    if equality and not found.any():
        raise InputError(
            f"column {attribute.name!r} has no label like that in the model",
            hint=f"its labels: understudy inspect MODEL --column {attribute.name!r}; labels it "
            f"does not list were modelled together as '{REST}'",
        )
    if asked.sign == "!=":
        known = np.array([cell is not None for cell in cells])
        return np.asarray(known & ~found)
    return found


def _truth(label: str | None) -> bool | None:
    """What a spelling of a boolean means."""
    word = (label or "").casefold()
    return True if word in _TRUE else False if word in _FALSE else None
