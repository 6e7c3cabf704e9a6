"""What a column is, decided from the noisy histogram of its cell classes alone.

A class counts as *present* when its noisy count stands clear of the noise and holds a share of
the rows: one odd cell can neither flip a column nor show. Where the noise drowns everything the
safest kind is chosen, a category, and the reason says so.

What may not happen here: a look at cells; a threshold without the noise in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from understudy.cells.classes import (
    CLASSES,
    FLOAT_CLASSES,
    LETTER_PAIRS,
    MISSING,
    NUMBER_CLASSES,
    WORD_PAIRS,
)
from understudy.cells.moments import DATE_CLASSES, DATETIME_CLASSES, TIME_CLASSES
from understudy.cells.reading import READABLE_KINDS, Reading
from understudy.prepare.presence import CLEAR, LEAST_ROWS, Content
from understudy.prepare.spellings import declared_over, moment_reading, number_reading
from understudy.schema.model import Column, IdentifierKind, Kind
from understudy.schema.names import identifier_by_name

_IDENTITIES: Mapping[str, IdentifierKind] = {
    "email": IdentifierKind.EMAIL,
    "url": IdentifierKind.URL,
    "ipv4": IdentifierKind.IP,
    "ipv6": IdentifierKind.IP,
    "uuid": IdentifierKind.UUID,
    "phone": IdentifierKind.PHONE,
    "national_id": IdentifierKind.NATIONAL_ID,
    "iban": IdentifierKind.NATIONAL_ID,
    "hex": IdentifierKind.KEY,
}
_CODES = ("code", "digits", "phrase_digits", "token", "hex", "address", "phone", "national_id")
_WORDED = frozenset(
    {
        IdentifierKind.NAME,
        IdentifierKind.FIRST_NAME,
        IdentifierKind.LAST_NAME,
        IdentifierKind.EMAIL,
        IdentifierKind.ADDRESS,
        IdentifierKind.URL,
        IdentifierKind.IP,
        IdentifierKind.UUID,
        IdentifierKind.FREE_TEXT,
    }
)
_NUMBERED = frozenset({IdentifierKind.PHONE, IdentifierKind.NATIONAL_ID})
_MOMENTS = frozenset((*DATE_CLASSES, *DATETIME_CLASSES, *TIME_CLASSES))
_SWITCHES = frozenset(name for name in CLASSES if name.startswith(("pair:", "letter:")))
_NUMBERS = frozenset(NUMBER_CLASSES)
_LINE = frozenset({Kind.NUMBER, Kind.DATE, Kind.DATETIME, Kind.TIME})


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What a column is, and how sure the noisy counts make it.

    Parameters
    ----------
    kind
        What the column means.
    reading
        How its cells are numbers; None for categories, texts and identifiers.
    marks
        Null markers that hold a share clearly above the noise, as spelled; or those declared.
    missing
        Whether Arrow nulls hold such a share.
    odd_share
        Estimated share of non-null cells that the reading cannot read, 0 to 1.
    identifier
        Which direct identifier the cells (or, unless the cells speak against it, the column's
        name) show.
    shape
        The identity class most cells are in ("iban", "ipv6", "hex" …), for stand-ins.
    why
        The reason, in words that hold public facts only.
    """

    kind: Kind
    reading: Reading | None = None
    marks: tuple[str, ...] = ()
    missing: bool = False
    odd_share: float = 0.0
    identifier: IdentifierKind | None = None
    shape: str | None = None
    why: str = ""


def decide(counts: npt.NDArray[np.floating], sigma: float, column: Column) -> Decision:
    """Decide what a text column is.

    Parameters
    ----------
    counts
        Noisy counts of `CLASSES`; negative ones are fine.
    sigma
        Standard deviation of the noise of each count, above 0.
    column
        What is declared; every declared fact is kept.

    Returns
    -------
    Decision
        A function of its three arguments alone: post-processing.

    >>> counts = np.zeros(len(CLASSES))
    >>> counts[CLASSES.index("integer")], counts[CLASSES.index("word")] = 880.0, 120.0
    >>> counts[CLASSES.index("letter:N")] = 300.0
    >>> decision = decide(counts, 10.0, Column(name="points"))
    >>> str(decision.kind), round(decision.odd_share, 2), decision.marks
    ('number', 0.12, ('N',))
    """
    return _with_marks(_decide(Content.of(counts, CLASSES, sigma), column), counts, sigma, column)


def _with_marks(
    decision: Decision, counts: npt.NDArray[np.floating], sigma: float, column: Column
) -> Decision:
    """Return a decision with the null markers that are declared or clearly present.

    A letter among points on a line (N for "not applicable") is a class of one spelling, so its
    noisy count says what it is; nobody needs to ask for it again.
    """
    content = Content.of(counts, CLASSES, sigma)
    clear = content.everything
    marks = tuple(name[5:] for name in clear if name.startswith("mark:"))
    odd = decision.odd_share
    if column.nulls is not None:
        marks = column.nulls
    elif decision.reading is not None and decision.kind in _LINE:
        letters = [name for name in content.present if name.startswith("letter:")]
        marks += tuple(name.removeprefix("letter:") for name in letters)
        odd = _without(odd, content.share(letters))
    return replace(decision, marks=marks, missing=MISSING in clear, odd_share=odd)


def _without(odd: float, marked: float) -> float:
    """Share of unreadable cells among those that are left when some of them are marks."""
    return max(odd - marked, 0.0) / (1.0 - marked) if marked < 1.0 else 0.0


def _decide(content: Content, column: Column) -> Decision:
    """Decide kind, reading and identifier; marks are added by the caller."""
    kind = _declared_kind(column)
    if kind is not None and kind in READABLE_KINDS:
        return _as_declared(content, column, kind)
    if column.identifier is not None and column.action != "keep":
        return Decision(kind=Kind.IDENTIFIER, identifier=column.identifier, why="declared")
    if kind is Kind.IDENTIFIER:
        named = identifier_by_name(column.name)
        found = _identity(content)
        guess = named or (found.identifier if found else None) or IdentifierKind.KEY
        return Decision(
            kind=kind, identifier=guess, shape=found.shape if found else None, why="declared"
        )
    if kind is not None:
        return Decision(kind=kind, why="declared")
    named = None if column.action == "keep" else identifier_by_name(column.name)
    if named is not None and not _contradicts(content, named):
        found = _identity(content)
        shape = found.shape if found else None
        return Decision(kind=Kind.IDENTIFIER, identifier=named, shape=shape, why="by its name")
    return _by_cells(content, column)


def _by_cells(content: Content, column: Column) -> Decision:
    """Decide an undeclared column from its cells."""
    if not content.present:
        return _drowned(content, column)
    if column.action != "keep" and (found := _identity(content)) is not None:
        return found
    switch = _switch(content)
    if switch is not None:
        return switch
    for kind, names in (
        (Kind.DATE, DATE_CLASSES),
        (Kind.DATETIME, DATETIME_CLASSES),
        (Kind.TIME, TIME_CLASSES),
    ):
        share = content.share(names)
        if share >= 0.8:
            reading, note = moment_reading(kind, content.within(names))
            return _line(content, column, reading, names, f"{share:.0%} of cells are {kind}s{note}")
    number = _number(content, column)
    if number is not None:
        return number
    if content.share(("long", "odd")) + 0.5 * content.share(("sentence",)) >= 0.4:
        free = None if column.action == "keep" else IdentifierKind.FREE_TEXT
        return Decision(kind=Kind.TEXT, identifier=free, why="most cells are sentences")
    return Decision(kind=Kind.CATEGORY, why="most cells are labels")


def _number(content: Content, column: Column) -> Decision | None:
    """Return the decision for a numeric column, or None when its cells are labels or codes."""
    share = content.share(_NUMBERS)
    if share < 0.5:
        return None
    if content.share(("integer_long",)) > 0.5 * share:
        return Decision(kind=Kind.CATEGORY, why="whole numbers too long to be quantities")
    if content.share(("integer_zeros",)) > 0.02 and column.width is None:
        return Decision(kind=Kind.CATEGORY, why="numbers with leading zeros are codes")
    if content.share(_CODES) > 0.1:
        return Decision(kind=Kind.CATEGORY, why="numbers mixed with codes are codes")
    if content.share(("integer_date",)) > 0.95 * share and column.width is None:
        reading = Reading(kind=Kind.DATE, format="%Y%m%d")
        return _line(content, column, reading, ("integer_date",), "whole numbers that are days")
    reading = number_reading(content.within(_NUMBERS), content.raw, content.sigma)
    return _line(content, column, reading, _NUMBERS, f"{share:.0%} of cells are numbers")


def _line(
    content: Content, column: Column, reading: Reading, names: Iterable[str], why: str
) -> Decision:
    """Return the decision for a column of points on a line, declared facts over learned ones."""
    told = declared_over(reading, column)
    odd = 1.0 - content.share(names)
    return Decision(kind=told.kind, reading=told, odd_share=odd if content.total else 0.0, why=why)


def _drowned(content: Content, column: Column) -> Decision:
    """Decide a column in which no single class is clear: decimals may still be as a family."""
    family = ("point_zero", *(f"decimal_{n}" for n in range(1, 10)), "decimal_more", "integer")
    held = [content.raw[name] for name in family]
    if sum(held) > max(CLEAR * content.sigma * np.sqrt(len(held)), LEAST_ROWS):
        likely = {name: count for name, count in zip(family, held, strict=True) if count > 0}
        reading = number_reading(likely, content.raw, content.sigma)
        return _line(content, column, reading, (), "numbers, though the noise hides their decimals")
    if content.everything:
        return Decision(kind=Kind.CATEGORY, why="hardly a cell is other than a null marker")
    return Decision(kind=Kind.CATEGORY, why="too few rows to tell through the noise: a category")


def _identity(content: Content) -> Decision | None:
    """Return the direct identifier that most cells spell out."""
    share: dict[IdentifierKind, float] = {}
    for name, kind in _IDENTITIES.items():
        share[kind] = share.get(kind, 0.0) + content.share((name,))
    best = max(share, key=lambda kind: share[kind])
    if share[best] < 0.6:
        return None
    of_kind = content.within(name for name, kind in _IDENTITIES.items() if kind is best)
    shape = max(of_kind, key=lambda name: of_kind[name])
    why = f"{share[best]:.0%} of cells are spelled like one"
    return Decision(kind=Kind.IDENTIFIER, identifier=best, shape=shape, why=why)


def _switch(content: Content) -> Decision | None:
    """Return a boolean when the cells are the two spellings of one pair and nothing else."""
    present = set(content.present)
    for true, false in WORD_PAIRS:
        if present == {f"pair:{true}/{false}"}:
            return _boolean(true, false)
    for true, false in LETTER_PAIRS:
        if present == {f"letter:{true}", f"letter:{false}"}:
            return _boolean(true, false)
    return None


def _boolean(true: str, false: str) -> Decision:
    """Return the decision for a boolean with a public spelling."""
    reading = Reading(kind=Kind.BOOLEAN, true=true, false=false)
    return Decision(kind=Kind.BOOLEAN, reading=reading, why=f"cells are {true} or {false}")


def _contradicts(content: Content, named: IdentifierKind) -> bool:
    """Whether the cells speak clearly against the identifier a column is named after."""
    if not content.present:
        return False
    if content.share(_SWITCHES | _MOMENTS) >= 0.8:
        return True
    if named in _WORDED:
        return content.share(_NUMBERS) >= 0.8
    if named in _NUMBERED:
        short = ("integer", "point_zero", *(f"decimal_{n}" for n in range(1, 10)), "decimal_more")
        return content.share(short) >= 0.8
    fractions = (*(f"decimal_{n}" for n in range(1, 10)), "decimal_more")
    return content.share(fractions) >= 0.5


def _declared_kind(column: Column) -> Kind | None:
    """Return the declared kind, or the one a declared format or width implies."""
    if column.kind is not None or column.format is None:
        return column.kind
    clock = any("%" + dash + letter in column.format for letter in "HIMSp" for dash in ("", "-"))
    days = any("%" + dash + letter in column.format for letter in "Yymdjb" for dash in ("", "-"))
    if clock:
        return Kind.DATETIME if days else Kind.TIME
    return Kind.DATE


def _as_declared(content: Content, column: Column, kind: Kind) -> Decision:
    """Return the reading of a column whose kind is declared."""
    if kind is Kind.BOOLEAN:
        true, false = _spelled(content, column)
        reading = Reading(kind=kind, true=true, false=false)
        return replace(_boolean(true, false), reading=reading, why="declared")
    if kind is Kind.NUMBER:
        numbers = content.within(_NUMBERS)
        reading = number_reading(numbers, content.raw, content.sigma)
        return _line(content, column, reading, _NUMBERS, "declared")
    names = {
        Kind.DATE: DATE_CLASSES,
        Kind.DATETIME: DATETIME_CLASSES,
        Kind.TIME: TIME_CLASSES,
    }[kind]
    near = content.within(names)
    if kind is Kind.DATE and not near and content.share(("integer_date",)) > 0.5:
        reading, near = Reading(kind=kind, format="%Y%m%d"), {"integer_date": 1.0}
        return _line(content, column, reading, near, "declared")
    reading, note = moment_reading(kind, near)
    if column.format is not None:
        return replace(_line(content, column, reading, _MOMENTS, "declared"), odd_share=0.0)
    return _line(content, column, reading, names, "declared" + note)


def _spelled(content: Content, column: Column) -> tuple[str, str]:
    """Return the two spellings of a declared boolean."""
    if column.true is not None and column.false is not None:
        return column.true, column.false
    held = {pair: content.raw[f"pair:{pair[0]}/{pair[1]}"] for pair in WORD_PAIRS}
    for pair in LETTER_PAIRS:
        held[pair] = content.raw[f"letter:{pair[0]}"] + content.raw[f"letter:{pair[1]}"]
    held[("1", "0")] = content.raw["integer"]
    held[("1.0", "0.0")] = content.raw["point_zero"]
    return max(held, key=lambda pair: held[pair])


def decide_floats(counts: npt.NDArray[np.floating], sigma: float, column: Column) -> Decision:
    """Decide how a floating-point column is spread on a lattice.

    Parameters
    ----------
    counts
        Noisy counts of `FLOAT_CLASSES`.
    sigma
        Standard deviation of the noise of each count, above 0.
    column
        What is declared; every declared fact is kept.

    >>> counts = np.array([0.0, 50, 0, 0, 100, 300, 700, 0, 0, 0, 0, 0, 0, 0, 0])
    >>> decision = decide_floats(counts, 5.0, Column(name="price"))
    >>> decision.reading.decimals, decision.marks
    (2, ('nan',))
    """
    content = Content.of(counts, FLOAT_CLASSES, sigma)
    kind = column.kind or Kind.NUMBER
    marks = ("nan",) if "nan" in content.present else ()
    missing = MISSING in content.everything
    infinite = content.share(("+inf", "-inf"))
    if column.identifier is not None and column.action != "keep":
        kind = Kind.IDENTIFIER
    if kind is not Kind.NUMBER:
        return Decision(
            kind=kind, identifier=column.identifier, marks=marks, missing=missing, why="declared"
        )
    held = {name: content.present.get(name, 0.0) for name in FLOAT_CLASSES[4:]}
    total = sum(held.values())
    decimals: int | None = 0
    for places in range(1, 10):
        if held[f"decimal_{places}"] > 0:
            decimals = places
    if not total or held["decimal_more"] > 0.02 * total:
        decimals = None
    reading = declared_over(Reading(kind=Kind.NUMBER, decimals=decimals), column)
    why = "a floating-point column" if total else "a floating-point column, too few rows to tell"
    return Decision(
        kind=kind, reading=reading, marks=marks, missing=missing, odd_share=infinite, why=why
    )
