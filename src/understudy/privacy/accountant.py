"""From events to (ε, δ): the only module that imports `dp_accounting`.

What may not happen here: privacy loss computed by a formula of our own. Conversion and
composition are `dp_accounting`'s RDP accountant; we only add the ρ of zCDP events before
handing them over (Bun & Steinke 2016, arXiv:1605.02065, Lemma 1.7), group equal events, and
take the δ of partition selections from the target (the same paper, Section 8: δ_i-approximate
ρ_i-zCDP composes to Σδ_i-approximate Σρ_i-zCDP, and a δ'-approximate mechanism whose good part
is (ε, δ)-DP is (ε, δ + δ')-DP; Papernot & Steinke 2022, arXiv:2110.03620, for RDP).

Every finite set of Rényi orders gives a true upper bound on ε; ours is a fixed geometric grid
(1% apart, up to 10⁷) because the library's own stops at 512 and is loose by several per cent
for ε below 0.1. The error of the grid is below 2·10⁻⁵ of ε (10⁻³ where ε is below 100·δ).
"""

from __future__ import annotations

import functools
import json
import math
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from understudy.errors import InputError
from understudy.privacy.events import (
    DpAccountingEvent,
    Event,
    Exponential,
    NonPrivate,
    PartitionSelection,
)
from understudy.privacy.events import Gaussian as GaussianEvent
from understudy.privacy.unit import Relation

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dp_accounting import DpEvent
    from dp_accounting.rdp import RdpAccountant

_ORDERS: tuple[float, ...] = tuple(float(1.0 + step) for step in np.geomspace(0.011, 1e7, num=2073))
_COARSE = 24
_BETWEEN = (
    72.0, 80.0, 88.0, 96.0, 112.0, 144.0, 160.0, 192.0, 224.0, 320.0, 384.0, 448.0, 640.0, 768.0,
    1536.0, 2048.0, 4096.0, 8192.0, 32768.0,
)  # fmt: skip
"""Orders of mixed runs besides the library's own."""
_REFERENCE_DELTA = 1e-6
_Part: TypeAlias = Any


def _mixed_orders() -> tuple[float, ...]:
    """Orders for events whose RDP is slow to compute: the library's own and a sparse tail."""
    from dp_accounting.rdp import rdp_privacy_accountant as rdp

    return tuple(sorted({*map(float, rdp.DEFAULT_RDP_ORDERS), *_BETWEEN}))


def mixed_order(rho: float, delta: float) -> float:
    """The order, of those of mixed runs, at which ρ-zCDP converts best."""
    best = best_order(rho, delta)
    return min(_mixed_orders(), key=lambda order: abs(math.log(order / best)))


def near(order: float) -> tuple[float, ...]:
    """An order and some around it: what a mixed run may report, without the slow whole grid."""
    grid = _mixed_orders()
    place = int(np.searchsorted(grid, order))
    around = grid[max(0, place - 3) : place + 4]
    return tuple(sorted({*around, order}))


def rho_at(events: Sequence[Event], order: float) -> float:
    """The ρ whose Rényi divergence at one order is that of these events together.

    For shares of a budget in words, not for a guarantee.
    """
    if not events:
        return 0.0
    import dp_accounting

    relation = events[0].relation
    accountant = _accountant((order,), relation)
    for tree, count in Counter(
        event.tree for event in events if isinstance(event, DpAccountingEvent)
    ).items():
        accountant.compose(decode(json.loads(tree)), count)
    whole = float(accountant.get_epsilon(_REFERENCE_DELTA))
    low, high = 0.0, 1.0

    def told(rho: float) -> float:
        single = _accountant((order,), relation).compose(dp_accounting.ZCDpEvent(rho))
        return float(single.get_epsilon(_REFERENCE_DELTA))

    if not math.isfinite(whole):
        return math.inf
    while told(high) < whole:
        low, high = high, 2.0 * high
    while high - low > 1e-6 * high:
        middle = (low + high) / 2.0
        low, high = (middle, high) if told(middle) < whole else (low, middle)
    return high


def sampled_gaussian(probability: float, multiplier: float, steps: int = 1) -> DpEvent:
    """So many steps of a Gaussian mechanism on a Poisson sample, as `dp_accounting` has them.

    Parameters
    ----------
    probability
        Chance of every unit to be in a step, independent of all others, in (0, 1].
    multiplier
        Standard deviation of the noise over the L2 sensitivity of the sum, above 0.
    steps
        Steps with the same parameters, each with a sample and noise of its own.
    """
    import dp_accounting

    if not 0 < probability <= 1:
        raise InputError("a sampling probability lies in (0, 1]", probability=probability)
    if not (math.isfinite(multiplier) and multiplier > 0):
        raise InputError("a noise multiplier must be above 0", multiplier=multiplier)
    if steps < 1:
        raise InputError("there must be 1 step or more", steps=steps)
    noise = dp_accounting.GaussianDpEvent(multiplier)
    step = dp_accounting.PoissonSampledDpEvent(probability, noise)
    return dp_accounting.SelfComposedDpEvent(step, steps)


MULTIPLIERS = (0.3, 1e4)
"""Least and largest noise multiplier that is ever used."""


def calibrate_multiplier(
    events: Sequence[Event],
    target: float,
    delta: float,
    *,
    order: float,
    probability: float,
    steps: int,
) -> float | None:
    """The least noise multiplier, on the safe side, at which steps fit beside earlier events.

    Parameters
    ----------
    events
        What was charged before.
    target, delta
        The ε of everything together may not be above `target` at this total δ.
    order
        The one Rényi order at which everything is counted.
    probability, steps
        Of the steps to come.

    Returns
    -------
    float or None
        None when even the largest multiplier does not fit.

    >>> found = calibrate_multiplier([], 1.0, 1e-6, order=24.0, probability=0.01, steps=1_000)
    >>> 1.5 < found < 2.0
    True
    """
    relation = events[0].relation if events else Relation.ADD_REMOVE

    def fits(multiplier: float) -> bool:
        step = sampled_gaussian(probability, multiplier, steps)
        coming = DpAccountingEvent.of(step, label="steps", relation=relation)
        return epsilon([*events, coming], delta, orders=(order,)) <= target

    low, high = MULTIPLIERS
    if not fits(high):
        return None
    if fits(low):
        return low
    while high / low > 1 + 1e-6:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high


def order_for_steps(
    target: float, delta: float, *, share: float, probability: float, steps: int
) -> float:
    """The order at which sampled steps need least noise, from public facts alone.

    Parameters
    ----------
    target, delta
        The run's ε, and its δ for conversion.
    share
        Part of the run's ρ that goes to zCDP events, in [0, 1).
    probability, steps
        Of the steps.
    """
    rho = calibrate_rho(target, delta)
    start = mixed_order(rho, delta)
    before = math.sqrt(0.5 / (share * rho)) if share > 0 else math.inf
    prepared = [GaussianEvent(label="before", sigma=before)] if share > 0 else []
    grid = [order for order in _mixed_orders() if start / 4 <= order <= start * 4]
    candidates = (*grid[:: max(1, len(grid) // 12)], start)

    def needed(order: float) -> float:
        found = calibrate_multiplier(
            prepared,
            target,
            delta,
            order=order,
            probability=probability,
            steps=steps,
        )
        return math.inf if found is None else found

    return min(candidates, key=needed)


def _accountant(orders: Sequence[float], relation: Relation) -> RdpAccountant:
    """An RDP accountant under our neighbouring relation."""
    from dp_accounting import NeighboringRelation
    from dp_accounting.rdp import RdpAccountant

    theirs = {
        Relation.ADD_REMOVE: NeighboringRelation.ADD_OR_REMOVE_ONE,
        Relation.REPLACE_ONE: NeighboringRelation.REPLACE_ONE,
    }[relation]
    return RdpAccountant(list(orders), theirs)


def as_dp_event(event: Event) -> DpEvent:
    """The `dp_accounting` event of one event, without its δ.

    The discrete Gaussian becomes a zCDP event, not a `GaussianDpEvent`: its ρ is proven, its
    privacy loss distribution is not that of the continuous Gaussian.
    """
    import dp_accounting

    if isinstance(event, NonPrivate):
        return dp_accounting.NonPrivateDpEvent()
    if isinstance(event, GaussianEvent | Exponential | PartitionSelection):
        return dp_accounting.ZCDpEvent(rho=event.rho)
    if isinstance(event, DpAccountingEvent):
        return decode(json.loads(event.tree))
    raise InputError("unknown kind of privacy event", kind=type(event).__name__)


def total_rho(events: Iterable[Event]) -> float:
    """Σρ of the zCDP events, rounded up; infinite when one is non-private."""
    parts = [event.rho for event in events if event.rho is not None]
    if not parts:
        return 0.0
    if any(math.isinf(part) for part in parts):
        return math.inf
    return math.nextafter(math.fsum(parts), math.inf)


def total_delta(events: Iterable[Event]) -> float:
    """Σδ of the events, rounded up."""
    parts = [event.delta for event in events if event.delta]
    return math.nextafter(math.fsum(parts), math.inf) if parts else 0.0


def epsilon(
    events: Sequence[Event], delta: float, *, orders: Sequence[float] | None = None
) -> float:
    """The ε of all events together at a total δ.

    Parameters
    ----------
    events
        What was charged, in any order; all under one neighbouring relation.
    delta
        Total δ in (0, 1), the δ of partition selections included.
    orders
        Rényi orders; by default a fine fixed grid (sparser with subsampled events).

    Returns
    -------
    float
        ε ≥ 0; infinite with a non-private event, or when the events' own δ uses up `delta`.

    Raises
    ------
    InputError
        Two relations among the events, or an event the accountant does not support.

    Guarantees
    ----------
    Never below the ε that the composed mechanism satisfies.

    >>> from understudy.privacy.events import Gaussian
    >>> round(epsilon([Gaussian(label="counts", sigma=10.0)], 1e-6), 3)
    0.43
    """
    relations = {event.relation for event in events}
    if len(relations) > 1:
        raise InputError(
            "events under different neighbouring relations do not compose",
            hint="derive every sensitivity under the relation of the privacy unit",
            relations=tuple(sorted(relations)),
        )
    relation = relations.pop() if relations else Relation.ADD_REMOVE
    others = Counter(event.tree for event in events if isinstance(event, DpAccountingEvent))
    return epsilon_of(
        total_rho(events), others, delta - total_delta(events), orders=orders, relation=relation
    )


def epsilon_of(
    rho: float,
    others: dict[str, int],
    delta: float,
    *,
    orders: Sequence[float] | None = None,
    relation: Relation = Relation.ADD_REMOVE,
) -> float:
    """The ε of Σρ and of other events (JSON text -> count) at the δ left for conversion."""
    if rho == 0 and not others:
        return 0.0
    if math.isinf(rho) or delta <= 0:
        return math.inf
    if not others and orders is None:
        return _epsilon_of_rho(rho, delta)
    import dp_accounting

    accountant = _accountant(orders or _mixed_orders(), relation)
    accountant.compose(dp_accounting.ZCDpEvent(rho=rho))
    for tree, count in others.items():
        accountant.compose(decode(json.loads(tree)), count)
    return float(accountant.get_epsilon(delta))


@functools.lru_cache(maxsize=4096)
def _epsilon_of_rho(rho: float, delta: float) -> float:
    """ε of ρ-zCDP: the best order of the fixed grid, found from coarse to fine."""
    import dp_accounting

    event = dp_accounting.ZCDpEvent(rho=rho)
    coarse = _accountant(_ORDERS[::_COARSE], Relation.ADD_REMOVE).compose(event)
    best, order = coarse.get_epsilon_and_optimal_order(delta)
    centre = int(np.searchsorted(_ORDERS, order))
    window = _ORDERS[max(0, centre - _COARSE) : centre + _COARSE + 1]
    fine = _accountant(window, Relation.ADD_REMOVE).compose(event)
    return float(min(best, fine.get_epsilon(delta)))


def best_order(rho: float, delta: float) -> float:
    """The Rényi order of the grid at which ρ-zCDP converts best; depends on nothing else."""
    import dp_accounting

    accountant = _accountant(_ORDERS, Relation.ADD_REMOVE).compose(dp_accounting.ZCDpEvent(rho))
    return float(accountant.get_epsilon_and_optimal_order(delta)[1])


@functools.lru_cache(maxsize=256)
def calibrate_rho(epsilon: float, delta: float) -> float:
    """The largest ρ whose ε at δ, by the accountant, does not exceed the one asked for.

    Parameters
    ----------
    epsilon
        Target ε, > 0 and finite.
    delta
        δ of the conversion, in (0, 1).

    Returns
    -------
    float
        ρ on the safe side: the accountant's ε of ρ-zCDP is ≤ `epsilon`, and within 10⁻⁹ of it.

    >>> rho = calibrate_rho(1.0, 1e-6)
    >>> round(rho, 5)
    0.02436
    """
    low = (math.sqrt(epsilon + math.log(1 / delta)) - math.sqrt(math.log(1 / delta))) ** 2
    while low > 0 and _epsilon_of_rho(low, delta) > epsilon:
        low /= 2
    high = low
    while _epsilon_of_rho(high, delta) <= epsilon:
        low, high = high, high * 1.5
    while high / low > 1 + 1e-10:
        middle = math.sqrt(low * high)
        if _epsilon_of_rho(middle, delta) <= epsilon:
            low = middle
        else:
            high = middle
    return low


def encode(event: DpEvent, relation: Relation = Relation.ADD_REMOVE) -> dict[str, Any]:
    """A `dp_accounting` event as a JSON object, after asking its accountant for support.

    Raises
    ------
    InputError
        The RDP accountant does not support the event (or a part of it) under the relation.
    """
    from dp_accounting import UnsupportedEventError

    try:
        _accountant((2.0,), relation).compose(event)
    except (UnsupportedEventError, ValueError) as refused:
        raise InputError(
            "the accountant refuses this event", event=type(event).__name__, relation=str(relation)
        ) from refused
    told: dict[str, Any] = _encode(event)
    return told


def _encode(value: _Part) -> _Part:
    """One field of an event: an event, a list, or a plain number or text."""
    import attrs
    from dp_accounting import DpEvent

    if isinstance(value, DpEvent):
        told = {
            field.name: _encode(getattr(value, field.name)) for field in attrs.fields(type(value))
        }
        return {"dp_event": type(value).__name__, **told}
    if isinstance(value, list | tuple):
        return [_encode(part) for part in value]
    if isinstance(value, np.generic):
        return value.item()
    return value


def decode(told: dict[str, Any]) -> DpEvent:
    """The event that `encode` wrote; only classes of `dp_accounting.dp_event` are made.

    >>> import dp_accounting
    >>> event = dp_accounting.SelfComposedDpEvent(dp_accounting.LaplaceDpEvent(2.0), 3)
    >>> decode(encode(event)) == event
    True
    """
    import dp_accounting

    name = told.get("dp_event", "")
    made = getattr(dp_accounting.dp_event, str(name), None)
    if not (isinstance(made, type) and issubclass(made, dp_accounting.DpEvent)):
        raise InputError("unknown event of dp_accounting", event=name)
    fields = {key: _decode(value) for key, value in told.items() if key != "dp_event"}
    try:
        return made(**fields)
    except TypeError as wrong:
        raise InputError("an event of dp_accounting has unknown fields", event=name) from wrong


def _decode(value: _Part) -> _Part:
    """One field of an event, back from JSON."""
    if isinstance(value, dict):
        return decode(value)
    if isinstance(value, list):
        return [_decode(part) for part in value]
    return value
