"""Privacy events: small frozen values that say what one access to the rows cost.

Each class is one mechanism, and its docstring is the mathematics of its cost. An event is
charged before its mechanism runs; the accountant composes events, the ledger stores them.

What may not happen here: composition or conversion (that is the accountant's), and anything
that comes from the data. Labels, stages and columns are public names.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeAlias

from understudy.errors import InputError
from understudy.privacy.unit import Relation

DpEvent: TypeAlias = Any
"""An event of `dp_accounting`, which ships no types and is imported by the accountant alone."""


def _positive(name: str, value: float, label: str) -> None:
    """Refuse a privacy parameter that is zero, negative, infinite or not a number."""
    if not (isinstance(value, int | float) and math.isfinite(value) and value > 0):
        facts: dict[str, Any] = {"event": label, name: value}
        raise InputError(f"{name} must be positive and finite", **facts)


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One access to the rows: what was asked, at which stage, about which columns.

    Parameters
    ----------
    label
        Public name of the question, such as `"histogram of age"`.
    stage
        Stage of the run that asked, such as `"domain"` or `"measure"`.
    columns
        Names of the columns the question reads.
    relation
        Neighbouring relation under which the sensitivity was derived.
    """

    kind: ClassVar[str] = ""

    label: str
    stage: str = ""
    columns: tuple[str, ...] = ()
    relation: Relation = Relation.ADD_REMOVE

    @property
    def rho(self) -> float | None:
        """The ρ for which the event is (δ-approximately) ρ-zCDP, or None when it is not zCDP."""
        return None

    @property
    def delta(self) -> float:
        """Probability with which the event's ρ may fail (0 for most mechanisms)."""
        return 0.0

    def to_dp_event(self) -> DpEvent:
        """Give this event, without its δ, as an event of `dp_accounting`."""
        from understudy.privacy.accountant import as_dp_event

        return as_dp_event(self)

    def to_json(self) -> dict[str, Any]:
        """A JSON object from which `from_json` makes an equal event."""
        told: dict[str, Any] = {"kind": self.kind}
        for field in fields(self):
            value = getattr(self, field.name)
            told[field.name] = list(value) if isinstance(value, tuple) else value
        told["relation"] = str(self.relation)
        return told


@dataclass(frozen=True, kw_only=True, slots=True)
class Gaussian(Event):
    """Discrete Gaussian noise on integer counts: ρ = D² / (2σ²).

    For q with integer values and L2 sensitivity D, q(x) + N_Z(0, σ²)^d is D²/(2σ²)-zCDP:
    Canonne, Kamath & Steinke 2020 (arXiv:2004.00010), Theorem 14. The same ρ as the continuous
    Gaussian of Bun & Steinke 2016 (arXiv:1605.02065), Proposition 1.6; neither the number of
    cells nor the number of rows enters.

    Parameters
    ----------
    sigma
        Scale σ of the discrete Gaussian, in counts, > 0.
    sensitivity
        L2 sensitivity D of the whole vector of counts under `relation`, > 0.

    >>> Gaussian(label="histogram of age", sigma=10.0).rho
    0.005
    """

    kind: ClassVar[str] = "gaussian"

    sigma: float
    sensitivity: float = 1.0

    def __post_init__(self) -> None:
        _positive("sigma", self.sigma, self.label)
        _positive("sensitivity", self.sensitivity, self.label)

    @property
    def rho(self) -> float:
        """D² / (2σ²)."""
        return self.sensitivity * self.sensitivity / (2.0 * self.sigma * self.sigma)


@dataclass(frozen=True, kw_only=True, slots=True)
class Exponential(Event):
    """A choice among public candidates, P[r] ∝ exp(ε·score(r) / (2Δ)): ρ = ε² / 8.

    When no score changes by more than Δ between neighbours, the log-probabilities of two
    candidates move against each other by at most ε: the choice is ε-bounded-range (Durfee &
    Rogers 2019, arXiv:1905.04273), which by Hoeffding's lemma is (ε²/8)-zCDP (Cesar & Rogers
    2021, arXiv:2004.07223; Rogers & Steinke 2021, "A better privacy analysis of the
    exponential mechanism"). Pure ε-DP alone would only give ε²/2.

    Parameters
    ----------
    epsilon
        The ε in the exponent above, > 0.

    >>> Exponential(label="choose an edge", epsilon=0.2).rho  # doctest: +ELLIPSIS
    0.005...
    """

    kind: ClassVar[str] = "exponential"

    epsilon: float

    def __post_init__(self) -> None:
        _positive("epsilon", self.epsilon, self.label)

    @property
    def rho(self) -> float:
        """ε² / 8."""
        return self.epsilon * self.epsilon / 8.0


@dataclass(frozen=True, kw_only=True, slots=True)
class PartitionSelection(Event):
    """Noisy counts of the labels that occur, shown above a threshold: ρ = D² / (2σ²), and δ.

    Labels that occur in both neighbours are a discrete Gaussian histogram. A label that one
    unit alone holds stays below the threshold except with probability δ over all such labels
    (`mechanisms.partition_threshold`), so the release is δ-approximate ρ-zCDP: Bun & Steinke
    2016, Definition 8.1. Both parts compose by addition (the same paper, Section 8).

    Parameters
    ----------
    sigma
        Scale σ of the discrete Gaussian, in counts, > 0.
    sensitivity
        L2 sensitivity D: the number of rows of one unit, all of which may carry one label.
    failure
        The δ for which the threshold was computed, in (0, 1).

    >>> event = PartitionSelection(label="labels of town", sigma=10.0, failure=1e-7)
    >>> event.rho, event.delta
    (0.005, 1e-07)
    """

    kind: ClassVar[str] = "partition"

    sigma: float
    failure: float
    sensitivity: float = 1.0

    def __post_init__(self) -> None:
        _positive("sigma", self.sigma, self.label)
        _positive("sensitivity", self.sensitivity, self.label)
        _positive("failure", self.failure, self.label)
        if self.failure >= 1:
            raise InputError("failure must be below 1", event=self.label, failure=self.failure)

    @property
    def rho(self) -> float:
        """D² / (2σ²)."""
        return self.sensitivity * self.sensitivity / (2.0 * self.sigma * self.sigma)

    @property
    def delta(self) -> float:
        """The δ of the threshold."""
        return self.failure


@dataclass(frozen=True, kw_only=True, slots=True)
class NonPrivate(Event):
    """The rows were used without noise: ρ = ε = ∞, for every δ.

    >>> NonPrivate(label="baseline").rho
    inf
    """

    kind: ClassVar[str] = "non-private"

    @property
    def rho(self) -> float:
        """Infinity."""
        return math.inf


@dataclass(frozen=True, kw_only=True, slots=True)
class DpAccountingEvent(Event):
    """Any mechanism that `dp_accounting` can account for, as that library's event.

    The cost is what its accountant says of the event (Laplace, Poisson-sampled Gaussian,
    compositions, (ξ, ρ)-zCDP, …); we add nothing. Made by `DpAccountingEvent.of`.

    Parameters
    ----------
    tree
        The event as canonical JSON text, so that equal events are equal values.
    """

    kind: ClassVar[str] = "dp-accounting"

    tree: str

    @classmethod
    def of(
        cls,
        event: DpEvent,
        *,
        label: str,
        stage: str = "",
        columns: tuple[str, ...] = (),
        relation: Relation = Relation.ADD_REMOVE,
    ) -> DpAccountingEvent:
        """Wrap an event of `dp_accounting` after checking that its accountant supports it."""
        from understudy.privacy.accountant import encode

        tree = json.dumps(encode(event, relation), sort_keys=True)
        return cls(label=label, stage=stage, columns=columns, relation=relation, tree=tree)


EVENTS: tuple[type[Event], ...] = (
    Gaussian,
    Exponential,
    PartitionSelection,
    NonPrivate,
    DpAccountingEvent,
)
"""Every kind of event, in the order of this file."""


def from_json(told: dict[str, Any]) -> Event:
    """The event that `Event.to_json` wrote.

    Raises
    ------
    InputError
        An unknown kind, or fields that do not fit it.

    >>> event = Exponential(label="choose", stage="select", columns=("a", "b"), epsilon=0.5)
    >>> from_json(event.to_json()) == event
    True
    """
    known = {event.kind: event for event in EVENTS}
    rest = dict(told)
    kind = rest.pop("kind", None)
    if kind not in known:
        raise InputError("unknown kind of privacy event", kind=kind, known=tuple(known))
    try:
        rest["columns"] = tuple(rest.get("columns", ()))
        rest["relation"] = Relation(rest.get("relation", Relation.ADD_REMOVE))
        return known[kind](**rest)
    except (TypeError, ValueError) as wrong:
        raise InputError("a privacy event has missing or unknown fields", kind=kind) from wrong
