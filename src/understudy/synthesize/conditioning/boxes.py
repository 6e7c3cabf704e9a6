"""Sets of rows as disjoint boxes: per column a set of levels, all others free.

A conjunction of columns is one box, so evidence. `or` between columns needs several: each new box
gives up what the earlier ones hold, column by column, so that probabilities of boxes add up.

What may not happen here: a look at probabilities; more boxes than `MOST`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from understudy.errors import InputError
from understudy.synthesize.conditioning.comparisons import Comparison, Every, Formula
from understudy.synthesize.conditioning.levels import Mask

Box = Mapping[str, Mask]

MOST = 64
"""Most disjoint boxes a condition may need."""


def boxes_of(formula: Formula, mask: Callable[[Comparison], Mask]) -> tuple[Box, ...]:
    """Disjoint boxes that together are a formula; none when it holds nowhere.

    Parameters
    ----------
    formula
        A condition.
    mask
        The levels a comparison selects.

    Raises
    ------
    InputError
        More than `MOST` boxes would be needed.

    >>> from understudy.synthesize.conditioning.comparisons import Some
    >>> a, b = (Comparison(column=name, sign="==", value=1.0) for name in "ab")
    >>> either = boxes_of(Some((a, b)), lambda asked: np.array([False, True]))
    >>> [{name: one.tolist() for name, one in box.items()} for box in either]
    [{'a': [False, True]}, {'b': [False, True], 'a': [True, False]}]
    """
    if isinstance(formula, Comparison):
        found = mask(formula)
        return ({formula.column: found},) if found.any() else ()
    parts = [boxes_of(part, mask) for part in formula.parts]
    if isinstance(formula, Every):
        made: list[Box] = [{}]
        for part in sorted(parts, key=len):
            met = (_meet(one, other) for one in made for other in part)
            made = _few([box for box in met if box is not None])
        return tuple(made)
    return tuple(_united([box for part in parts for box in part]))


def _united(boxes: Sequence[Box]) -> list[Box]:
    """Disjoint boxes with the same rows."""
    single: dict[str, Mask] = {}
    several: list[Box] = []
    for box in boxes:
        if len(box) == 1:
            ((name, mask),) = box.items()
            single[name] = single[name] | mask if name in single else mask
        else:
            several.append(box)
    made: list[Box] = []
    for box in [*({name: mask} for name, mask in single.items()), *several]:
        pieces: list[Box] = [box]
        for earlier in made:
            pieces = [left for piece in pieces for left in _less(piece, earlier)]
        made = _few([*made, *pieces])
    return made


def _few(boxes: list[Box]) -> list[Box]:
    """The boxes, refused when they are too many."""
    if len(boxes) > MOST:
        raise InputError(
            "the condition falls into too many parts",
            hint="ask its parts one by one, or write it with fewer `or` between different columns",
            most=MOST,
        )
    return boxes


def _meet(one: Box, other: Box) -> Box | None:
    """The rows of both boxes, None when there are none."""
    made = dict(one)
    for name, mask in other.items():
        made[name] = made[name] & mask if name in made else mask
        if not made[name].any():
            return None
    return made


def _less(box: Box, other: Box) -> list[Box]:
    """The rows of a box that are not in another, as disjoint boxes."""
    if _meet(box, other) is None:
        return [box]
    made: list[Box] = []
    inside = dict(box)
    for name, mask in other.items():
        held = inside.get(name, np.ones(len(mask), dtype=bool))
        outside = held & ~mask
        if outside.any():
            made.append({**inside, name: outside})
        inside[name] = held & mask
    return made
