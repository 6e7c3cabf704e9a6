"""The fixed public list of disjoint cell classes, and which class each cell falls in.

Every cell falls in exactly one class, whatever it holds: the histogram of classes changes by one
in one place when a row is added or removed, and its length never depends on the data. How many
classes there are costs no budget (they are disjoint) and hardly any accuracy (each is judged
against its own noise).

What may not happen here: a class that is learned, an exception that a cell can cause.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from understudy.cells.moments import (
    DATE_CLASSES,
    DATETIME_CLASSES,
    TIME_CLASSES,
    take_moments,
)
from understudy.cells.sieve import BIT, Sieve, texts_of

#: Class of an Arrow null (a missing cell of a typed container).
MISSING = "missing"

#: Null markers, each its own class; a blank cell (only white space) counts as `" "`.
MARKS: tuple[str, ...] = (
    "", " ", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "?", " ?", "-", "--", ".",
    "#N/A", r"\N", "<NA>", "NaT",
)  # fmt: skip

#: Spellings of (true, false) that are words: one class for both sides.
WORD_PAIRS: tuple[tuple[str, str], ...] = (
    ("true", "false"),
    ("True", "False"),
    ("TRUE", "FALSE"),
    ("yes", "no"),
    ("Yes", "No"),
    ("YES", "NO"),
    ("on", "off"),
)

#: Spellings of (true, false) that are single letters: a class for each side, for a lone F or N
#: is more often a label than half of a boolean.
LETTER_PAIRS: tuple[tuple[str, str], ...] = (("T", "F"), ("t", "f"), ("Y", "N"), ("y", "n"))

NUMBER_CLASSES: tuple[str, ...] = (
    "integer", "integer_wide", "integer_zeros", "integer_long", "integer_date", "integer_grouped", "point_zero",
    *(f"decimal_{places}" for places in range(1, 10)), "decimal_more", "scientific",
    "decimal_grouped", "comma_1", "comma_2", "comma_more", "comma_grouped",
    "percent_0", "percent_1", "percent_2", "dollar_0", "dollar_2", "dollar_grouped",
    "spaced_integer", "spaced_decimal", "number_other",
)  # fmt: skip

#: Direct identifiers that show in a single cell.
IDENTITY_CLASSES: tuple[str, ...] = (
    "email", "url", "ipv4", "ipv6", "uuid", "iban", "phone", "national_id", "hex", "name",
    "name_comma", "address",
)  # fmt: skip

TEXT_CLASSES: tuple[str, ...] = (
    "infinity", "currency", "digits", "range", "word", "code", "token", "phrase", "phrase_digits",
    "sentence", "long", "odd",
)  # fmt: skip

#: The fixed public list: at most 256 names; the position is the code `classify` returns.
CLASSES: tuple[str, ...] = (
    MISSING,
    *("mark:" + mark for mark in MARKS),
    *NUMBER_CLASSES,
    *(f"pair:{true}/{false}" for true, false in WORD_PAIRS),
    *("letter:" + letter for pair in LETTER_PAIRS for letter in pair),
    *DATE_CLASSES,
    *DATETIME_CLASSES,
    *TIME_CLASSES,
    *IDENTITY_CLASSES,
    *TEXT_CLASSES,
)

#: Position of each class in `CLASSES`.
CODE: dict[str, int] = {name: code for code, name in enumerate(CLASSES)}

#: Classes of floating-point cells.
FLOAT_CLASSES: tuple[str, ...] = (
    MISSING, "nan", "+inf", "-inf", "integer", *(f"decimal_{n}" for n in range(1, 10)),
    "decimal_more",
)  # fmt: skip

_LITERALS: dict[str, int] = {
    **{mark: CODE["mark:" + mark] for mark in MARKS},
    **{word: CODE["pair:" + "/".join(pair)] for pair in WORD_PAIRS for word in pair},
    **{letter: CODE["letter:" + letter] for pair in LETTER_PAIRS for letter in pair},
}

Texts: TypeAlias = "pa.Array | pa.ChunkedArray"


def classify(values: Texts) -> npt.NDArray[np.uint8]:
    """Return the class of every cell of a text column, as positions in `CLASSES`.

    Parameters
    ----------
    values
        n cells: string, large string, string view, or a dictionary of one of these.

    Returns
    -------
    ndarray
        n codes in [0, len(CLASSES)). A cell's code depends on that cell alone.

    >>> codes = classify(pa.array(["12", "12.50", "?", "", None, "31/12/2020", "Yes"]))
    >>> [CLASSES[code] for code in codes]
    ['integer', 'decimal_2', 'mark:?', 'mark:', 'missing', 'date:%d/%m/%Y', 'pair:Yes/No']
    """
    distinct, indices = texts_of(values)
    codes = np.append(_classify_distinct(distinct), np.uint8(CODE[MISSING]))
    return codes[indices]


def _classify_distinct(texts: pa.LargeStringArray) -> npt.NDArray[np.uint8]:
    """Return the codes of distinct, non-null texts."""
    sieve = Sieve(texts, CODE)
    sieve.literals(_LITERALS)
    sieve.blanks("mark: ")
    _numbers(sieve)
    take_moments(sieve)
    _identities(sieve)
    _texts(sieve)
    return sieve.codes


_D, _DASH, _DOT, _COMMA = BIT.DIGIT, BIT.DASH, BIT.DOT, BIT.COMMA
_LETTER = BIT.UPPER | BIT.LOWER | BIT.WIDE
_NUMERAL = 40  # longest numeral, in bytes
_HEAD = "(?:0|[1-9][0-9]{0,14})"


def _numbers(sieve: Sieve) -> None:
    """Take out everything that reads as a number, by its spelling."""

    def take(name: str, pattern: str, only: int, needs: int = _D) -> None:
        sieve.take(name, pattern, needs=needs, only=only, most=_NUMERAL)

    take("integer_date", r"^(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])$", _D)
    take("integer", r"^(?:0|-?[1-9][0-9]{0,6})$", _D | _DASH)
    take("integer_wide", r"^-?[1-9][0-9]{7,14}$", _D | _DASH)
    take("integer_zeros", r"^-?0[0-9]+$", _D | _DASH)
    take("integer_long", r"^-?[1-9][0-9]{15,38}$", _D | _DASH)
    take("number_other", r"^-0\.?0*$", _D | _DASH | _DOT)
    point = _D | _DASH | _DOT
    take("point_zero", rf"^-?{_HEAD}\.0$", point, _D | _DOT)
    sieve.take_places(
        {**{n: f"decimal_{n}" for n in range(1, 10)}, None: "decimal_more"},
        rf"^-?{_HEAD}\.[0-9]+$",
        mark=".",
        needs=_D | _DOT,
        only=point,
        most=_NUMERAL,
    )
    take("scientific", r"^-?[0-9](?:\.[0-9]+)?[eE][+-]?[0-9]{1,2}$", point | BIT.PLUS | _LETTER)
    comma = _D | _DASH | _COMMA
    take("integer_grouped", r"^-?[1-9][0-9]{0,2}(?:,[0-9]{3})+$", comma, _D | _COMMA)
    take("decimal_grouped", r"^-?[1-9][0-9]{0,2}(?:,[0-9]{3})+\.[0-9]+$", comma | _DOT, _COMMA)
    sieve.take_places(
        {1: "comma_1", 2: "comma_2", None: "comma_more"},
        rf"^-?{_HEAD},[0-9]+$",
        mark=",",
        needs=_D | _COMMA,
        only=comma,
        most=_NUMERAL,
    )
    take("comma_grouped", r"^-?[1-9][0-9]{0,2}(?:\.[0-9]{3})+(?:,[0-9]+)?$", comma | _DOT)
    percent = point | BIT.PERCENT
    take("percent_0", r"^-?[0-9]{1,15}%$", percent, BIT.PERCENT)
    take("percent_1", r"^-?[0-9]{1,15}\.[0-9]%$", percent, BIT.PERCENT)
    take("percent_2", r"^-?[0-9]{1,15}\.[0-9]{2}%$", percent, BIT.PERCENT)
    dollar = point | _COMMA | BIT.DOLLAR
    take("dollar_0", r"^-?\$[0-9]{1,15}$", dollar, BIT.DOLLAR)
    take("dollar_2", r"^-?\$[0-9]{1,15}\.[0-9]{2}$", dollar, BIT.DOLLAR)
    take("dollar_grouped", r"^-?\$[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]{2})?$", dollar, BIT.DOLLAR)
    take("spaced_integer", r"^ -?[0-9]{1,15}$", _D | _DASH | BIT.SPACE, BIT.SPACE)
    take("spaced_decimal", r"^ -?[0-9]{1,15}\.[0-9]+$", point | BIT.SPACE, BIT.SPACE)
    plain = r"^\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?\s*$"
    take("number_other", plain, point | BIT.PLUS | BIT.SPACE | BIT.UPPER | BIT.LOWER)
    sieve.take("infinity", r"^[+-]?(?:inf|Inf|INF|infinity|Infinity)$", most=9)
    money = r"^-?[€£¥$] ?[0-9][0-9.,]*$|^-?[0-9][0-9.,]* ?(?:€|£|¥|\$|EUR|USD|GBP)$"
    sieve.take("currency", money, needs=_D, most=_NUMERAL)


_PHONE = (
    r"^\+[0-9][0-9 ().-]{6,18}[0-9]$|^\([0-9]{1,5}\)[ -]?[0-9][0-9 -]{4,12}$"
    r"|^[0-9]{3}[-. ][0-9]{3}[-. ][0-9]{4}$"
    r"|^1[-. ]\(?[0-9]{3}\)?[-. ][0-9]{3}[-. ][0-9]{4}$|^0[0-9]{1,4}[ /-][0-9][0-9 /-]{4,12}$"
)
_WAYS = "St|Street|Ave|Avenue|Rd|Road|Blvd|Boulevard|Dr|Drive|Ln|Lane|Way|Ct|Court|Pl|Place|Sq"
_ADDRESS = (
    rf"^[0-9]+[A-Za-z]?,? .*\b(?:{_WAYS})\b|(?i)(?:straße|strasse|str\.|platz|weg) [0-9]"
    r"|(?i)^(?:rue|calle|via|avda\.?|av\.|rua) .*[0-9]"
)


def _identities(sieve: Sieve) -> None:
    """Take out what names a person, a machine or a record by its spelling alone."""
    sieve.take("email", r"^[^@\s]+@[^@\s]+\.[A-Za-z]{2,}$", needs=BIT.AT, most=254)
    sieve.take("url", r"^(?:https?://|ftp://|www\.)\S+$", needs=BIT.LOWER | _DOT, most=2000)
    sieve.take("url", r"^(?:https?://)\S+$", needs=BIT.LOWER | BIT.SLASH, most=2000)
    octet = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
    sieve.take("ipv4", rf"^(?:{octet}\.){{3}}{octet}$", needs=_D | _DOT, only=_D | _DOT, most=15)
    hexadecimal = _D | BIT.UPPER | BIT.LOWER
    group = "[0-9A-Fa-f]{0,4}"
    colons = hexadecimal | BIT.COLON
    sieve.take("ipv6", f"^(?:{group}:){{2,7}}{group}$", needs=BIT.COLON, only=colons, most=39)
    uuid = r"^[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$"
    sieve.take("uuid", uuid, needs=_D | _DASH, only=hexadecimal | _DASH, least=36, most=36)
    iban = r"^[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?$"
    spaced = _D | BIT.UPPER | BIT.SPACE
    sieve.take("iban", iban, needs=_D | BIT.UPPER, only=spaced, least=15, most=42)
    sieve.take("national_id", r"^[0-9]{3}-[0-9]{2}-[0-9]{4}$", needs=_DASH, least=11, most=11)
    sieve.take("phone", _PHONE, needs=_D, only=~(_LETTER | BIT.AT), least=9, most=24)
    letters = "(?:[0-9]+[a-fA-F]|[a-fA-F]+[0-9])[0-9a-fA-F]+"
    sieve.take("hex", f"^{letters}$", needs=_D, only=hexadecimal, least=24, most=128)
    part = r"\p{Lu}[\p{L}'’.-]*"
    name = rf"^\p{{Lu}}[\p{{L}}'’-]*\p{{Ll}}[\p{{L}}'’-]* {part}(?: {part})?$"
    only = _LETTER | BIT.SPACE | BIT.DASH | BIT.DOT | BIT.OTHER
    sieve.take("name", name, needs=BIT.SPACE | BIT.UPPER, only=only, most=60)
    comma = rf"^\p{{Lu}}[\p{{L}}'’ -]*\p{{Ll}}[\p{{L}}'’ -]*, {part}.*$"
    sieve.take("name_comma", comma, needs=_COMMA | BIT.SPACE, only=only | _COMMA, most=90)
    sieve.take("address", _ADDRESS, needs=_D | BIT.SPACE, most=120)


def _texts(sieve: Sieve) -> None:
    """Sort what is left by its size and its make-up."""
    sieve.odd("odd", longest=1000)
    number = "[0-9][0-9,.]*[kKmM]?"
    span = (
        rf"^[<>]=? ?\$?{number}$|^\$?{number} ?(?:-|–|to|\.\.) ?\$?{number}$|^{number}\+$"
        r"|^[\[(]-?[0-9.]+, ?-?[0-9.]+[\])]$"
    )
    sieve.take("range", span, needs=_D, most=40)
    sieve.sizes()


def classify_floats(values: npt.NDArray[np.floating[Any]] | pa.Array) -> npt.NDArray[np.uint8]:
    """Return the class of every floating-point cell, as positions in `FLOAT_CLASSES`.

    Parameters
    ----------
    values
        n floats of any width; an Arrow array also carries nulls.

    Returns
    -------
    ndarray
        n codes: the fewest decimals whose decimal fraction is this very float.

    >>> codes = classify_floats(np.array([1.0, 2.25, np.nan, -np.inf, 1 / 3]))
    >>> [FLOAT_CLASSES[code] for code in codes]
    ['integer', 'decimal_2', 'nan', '-inf', 'decimal_more']
    """
    if isinstance(values, pa.Array | pa.ChunkedArray):
        null = values.is_null().to_numpy(zero_copy_only=False)
        floats = np.asarray(values.to_numpy(zero_copy_only=False))
    else:
        null = np.zeros(len(values), dtype=bool)
        floats = values
    codes = np.full(len(floats), FLOAT_CLASSES.index("decimal_more"), dtype=np.uint8)
    wide = floats.astype(np.float64)
    todo = np.flatnonzero(np.isfinite(wide))
    for places in range(10):
        exact = wide[todo]
        with np.errstate(over="ignore", invalid="ignore"):
            near = np.rint(exact * 10.0**places) / 10.0**places
        same = (near.astype(floats.dtype) == floats[todo]) if len(todo) else np.zeros(0, bool)
        codes[todo[same]] = FLOAT_CLASSES.index("integer") + places
        todo = todo[~same]
    codes[np.isnan(wide)] = FLOAT_CLASSES.index("nan")
    codes[wide == np.inf] = FLOAT_CLASSES.index("+inf")
    codes[wide == -np.inf] = FLOAT_CLASSES.index("-inf")
    codes[null] = FLOAT_CLASSES.index(MISSING)
    return codes
