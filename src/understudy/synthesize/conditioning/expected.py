"""How accurate each released marginal is expected to be, from paid-for numbers alone.

Every single column and every pair is taken on a few levels of similar mass, the expected error of
each cell follows from the noise and the model's bound (`uncertainty`), and half their sum is the
expected total variation distance from the sensitive table's own marginal. What may not happen
here: a row; what was found on real rows is the internal evaluation's business.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from understudy.errors import InputError
from understudy.synthesize.conditioning.mixture import components_of
from understudy.synthesize.conditioning.uncertainty import (
    Facet,
    Floats,
    Spread,
    expected_tvd,
    facet_of,
    spread_of,
)
from understudy.synthesize.marginal.sweep import pair_marginals

if TYPE_CHECKING:
    from understudy.synthesize.model import Model

LEVELS = 16
"""Most levels a column is taken on."""

MOST_PAIRS = 2_000
"""Most pairs that a statement is made for; beyond them, single columns only."""

Merges = dict[str, npt.NDArray[np.intp]]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ExpectedMarginal:
    """One marginal on a few levels: the model's shares, and how far they may be off.

    Parameters
    ----------
    columns
        One or two names.
    shares
        The model's shares, one axis per column.
    tvd
        Expected total variation distance from the sensitive table's own shares, 0 to 1.
    counted
        Whether the columns were counted together.
    bounded
        Whether anything bounds how the columns depend on each other.
    """

    columns: tuple[str, ...]
    shares: Floats
    tvd: float
    counted: bool
    bounded: bool


def expected_marginals(model: Model) -> tuple[Merges, tuple[ExpectedMarginal, ...]]:
    """Every single and pair of a model with its expected error.

    Returns
    -------
    tuple
        Per column the map from level to the few levels it is taken on, and the statements;
        nothing for a model that cannot be asked in closed form, or was made from another.
    """
    if model.derived:
        return {}, ()
    try:
        components = components_of(model.codes, model.synthesizer)
    except InputError:
        return {}, ()
    merges: Merges = {}
    facets: dict[str, Facet] = {}
    made: list[ExpectedMarginal] = []
    for item in model.attributes:
        into = np.unique(item.merge(LEVELS), return_inverse=True)[1]
        groups = into[None, :] == np.arange(int(into.max()) + 1)[:, None]
        merges[item.name] = into
        facets[item.name] = facet = facet_of(model, item, components, groups)
        spread = spread_of(model, {item.name: facet}, facet.share, {})
        made.append(_stated(model, (item.name,), facet.share, spread))
    edges = list(itertools.combinations(model.columns, 2))
    if len(edges) > MOST_PAIRS:
        return merges, tuple(made)
    tables: dict[tuple[str, str], Floats] = {}
    for weight, markov in components:
        for edge, table in pair_marginals(markov, edges, merges).items():
            share = weight * table / max(table.sum(), 1e-300)
            tables[edge] = tables[edge] + share if edge in tables else share
    for edge, joint in tables.items():
        pair = {name: facets[name] for name in edge}
        made.append(_stated(model, edge, joint, spread_of(model, pair, joint, {edge: joint})))
    return merges, tuple(made)


def _stated(
    model: Model, columns: tuple[str, ...], shares: Floats, spread: Spread
) -> ExpectedMarginal:
    """One statement."""
    return ExpectedMarginal(
        columns=columns,
        shares=shares,
        tvd=expected_tvd(model, shares, spread),
        counted=spread.measured,
        bounded=spread.bounded,
    )
