"""The classes of dates, datetimes and times, and the pattern of each.

A class is named by its format. Day and month that read either way (both at most 12) are a class
of their own, `A|B`: the cells that read one way only tell which it is.

What may not happen here: a format that is guessed from cells.
"""

from __future__ import annotations

import re

from understudy.cells.sieve import BIT, Sieve

#: Dates as `date:FORMAT`.
DATE_CLASSES: tuple[str, ...] = tuple(
    "date:" + form
    for form in (
        "%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%Y-%m",
        "%d/%m/%Y", "%m/%d/%Y", "%d/%m/%Y|%m/%d/%Y",
        "%-d/%-m/%Y", "%-m/%-d/%Y", "%-d/%-m/%Y|%-m/%-d/%Y",
        "%d/%m/%y", "%m/%d/%y", "%d/%m/%y|%m/%d/%y",
        "%-d/%-m/%y", "%-m/%-d/%y", "%-d/%-m/%y|%-m/%-d/%y",
        "%d-%m-%Y", "%m-%d-%Y", "%d-%m-%Y|%m-%d-%Y",
        "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%b %-d, %Y", "%B %-d, %Y", "%-d %B %Y",
    )
)  # fmt: skip

#: Datetimes as `datetime:FORMAT`, midnights apart: a column of them holds days.
DATETIME_CLASSES: tuple[str, ...] = tuple(
    "datetime:" + form
    for form in (
        "%Y-%m-%d 00:00:00", "%Y-%m-%d 00:00:00.000", "%Y-%m-%dT00:00:00",
        "%Y-%m-%dT00:00:00.000",
        "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%3f", "%Y-%m-%d %H:%M:%S.%f",
        "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%3f", "%Y-%m-%dT%H:%M:%S.%f",
        "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%3fZ", "%Y-%m-%dT%H:%M:%S.%fZ",
        "%Y-%m-%d %H:%M:%S%:z", "%Y-%m-%d %H:%M:%S.%f%:z",
        "%Y-%m-%dT%H:%M:%S%:z", "%Y-%m-%dT%H:%M:%S.%f%:z",
        "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M|%m/%d/%Y %H:%M",
        "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S|%m/%d/%Y %H:%M:%S",
        "%-d/%-m/%Y %-H:%M", "%-m/%-d/%Y %-H:%M", "%-d/%-m/%Y %-H:%M|%-m/%-d/%Y %-H:%M",
        "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S",
    )
)  # fmt: skip

TIME_CLASSES: tuple[str, ...] = tuple(
    "time:" + form for form in ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p")
)

# directive -> (pattern, shortest, longest)
_PARTS: dict[str, tuple[str, int, int]] = {
    "%Y": ("[0-9]{4}", 4, 4),
    "%y": ("[0-9]{2}", 2, 2),
    "%m": ("(?:0[1-9]|1[0-2])", 2, 2),
    "%-m": ("(?:0?[1-9]|1[0-2])", 1, 2),
    "%d": ("(?:0[1-9]|[12][0-9]|3[01])", 2, 2),
    "%-d": ("(?:0?[1-9]|[12][0-9]|3[01])", 1, 2),
    "%b": ("(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)", 3, 3),
    "%B": (
        "(?:January|February|March|April|May|June|July|August|September|October|November|December)",
        3,
        9,
    ),
    "%H": ("(?:[01][0-9]|2[0-3])", 2, 2),
    "%-H": ("(?:[01]?[0-9]|2[0-3])", 1, 2),
    "%I": ("(?:0[1-9]|1[0-2])", 2, 2),
    "%M": ("[0-5][0-9]", 2, 2),
    "%S": ("[0-5][0-9]", 2, 2),
    "%3f": ("[0-9]{3}", 3, 3),
    "%f": ("[0-9]{1,9}", 1, 9),
    "%:z": ("[+-][0-9]{2}:?[0-9]{2}", 5, 6),
    "%p": ("(?:AM|PM)", 2, 2),
    ".": (r"\.", 1, 1),
}
_LATE_DAY = "(?:1[3-9]|2[0-9]|3[01])"
_CENTURY = "(?:1[5-9]|2[0-2])[0-9]{2}"
_TOKEN = re.compile(r"%[-:3]?[A-Za-z]|.")


def _described(form: str) -> tuple[str, int, int]:
    """Return the pattern, the shortest and the longest length of the cells of a class."""
    one, _, other = form.partition("|")
    tokens = _TOKEN.findall(one)
    pieces = [_PARTS.get(token, (token, 1, 1)) for token in tokens]
    patterns = [piece[0] for piece in pieces]
    for place, part in enumerate(tokens):
        if part in ("%d", "%-d") and ("/" in one or "%m-%Y" in one or "%d-%Y" in one):
            patterns[place] = _LATE_DAY
            if other:
                patterns[place] = _PARTS[part.replace("d", "m")][0]
        if part == "%Y" and form in ("%Y/%m/%d", "%Y-%m"):
            patterns[place] = _CENTURY
    if form == "%Y/%m/%d":
        patterns[tokens.index("%d")] = _PARTS["%d"][0]
    shortest, longest = sum(p[1] for p in pieces), sum(p[2] for p in pieces)
    return f"^{''.join(patterns)}$", shortest, longest


_SIEVED = tuple(
    (name, *_described(name.partition(":")[2]))
    for name in (*DATE_CLASSES, *DATETIME_CLASSES, *TIME_CLASSES)
)
_SHORTEST = min(entry[2] for entry in _SIEVED)
_LONGEST = max(entry[3] for entry in _SIEVED)


def take_moments(sieve: Sieve) -> None:
    """Take dates, datetimes and times out of a sieve, by their format."""
    if not sieve.any(needs=BIT.DIGIT, least=_SHORTEST, most=_LONGEST):
        return
    for name, pattern, least, most in _SIEVED:
        needs = BIT.DIGIT
        for mark, bit in (("/", BIT.SLASH), (" ", BIT.SPACE), (":%M", BIT.COLON), (".", BIT.DOT)):
            needs |= bit if mark in name else BIT(0)
        named = "%b" in name or "%B" in name or name.endswith("p") or "T" in name or "Z" in name
        only = BIT.UPPER | BIT.LOWER if named else BIT(0)
        only = ~(BIT.UPPER | BIT.LOWER | BIT.WIDE | BIT.CONTROL) | only
        sieve.take(name, pattern, needs=needs, only=only, least=least, most=most)
