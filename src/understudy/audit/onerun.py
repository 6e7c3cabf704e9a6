"""One-run audit: one fit with many canaries, each included by a coin of its own.

    invented rows + each of m canaries by a coin -> one fit -> a score per canary
    largest scores: "was in", smallest: "was not", between them: no guess
    right guesses -> lower bounds (`guessing`)

The fit is made for the audit and thrown away: canaries spoil a release, and coins that are known
after a release would be a way around its guarantee. What may not happen here: a fit that anybody
else gets to see, a row of anybody, a coin that the generator could know.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from understudy.audit import bounds, guessing
from understudy.audit.claimed import ClaimedBudget, check_claim
from understudy.audit.generators import Generator, OurGenerator
from understudy.audit.keeping import Progress
from understudy.audit.results import CONFIDENCE, Word, with_infinity, without_infinity
from understudy.curator import Count, MemoryCurator
from understudy.curator.encodings import Codes, Encoding, Merged, encode, merge_codes
from understudy.curator.protocol import Release, add_noise
from understudy.curator.questions import Answer, Question
from understudy.errors import InputError, UnderstudyError
from understudy.privacy import Unit
from understudy.schema import Column, Kind, Schema, Storage
from understudy.source import from_frame

Floats = npt.NDArray[np.float64]

CANARIES, BASE_ROWS = 1_000, 1_000
GUESSED = 0.2
"""Share of the canaries that is guessed, fixed beforehand; abstaining on the others helps."""

FEWEST = 50
"""Canaries below which nothing is concluded."""

_DRAWN = 20

_CROWD = 0.1
"""Cells that more canaries share, as a part of the noise's variance, are not looked at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OneRunResult:
    """What one run with canaries showed.

    Parameters
    ----------
    synthesizer, settings, view
        What was audited, and whether noisy answers or synthetic rows alone were seen.
    epsilon, delta
        The claim.
    canaries, guesses, right
        How many there were, were guessed, and were guessed rightly.
    confidence
        With which both bounds hold together.
    epsilon_direct
        Lower bound on ε at δ (Steinke et al. 2023); assumes nothing.
    mu, epsilon_gaussian
        Lower bound on μ (Mahloujifar et al. 2024) and its ε at δ; assumes a Gaussian curve.
    limit_direct, limit_gaussian
        The same for guesses without a mistake: the most this audit could have said.
    word, reason
        The verdict, and why.
    seconds
        Time of the fit.
    """

    synthesizer: str
    settings: dict[str, Any] = field(default_factory=dict)
    view: Literal["white-box", "black-box"]
    epsilon: float
    delta: float
    canaries: int
    guesses: int
    right: int
    confidence: float
    epsilon_direct: float
    mu: float
    epsilon_gaussian: float
    limit_direct: float
    limit_gaussian: float
    word: Word
    reason: str
    seconds: float

    @property
    def epsilon_lower(self) -> float:
        """The larger bound for one of ours, of Gaussian curve; else what assumes nothing."""
        if self.view == "black-box":
            return self.epsilon_direct
        return max(self.epsilon_direct, self.epsilon_gaussian)

    @property
    def text(self) -> str:
        """The verdict in a sentence."""
        return f"{self.word}: {self.reason}"

    def to_json(self) -> dict[str, Any]:
        """A JSON object from which `from_json` makes an equal result; infinity is null."""
        return without_infinity(asdict(self))

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> OneRunResult:
        """The result that `to_json` wrote."""
        values = with_infinity(told)
        return cls(**values)


def audit_one_run(
    generator: Generator,
    *,
    epsilon: float,
    delta: float = 1e-6,
    canaries: int = CANARIES,
    guesses: int | None = None,
    rows: int | None = None,
    release: Release = add_noise,
    progress: Progress | None = None,
    confidence: float = CONFIDENCE,
) -> OneRunResult:
    """Audit a generator with one fit.

    Parameters
    ----------
    generator
        Of one of ours the noisy answers are seen, of any other its synthetic rows.
    epsilon, delta
        The claim; δ of 0 for pure differential privacy.
    canaries
        How many, 50 to 20,000.
    guesses
        How many coins are guessed, at most `canaries`; a fifth of them by default. To be
        chosen before, not after.
    rows
        Synthetic rows drawn where nothing else is seen; by default twenty per canary.
    release
        What makes noise; a test puts a broken one in its place.
    progress
        Told a sentence and the fraction done.
    confidence
        Of both bounds together, in (0, 1).

    Raises
    ------
    InputError
        A count is out of range.
    GeneratorError
        The run failed.
    """
    check_claim(epsilon, delta or 1e-12)
    count = guesses if guesses is not None else max(2, int(GUESSED * canaries))
    if not FEWEST <= canaries <= 20_000 or not 2 <= count <= canaries or not 0 < confidence < 1:
        raise InputError(
            "a one-run audit needs 50 to 20,000 canaries, between 2 of them and all guessed, and a "
            "confidence between 0 and 1",
            canaries=canaries,
            guesses=count,
            confidence=confidence,
        )
    tell = progress or (lambda _text, _done: None)
    began = time.perf_counter()
    tell(f"one fit with {canaries} canaries", 0.0)
    coins = np.random.default_rng().random(canaries) < 0.5
    base, marked, schema = _tables(canaries)
    table = pa.concat_tables([base, marked.filter(pa.array(coins))])
    if isinstance(generator, OurGenerator):
        listener = _Listener(base, marked, release)
        curator = MemoryCurator(
            from_frame(table), budget=ClaimedBudget(epsilon, delta), release=listener
        )
        try:
            generator.synthesizer.fit(curator, schema)
        except UnderstudyError:
            if not listener.answers:
                raise
        scores = listener.scores
    else:
        wanted = rows or _DRAWN * canaries
        drawn = generator.make(
            table, schema, epsilon=epsilon, delta=delta, rows=wanted, seed=int(began * 1e3) % 2**31
        )
        scores = _occurrences(drawn, canaries)
    tell("guessing", 0.9)
    right = count_right(scores, coins, count)
    return conclude_one_run(
        canaries,
        count,
        right,
        epsilon=epsilon,
        delta=delta,
        confidence=confidence,
        facts={
            "synthesizer": generator.name,
            "settings": generator.settings(),
            "view": "white-box" if isinstance(generator, OurGenerator) else "black-box",
            "seconds": round(time.perf_counter() - began, 2),
        },
    )


def count_right(scores: Floats, coins: npt.NDArray[np.bool_], guesses: int) -> int:
    """How many guesses are right: half say "in", of the largest scores, half "out"; ties by coin.

    >>> scores, coins = np.array([3.0, -2.0, 0.1, 0.0]), np.array([True, False, False, True])
    >>> count_right(scores, coins, 2)
    2
    """
    mixed = np.random.default_rng().permutation(len(scores))
    order = mixed[np.argsort(scores[mixed], kind="stable")]
    inside = guesses // 2
    outside = guesses - inside
    return int(coins[order[len(order) - inside :]].sum() + (~coins[order[:outside]]).sum())


def conclude_one_run(
    canaries: int,
    guesses: int,
    right: int,
    *,
    epsilon: float,
    delta: float,
    facts: dict[str, Any],
    confidence: float = CONFIDENCE,
) -> OneRunResult:
    """Bounds and verdict from how many guesses were right.

    Parameters
    ----------
    canaries, guesses, right
        Counts.
    epsilon, delta
        The claim.
    facts
        The other fields of `OneRunResult`: synthesizer, settings, view, seconds.
    confidence
        Of both bounds together; each may fail with half of the rest.
    """
    failure = (1.0 - confidence) / 2

    def both(correct: int) -> tuple[float, float, float]:
        direct = guessing.epsilon_from_guesses(
            canaries, guesses, correct, delta=delta, failure=failure
        )
        mu = guessing.mu_from_guesses(canaries, guesses, correct, failure=failure)
        return direct, mu, bounds.epsilon_of_mu(mu, delta) if delta else 0.0

    direct, mu, gaussian = both(right)
    best, _, widest = both(guesses)
    at = f"at delta {delta:g}, with {confidence:.0%} confidence"
    limit = f"limit of detection {best:.3g}"
    lower = direct if facts["view"] == "black-box" else max(direct, gaussian)
    told = f"{right} of {guesses} guesses about {canaries} canaries were right"
    if direct > epsilon:
        word: Word = "violated"
        reason = f"epsilon is at least {direct:.3g} {at}; claimed is {epsilon:g}; {told}"
    elif lower > 0:
        word = "leak detected"
        reason = f"epsilon is at least {lower:.3g} {at}; claimed is {epsilon:g}; {told}; {limit}"
    else:
        word = "not detected"
        reason = f"{limit}, {at}; {told}"
    return OneRunResult(
        **facts,
        epsilon=epsilon,
        delta=delta,
        canaries=canaries,
        guesses=guesses,
        right=right,
        confidence=confidence,
        epsilon_direct=direct,
        mu=mu,
        epsilon_gaussian=gaussian,
        limit_direct=best,
        limit_gaussian=widest,
        word=word,
        reason=reason,
    )


def _tables(canaries: int) -> tuple[pa.Table, pa.Table, Schema]:
    """Invented rows, one canary with a mark of its own each, and what is declared."""
    marks = [f"m{place:05d}" for place in range(canaries)]
    usual = np.arange(BASE_ROWS)

    def table(named: Sequence[str], places: npt.NDArray[np.int64]) -> pa.Table:
        return pa.table(
            {
                "mark": pa.array(list(named), pa.string()),
                "shape": pa.array(np.where(places % 2 == 0, "round", "square").tolist()),
                "size": pa.array((places * 7) % 16, pa.int64()),
            }
        )

    schema = Schema(
        columns=(
            Column(name="mark", kind=Kind.CATEGORY, categories=("usual", *marks), nulls=()),
            Column(name="shape", kind=Kind.CATEGORY, categories=("round", "square"), nulls=()),
            Column(name="size", kind=Kind.NUMBER, minimum=0, maximum=15, nulls=()),
        )
    )
    return table(["usual"] * BASE_ROWS, usual), table(marks, np.arange(canaries)), schema


class _Listener:
    """Stands at the curator's exit and adds up, for each canary, what counts say about it."""

    def __init__(self, base: pa.Table, marked: pa.Table, release: Release) -> None:
        table = from_frame(base)
        self._base = MemoryCurator(table, budget=ClaimedBudget(1.0, 1e-6))
        self._storage = {header.name: header.storage for header in table.headers}
        self._marked, self._release = marked, release
        self.scores: Floats = np.zeros(marked.num_rows)
        self.answers = 0

    def __call__(self, question: Question, exact: Any, unit: Unit) -> Answer:
        """Let the answer pass, and add what it says of each canary."""
        answer = self._release(question, exact, unit)
        self.answers += 1
        if isinstance(question, Count) and question.encodings:
            codes = [_codes(one, self._marked, self._storage) for one in question.encodings]
            cells = np.ravel_multi_index(tuple(codes), question.shape)
            others = np.bincount(cells, minlength=int(np.prod(question.shape)))[cells] - 1
            usual = np.asarray(self._base.exact(question)).ravel()[cells]
            found = np.asarray(answer, dtype=float).ravel()[cells]
            spread = question.sigma**2 + others / 4.0
            told = (found - usual - others / 2.0 - 0.5) / spread
            self.scores += np.where(others <= _CROWD * question.sigma**2, told, 0.0)
        return answer


def _codes(encoding: Encoding, table: pa.Table, storage: dict[str, Storage]) -> Codes:
    """Codes of the canaries."""
    if isinstance(encoding, Merged):
        return merge_codes(encoding, _codes(encoding.base, table, storage))
    return encode(encoding, table.column(encoding.column), storage[encoding.column])


def _occurrences(drawn: pa.Table, canaries: int) -> Floats:
    """How often each canary's mark occurs among synthetic rows."""
    places = {f"m{place:05d}": place for place in range(canaries)}
    found = np.zeros(canaries)
    if "mark" not in drawn.column_names:
        return found
    for label in drawn.column("mark").to_pylist():
        place = places.get(str(label))
        if place is not None:
            found[place] += 1.0
    return found
