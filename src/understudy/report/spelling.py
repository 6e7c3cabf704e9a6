"""How numbers are spelled on a page.

What may not happen here: a number that looks more precise than a reader can use.
"""

from __future__ import annotations

import datetime as dt
import math

from markupsafe import Markup

_THIN = "\u202f"
_MINUS = "\u2212"


def spell_number(value: float | None, digits: int = 3) -> str:
    """Spell a number with a few significant digits and thin spaces between thousands.

    >>> spell_number(0.04712), spell_number(24421), spell_number(None), spell_number(math.inf)
    ('0.0471', '24\u202f421', '–', '∞')
    """
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else f"{_MINUS}∞"
    if float(value).is_integer() and abs(value) < 1e15:
        text = f"{int(value):,}" if abs(value) >= 10_000 else f"{int(value)}"
    elif abs(value) >= 10**digits:
        text = f"{round(value):,}" if abs(value) >= 9_999.5 else f"{round(value)}"
    else:
        text = f"{value:.{digits}g}"
    if "e" in text:
        mantissa, exponent = text.split("e")
        power = str(int(exponent)).translate(_RAISED)
        return f"{mantissa}{_THIN}×{_THIN}10{power}".replace("-", _MINUS)
    return text.replace(",", _THIN).replace("-", _MINUS)


_LOWERED = dict(zip("−0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹", strict=True))
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def spell_delta(value: float) -> str:
    """Spell a delta as a power of ten where it is one.

    >>> spell_delta(1e-6), spell_delta(2.5e-7), spell_delta(0)
    ('10⁻⁶', '2.5\u202f×\u202f10⁻⁷', '0')
    """
    if value == 0:
        return "0"
    text = f"{value:.2g}"
    if "e" not in text:
        text = f"{value:.1e}"
    mantissa, exponent = text.split("e")
    mantissa = mantissa.removesuffix(".0")
    power = f"10{str(int(exponent)).translate(_RAISED)}"
    return power if mantissa == "1" else f"{mantissa}{_THIN}×{_THIN}{power}"


def raise_power(value: float) -> Markup:
    """Spell a delta for a headline, its power as a superscript.

    >>> raise_power(1e-6)
    Markup('10<sup>−6</sup>')
    """
    text = spell_delta(value)
    power = "".join(letter for letter in text if letter in _LOWERED.values())
    if not power:
        return Markup("{}").format(text)
    plain = power.translate({ord(high): low for low, high in _LOWERED.items()})
    return Markup("{}<sup>{}</sup>").format(text.removesuffix(power), plain)


def spell_share(value: float | None) -> str:
    """Spell a share as a percentage.

    >>> spell_share(0.027), spell_share(0.00004), spell_share(1), spell_share(None)
    ('2.7\u202f%', '<\u202f0.01\u202f%', '100\u202f%', '–')
    """
    if value is None or math.isnan(value):
        return "–"
    percent = 100 * value
    if 0 < abs(percent) < 0.01:
        return f"<{_THIN}0.01{_THIN}%"
    if percent == 0 or abs(percent) >= 99.995:
        text = f"{percent:.0f}"
    elif abs(percent) < 1 or abs(percent) > 99:
        text = f"{percent:.2f}"
    else:
        text = f"{percent:.1f}"
    return f"{text.replace('-', _MINUS)}{_THIN}%"


def unbroken(text: str) -> str:
    """A sentence in which no line ends between a number and its per cent sign.

    >>> unbroken("limit 5 % of rows")
    'limit 5\u202f% of rows'
    """
    return text.replace(" %", f"{_THIN}%")


def spell_edge(value: float) -> str:
    """Spell a bin edge shortly: 1.2k, 3.4M.

    >>> spell_edge(99999), spell_edge(17), spell_edge(0.125), spell_edge(1484705)
    ('100k', '17', '0.125', '1.48M')
    """
    size = abs(value)
    if math.isinf(value) or math.isnan(value):
        return spell_number(value)
    for limit, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if size >= limit:
            scale = 1e3 if letter == "k" else limit
            return f"{value / scale:.3g}{letter}".replace("-", _MINUS)
    return f"{value:.4g}".replace("-", _MINUS)


def spell_bytes(size: int) -> str:
    """Spell a file size in decimal units.

    >>> spell_bytes(512), spell_bytes(2_345_678)
    ('512 B', '2.3 MB')
    """
    if size < 1000:
        return f"{size} B"
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= limit:
            return f"{size / limit:.1f} {unit}"
    raise AssertionError


def spell_moment(moment: dt.datetime) -> str:
    """Spell a moment in UTC, to the minute."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return aware.astimezone(dt.UTC).strftime("%d %B %Y, %H:%M UTC").lstrip("0")


def shorten(text: str, length: int) -> str:
    """Cut a text to a length, with an ellipsis.

    >>> shorten("Craft-repair", 8)
    'Craft-r…'
    """
    shown = " ".join(text.split()) or "\u2423"
    return shown if len(shown) <= length else shown[: length - 1].rstrip() + "…"
