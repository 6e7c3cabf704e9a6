"""Numbers as text: read leniently, written exactly in a column's own style.

What may not happen here: an exception or an infinity that a cell can cause.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from understudy.cells import lettering

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_NUMERAL = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?$"
_LONGEST = 40
_LARGEST = 9.0e18


@dataclass(frozen=True, kw_only=True, slots=True)
class Style:
    """How one column spells its numbers."""

    decimals: int | None
    fixed_decimals: bool
    width: int | None
    grouping: bool
    decimal_mark: str
    point_zero: bool
    prefix: str
    suffix: str
    scientific: bool

    @property
    def group_mark(self) -> str:
        """The mark between thousands."""
        return "." if self.decimal_mark == "," else ","


def read_figures(texts: pa.LargeStringArray, style: Style) -> tuple[Floats, Flags]:
    """Return (value, readable) of every text; unreadable ones have the value 0."""
    bare = pc.utf8_trim_whitespace(texts)
    for mark in (style.prefix.strip(), style.suffix.strip()):
        if mark:
            bare = pc.replace_substring(bare, mark, "", max_replacements=1)
    group = style.group_mark
    if style.grouping:
        point = "\\" + style.decimal_mark if style.decimal_mark == "." else style.decimal_mark
        gap = "\\." if group == "." else group
        pattern = rf"^[+-]?[0-9]{{1,3}}(?:{gap}[0-9]{{3}})+(?:{point}[0-9]*)?$"
        split = pc.match_substring_regex(bare, pattern)
        bare = pc.if_else(split, pc.replace_substring(bare, group, ""), bare)
    if style.decimal_mark == ",":
        plain = pc.match_substring_regex(bare, r"^[+-]?[0-9]*,?[0-9]*$")
        bare = pc.if_else(plain, pc.replace_substring(bare, ",", "."), bare)
    short = pc.less_equal(pc.binary_length(bare), _LONGEST)
    good = pc.and_(pc.match_substring_regex(bare, _NUMERAL), short)
    bare = pc.if_else(good, bare, pa.scalar(None, bare.type))
    values = pc.utf8_ltrim(bare, characters="+").cast(pa.float64())
    figures = values.fill_null(0.0).to_numpy(zero_copy_only=False) + 0.0
    return figures, good.to_numpy(zero_copy_only=False)


def write_figures(numbers: Floats, style: Style) -> pa.StringArray:
    """Return finite numbers as text in a column's style."""
    if style.decimals is None:
        return _write_floats(numbers, style)
    scale = 10**style.decimals
    with np.errstate(over="ignore"):
        steps = np.rint(np.clip(numbers * float(scale), -_LARGEST, _LARGEST)).astype(np.int64)
    whole = max(int(np.abs(steps).max(initial=0)) // scale, 1)
    width = max(len(str(whole)), style.width or 1)
    texts = lettering.written(steps, lambda v: _pieces(v, style, scale, width))
    return _shortened(texts, steps, scale) if style.scientific else texts


def _pieces(
    steps: npt.NDArray[np.int64], style: Style, scale: int, width: int
) -> list[lettering.Piece]:
    """Return the written pieces of numbers given in steps of the last decimal."""
    size = np.abs(steps)
    whole = size // scale
    if style.grouping:
        body = lettering.grouped(whole, width, style.group_mark)
    else:
        body = lettering.digits(whole, width, padded=False, least=style.width or 1)
    pieces = [lettering.where(steps < 0, "-"), body]
    if style.prefix:
        spaced = style.prefix == " "
        pieces.insert(0 if spaced else 1, lettering.constant(style.prefix, len(steps)))
    places = style.decimals or 0
    if places:
        least = places if style.fixed_decimals else int(style.point_zero)
        rest = size - whole * scale
        shown = np.full(len(steps), True) if least else rest > 0
        pieces.append(lettering.where(shown, style.decimal_mark))
        pieces.append(lettering.fraction(rest, places, least=least))
    elif style.point_zero:
        pieces.append(lettering.constant(style.decimal_mark + "0", len(steps)))
    if style.suffix:
        pieces.append(lettering.constant(style.suffix, len(steps)))
    return pieces


def _shortened(texts: pa.StringArray, steps: npt.NDArray[np.int64], scale: int) -> pa.StringArray:
    """Return texts with an exponent where that is shorter: 100000 as 1e+05, 0.00001 as 1e-05."""
    size = np.abs(steps)
    long = (size >= 100_000 * scale) & (size % (10_000 * scale) == 0)
    long |= (size > 0) & (size < scale // 1000)
    if not long.any():
        return texts
    values, inverse = np.unique(steps[long], return_inverse=True)
    short = [_exponent(int(value), scale) for value in values]
    spelled = pa.array(short, pa.string()).take(pa.array(inverse))
    shorter = np.zeros(len(texts), dtype=bool)
    plain = pc.binary_length(texts).to_numpy(zero_copy_only=False)[long]
    shorter[long] = pc.binary_length(spelled).to_numpy(zero_copy_only=False) < plain
    fitting = spelled.filter(pa.array(shorter[long]))
    return pc.replace_with_mask(texts, pa.array(shorter), fitting)


def _exponent(step: int, scale: int) -> str:
    """Return one number as mantissa and exponent."""
    figures = str(abs(step)).rstrip("0")
    power = len(str(abs(step))) - len(str(scale))
    mantissa = figures[0] + ("." + figures[1:] if figures[1:] else "")
    return f"{'-' if step < 0 else ''}{mantissa}e{power:+03d}"


def _write_floats(numbers: Floats, style: Style) -> pa.StringArray:
    """Return floats as the shortest text that reads back as the same float, to e-99 and e+99."""
    numbers = np.where(np.abs(numbers) < 1e-99, 0.0, np.clip(numbers, -1e99, 1e99))
    texts = pa.array(numbers + 0.0).cast(pa.string())
    size = np.abs(numbers)
    rare = np.flatnonzero((size >= 1e15) | ((size < 1e-4) & (size > 0)))
    if len(rare):
        spelled = [_float_text(value) for value in numbers[rare].tolist()]
        mask = np.zeros(len(numbers), dtype=bool)
        mask[rare] = True
        texts = pc.replace_with_mask(texts, pa.array(mask), pa.array(spelled, pa.string()))
    if style.point_zero:
        whole = pc.match_substring_regex(texts, r"^-?[0-9]+$")
        texts = pc.if_else(whole, pc.binary_join_element_wise(texts, ".0", ""), texts)
    if style.decimal_mark == ",":
        texts = pc.replace_substring(texts, ".", ",")
    if style.prefix or style.suffix:
        texts = pc.binary_join_element_wise(style.prefix, texts, style.suffix, "")
    return texts


def _float_text(value: float) -> str:
    """Return one float as Python spells it, without a trailing .0."""
    return repr(value).removesuffix(".0")
