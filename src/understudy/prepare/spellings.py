"""How numbers, dates and times are spelled, read off the classes that are clearly present.

What may not happen here: a look at cells; a spelling that is not on the public list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from understudy.cells.reading import Reading
from understudy.schema.model import Column, Kind

Counts = Mapping[str, float]


def declared_over(reading: Reading, column: Column) -> Reading:
    """Return a reading with every declared fact in the place of the learned one."""
    if reading.kind is Kind.NUMBER:
        if column.decimals is not None:
            learned = reading.decimals == column.decimals
            fixed = reading.fixed_decimals if learned else not reading.point_zero
            reading = replace(reading, decimals=column.decimals, fixed_decimals=fixed)
        return replace(reading, width=column.width) if column.width is not None else reading
    if column.format is not None:
        reading = replace(reading, format=column.format)
    return replace(reading, zone=column.zone) if column.zone is not None else reading


def number_reading(present: Counts, raw: Counts, sigma: float) -> Reading:
    """Return how a column's numbers are spelled.

    Parameters
    ----------
    present
        Clearly present number classes and their counts; empty: plain whole numbers.
    raw
        Noisy counts of all classes, for shares that need a class that is not clear.
    sigma
        Noise of each count.

    >>> number_reading({"decimal_2": 900.0}, {"decimal_1": 3.0, "point_zero": 0.0}, 5.0).decimals
    2
    """
    total = sum(present.values())

    def share(*names: str) -> float:
        return sum(present.get(name, 0.0) for name in names) / total if total else 0.0

    if share("percent_0", "percent_1", "percent_2") > 0.5:
        return _affixed(present, "percent", suffix="%")
    if share("dollar_0", "dollar_2", "dollar_grouped") > 0.5:
        grouped = present.get("dollar_grouped", 0.0) > 0
        places = 0 if "dollar_0" in present and "dollar_2" not in present else 2
        return Reading(
            kind=Kind.NUMBER, decimals=places, fixed_decimals=True, grouping=grouped, prefix="$"
        )
    if share("comma_1", "comma_2", "comma_more", "comma_grouped") > 0.3:
        return _comma(present)
    prefix = " " if share("spaced_integer", "spaced_decimal") > 0.5 else ""
    grouping = share("integer_grouped", "decimal_grouped") > 0.005
    if prefix and "spaced_decimal" in present:
        return Reading(kind=Kind.NUMBER, prefix=prefix)
    places = max((n for n in range(1, 10) if present.get(f"decimal_{n}", 0.0) > 0), default=0)
    if not places and "decimal_grouped" in present:
        return Reading(kind=Kind.NUMBER, decimals=2, fixed_decimals=True, grouping=True)
    point_zero = raw.get("point_zero", 0.0) > raw.get("integer", 0.0)
    if share("decimal_more") > 0.02:
        whole = point_zero or "integer" not in present
        return Reading(kind=Kind.NUMBER, point_zero=whole, grouping=grouping)
    scientific = "scientific" in present
    if scientific and point_zero:
        return Reading(kind=Kind.NUMBER, point_zero=True)
    fixed = places >= 2 and _fixed(places, present, raw, sigma)
    return Reading(
        kind=Kind.NUMBER,
        decimals=places,
        fixed_decimals=fixed,
        grouping=grouping,
        point_zero=point_zero and not fixed,
        prefix=prefix,
        scientific=scientific,
    )


def _fixed(places: int, present: Counts, raw: Counts, sigma: float) -> bool:
    """Whether trailing zeros are kept: without them, a tenth of the cells would be shorter.

    Where the noise would hide that tenth, the more usual spelling is taken: without.
    """
    plain = ("integer", "integer_wide", "point_zero", *(f"decimal_{n}" for n in range(1, 10)))
    if any(name in present for name in plain if name != f"decimal_{places}"):
        return False
    held = present[f"decimal_{places}"]
    return 0.09 * held > 3.0 * sigma and raw.get(f"decimal_{places - 1}", 0.0) < 0.045 * held


def _affixed(present: Counts, family: str, *, suffix: str) -> Reading:
    """Return numbers with a sign after them."""
    held = [places for places in range(3) if present.get(f"{family}_{places}", 0.0) > 0]
    return Reading(
        kind=Kind.NUMBER,
        decimals=max(held, default=0),
        fixed_decimals=len(held) == 1 and held[0] > 0,
        suffix=suffix,
    )


def _comma(present: Counts) -> Reading:
    """Return numbers with a decimal comma."""
    places = 0
    for count, name in ((1, "comma_1"), (2, "comma_2"), (3, "comma_more")):
        if present.get(name, 0.0) > 0:
            places = count
    others = [name for name in ("integer", "comma_1", "comma_more") if name in present]
    return Reading(
        kind=Kind.NUMBER,
        decimals=places or 2,
        fixed_decimals=places in (0, 2) and not others,
        grouping="comma_grouped" in present,
        decimal_mark=",",
    )


def moment_reading(kind: Kind, present: Counts) -> tuple[Reading, str]:
    """Return how a column's dates, datetimes or times are spelled, and a note in public words.

    Parameters
    ----------
    kind
        DATE, DATETIME or TIME.
    present
        Clearly present classes of this kind and their counts; empty: the ISO format.

    >>> counts = {"date:%d/%m/%Y": 600.0, "date:%d/%m/%Y|%m/%d/%Y": 400.0}
    >>> moment_reading(Kind.DATE, counts)[0].format
    '%d/%m/%Y'
    """
    if not present:
        return Reading(kind=kind), ""
    families: dict[str, dict[str, float]] = {}
    for name, count in present.items():
        form = name.partition(":")[2]
        families.setdefault(_family(form), {})[form] = count
    forms = max(families.values(), key=lambda held: sum(held.values()))
    form, note = _form(forms)
    zone = "UTC" if form.endswith("Z") else None
    return Reading(kind=kind, format=form, zone=zone), note


def _family(form: str) -> str:
    """Return what formats that one column may mix have in common."""
    one = form.partition("|")[0].replace("%-", "%").replace("00:00:00", "%H:%M:%S")
    for fraction in (".000", ".%3f", ".%f"):
        one = one.replace(fraction, "")
    if one[:2] in ("%d", "%m") and "%b" not in one and "%B" not in one and "." not in one:
        one = "%m?%d" + one[5:]
    return one


def _form(forms: dict[str, float]) -> tuple[str, str]:
    """Return the one format of a family of formats, and a note."""
    total = sum(forms.values())
    if any("|" in form for form in forms) or any(
        form[:3] in _EITHER and "%b" not in form for form in forms
    ):
        return _day_month(forms, total)
    midnights = {form: count for form, count in forms.items() if "00:00:00" in form}
    if sum(midnights.values()) >= 0.98 * total:
        return max(midnights, key=lambda form: midnights[form]), ", all at midnight"
    clocks = {form: count for form, count in forms.items() if form not in midnights}
    for fraction in ("%f", "%3f"):
        finer = [form for form in clocks if fraction in form]
        if finer:
            return max(finer, key=lambda form: clocks[form]), ""
    return max(clocks, key=lambda form: clocks[form]), ""


_EITHER = ("%d/", "%m/", "%-d", "%-m", "%d-", "%m-")


def _day_month(forms: dict[str, float], total: float) -> tuple[str, str]:
    """Tell day-month from month-day by the cells that read one way only."""
    certain = {form: count for form, count in forms.items() if "|" not in form}
    day = sum(count for form, count in certain.items() if form.replace("%-", "%")[:2] == "%d")
    month = sum(count for form, count in certain.items() if form.replace("%-", "%")[:2] == "%m")
    bare = any("%-" in form for form, count in forms.items() if count > 0.005 * total)
    sample = next(iter(forms)).partition("|")[0].replace("%-", "%")
    separator, tail = sample[2], sample[5:]
    day_first = day > month or (day == month == 0 and separator == "-")
    one, two = ("%d", "%m") if day_first else ("%m", "%d")
    form = f"{one}{separator}{two}{tail}"
    if bare:
        for directive in ("%d", "%m", "%H"):
            form = form.replace(directive, "%-" + directive[1])
    note = "" if day or month else ", day and month could be the other way round"
    return form, note
