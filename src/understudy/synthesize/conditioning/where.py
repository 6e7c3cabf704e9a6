"""A model of the rows that meet a condition, exactly on the modelled distribution.

The condition is read, cells are cut where it divides them, what remains is a few disjoint boxes of
levels, and each box is evidence that is propagated through the junction tree. Nothing is sampled
and thrown away, so a condition of probability 10⁻⁹ costs what one of a half costs.

What may not happen here: a budget, noise, or a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.errors import InputError
from understudy.prepare.attributes import Attribute
from understudy.synthesize.conditioning.boxes import Box, boxes_of
from understudy.synthesize.conditioning.comparisons import (
    comparisons,
    read_condition,
    spell_condition,
)
from understudy.synthesize.conditioning.levels import cuts_of, selected
from understudy.synthesize.conditioning.mixture import Component, codes_of, components_of
from understudy.synthesize.conditioning.refine import Split, split_attribute, split_markov

if TYPE_CHECKING:
    from understudy.synthesize.model import Model

Where = str | Mapping[str, Any]

IMPOSSIBLE = 1e-12
"""Probability below which a condition counts as impossible."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Selection:
    """A condition brought to a model.

    Parameters
    ----------
    attributes
        The model's columns, their cells cut where the condition divides them.
    components
        The model's distribution on these levels.
    boxes
        Disjoint sets of levels that are the condition.
    """

    attributes: tuple[Attribute, ...]
    components: tuple[Component, ...]
    boxes: tuple[Box, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the condition restricts, in the order of the table."""
        named = {name for box in self.boxes for name in box}
        return tuple(item.name for item in self.attributes if item.name in named)

    def probability(self) -> float:
        """Probability of the condition."""
        return float(
            sum(
                weight * markov.probability(box) if box else weight
                for weight, markov in self.components
                for box in self.boxes
            )
        )


def cut_model(
    model: Model, cuts: Mapping[str, set[float]]
) -> tuple[tuple[Attribute, ...], tuple[Component, ...]]:
    """Columns and distribution of a model with cells cut at points of each number line."""
    attributes: list[Attribute] = []
    splits: dict[str, Split] = {}
    for item in model.attributes:
        finer, split = split_attribute(item, cuts.get(item.name, ()))
        attributes.append(finer)
        if split is not None:
            splits[item.name] = split
    parts = components_of(model.codes, model.synthesizer)
    return tuple(attributes), tuple(
        (weight, split_markov(markov, splits)) for weight, markov in parts
    )


def select(model: Model, where: Where, cuts: Mapping[str, set[float]] | None = None) -> Selection:
    """Bring a condition to a model.

    Parameters
    ----------
    model
        Any model whose generator can be conditioned.
    where
        An expression, or fixed values by column.
    cuts
        Further points at which cells are to be cut.

    Raises
    ------
    InputError
        The condition is none, names what the model does not have, or needs too many parts.
    """
    formula = read_condition(where, model.columns)
    held = {item.name: item for item in model.attributes}
    points = {name: set(more) for name, more in (cuts or {}).items()}
    for asked in comparisons(formula):
        points.setdefault(asked.column, set()).update(cuts_of(held[asked.column], asked))
    attributes, parts = cut_model(model, points)
    held = {item.name: item for item in attributes}
    boxes = boxes_of(formula, lambda asked: selected(held[asked.column], asked))
    return Selection(attributes=attributes, components=parts, boxes=boxes)


def condition(model: Model, where: Where) -> Model:
    """The model of the rows that meet a condition; see `Model.condition`."""
    from understudy.synthesize.model import Derivation

    chosen = select(model, where)
    parts: list[Component] = []
    for weight, markov in chosen.components:
        for box in chosen.boxes:
            share = weight * (markov.probability(box) if box else 1.0)
            if share > IMPOSSIBLE:
                parts.append((share, markov.condition(box) if box else markov))
    probability = sum(share for share, _ in parts)
    if probability <= IMPOSSIBLE:
        raise InputError(
            "the model gives this condition probability zero",
            hint="widen it; the levels of a column: understudy inspect MODEL --column NAME, and "
            "a column without a fixed step needs a range, not one value",
        )
    derived = Derivation(kind="where", text=spell_condition(where), probability=probability)
    return rebuilt(model, chosen.attributes, tuple(parts), derived, model.rows * probability)


def rebuilt(
    model: Model,
    attributes: tuple[Attribute, ...],
    parts: tuple[Component, ...],
    derived: Any,
    rows: float,
) -> Model:
    """A model with another distribution: its counts follow, and the record says what was done."""
    total = sum(weight for weight, _ in parts)
    made = []
    for item in attributes:
        shares = sum(weight * markov.distribution((item.name,)).values for weight, markov in parts)
        counts = np.asarray(shares / total * rows)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(item.counts > 0, counts / item.counts, 1.0)
        variances = item.variances * np.maximum(ratio, ratio**2)
        made.append(replace(item, counts=counts, variances=variances))
    return replace(
        model,
        attributes=tuple(made),
        codes=codes_of(parts),
        rows=rows,
        derived=(*model.derived, derived),
    )
