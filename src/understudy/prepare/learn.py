"""Learn what every column is and how its values are spread, from a curator's noisy answers.

Five batches of questions, each charged before it is answered:

1. how many rows;
2. which cell classes untyped columns hold; how many distinct cells;
3. where numbers lie; which labels occur (partition selection);
4. numbers again, on a first cut;
5. numbers on the final cut, and labels again with what the third batch taught.

What comes out (`Prepared`) is free of rows and is all that a synthesizer needs to know about
columns. What may not happen here: anything but questions to the curator and post-processing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from understudy.curator import CellClasses, Count, Curator, Distinct, LabelCells
from understudy.errors import InputError
from understudy.prepare.attributes import Attribute
from understudy.prepare.domains import learn_domains
from understudy.prepare.roles import Role, Route, may_be_key, needs_classes, role_of
from understudy.prepare.shares import (
    DISTINCT_SHARE,
    ROWS_SHARE,
    Purse,
    kinds_share,
    later_shares,
    part_of_singles,
)
from understudy.prepare.singles import learn_singles
from understudy.privacy.unit import Unit
from understudy.schema import Column, Kind, Schema, Storage


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What a synthesizer gets to know about a table.

    Parameters
    ----------
    attributes
        Modelled columns, in table order.
    roles
        What every column is treated as, dropped ones included.
    rows
        Noisy number of rows, at least 1.
    rows_sigma
        Its standard deviation.
    """

    attributes: tuple[Attribute, ...]
    roles: tuple[Role, ...]
    rows: float
    rows_sigma: float

    def attribute(self, name: str) -> Attribute:
        """The attribute of a column."""
        return next(item for item in self.attributes if item.name == name)


def check_bins(uniform_bins: int | None) -> None:
    """Refuse a number of equal bins that cannot be."""
    if uniform_bins is not None and not 1 <= uniform_bins <= 1_000:
        raise InputError("uniform_bins must lie in 1 to 1,000", uniform_bins=uniform_bins)


def learn(
    curator: Curator,
    schema: Schema,
    *,
    everything: bool = False,
    singles_part: float = 1.0,
    rich_part: float | None = None,
    uniform_bins: int | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Prepared:
    """Ask the curator what every column is and how it is spread.

    Parameters
    ----------
    curator
        Holds the rows and the budget.
    schema
        Declared public facts; empty learns everything.
    everything
        Whether single columns get all that is left of the budget.
    singles_part
        Part of their usual share that single columns get, in (0, 1]: for a synthesizer that
        learns more about them from pairs.
    rich_part
        The same with plenty of rows over noise (`prepare.shares.RICH`); None: the same.
    uniform_bins
        Cut number columns into so many equal bins, 1 to 1,000, instead of adaptively.
    progress
        Called with a sentence and a fraction of this stage done.

    Raises
    ------
    SchemaError
        A column cannot be modelled; nothing was charged.
    InputError
        Every column is declared dropped; nothing was charged.
    """
    tell = progress or (lambda _text, _done: None)
    check_bins(uniform_bins)
    budget = curator.budget
    purse = Purse(curator=curator, shares={"rows": ROWS_SHARE, "kinds": 0.0, "distinct": 0.0})
    tell("counting rows and cell classes", 0.0)
    rows, rows_sigma, roles = _roles(curator, schema, purse)
    spent = sum(purse.shares.values())
    purse.shares |= later_shares(
        rows, budget.scale_rho, curator.unit.count_l2, spent=spent, columns=len(roles)
    )
    purse.shares["singles"] *= part_of_singles(
        rows, budget.scale_rho, curator.unit.count_l2, few=singles_part, rich=rich_part
    )
    if everything:
        purse.shares["singles"] = 0.0
        purse.shares["singles"] = (1.0 - sum(purse.shares.values())) * (1.0 - 1e-9)
    budget.plan(purse.shares)
    kept = [role for role in roles if role.route is not Route.DROP]
    tell("finding ranges and labels", 0.3)
    found = learn_domains(curator, kept, purse, rows, uniform_bins=uniform_bins)
    tell("counting every column", 0.6)
    attributes, totals = learn_singles(curator, kept, found, purse, rows)
    rows, variance = _pool([(rows, rows_sigma**2), *totals])
    rows, rows_sigma = max(rows, 1.0), float(np.sqrt(variance))
    return Prepared(
        attributes=tuple(_settle(item, rows) for item in attributes),
        roles=tuple(roles),
        rows=rows,
        rows_sigma=rows_sigma,
    )


def _roles(curator: Curator, schema: Schema, purse: Purse) -> tuple[float, float, list[Role]]:
    """First two batches: rows, cell classes, distinct cells; then what each column is."""
    headers = curator.headers
    declared = {header.name: _declared(header.name, schema, curator.unit) for header in headers}
    asked = [h for h in headers if needs_classes(h, declared[h.name])]
    keys = [h for h in headers if may_be_key(h, declared[h.name])]
    foreseen = [
        role_of(header, declared[header.name], classes=None, sigma=1.0, distinct_share=None)
        for header in headers
    ]
    if all(role.route is Route.DROP for role in foreseen):
        raise InputError("every column is dropped", hint="keep at least one column in the schema")
    row_sigma = purse.sigma(purse.rho("rows"))
    counted = float(curator.ask([Count(encodings=(), sigma=row_sigma, stage="rows")])[0])
    purse.shares["kinds"] = kinds_share(
        max(counted, 1.0), curator.budget.scale_rho, curator.unit.count_l2, len(asked)
    )
    class_sigma = purse.sigma(purse.rho("kinds") / len(asked)) if asked else 1.0
    purse.shares["distinct"] = DISTINCT_SHARE if keys else 0.0
    key_sigma = purse.sigma(purse.rho("distinct") / len(keys)) if keys else 1.0
    questions: list[Count | Distinct] = [
        Count(
            encodings=(CellClasses(column=h.name, floats=h.storage is not Storage.TEXT),),
            sigma=class_sigma,
            stage="kinds",
        )
        for h in asked
    ]
    questions += [Distinct(column=h.name, sigma=key_sigma, stage="distinct") for h in keys]
    answers = curator.ask(questions)
    classes = {h.name: a for h, a in zip(asked, answers, strict=False)}
    distinct = {h.name: a for h, a in zip(keys, answers[len(asked) :], strict=True)}
    totals = [(counted, row_sigma**2)]
    totals += [(float(a.sum()), len(a) * class_sigma**2) for a in classes.values()]
    rows, variance = _pool(totals)
    rows = max(rows, 1.0)
    roles = []
    for header in headers:
        noisy = distinct.get(header.name)
        certain = None if noisy is None else (float(noisy) - 3 * key_sigma) / rows
        role = role_of(
            header,
            declared[header.name],
            classes=classes.get(header.name),
            sigma=class_sigma,
            distinct_share=certain,
        )
        roles.append(replace(role, distinct=certain))
    return rows, float(np.sqrt(variance)), roles


def _declared(name: str, schema: Schema, unit: Unit) -> Column:
    """What is declared about a column; the one that names the unit is an identifier."""
    column = schema.column(name)
    said = column.kind or column.identifier or column.action
    if name != unit.column or said is not None:
        return column
    return column.model_copy(update={"kind": Kind.IDENTIFIER})


def _pool(totals: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Inverse-variance mean of several noisy totals, and its variance."""
    weights = np.array([1.0 / variance for _, variance in totals])
    values = np.array([value for value, _ in totals])
    return float(weights @ values / weights.sum()), float(1.0 / weights.sum())


def _settle(attribute: Attribute, rows: float) -> Attribute:
    """Scale an attribute's counts to the number of rows; all to the rest when none is known."""
    counts = attribute.counts
    if counts.sum() <= 0:
        counts = np.zeros(len(counts))
        counts[-1 if isinstance(attribute.encoding, LabelCells) else 0] = 1.0
    return replace(attribute, counts=counts * (rows / counts.sum()))
