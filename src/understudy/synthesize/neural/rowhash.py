"""Randomness of a row in a step, by hashing both: the same wherever in a batch the row stands.

A row's gradient may depend on that row, the step and the parameters, and on nothing else. So what
it is drawn with (an order of columns, a normal number) comes from the row, and not from a place in
a stream of random numbers, which another row would shift. What may not happen here: noise for
privacy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_ODD = np.uint64(0x9E3779B97F4A7C15)


def mixed(words: Any) -> Any:
    """Stafford's mixing of 64 bits (the last steps of SplitMix64: Steele, Lea & Flood 2014)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def row_keys(codes: Any, step: int) -> Any:
    """64 bits for every row and step, from the row's codes `(rows, columns)`."""
    with np.errstate(over="ignore"):
        salt = salts(codes.shape[1])
        row = mixed((codes.astype(np.uint64) + np.uint64(1)) * salt + np.uint64(step) * _ODD)
        return mixed(row.sum(axis=1, dtype=np.uint64))


def salts(count: int) -> Any:
    """So many public constants of 64 bits that have nothing in common."""
    with np.errstate(over="ignore"):
        return mixed(np.arange(1, count + 1, dtype=np.uint64) * _ODD)


def row_uniforms(codes: Any, step: int, count: int) -> Any:
    """Numbers in (0, 1), float64, `(rows, count)`.

    >>> rows = np.array([[1, 2], [3, 4], [1, 2]])
    >>> drawn = row_uniforms(rows, 7, 3)
    >>> bool((drawn[0] == drawn[2]).all()), bool((drawn[0] == drawn[1]).any())
    (True, False)
    """
    with np.errstate(over="ignore"):
        cells = mixed(row_keys(codes, step)[:, None] + salts(count))
    return ((cells >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def row_normals(codes: Any, step: int, count: int) -> Any:
    """Standard normal numbers, float32, `(rows, count)` (Box & Muller 1958)."""
    half = (count + 1) // 2
    drawn = row_uniforms(codes, step, 2 * half)
    radius = np.sqrt(-2.0 * np.log(drawn[:, :half]))
    angle = 2.0 * np.pi * drawn[:, half:]
    both = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return both[:, :count].astype(np.float32)
