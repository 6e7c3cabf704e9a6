"""Set predictions beside what happened, and count how often they were near enough.

A case is one run: a table, a schema or none, an ε, a synthesizer. Its time is near when the
prediction is within a factor of 2, its error when the predicted means over columns and over pairs
are within a factor of 1.5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from understudy.workflow.planning import effort, prediction
from understudy.workflow.planning.prediction import Estimate

from .cases import Observed

TIME_FACTOR, ERROR_FACTOR, GOAL = 2.0, 1.5, 0.8


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """One case: (predicted, seen) of each figure, and single columns and pairs."""

    case: Observed
    seconds: tuple[Estimate, float]
    memory: tuple[Estimate, float]
    column_mean: tuple[Estimate, float]
    pair_mean: tuple[Estimate, float] | None
    columns: tuple[tuple[Estimate, float], ...]
    pairs: tuple[tuple[Estimate, float], ...]


def compare(case: Observed) -> Compared:
    """Predict one case from its facts and set what happened beside it."""
    facts, noise, name = case.facts, case.noise, case.synthesizer
    told = prediction.predict(facts, noise, name)
    seconds = effort.expected_seconds(facts, noise, name, evaluate=False)
    columns = tuple(
        (error, case.singles[column])
        for column, error in told.columns.items()
        if column in case.singles
    )
    pairs = tuple(
        (pair.error, case.pairs[frozenset(pair.columns)])
        for pair in told.pairs
        if frozenset(pair.columns) in case.pairs
    )
    if told.column_mean is None:
        raise ValueError(f"{name} is not calibrated")
    return Compared(
        case=case,
        seconds=(seconds, case.made),
        memory=(effort.expected_memory(facts, noise), case.memory),
        column_mean=(told.column_mean, float(np.mean([seen for _, seen in columns]))),
        pair_mean=(told.pair_mean, float(np.mean([seen for _, seen in pairs])))
        if told.pair_mean is not None and pairs
        else None,
        columns=columns,
        pairs=pairs,
    )


def near(told: tuple[Estimate, float], factor: float) -> bool:
    """Whether a prediction is within a factor of what happened.

    >>> near((Estimate(value=0.2, low=0.1, high=0.3), 0.25), 1.5)
    True
    """
    ratio = told[0].value / max(told[1], 1e-6)
    return 1.0 / factor <= ratio <= factor


def covered(told: tuple[Estimate, float]) -> bool:
    """Whether what happened lies in the range that was told."""
    return told[0].low <= told[1] <= told[0].high


FIGURES: tuple[tuple[str, Callable[[Compared], Sequence[tuple[Estimate, float]]], float], ...] = (
    ("seconds", lambda one: (one.seconds,), TIME_FACTOR),
    ("memory", lambda one: (one.memory,), TIME_FACTOR),
    ("mean over columns", lambda one: (one.column_mean,), ERROR_FACTOR),
    ("mean over pairs", lambda one: (one.pair_mean,) if one.pair_mean else (), ERROR_FACTOR),
    (
        "mean over pairs",
        lambda one: (one.pair_mean,) if one.pair_mean else (),
        TIME_FACTOR,
    ),
    ("single columns", lambda one: one.columns, ERROR_FACTOR),
    ("single pairs", lambda one: one.pairs, ERROR_FACTOR),
)


def markdown(compared: Iterable[Compared]) -> str:
    """Tables of how often predictions were near, and the cases where they were farthest off."""
    held = list(compared)
    lines: list[str] = []
    for title, chosen in (
        ("Held-out tables, kinds and domains declared", _of(held, fit=False, described=True)),
        ("Held-out tables, nothing declared", _of(held, fit=False, described=False)),
        ("Calibration tables, kinds and domains declared", _of(held, fit=True, described=True)),
        ("Calibration tables, nothing declared", _of(held, fit=True, described=False)),
    ):
        names = sorted({one.case.synthesizer for one in chosen})
        lines += [
            f"### {title}: {len(chosen)} cases on {len({one.case.table for one in chosen})} tables",
            "",
            "| figure | within | " + " | ".join(("all", *names)) + " | in the told range |",
            "|---" * (len(names) + 4) + "|",
        ]
        for figure, pick, factor in FIGURES:
            told = [pair for one in chosen for pair in pick(one)]
            if not told:
                continue
            shares = [_share([near(pair, factor) for pair in told])]
            for name in names:
                mine = [
                    near(pair, factor)
                    for one in chosen
                    if one.case.synthesizer == name
                    for pair in pick(one)
                ]
                shares.append(_share(mine))
            inside = _share([covered(pair) for pair in told])
            lines.append(f"| {figure} | {factor:g}× | " + " | ".join(shares) + f" | {inside} |")
        lines.append("")
    return "\n".join([*lines, *_losses(_of(held, fit=False))]) + "\n"


def _of(held: Sequence[Compared], **wanted: bool) -> list[Compared]:
    """Cases with these attributes."""
    return [
        one for one in held if all(getattr(one.case, name) == to for name, to in wanted.items())
    ]


def _share(hits: Sequence[bool]) -> str:
    """A share of hits as text."""
    return f"{100 * np.mean(hits):.0f} %" if hits else "–"


def _losses(held: Sequence[Compared], most: int = 20) -> list[str]:
    """Held-out cases whose mean pair error was farthest off."""
    ranked = sorted(
        ((one, *one.pair_mean) for one in held if one.pair_mean),
        key=lambda row: -abs(np.log(row[1].value / max(row[2], 1e-6))),
    )
    lines = [
        "### Where it was farthest off (held-out tables, mean over pairs)",
        "",
        "| table | declared | synthesizer | ε | predicted | range | seen |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.case.table} | {'yes' if one.case.described else 'no'} | {one.case.synthesizer} "
        f"| {one.case.epsilon:g} | {told.value:.3f} | {told.low:.3f} to {told.high:.3f} "
        f"| {seen:.3f} |"
        for one, told, seen in ranked[:most]
    ]
    return lines
