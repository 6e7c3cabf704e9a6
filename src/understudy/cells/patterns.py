"""The pattern of a cell (`AB-1234` is `AA-9999`), and random text of a pattern.

What may not happen here: a pattern that keeps a letter or a digit of its cell.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from understudy.cells.lettering import assemble, constant
from understudy.cells.sieve import texts_of

Texts: TypeAlias = "pa.Array | pa.ChunkedArray"

#: The pattern of every text with more characters than `LONGEST`.
TOO_LONG = "…"
LONGEST = 64

_DIGITS = "0123456789"
_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LETTERS = {"9": _DIGITS, "A": _UPPER, "a": _UPPER.lower()}


def pattern(values: Texts) -> pa.StringArray:
    """Return the pattern of every cell: digits become 9, capitals A, other letters a.

    Parameters
    ----------
    values
        n text cells; nulls stay null. Other marks and blanks are kept as they are.

    Returns
    -------
    Array
        n patterns; `TOO_LONG` for more than `LONGEST` characters. A cell's pattern depends on
        that cell alone.

    >>> pattern(pa.array(["AB-1234", "Éric", None])).to_pylist()
    ['AA-9999', 'Aaaa', None]
    """
    distinct, indices = texts_of(values)
    shapes = pc.replace_substring_regex(distinct, r"\p{Nd}", "9")
    shapes = pc.replace_substring_regex(shapes, r"[\p{Lu}\p{Lt}]", "A")
    shapes = pc.replace_substring_regex(shapes, r"[\p{Ll}\p{Lm}\p{Lo}]", "a")
    short = pc.less_equal(pc.utf8_length(distinct), LONGEST)
    shapes = pc.if_else(short, shapes, TOO_LONG).cast(pa.string())
    table = pa.concat_arrays([shapes, pa.array([None], pa.string())])
    return table.take(pa.array(indices))


def capacity(form: str) -> int:
    """Return how many different texts a pattern has.

    >>> capacity("A-9")
    260
    """
    count = 1
    for letter in _places(form):
        count *= len(letter)
    return count


def fill(form: str, n: int, rng: np.random.Generator) -> list[str]:
    """Return n random texts of a pattern, each digit and letter drawn on its own.

    >>> [len(text) for text in fill("AA-99", 2, np.random.default_rng(0))]
    [5, 5]
    """
    drawn = [rng.integers(0, len(letters), n) for letters in _places(form)]
    texts: list[str] = _joined(form, drawn, n).to_pylist()
    return texts


def fill_unique(form: str, n: int, rng: np.random.Generator) -> pa.StringArray:
    """Return n different random texts of a pattern; digits are added where it has too few.

    >>> sorted(fill_unique("9", 10, np.random.default_rng(0)).to_pylist())[:4]
    ['0', '1', '2', '3']
    """
    while capacity(form) < n:
        form += "9"
    places = _places(form)
    ranks = distinct_ranks(min(capacity(form), 2**62), n, rng)
    drawn = []
    for letters in reversed(places):
        drawn.append(ranks % len(letters))
        ranks = ranks // len(letters)
    return _joined(form, drawn[::-1], n)


def _places(form: str) -> list[str]:
    """Return the letters allowed at each variable place; a bare number starts with 1 to 9."""
    places = [_LETTERS[letter] for letter in form if letter in _LETTERS]
    if len(form) > 1 and set(form) == {"9"}:
        places[0] = _DIGITS[1:]
    return places


def _joined(form: str, drawn: list[npt.NDArray[np.int64]], n: int) -> pa.StringArray:
    """Return the drawn letters put into the pattern."""
    places = iter(zip(_places(form), drawn, strict=True))
    pieces = []
    for letter in form:
        if letter in _LETTERS:
            letters, which = next(places)
            table = np.frombuffer(letters.encode(), dtype=np.uint8)
            pieces.append(table[which][:, None])
        else:
            pieces.append(constant(letter, n))
    return assemble(pieces, n)


def distinct_ranks(size: int, n: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return n different integers in [0, size), size at least n, in random order."""
    if size <= 4 * n:
        return rng.permutation(size)[:n].astype(np.int64)
    found = _sorted_once(rng.integers(0, size, n, dtype=np.int64))
    while len(found) < n:
        more = rng.integers(0, size, n - len(found) + 8, dtype=np.int64)
        found = _sorted_once(np.concatenate([found, more]))
    return rng.permutation(found)[:n]


def _sorted_once(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the distinct values in order."""
    ordered = np.sort(values)
    return np.asarray(ordered[np.append(True, ordered[1:] != ordered[:-1])])
