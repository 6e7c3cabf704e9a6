"""The privacy label of a run, read off its budget: what was promised, planned and charged.

What may not happen here: a charge that is left out, or a number that the accountant did not make.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from understudy.release.label import (
    AttackBound,
    Charge,
    Cumulative,
    DeltaPart,
    DpLabel,
    Mechanism,
    Stage,
)
from understudy.release.wording import (
    ADD_OR_REMOVE,
    CENTRAL_CURATOR,
    GRADIENT_NOISE,
    NO_NOISE,
    REPLACE_ONE,
    SYSTEM_ENTROPY,
    ZCDP_DEFINITION,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from understudy.privacy.budget import Budget
    from understudy.privacy.events import Event

_MECHANISMS: Mapping[str, tuple[str, str]] = {
    "gaussian": ("discrete Gaussian", "Canonne, Kamath and Steinke 2020"),
    "exponential": ("exponential", "McSherry and Talwar 2007"),
    "partition": ("partition selection", "Desfontaines, Voss, Gipson and Mandayam 2022"),
    "non-private": ("none: exact answers", "no guarantee"),
    "dp-accounting": (
        "Gaussian on Poisson samples",
        "Abadi et al. 2016; Mironov, Talwar and Zhang 2019",
    ),
}
ACCOUNTANT = "Rényi accountant of dp_accounting; every rounding goes to the cautious side"


def label_of(
    budget: Budget,
    *,
    unit: str | None = None,
    stage_notes: Mapping[str, str] | None = None,
    cumulative: Cumulative | None = None,
) -> DpLabel:
    """Make the label of a run from its budget.

    Parameters
    ----------
    budget
        The budget after the run; every event it charged becomes a charge.
    unit
        What one unit is in words; by default the unit's own statement.
    stage_notes
        What each stage pays for, by its name.
    cumulative
        What the asset has spent over all its releases, when a ledger knows.

    Returns
    -------
    The label, with epsilon as promised and as spent.
    """
    notes = stage_notes or {}
    spent = budget.epsilon_spent()
    return DpLabel(
        definition=ZCDP_DEFINITION if math.isfinite(budget.epsilon) else "none",
        unit=unit or budget.unit.statement,
        unit_column=budget.unit.column,
        max_rows_per_unit=budget.unit.max_rows,
        neighbours=ADD_OR_REMOVE if budget.unit.relation == "add-remove" else REPLACE_ONE,
        epsilon=budget.epsilon,
        delta=budget.delta if math.isfinite(budget.epsilon) else 0.0,
        epsilon_spent=spent,
        rho=budget.rho,
        rho_spent=budget.spent_rho,
        delta_split=_delta_split(budget),
        mechanisms=tuple(_mechanisms(budget.events)),
        stages=tuple(
            Stage(
                name=share.stage or "other",
                planned=_part(share.planned_rho, budget.rho),
                spent=_part(share.spent_rho, budget.rho),
                note=notes.get(share.stage),
            )
            for share in budget.shares
            if math.isfinite(budget.epsilon)
        ),
        charges=charges_of(budget.events),
        accountant=ACCOUNTANT,
        trust_model=CENTRAL_CURATOR,
        randomness=_randomness(budget),
        bound=AttackBound.of(budget.epsilon, budget.delta),
        cumulative=cumulative,
    )


def charges_of(events: Iterable[Event]) -> tuple[Charge, ...]:
    """One charge for each event; equal events are one charge with a count.

    >>> from understudy.privacy.events import Gaussian
    >>> (charge,) = charges_of([Gaussian(label="count", stage="s", sigma=10.0)] * 2)
    >>> charge.count, round(charge.rho, 6)
    (2, 0.01)
    """
    counted = Counter(events)
    return tuple(
        Charge(
            label=event.label,
            stage=event.stage or "other",
            mechanism=_MECHANISMS.get(event.kind, (event.kind, ""))[0],
            columns=event.columns,
            rho=None if event.rho is None else event.rho * count,
            epsilon=getattr(event, "epsilon", None),
            delta=event.delta * count,
            scale=getattr(event, "sigma", None),
            count=count,
        )
        for event, count in counted.items()
    )


def _randomness(budget: Budget) -> str:
    """Where noise came from, in words; of a run without privacy that there is none."""
    if not math.isfinite(budget.epsilon):
        return NO_NOISE
    steps = any(event.kind == "dp-accounting" for event in budget.events)
    return f"{SYSTEM_ENTROPY} {GRADIENT_NOISE}" if steps else SYSTEM_ENTROPY


def _mechanisms(events: tuple[Event, ...]) -> Iterable[Mechanism]:
    """Each mechanism with the stages that used it."""
    for kind in dict.fromkeys(event.kind for event in events):
        name, reference = _MECHANISMS.get(kind, (kind, ""))
        stages = dict.fromkeys(event.stage or "other" for event in events if event.kind == kind)
        yield Mechanism(
            name=name,
            used_for=", ".join(stages),
            charges=sum(event.kind == kind for event in events),
            reference=reference or None,
        )


def _delta_split(budget: Budget) -> tuple[DeltaPart, ...]:
    """What delta pays for: showing labels, and converting rho to epsilon."""
    if not math.isfinite(budget.epsilon):
        return ()
    kept = budget.delta_selection
    parts = [DeltaPart(name="conversion from ρ to ε", delta=budget.delta - kept)]
    if kept:
        parts.append(DeltaPart(name="showing labels that few units hold", delta=kept))
    return tuple(parts)


def _part(rho: float, whole: float) -> float:
    """A share of the budget; 0 when there is no bound."""
    return rho / whole if math.isfinite(whole) and whole > 0 and math.isfinite(rho) else 0.0
