"""The filter of one run: what it may spend, and a refusal before anything is asked.

`Budget.charge` checks, writes the ledger, and only then returns; the caller answers after it
has returned. What may not happen here: a charge that is answered first, a tolerance that lets
the run spend more than it asked for, a switch that turns the filter off. A run without privacy
takes a `NonPrivateBudget`, whose ε is infinite in everything that follows.

Why adaptively chosen charges are safe: Σρ_i ≤ ρ is a valid filter for zCDP (Whitehouse,
Ramdas, Rogers & Wu 2023, arXiv:2203.05481), and Σ RDP at one order fixed beforehand is a valid
filter for everything else (Feldman & Zrnic 2021, arXiv:2008.11193).
"""

from __future__ import annotations

import math
import threading
import uuid
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from understudy.errors import BudgetExceeded, InputError
from understudy.privacy import accountant
from understudy.privacy.events import Event, NonPrivate
from understudy.privacy.unit import Unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from understudy.privacy.ledger import Ledger

DEFAULT_DELTA = 1e-6

SELECTION_SHARE = 0.2
"""Share of δ kept for partition selection unless asked otherwise; the rest converts ρ to ε."""
"""δ when none is asked for; a constant, never a function of the number of rows."""

EXACT_RHO = 1e7
"""ρ by which a run without privacy scales its questions: their noise is then zero, in effect."""

_HELD_BACK = 1e-9
_TOLERANCE = 1e-10


class Promise(Enum):
    """What stands in the place of ε when none is promised."""

    NON_PRIVATE = "non-private"

    def __repr__(self) -> str:
        return self.name


NON_PRIVATE: Final[Literal[Promise.NON_PRIVATE]] = Promise.NON_PRIVATE
"""Given instead of ε: the run promises nothing, and everything that comes of it says so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StageShare:
    """ρ and δ of one stage: what was planned before the run and what was spent."""

    stage: str
    planned_rho: float
    spent_rho: float
    spent_delta: float
    charges: int


def check_privacy(epsilon: float, delta: float) -> tuple[str, ...]:
    """Refuse impossible (ε, δ) and return remarks about weak ones.

    Raises
    ------
    InputError
        ε not positive and finite, δ outside (0, 0.01).

    >>> check_privacy(1.0, 1e-6)
    ()
    """
    for name, value in (("epsilon", epsilon), ("delta", delta)):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"{name} must be a number", given=type(value).__name__)
    if not (math.isfinite(epsilon) and epsilon > 0):
        raise InputError(
            "epsilon must be positive and finite",
            hint="1 is a usual choice, 0.1 is strict, above 10 protects little",
            epsilon=epsilon,
        )
    if not 0 < delta < 0.5:
        raise InputError(
            "delta must be a small probability",
            hint="write 1e-6; in many languages 10^-6 is not a power but a bit operation",
            delta=delta,
        )
    if delta >= 1e-2:
        raise InputError(
            "delta is too large: with that probability a person may lose all protection",
            hint="use 1e-6, or less than one over the number of people",
            delta=delta,
        )
    remarks = []
    if epsilon > 20:
        remarks.append("epsilon above 20 is close to no protection; 1 to 10 is usual")
    if delta > 1e-4:
        remarks.append("delta above 1e-4 is large; 1e-6 is usual")
    return tuple(remarks)


class Budget:
    """The privacy filter of one run, and its only way to spend.

    Parameters
    ----------
    epsilon, delta
        What the run promises, under `unit`: ε > 0 finite, 0 < δ < 0.01.
    unit
        Whom the promise protects; events under another relation are refused.
    delta_selection_share
        Share of δ kept for partition selections, in [0, 1); the rest converts ρ to ε.
    ledger, asset, run, who, purpose
        Where charges are written before they are answered; `asset` names the data. `run` is
        the id of a run that is already open; by default one is opened here, after the ledger
        has checked the whole (ε, δ) against the asset's policy.
    order
        Rényi order, above 1, at which everything is counted, for a run whose main cost is not
        zCDP. By default the order that suits ρ best, at which Σρ ≤ ρ implies the bound, so
        that zCDP events and others mix. Chosen before the run, from public facts.

    Raises
    ------
    InputError
        (ε, δ) or a share out of range, or a ledger without an asset.
    PolicyRefused, LedgerError
        From the ledger.

    Guarantees
    ----------
    At every moment, `epsilon_spent()` ≤ `epsilon` at the total `delta`, for every sequence of
    charges, adaptively chosen, in any number of threads.

    >>> from understudy.privacy.events import Gaussian
    >>> budget = Budget(1.0, 1e-6)
    >>> budget.charge(Gaussian(label="counts", sigma=10.0))
    >>> budget.remaining_rho < budget.rho - 0.0049
    True
    """

    def __init__(
        self,
        epsilon: float,
        delta: float = DEFAULT_DELTA,
        unit: Unit | None = None,
        *,
        delta_selection_share: float = SELECTION_SHARE,
        ledger: Ledger | None = None,
        asset: str | None = None,
        run: str | None = None,
        who: str | None = None,
        purpose: str | None = None,
        order: float | None = None,
    ) -> None:
        self.remarks = check_privacy(epsilon, delta)
        if not 0 <= delta_selection_share < 1:
            raise InputError("delta_selection_share must be in [0, 1)", share=delta_selection_share)
        if order is not None and not (math.isfinite(order) and order > 1):
            raise InputError("order must be above 1 and finite", order=order)
        self.epsilon, self.delta = float(epsilon), float(delta)
        selection = self.delta * delta_selection_share
        self._delta_convert = self.delta - selection
        self._order = order
        self._start(
            unit,
            rho=accountant.calibrate_rho(self.epsilon, self._delta_convert) * (1 - _HELD_BACK),
            delta_selection=selection * (1 - _HELD_BACK),
            ledger=ledger,
            asset=asset,
            run=run,
            who=who,
            purpose=purpose,
        )

    def _start(
        self,
        unit: Unit | None,
        *,
        rho: float,
        delta_selection: float,
        ledger: Ledger | None,
        asset: str | None,
        run: str | None,
        who: str | None,
        purpose: str | None,
    ) -> None:
        """Set the limits and open the run in the ledger."""
        self.unit = unit if unit is not None else Unit()
        self.rho, self.delta_selection = rho, delta_selection
        self._events: list[Event] = []
        self._plan: dict[str, float] = {}
        self._lock = threading.Lock()
        self._ledger, self.asset = ledger, asset
        if ledger is not None and run is None:
            if not asset:
                raise InputError(
                    "a ledger needs the name of the asset", hint="pass asset='name-of-the-table'"
                )
            run = ledger.open_run(
                asset,
                self.epsilon,
                self.delta,
                self.unit,
                who=who,
                purpose=purpose,
                rho=rho,
                delta_selection=delta_selection,
            )
        self.run = run if run is not None else uuid.uuid4().hex

    @classmethod
    def resume(
        cls,
        ledger: Ledger,
        asset: str,
        run: str,
        *,
        unit: Unit | None = None,
        order: float | None = None,
    ) -> Self:
        """The budget of a run that was interrupted: all it charged is spent.

        Parameters
        ----------
        ledger, asset, run
            Where the run is written, and its id.
        unit, order
            As when it was opened.

        Raises
        ------
        InputError
            The asset has no such run, or the run protects another unit.
        """
        record = ledger.show(asset)
        found = next((one for one in record.runs if one.id == run), None)
        if found is None:
            raise InputError("the ledger has no such run to go on with", asset=asset, run=run[:12])
        whose = unit if unit is not None else Unit()
        if found.unit != whose.statement:
            raise InputError("the interrupted run protects another unit", unit=found.unit)
        budget = cls(
            found.epsilon, found.delta, whose, ledger=ledger, asset=asset, run=run, order=order
        )
        budget._events.extend(charge.event for charge in record.charges if charge.run == run)
        return budget

    @property
    def has_ledger(self) -> bool:
        """Whether charges are written where another process finds them."""
        return self._ledger is not None

    def charge(self, event: Event) -> None:
        """Pay for one event; returns only after the ledger holds it.

        Raises
        ------
        BudgetExceeded
            The run has too little left; nothing was written, nothing may be answered.
        PolicyRefused, LedgerError
            The ledger refused or could not write; nothing may be answered.
        """
        self.charge_all((event,))

    def charge_all(self, events: Iterable[Event]) -> None:
        """Pay for several events together: all are charged or none is."""
        asked = tuple(events)
        if not asked:
            return
        with self._lock:
            for event in asked:
                if event.relation is not self.unit.relation:
                    raise InputError(
                        "an event was derived under another neighbouring relation than the unit's",
                        event=event.label,
                        relation=str(event.relation),
                        unit=str(self.unit.relation),
                    )
            self._admit(asked)
            if self._ledger is not None:
                self._ledger.charge_all(self.run, asked)
            self._events.extend(asked)

    def _admit(self, asked: tuple[Event, ...]) -> None:
        """Raise unless everything spent and asked stays within the run's ε and δ."""
        every = (*self._events, *asked)
        facts: dict[str, Any] = {"event": asked[0].label, "events": len(asked)}
        if any(isinstance(event, NonPrivate) for event in asked):
            raise BudgetExceeded(
                "a non-private access under a finite epsilon",
                hint="a synthesizer without privacy takes a NonPrivateBudget",
                **facts,
            )
        delta = accountant.total_delta(every)
        if delta > self.delta_selection * (1 + _TOLERANCE):
            raise BudgetExceeded(
                "the run's delta for partition selection is spent",
                delta_spent=delta,
                delta_available=self.delta_selection,
                **facts,
            )
        rho = accountant.total_rho(every)
        if self._order is None and all(event.rho is not None for event in every):
            fits = rho <= self.rho * (1 + _TOLERANCE)
        else:
            total = self._delta_convert + delta
            fits = accountant.epsilon(every, total, orders=(self.order,)) <= self.epsilon
        if not fits:
            raise BudgetExceeded(
                "the run's privacy budget does not cover this",
                hint="ask for less, or start a run with a larger epsilon",
                rho_asked=accountant.total_rho(asked),
                rho_remaining=self.remaining_rho,
                **facts,
            )

    @property
    def scale_rho(self) -> float:
        """ρ from which the noise of questions is computed: finite also without privacy."""
        return self.rho

    @property
    def order(self) -> float:
        """The Rényi order at which events that are not zCDP are counted; fixed beforehand."""
        return self._order or accountant.mixed_order(self.rho, self._delta_convert)

    def noise_multiplier(self, probability: float, steps: int) -> float:
        """Least noise, in clips, of so many Poisson-sampled steps that fits what is left.

        Parameters
        ----------
        probability
            Chance of every unit to be in a step, in (0, 1].
        steps
            How many there will be, 1 or more.

        Raises
        ------
        BudgetExceeded
            No amount of noise that is of use would fit.
        """
        found = accountant.calibrate_multiplier(
            self._events,
            self.epsilon * (1 - _HELD_BACK),
            self._delta_convert + accountant.total_delta(self._events),
            order=self.order,
            probability=probability,
            steps=steps,
        )
        if found is None:
            raise BudgetExceeded(
                "too little of the privacy budget is left for training steps",
                hint="ask for a larger epsilon, or for fewer steps",
                steps=steps,
                epsilon=self.epsilon,
            )
        return found

    @property
    def events(self) -> tuple[Event, ...]:
        """Everything charged so far, in order."""
        return tuple(self._events)

    @property
    def spent_rho(self) -> float:
        """Σρ of the zCDP events charged so far."""
        return accountant.total_rho(self._events)

    @property
    def remaining_rho(self) -> float:
        """ρ that is left for zCDP events, ≥ 0."""
        return math.inf if math.isinf(self.rho) else max(0.0, self.rho - self.spent_rho)

    @property
    def spent_delta_selection(self) -> float:
        """Σδ of the partition selections charged so far."""
        return accountant.total_delta(self._events)

    @property
    def remaining_delta_selection(self) -> float:
        """δ that is left for partition selections, ≥ 0."""
        return max(0.0, self.delta_selection - self.spent_delta_selection)

    def epsilon_spent(self) -> float:
        """ε of everything charged so far, at the run's total δ."""
        if self._order is None and all(event.rho is not None for event in self._events):
            return accountant.epsilon(self._events, self.delta)
        return accountant.epsilon(self._events, self.delta, orders=accountant.near(self.order))

    def plan(self, shares: Mapping[str, float]) -> None:
        """State beforehand which share of ρ each stage will spend; the shares sum to 1 or less."""
        if any(not (math.isfinite(share) and share >= 0) for share in shares.values()):
            raise InputError("shares must be finite and not negative")
        if math.fsum(shares.values()) > 1 + 1e-9:
            raise InputError("shares sum to more than 1", total=math.fsum(shares.values()))
        self._plan = dict(shares)

    def plan_rest(self, first: str, share: float, last: str) -> None:
        """Add two stages to the plan: the first with a share of ρ, the last with what is left.

        >>> budget = Budget(1.0)
        >>> budget.plan({"domain": 0.5})
        >>> budget.plan_rest("select", 0.1, "pairs")
        >>> round(budget.stage_rho("pairs") / budget.rho, 3)
        0.4
        """
        left = 1.0 - math.fsum(self._plan.values()) - share
        self.plan({**self._plan, first: share, last: max(0.0, left)})

    @property
    def spare_share(self) -> float:
        """Share of ρ that neither a charge nor the plan of a stage has taken."""
        return min(self.remaining_rho / self.rho, 1.0 - math.fsum(self._plan.values()))

    def stage_rho(self, stage: str) -> float:
        """ρ that the plan gives to a stage."""
        if stage not in self._plan:
            raise InputError("the plan has no such stage", stage=stage, stages=tuple(self._plan))
        return self.rho * self._plan[stage]

    @property
    def shares(self) -> tuple[StageShare, ...]:
        """Planned and spent by stage: planned stages first, then any other that spent."""
        names = dict.fromkeys((*self._plan, *(event.stage for event in self._events)))
        told = []
        for name in names:
            part = [event for event in self._events if event.stage == name]
            share = self._plan.get(name, 0.0)
            told.append(
                StageShare(
                    stage=name,
                    planned_rho=self.rho * share if share else 0.0,
                    spent_rho=self._spent_rho(part),
                    spent_delta=accountant.total_delta(part),
                    charges=len(part),
                )
            )
        return tuple(told)

    def _spent_rho(self, part: list[Event]) -> float:
        """ρ of some events; those that are not zCDP count as what they cost at the run's order."""
        others = [event for event in part if event.rho is None]
        told = accountant.total_rho(part)
        return told + accountant.rho_at(others, self.order) if others else told

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(epsilon={self.epsilon:g}, delta={self.delta:g}, "
            f"spent {self.spent_rho:.6g} of rho {self.rho:.6g})"
        )


class NonPrivateBudget(Budget):
    """The budget of a run without privacy: ε = ∞ before, during and after.

    Takes the ledger's parameters of `Budget`; an asset with a policy refuses it.

    >>> budget = NonPrivateBudget()
    >>> budget.charge(NonPrivate(label="exact counts"))
    >>> budget.epsilon_spent()
    inf
    """

    def __init__(
        self,
        unit: Unit | None = None,
        *,
        ledger: Ledger | None = None,
        asset: str | None = None,
        run: str | None = None,
        who: str | None = None,
        purpose: str | None = None,
    ) -> None:
        self.remarks = ("this run gives no privacy: epsilon is infinite",)
        self.epsilon, self.delta = math.inf, 1.0
        self._start(
            unit,
            rho=math.inf,
            delta_selection=1.0,
            ledger=ledger,
            asset=asset,
            run=run,
            who=who,
            purpose=purpose,
        )

    def _admit(self, asked: tuple[Event, ...]) -> None:
        """Everything is admitted; everything is recorded."""

    @property
    def scale_rho(self) -> float:
        """So large that the noise of every question is zero, in effect."""
        return EXACT_RHO

    def noise_multiplier(self, probability: float, steps: int) -> float:
        """Refused: a run without privacy has no noise to calibrate."""
        raise InputError("a run without privacy has no noisy steps", steps=steps)

    def epsilon_spent(self) -> float:
        """Infinity, also before the first charge."""
        return math.inf
