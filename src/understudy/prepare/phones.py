"""Phone numbers that nobody has. The only module that imports phonenumbers.

Several countries keep ranges for film and radio; these are used with the country's own formats.

What may not happen here: a number outside these ranges, unless a pattern of no known country
asks for digits at random.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pyarrow as pa

from understudy.cells.lettering import assemble, constant, digits
from understudy.cells.patterns import fill

# country -> (text before the free digits, how many free digits): international format
_KEPT: dict[str, tuple[str, int]] = {
    "GB": ("+44 7700 900", 3),
    "FR": ("+33 1 99 00 ", 4),
    "DE": ("+49 30 23125 ", 3),
    "AU": ("+61 491 570 ", 3),
    "IE": ("+353 20 91", 5),
    "SE": ("+46 31 390 06 ", 2),
}


@lru_cache(maxsize=1)
def _area_codes() -> tuple[int, ...]:
    """Return the North American area codes in which 555-01xx is a well-formed number."""
    import phonenumbers

    valid = []
    for area in range(201, 990):
        number = phonenumbers.PhoneNumber(country_code=1, national_number=area * 10**7 + 5550100)
        if phonenumbers.is_valid_number_for_region(number, "US"):
            valid.append(area)
    return tuple(valid)


def fictional(
    n: int, rng: np.random.Generator, *, locale: str = "en_US", pattern: str | None = None
) -> pa.StringArray:
    """Return n phone numbers of a range that is kept for fiction.

    Parameters
    ----------
    n
        How many; they repeat, the ranges are small.
    rng
        Sampling generator.
    locale
        Its country's format is used where there is no pattern: `de_DE` gives +49 30 23125 …
    pattern
        Shape of the real ones: with ten digits (or eleven, the first a 1) a North American
        555-01xx number is put into it; with others, random digits.

    >>> fictional(1, np.random.default_rng(0), pattern="(999) 999-9999")[0].as_py()[6:12]
    '555-01'
    """
    if pattern is not None and "9" in pattern:
        count = pattern.count("9")
        if count in (10, 11) and not pattern.startswith(("0", "9" * 11)):
            return _north_american(n, rng, pattern if count == 10 else _after_one(pattern))
        return pa.array(fill(pattern, n, rng), pa.string())
    kept = _KEPT.get(locale.rpartition("_")[2])
    if kept is None:
        return _north_american(n, rng, "+1 999-999-9999")
    head, free = kept
    return assemble([constant(head, n), digits(rng.integers(0, 10**free, n), free)], n)


def _after_one(pattern: str) -> str:
    """Return an eleven-digit pattern with its country code spelled out."""
    return pattern.replace("9", "1", 1)


def _north_american(n: int, rng: np.random.Generator, pattern: str) -> pa.StringArray:
    """Put area code, 555 and 01xx into the digits of a pattern."""
    areas = np.array(_area_codes(), dtype=np.int64)
    values = areas[rng.integers(0, len(areas), n)] * 10**7 + 5550100 + rng.integers(0, 100, n)
    figures, pieces, used = digits(values, 10), [], 0
    for letter in pattern:
        if letter == "9":
            pieces.append(figures[:, used : used + 1])
            used += 1
        else:
            pieces.append(constant(letter, n))
    return assemble(pieces, n)
