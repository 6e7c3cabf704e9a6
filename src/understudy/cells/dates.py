"""Dates, datetimes and times as text: read by a strftime format, written in the same.

Beyond strftime: `%-d`, `%-m`, `%-H` and so on write without leading zeros, `%1f` to `%9f` so
many digits of a second (`%f` writes six and reads any number), `%:z` an offset with its colon.

What may not happen here: a guess about a format; an exception that a cell can cause.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from understudy.cells import lettering
from understudy.errors import SchemaError

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

DAY = 86_400_000_000  # microseconds
FIRST = -719_162 * DAY  # 0001-01-01
LAST = 2_932_897 * DAY - 1  # 9999-12-31T23:59:59.999999

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_TOKEN = re.compile(r"%(?P<flag>[-:1-9]?)(?P<letter>[A-Za-z%])|(?P<text>[^%]+|%)", re.DOTALL)
_READ = {
    "Y": "[0-9]{4}", "y": "[0-9]{2}", "m": "[0-9]{1,2}", "d": "[0-9]{1,2}", "j": "[0-9]{1,3}",
    "H": "[0-9]{1,2}", "I": "[0-9]{1,2}", "M": "[0-9]{1,2}", "S": "[0-9]{1,2}",
    "f": "[0-9]{1,9}", "b": r"\pL{3}", "B": r"\pL{3,9}", "a": r"\pL{3}", "A": r"\pL{6,9}",
    "p": "[AaPp][Mm]", "z": "Z|[+-][0-9]{2}:?[0-9]{2}", "Z": "[A-Za-z]{1,5}",
}  # fmt: skip
_STEP = {"f": 1, "S": 1_000_000, "M": 60_000_000, "H": 3_600_000_000, "I": 3_600_000_000}


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """A format taken apart: its tokens, the pattern that reads it, its finest step."""

    tokens: tuple[tuple[str, str], ...]  # (flag + letter, "") or ("", text)
    pattern: str
    letters: frozenset[str]
    step: int  # microseconds between two neighbouring moments

    @property
    def has_clock(self) -> bool:
        """Whether the format shows a time of day."""
        return bool(self.letters & {"H", "I", "M", "S", "f"})

    @property
    def has_day(self) -> bool:
        """Whether the format shows a date."""
        return bool(self.letters & {"Y", "y", "m", "d", "j", "b", "B"})


@lru_cache(maxsize=256)
def layout_of(form: str) -> Layout:
    """Take a strftime format apart.

    Parameters
    ----------
    form
        The format, at most 200 characters.

    Returns
    -------
    Layout
        What `read_moments` and `write_moments` need.

    Raises
    ------
    SchemaError
        When a directive is unknown or stands twice.

    >>> layout_of("%d/%m/%Y %H:%M").step // 60_000_000
    1
    """
    tokens: list[tuple[str, str]] = []
    pattern: list[str] = []
    letters: set[str] = set()
    step = DAY
    for found in _TOKEN.finditer(form):
        letter = found["letter"]
        if letter is None or letter == "%":
            text = "%" if letter else found["text"]
            tokens.append(("", text))
            pattern.append(re.escape(text).replace(r"\ ", " "))
            continue
        if letter not in _READ or letter in letters:
            raise SchemaError(
                "a date format has an unknown or a repeated directive",
                hint=f"known are {', '.join('%' + known for known in _READ)}, each once",
                format=form,
                directive="%" + letter,
            )
        letters.add(letter)
        group = f"(?P<{letter}>{_READ[letter]})"
        if letter == "f" and pattern and pattern[-1].endswith(r"\."):
            pattern[-1] = pattern[-1].removesuffix(r"\.")
            group = rf"(?:\.{group})?"
        tokens.append((found["flag"] + letter, ""))
        pattern.append(group)
        if letter in _STEP:
            fine = 10 ** (6 - min(int(found["flag"]), 6)) if found["flag"].isdigit() else 1
            step = min(step, fine if letter == "f" else _STEP[letter])
    if not letters:
        raise SchemaError("a date format has no directive", format=form)
    return Layout(
        tokens=tuple(tokens),
        pattern=f"^{''.join(pattern)}$",
        letters=frozenset(letters),
        step=step,
    )


def read_moments(texts: pa.LargeStringArray, layout: Layout) -> tuple[Ints, Flags]:
    """Return (microseconds since 1970-01-01 00:00 UTC, readable) of every text.

    Text without an offset counts as UTC; a fraction of a second may be left out. Unreadable are texts of another format, days that no
    calendar has, and years outside 1 to 9999.
    """
    parts = pc.extract_regex(texts, layout.pattern)
    good = parts.is_valid().to_numpy(zero_copy_only=False).copy()
    where = np.flatnonzero(good)
    micros = np.zeros(len(texts), dtype=np.int64)
    if not len(where):
        return micros, good
    fields = {name.name: parts.field(name.name).take(pa.array(where)) for name in parts.type}

    def number(letter: str, default: int) -> Ints:
        if letter not in fields:
            return np.full(len(where), default, dtype=np.int64)
        return np.asarray(fields[letter].cast(pa.int64()).to_numpy(zero_copy_only=False))

    year, year_ok = _year(number("Y", 1970), fields, number("y", 0))
    month, month_ok = _month(number("m", 1), fields)
    day = number("d", 1)
    ok = year_ok & month_ok & (day >= 1) & (day <= _month_length(year, np.clip(month, 1, 12)))
    days = _days(year, np.clip(month, 1, 12), day)
    if "j" in fields:
        nth = number("j", 1)
        ok &= (nth >= 1) & (nth <= 365 + _leap(year))
        days = days + np.where("m" in fields or "b" in fields, 0, nth - 1)
    hour, hour_ok = _hour(number("H", 0), fields, number("I", 12))
    minute, second = number("M", 0), number("S", 0)
    ok &= hour_ok & (minute < 60) & (second < 60)
    total = days * DAY + ((hour * 60 + minute) * 60 + second) * 1_000_000
    if "f" in fields:
        nine = pc.utf8_rpad(fields["f"], width=9, padding="0").cast(pa.int64()).fill_null(0)
        total += nine.to_numpy(zero_copy_only=False) // 1000
    if "z" in fields:
        total -= _offset(fields["z"])
    ok &= (total >= FIRST) & (total <= LAST)
    micros[where] = np.where(ok, total, 0)
    good[where] = ok
    return micros, good


def write_moments(micros: Ints, layout: Layout, offsets: Ints | None = None) -> pa.StringArray:
    """Return moments as text in a format.

    Parameters
    ----------
    micros
        n microseconds since 1970-01-01 00:00 UTC; clipped to the years 1 to 9999.
    layout
        The format.
    offsets
        n microseconds that local time is ahead of UTC; None: UTC.
    """
    if offsets is None:
        return lettering.written(_coarse(micros, layout.step), lambda v: _pieces(v, layout, v * 0))
    offsets = offsets // 60_000_000 * 60_000_000
    local = np.clip(micros, FIRST + DAY, LAST - DAY) + offsets
    rows = np.arange(len(micros))
    fine = _coarse(local, layout.step)
    return lettering.written(rows, lambda r: _pieces(fine[r], layout, offsets[r]))


def _coarse(micros: Ints, step: int) -> Ints:
    """Return moments on the format's own steps, within the years it can show."""
    return np.clip(micros, FIRST, LAST) // step * step


def _pieces(micros: Ints, layout: Layout, offsets: Ints) -> list[lettering.Piece]:
    """Return the written pieces of local moments."""
    days = micros // DAY
    clock = micros - days * DAY
    year, month, day = _civil(days)
    hour = clock // 3_600_000_000
    values = {
        "Y": (year, 4), "y": (year % 100, 2), "m": (month, 2), "d": (day, 2), "H": (hour, 2),
        "I": ((hour + 11) % 12 + 1, 2), "M": (clock // 60_000_000 % 60, 2),
        "S": (clock // 1_000_000 % 60, 2), "j": (days - _days(year, year * 0 + 1, year * 0 + 1) + 1, 3),
    }  # fmt: skip
    words = {
        "b": (month - 1, [name[:3] for name in MONTHS]),
        "B": (month - 1, MONTHS),
        "a": ((days + 3) % 7, [name[:3] for name in WEEKDAYS]),
        "A": ((days + 3) % 7, WEEKDAYS),
        "p": (hour // 12, ("AM", "PM")),
    }
    pieces: list[lettering.Piece] = []
    for token, text in layout.tokens:
        flag, letter = token[:-1], token[-1:]
        if not letter:
            pieces.append(lettering.constant(text, len(micros)))
        elif letter in values:
            value, width = values[letter]
            pieces.append(lettering.digits(value, width, padded=flag != "-"))
        elif letter in words:
            pieces.append(lettering.chosen(*words[letter]))
        elif letter == "f":
            count = int(flag) if flag else 6
            nine = clock % 1_000_000 * 1000
            pieces.append(lettering.digits(nine // 10 ** (9 - count), count))
        elif letter == "z":
            minutes = np.abs(offsets) // 60_000_000
            sign = np.where(offsets < 0, np.uint8(ord("-")), np.uint8(ord("+")))
            colon = [lettering.constant(":", len(micros))] if flag == ":" else []
            hours = lettering.digits(minutes // 60, 2)
            pieces += [sign[:, None], hours, *colon, lettering.digits(minutes % 60, 2)]
        else:
            pieces.append(lettering.constant("UTC", len(micros)))
    return pieces


def _year(full: Ints, fields: dict[str, pa.Array], short: Ints) -> tuple[Ints, Flags]:
    """Return years, two-digit ones by the POSIX pivot, and whether a calendar has them."""
    if "y" in fields and "Y" not in fields:
        full = np.where(short < 69, 2000 + short, 1900 + short)
    return full, (full >= 1) & (full <= 9999)


def _month(plain: Ints, fields: dict[str, pa.Array]) -> tuple[Ints, Flags]:
    """Return months from digits or English names."""
    month = plain
    for letter, length in (("b", 3), ("B", 9)):
        if letter in fields:
            names = pa.array([name[:length].lower() for name in MONTHS], fields[letter].type)
            at = pc.index_in(pc.utf8_lower(fields[letter]), value_set=names)
            month = at.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64) + 1
    return month, (month >= 1) & (month <= 12)


def _hour(plain: Ints, fields: dict[str, pa.Array], half: Ints) -> tuple[Ints, Flags]:
    """Return hours of the day from the 24 or the 12 hour clock."""
    if "I" not in fields or "H" in fields:
        return plain, plain < 24
    late = np.zeros(len(plain), dtype=bool)
    if "p" in fields:
        late = pc.equal(pc.utf8_lower(fields["p"]), "pm").to_numpy(zero_copy_only=False)
    return half % 12 + 12 * late, (half >= 1) & (half <= 12)


def _offset(zones: pa.Array) -> Ints:
    """Return offsets such as Z, +0130 or -05:00 in microseconds."""
    bare = pc.replace_substring(pc.replace_substring(zones, "Z", "+0000"), ":", "")
    number = bare.cast(pa.string())
    sign = np.where(pc.starts_with(number, "-").to_numpy(zero_copy_only=False), -1, 1)
    value = pc.utf8_slice_codeunits(number, 1).cast(pa.int64()).to_numpy(zero_copy_only=False)
    return np.asarray(sign * (value // 100 * 60 + value % 100) * 60_000_000, dtype=np.int64)


def _leap(year: Ints) -> Ints:
    """Return 1 in leap years."""
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    return np.asarray(leap, dtype=np.int64)


def _month_length(year: Ints, month: Ints) -> Ints:
    """Return the number of days of a month."""
    table = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
    return np.asarray(table[month - 1] + (month == 2) * _leap(year))


def _days(year: Ints, month: Ints, day: Ints) -> Ints:
    """Return days since 1970-01-01 of the proleptic Gregorian calendar."""
    start = ((year - 1970) * 12 + (month - 1)).astype("datetime64[M]")
    return np.asarray(start.astype("datetime64[D]").astype(np.int64) + day - 1)


def _civil(days: Ints) -> tuple[Ints, Ints, Ints]:
    """Return (year, month, day) of days since 1970-01-01."""
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    count = months.astype(np.int64)
    day = days - months.astype("datetime64[D]").astype(np.int64) + 1
    return count // 12 + 1970, count % 12 + 1, day
