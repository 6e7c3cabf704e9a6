"""Which synthesizer suits a table, and what a steward can do for columns that suit none.

Both are answers to public facts alone. What may not happen here: a look at rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from understudy.workflow.planning.effort import expected_seconds
from understudy.workflow.planning.facts import ColumnFacts, Facts
from understudy.workflow.planning.noise import Noise, expected_noise
from understudy.workflow.planning.prediction import drowned, is_calibrated, predict
from understudy.workflow.planning.stages import has_plan

USUAL, WIDE, ALONE = "aim", "residual", "independent"
"""Synthesizers for the usual table, a wide one, and one where nothing can be seen to depend."""

MOST_COLUMNS = 40
"""Modelled columns up to which choosing marginals one by one pays for its time."""

_CLEARLY, _LOST = 0.9, 0.5
_STANDS_OUT = 2.0
_LIKELY_LOST = 0.1
_MOST_EPSILON = 20.0
_MOST_NAMED = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Advice:
    """Something a steward can do before spending, and why.

    Parameters
    ----------
    topic
        `wide`, `undeclared`, `rows`, `drowned` or `sampling`.
    columns
        Those it is about.
    why, what
        The reason, and what to do.
    """

    topic: str
    columns: tuple[str, ...]
    why: str
    what: str


def default_synthesizer(columns: int, *, drowned: bool = False) -> str:
    """Name of the synthesizer for so many modelled columns: what `auto` stands for.

    Parameters
    ----------
    columns
        Columns that take part in the model, as far as that is public.
    drowned
        Whether noise is expected to hide how columns depend.

    >>> default_synthesizer(15), default_synthesizer(15, drowned=True), default_synthesizer(300)
    ('aim', 'independent', 'residual')
    """
    if columns < 2 or drowned:
        return ALONE
    return USUAL if columns <= MOST_COLUMNS else WIDE


def choose_synthesizer(facts: Facts) -> tuple[str, str]:
    """Name of the built-in synthesizer that suits these facts, and the reason.

    Parameters
    ----------
    facts
        Public facts and the promise.

    Returns
    -------
    A name that `synthesize` takes, and a sentence.

    Guarantees
    ----------
    Nothing but public facts decides: neighbouring tables get the same synthesizer. Pairs are
    given up only where rows are declared, errors would clearly be less, and nobody named a target.
    """
    columns = len(facts.modelled)
    if columns < 2:
        return ALONE, "fewer than two columns are modelled, so nothing can depend"
    usual = default_synthesizer(columns)
    compared = (usual, "mst", ALONE) if usual == USUAL else (usual, ALONE)
    errors = expected_errors(facts, compared)
    lost = facts.rows_declared and facts.target is None and _drowns(errors, usual)
    name = default_synthesizer(columns, drowned=lost)
    if lost:
        why = "at this ε and size noise would hide how columns depend, so single columns get all"
    elif name == WIDE:
        why = f"{columns} columns are too many to choose among their pairs one by one"
    else:
        why = "it counts what the model so far gets most wrong"
    seconds = expected_times(facts, compared)
    costs = (
        *_told("expected error of pairs {:.2g}", errors, name),
        *_told("about {:.0f} s", seconds, name),
    )
    return name, "; ".join((why, *costs))


def _drowns(errors: Mapping[str, float], usual: str) -> bool:
    """Whether counting pairs is expected to be worse than leaving them out.

    Clearly worse, unless most is lost anyway: where both are about the same, a counted pair still
    keeps what depends most.
    """
    if not {usual, ALONE} <= set(errors):
        return False
    share = 1.0 if errors[usual] >= _LOST else _CLEARLY
    return errors[ALONE] <= share * errors[usual]


def _told(words: str, figures: Mapping[str, float], chosen: str) -> Iterator[str]:
    """A figure of the chosen synthesizer in words, against the others'; nothing when unknown."""
    if chosen in figures:
        figure = words[words.index("{") :]
        others = [f"{figure.format(figures[o])} of {o}" for o in figures if o != chosen]
        against = f", against {' and '.join(others)}" if others else ""
        yield words.format(figures[chosen]) + against


def expected_errors(facts: Facts, names: Sequence[str]) -> dict[str, float]:
    """Expected mean error of pairs with each of these synthesizers that is calibrated."""
    found: dict[str, float] = {}
    for name, maker in _calibrated(names):
        told = predict(facts, expected_noise(facts, maker), name).pair_mean
        if told is not None:
            found[name] = told.value
    return found


def expected_times(facts: Facts, names: Sequence[str]) -> dict[str, float]:
    """Expected processor seconds of learning and sampling with the same synthesizers."""
    return {
        name: expected_seconds(facts, expected_noise(facts, maker), name, evaluate=False).value
        for name, maker in _calibrated(names)
    }


def _calibrated(names: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Those of these synthesizers whose figures are predicted, with their defaults."""
    makers = _makers()
    for name in names:
        if name in makers and is_calibrated(name) and has_plan(makers[name]):
            yield name, makers[name]


def _makers() -> dict[str, Any]:
    """Built-in synthesizers with their defaults, by name."""
    from understudy.synthesize import SYNTHESIZERS

    return {maker.name: maker() for maker in SYNTHESIZERS() if _ours(maker)}


def _ours(maker: Any) -> bool:
    """Whether a synthesizer is built in."""
    return str(maker.__module__).startswith("understudy.")


def advice_for(facts: Facts, noise: Noise, synthesizer: Any) -> tuple[Advice, ...]:
    """What a steward can do before spending, the most useful first."""
    return tuple(_advice(facts, noise, synthesizer))


def too_wide(column: ColumnFacts, facts: Facts, noise: Noise) -> int | None:
    """Most labels of a column that stand out of this noise, when it declares more than that."""
    if column.role != "modelled" or column.shape != "labels" or column.domain is None:
        return None
    most = facts.rows / (_STANDS_OUT * noise.singles[column.name])
    return None if column.domain <= max(most, 2.0) else max(int(most), 2)


def _advice(facts: Facts, noise: Noise, synthesizer: Any) -> Iterator[Advice]:
    """Advice in order of its use."""
    if not facts.rows_declared:
        yield Advice(
            topic="rows",
            columns=(),
            why=f"nobody declares how many rows there are: {facts.rows:,.0f} learned from are assumed",
            what="say so with --rows-magnitude 1e5, or `rows:` in the schema",
        )
    unknown = tuple(column.name for column in facts.modelled if column.shape == "unknown")
    if unknown and drowned(facts, noise) > _LIKELY_LOST:
        yield Advice(
            topic="drowned",
            columns=unknown,
            why="noise is likely to hide what these columns hold; such a column comes out empty",
            what="declare their kind in the schema, which costs nothing",
        )
    elif unknown:
        yield Advice(
            topic="undeclared",
            columns=unknown,
            why="nothing is declared of these columns: budget goes into finding out, and these "
            "figures are rough",
            what="declare kind, bounds, labels and null marks that are public (understudy schema)",
        )
    for column in facts.modelled:
        most = too_wide(column, facts, noise)
        if most is not None and column.domain is not None:
            yield _wide(column, column.domain, most, facts, synthesizer)
    open_ended = tuple(
        column.name
        for column in facts.modelled
        if column.shape == "numbers" and column.domain is None
    )
    if open_ended:
        yield Advice(
            topic="undeclared",
            columns=open_ended,
            why="the range of these columns is not declared: finding it costs budget",
            what="declare minimum, maximum and decimals where they are public",
        )


def _wide(column: ColumnFacts, domain: float, most: int, facts: Facts, synthesizer: Any) -> Advice:
    """What to do about a column with more labels than stand out."""
    enough = _epsilon_for(column, facts, synthesizer)
    raised = f", or raise ε to about {enough:.2g}" if enough else ""
    return Advice(
        topic="wide",
        columns=(column.name,),
        why=f"{domain:.0f} labels for {facts.rows:,.0f} rows: an average label is lost in the noise",
        what=f"merge them into {most} or fewer, or drop the column{raised}",
    )


def _epsilon_for(column: ColumnFacts, facts: Facts, synthesizer: Any) -> float | None:
    """Smallest ε, to some per cent, at which a column is not too wide; None when none is."""
    low, high = facts.epsilon, _MOST_EPSILON

    def fits(epsilon: float) -> bool:
        there = replace(facts, epsilon=epsilon)
        return too_wide(column, there, expected_noise(there, synthesizer)) is None

    if high <= low or not fits(high):
        return None
    while high / low > 1.05:
        middle = (low * high) ** 0.5
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high


def named(columns: tuple[str, ...]) -> str:
    """Some names and how many more.

    >>> named(("a", "b"))
    'a, b'
    """
    more = f" and {len(columns) - _MOST_NAMED} more" if len(columns) > _MOST_NAMED else ""
    return ", ".join(columns[:_MOST_NAMED]) + more
