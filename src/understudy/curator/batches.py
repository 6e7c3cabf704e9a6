"""The narrower door: encoded rows for synthesizers that cannot learn from counts.

Two ways lead through it. `open_rows` gives the rows themselves, under a charge called
`NonPrivate`: ε is infinite in everything that follows. `BatchPlan` gives nothing but noisy sums
of clipped gradients: the rows of a step go to a function that says how long each row's gradient
is and adds them up with the weights it is told; which rows take part, the weights and the noise
are the plan's own, and the event of every step is in the ledger before the step is taken.

What may not happen here: a step that was not charged, a batch that is not a Poisson sample, a
weight or a number of rows that leaves, a seed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from understudy.curator.encodings import Encoding
from understudy.curator.protocol import Curator, Encoded
from understudy.errors import InputError
from understudy.privacy.budget import Budget, NonPrivateBudget
from understudy.privacy.events import DpAccountingEvent, NonPrivate

Codes: TypeAlias = npt.NDArray[np.integer[Any]]
Floats: TypeAlias = npt.NDArray[np.floating[Any]]

STAGE = "training"
"""The stage of a run that batches are paid from."""

BLOCK = 64
"""Steps that are charged together, before the first of them."""

_ROUNDING = 1e-3

_FARTHEST = 1e4
"""Factor by which an adaptive clip may depart from the first one."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class OpenRows:
    """Codes of the rows themselves: sensitive, and what is made of them has no privacy.

    Parameters
    ----------
    codes
        Shape `(rows, columns)`, columns in the order of the encodings.
    """

    codes: Codes

    def __repr__(self) -> str:
        return "OpenRows(...)"


def require_non_private(curator: Curator, name: str) -> None:
    """Refuse a synthesizer without privacy under a budget that promises some.

    Raises
    ------
    InputError
        The budget is finite; nothing was charged.
    """
    if not isinstance(curator.budget, NonPrivateBudget):
        raise InputError(
            f"{name} uses the rows without noise: no epsilon can be promised for it",
            hint="run it as non-private (`--non-private`, `epsilon=us.NON_PRIVATE`), where that "
            "is allowed, or take a synthesizer with a privacy guarantee, such as aim",
        )


def require_rows(curator: Curator, name: str) -> None:
    """Refuse a place whose rows cannot be had one by one; nothing was charged."""
    if not curator.gives_rows:
        raise InputError(
            f"{name} needs the rows in memory, and this place only counts them",
            hint="read the table into memory (`--in-memory`), or take aim or residual",
        )


def open_rows(curator: Curator, encodings: Sequence[Encoding], *, label: str) -> OpenRows:
    """The rows, as codes, for a synthesizer without privacy.

    Parameters
    ----------
    curator
        Its budget must be a `NonPrivateBudget`.
    encodings
        One per column wanted.
    label
        Public words for the ledger.

    Raises
    ------
    InputError
        The budget promises privacy; nothing was charged.

    Guarantees
    ----------
    None: a `NonPrivate` event is in the ledger before the rows are given.
    """
    require_non_private(curator, label)
    require_rows(curator, label)
    columns = tuple(encoding.column for encoding in encodings)
    curator.budget.charge(
        NonPrivate(label=label, stage=STAGE, columns=columns, relation=curator.unit.relation)
    )
    return OpenRows(codes=curator.encoded(tuple(encodings)).codes)


class Gradients(Protocol):
    """What a model does with the rows of a step; it sees them and must keep nothing of them."""

    def norms(self, codes: Codes, step: int) -> Floats:
        """L2 norm of each row's gradient over all parameters, shape `(rows,)`, or NaN.

        Under a plan that clips parts of the parameters (layers) by themselves, the norm over each
        part, `(rows, parts)`. A row's gradient may depend on that row, the step and the
        parameters, and on nothing else.
        """
        ...

    def weighted(self, weights: Floats) -> Floats:
        """Sum of those rows' gradients, each times its weight, shape `(parameters,)`.

        Weights have the shape of the norms: one for each row, or one for each of its parts.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Adaptive:
    """A clip that follows a quantile of the rows' gradient norms, found by a noisy count.

    In every step the plan counts, beside the sum, how many rows are not longer than the clip;
    both are one vector to which one Gaussian noise is added, so the step costs what it costs
    without the count, and the noise of the sum grows by the count's part of that vector
    (Andrew, Thakkar, McMahan & Ramaswamy 2021, arXiv:1905.03871). The next clip is computed from
    the noisy count alone.

    Parameters
    ----------
    quantile
        Share of rows whose gradients are to stay whole, in (0, 1).
    speed
        How fast the clip moves, above 0: by a factor `exp(-speed * (share - quantile))` a step.
    part
        Part of the vector's squared length that the count takes, in (0, 1).
    """

    quantile: float = 0.5
    speed: float = 0.2
    part: float = 0.02

    def __post_init__(self) -> None:
        for name in ("quantile", "part"):
            if not 0 < getattr(self, name) < 1:
                raise InputError(f"{name} must lie in (0, 1)", given=getattr(self, name))
        if not 0 < self.speed <= 10:
            raise InputError("speed must lie in (0, 10]", speed=self.speed)


Noise: TypeAlias = "Callable[[Floats, float, float], Floats]"
Coins: TypeAlias = "Callable[[int, float], npt.NDArray[np.bool_]]"


class BatchPlan:
    """DP-SGD's steps over sensitive rows, each charged before it is taken.

    A step draws a coin for every unit (Poisson sampling: no shuffle, no fixed size), clips every
    row's gradient to `clip` over the rows a unit may have, adds them, adds Gaussian noise and
    divides by a constant, never by the size of the sample. A sample may be empty; its step is
    noise. A gradient that is not finite counts as zero.

    Parameters
    ----------
    curator
        Holds rows, unit and budget.
    encodings
        One per column wanted.
    probability
        Chance of every unit to be in a step, in (0, 1]; a public constant.
    steps
        How many steps there will be, 1 or more; a public constant.
    clip
        L2 norm to which a unit's gradient is clipped, above 0; what it begins with when `adaptive`.
    expected
        What sums are divided by: the expected number of rows in a step, from public or paid-for
        numbers, above 0.
    microbatch
        Most rows that are handed over at once; memory, not privacy.
    parts
        In how many parts of the parameters gradients are clipped, each to its share of the clip:
        `clip / sqrt(parts)`. Gradients then have a norm for each part.
    adaptive
        How the clip follows the gradients; by default it stays.
    taken
        Steps already charged to this budget in an earlier process.
    coins, noise
        By default the curator's; replaced by tests alone.

    Raises
    ------
    InputError
        A setting out of range, a budget without privacy, or rows that cannot be had one by one.
    BudgetExceeded
        What is left of the budget does not cover the steps at any useful noise.

    Guarantees
    ----------
    The gradients of all steps together, and all that the budget was charged before, are
    (ε, δ)-differentially private under the unit: Abadi et al. 2016 (arXiv:1607.00133) with the
    accountant of Mironov, Talwar & Zhang 2019 (arXiv:1908.10530) as `dp_accounting` has it. The
    multiplier is calibrated once, so that the last step ends at what was asked and not above.
    """

    def __init__(
        self,
        curator: Curator,
        encodings: Sequence[Encoding],
        *,
        probability: float,
        steps: int,
        clip: float,
        expected: float,
        microbatch: int = 4_096,
        parts: int = 1,
        adaptive: Adaptive | None = None,
        multiplier: float | None = None,
        taken: int = 0,
        coins: Coins | None = None,
        noise: Noise | None = None,
    ) -> None:
        for name, value in (("clip", clip), ("expected", expected)):
            if not (math.isfinite(value) and value > 0):
                raise InputError(f"{name} must be above 0", given=value)
        if not 0 < probability <= 1:
            raise InputError("a sampling probability lies in (0, 1]", probability=probability)
        if steps < 1 or not 0 <= taken <= steps:
            raise InputError("there must be 1 step or more", steps=steps, taken=taken)
        if parts < 1:
            raise InputError("gradients have 1 part or more", parts=parts)
        require_rows(curator, "training by steps")
        self.probability, self.steps, self.clip, self.expected = probability, steps, clip, expected
        self.multiplier = multiplier or curator.budget.noise_multiplier(probability, steps)
        self.parts, self.adaptive = parts, adaptive
        self._least, self._most = clip / _FARTHEST, clip * _FARTHEST
        self.taken = taken
        self._charged = taken
        self._curator, self._microbatch = curator, max(int(microbatch), 1)
        self._coins, self._noise = coins or curator.coins, noise or curator.noisy_sum
        self._encodings = tuple(encodings)
        self._rows: Encoded | None = None

    @property
    def row_clip(self) -> float:
        """Norm to which one row's gradient is clipped: a unit's clip over the rows it may have.

        A little less, because norms and sums are computed in single precision.
        """
        return self.clip * (1.0 - _ROUNDING) / self._curator.unit.max_rows

    def step(self, gradients: Gradients) -> Floats:
        """One step: the noisy mean of the clipped gradients of a Poisson sample.

        Parameters
        ----------
        gradients
            Told the rows, a micro-batch at a time.

        Raises
        ------
        InputError
            Every step that was planned has been taken.
        BudgetError, LedgerError
            The steps ahead could not be charged; nothing was computed.
        """
        if self.taken >= self.steps:
            raise InputError("every planned step has been taken", steps=self.steps)
        if self.taken >= self._charged:
            self._charge()
        self.taken += 1
        codes = self._sample()
        total: Floats | None = None
        short = 0.0
        for start in range(0, max(len(codes), 1), self._microbatch):
            part = codes[start : start + self._microbatch]
            clipped, whole = self._clipped(gradients, part)
            total = clipped if total is None else total + clipped
            short += whole
        assert total is not None
        if self.adaptive is None:
            return self._noise(total, self.clip, self.multiplier) / self.expected
        return self._with_count(total, short, self.adaptive)

    def _with_count(self, total: Floats, short: float, adaptive: Adaptive) -> Floats:
        """The noisy mean, and the next clip, from one noisy vector of length 1 per unit.

        Every row brings its clipped gradient over the clip, times `root`, and plus or minus `half`
        for being short or long, where `root**2 + half**2 = 1`: over a unit's rows a length of 1 at
        most.
        """
        root, half = math.sqrt(1.0 - adaptive.part), math.sqrt(adaptive.part)
        joint = np.append(total * (root / self.clip), short * half)
        noisy = self._noise(joint, 1.0, self.multiplier)
        mean = noisy[:-1] * (self.clip / root) / self.expected
        rows = self._curator.unit.max_rows
        share = 0.5 + 0.5 * float(noisy[-1]) * rows / half / self.expected
        moved = self.clip * math.exp(
            -adaptive.speed * (min(max(share, 0.0), 1.0) - adaptive.quantile)
        )
        self.clip = min(max(moved, self._least), self._most)
        return np.asarray(mean)

    @staticmethod
    def steps_in(budget: Budget) -> int:
        """Steps that a budget has paid for, taken or lost."""
        trees = [
            json.loads(event.tree)
            for event in budget.events
            if isinstance(event, DpAccountingEvent) and event.stage == STAGE
        ]
        return sum(int(tree["count"]) for tree in trees)

    def charged(self) -> int:
        """Steps that are in the ledger, taken or about to be."""
        return self._charged

    def _charge(self) -> None:
        """Write the next steps into the ledger; only then may they be taken."""
        from understudy.privacy.accountant import sampled_gaussian

        count = min(BLOCK, self.steps - self._charged)
        self._curator.budget.charge(
            DpAccountingEvent.of(
                sampled_gaussian(self.probability, self.multiplier, count),
                label=f"{count} steps on a Poisson sample",
                stage=STAGE,
                columns=tuple(encoding.column for encoding in self._encodings),
                relation=self._curator.unit.relation,
            )
        )
        self._charged += count

    def _sample(self) -> Codes:
        """Rows of the units whose coin came up (sensitive)."""
        if self._rows is None:
            self._rows = self._curator.encoded(self._encodings)
        held = self._rows
        if held.units is None:
            chosen = self._coins(len(held.codes), self.probability)
        else:
            chosen = self._coins(held.unit_count, self.probability)[held.units]
        return held.codes[chosen]

    def _clipped(self, gradients: Gradients, codes: Codes) -> tuple[Floats, float]:
        """Sum of the rows' gradients, each clipped, and how many more rows are short than long.

        NaN and infinite ones are left out of both. The count is over the rows a unit may have.
        """
        norms = self._norms(gradients, codes)
        usable = np.all(np.isfinite(norms) & (norms >= 0), axis=1)
        if not usable.all():
            # A weight of zero does not take a NaN out of a sum: such rows are not handed over again.
            codes = codes[usable]
            norms = self._norms(gradients, codes)
        most = self.row_clip / math.sqrt(self.parts)
        weights = np.minimum(1.0, most / np.maximum(norms, 1e-300))
        short = np.linalg.norm(norms, axis=1) <= self.row_clip
        whole = float(2 * np.count_nonzero(short) - len(short)) / self._curator.unit.max_rows
        told = weights[:, 0] if self.parts == 1 else weights
        return np.asarray(gradients.weighted(told), dtype=np.float64), whole

    def _norms(self, gradients: Gradients, codes: Codes) -> npt.NDArray[np.float64]:
        """One norm for every row and part, `(rows, parts)`."""
        norms = np.asarray(gradients.norms(codes, self.taken), dtype=np.float64)
        wanted = (len(codes),) if self.parts == 1 else (len(codes), self.parts)
        if norms.shape != wanted:
            raise InputError("there must be one gradient norm for every row and part")
        return norms.reshape(len(codes), self.parts)
