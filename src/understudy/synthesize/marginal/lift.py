"""From the merged levels that rounds work on to the fine levels of the columns, exactly.

Within a merged level the fine levels of a column are independent of everything else, so a model
on merged levels times the share of each fine level within its merged one is the model on fine
levels; nothing is fitted. What may not happen here: learning.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from understudy.prepare.learn import Prepared
from understudy.synthesize.marginal.calibrate import Potentials
from understudy.synthesize.marginal.domain import Domain
from understudy.synthesize.marginal.grains import Ladder
from understudy.synthesize.marginal.model import MarkovModel
from understudy.synthesize.marginal.pairs import fine_domain


def coarse_start(domain: Domain, ladders: Mapping[str, Ladder], rows: float) -> MarkovModel:
    """Independent columns on merged levels.

    Parameters
    ----------
    domain
        Columns and the levels of their finest step.
    ladders
        Every column of the domain.
    rows
        Total of the model.
    """
    with np.errstate(divide="ignore"):
        tables: dict[tuple[str, ...], np.ndarray] = {
            (name,): np.log(ladders[name].counts / ladders[name].counts.sum())
            for name in domain.attributes
        }
    return MarkovModel(
        domain=domain, total=rows, potentials=Potentials(domain=domain, tables=tables)
    )


def lifted(model: MarkovModel, ladders: Mapping[str, Ladder], prepared: Prepared) -> MarkovModel:
    """The same distribution on the columns' own fine levels.

    Parameters
    ----------
    model
        On merged levels, as `coarse_start` or a fit from it left it.
    ladders
        Every column.
    prepared
        The columns with the estimated counts of their fine levels.
    """
    fine = fine_domain(prepared)
    given = model.potentials
    tables: dict[tuple[str, ...], np.ndarray] = {
        clique: table for clique, table in given.tables.items() if len(clique) > 1
    }
    classes = {}
    for item in prepared.attributes:
        ladder = ladders[item.name]
        merged = ladder.counts[ladder.base]
        with np.errstate(divide="ignore", invalid="ignore"):
            within = np.where(merged > 0, np.log(item.counts / merged), -np.inf)
        alone = given.tables.get((item.name,))
        tables[(item.name,)] = within if alone is None else within + alone[ladder.base]
        inside = given.classes.get(item.name)
        into = ladder.base if inside is None else np.asarray(inside)[ladder.base]
        if int(into.max()) + 1 < len(into):
            classes[item.name] = into
    return MarkovModel(
        domain=fine,
        total=model.total,
        potentials=Potentials(domain=fine, tables=tables, classes=classes),
    )
