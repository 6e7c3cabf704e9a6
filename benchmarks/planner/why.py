"""Why predictions of described tables miss: what more tables, and one number a table, would change.

Every table is predicted by coefficients found on all others. What is left is taken apart into a
factor that all runs on a table share, which is the data's own doing (how skewed its columns are,
how strongly they depend), and the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from unittest import mock

import numpy as np

from understudy.workflow.planning import prediction

from . import fit
from .cases import Observed
from .compare import ERROR_FACTOR, compare


@dataclass(frozen=True, kw_only=True, slots=True)
class Left:
    """A case predicted without its own table: logarithms of predicted over seen."""

    table: str
    synthesizer: str
    columns: float
    pairs: float


def left_out(cases: Sequence[Observed]) -> Iterator[Left]:
    """Every case, predicted by coefficients found on the other tables alone."""
    held = {id(case): list(fit.pair_rows(case)) for case in cases}
    known = dict(prediction.coefficients())
    for table in sorted({case.table for case in cases}):
        others = [case for case in cases if case.table != table]
        found = known | {"columns": fit.fit_columns(others)}
        found["pairs"] = fit.fit_pairs(others, lambda case: held[id(case)])
        with mock.patch.object(prediction, "coefficients", lambda found=found: found):
            told = [compare(case) for case in cases if case.table == table]
        for one in told:
            if one.pair_mean:
                yield Left(
                    table=table,
                    synthesizer=one.case.synthesizer,
                    columns=_off(one.column_mean),
                    pairs=_off(one.pair_mean),
                )


def _off(told: tuple[prediction.Estimate, float]) -> float:
    """Logarithm of predicted over seen."""
    return float(np.log(told[0].value / max(told[1], 1e-6)))


def within(offs: Sequence[float]) -> float:
    """Share within the factor that is asked for.

    >>> within([0.0, 0.3, -0.5])
    0.6666666666666666
    """
    return float(np.mean(np.abs(offs) <= np.log(ERROR_FACTOR)))


def markdown(cases: Sequence[Observed]) -> str:
    """The section of the page."""
    left = list(left_out(cases))
    shared = {
        table: float(np.mean([one.pairs for one in left if one.table == table]))
        for table in {one.table for one in left}
    }
    offs = [one.pairs for one in left]
    rest = [one.pairs - shared[one.table] for one in left]
    part = 1.0 - float(np.var(rest) / np.var(offs))
    wide = [one for one in left if abs(shared[one.table]) > np.log(ERROR_FACTOR)]
    said = (
        f"Coefficients found on {len(shared) - 1} tables instead of 12 put {100 * within(offs):.0f} % of the "
        f"{len(left)} cases within 1.5× in pairs and {100 * within([o.columns for o in left]):.0f} % in columns: "
        f"more tables to learn from are not what is missing. {100 * part:.0f} % of the variance of the "
        f"predictions' logarithms is one factor per table, shared by all synthesizers and ε: how skewed its columns are "
        f"and how strongly they depend, which no header tells and a plan may not look up. With that one "
        f"factor known, {100 * within(rest):.0f} % would lie within 1.5×. "
        f"{len({one.table for one in wide})} tables are off by more than 1.5× as a whole:"
    )
    lines = [
        "### Why it misses (described tables, each predicted from all others)",
        "",
        said,
        "",
        "| table | predicted ÷ seen, mean over its runs | cases |",
        "|---|---|---|",
    ]
    for table in sorted(shared, key=lambda name: -abs(shared[name])):
        if abs(shared[table]) > np.log(ERROR_FACTOR):
            count = sum(one.table == table for one in left)
            lines.append(f"| {table} | ×{np.exp(shared[table]):.2f} | {count} |")
    return "\n".join(lines) + "\n"
