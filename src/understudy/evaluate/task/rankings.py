"""Rankings: whether the synthetic table orders the models as the real one does.

Who chooses among models on a synthetic table chooses well if the order agrees. Pairs of models
that real rows do not tell apart are ties, and are told as such. What may not happen here:
training.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from understudy.evaluate.chart import ranking
from understudy.evaluate.figure import Anchors, Figure, Measured, Metric, Settings, Skipped
from understudy.evaluate.task.learning import Lessons, Source, lessons_of
from understudy.evaluate.task.measuring import TITLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from understudy.evaluate.columns import Tables

REFERENCE = (
    "J. Jordon, J. Yoon and M. van der Schaar, Measuring the quality of synthetic data for use in "
    "competitions, 2018 (synthetic ranking agreement)"
)
SOURCES: tuple[Source, ...] = ("tsts", "tstr")
"""Whose order is compared: of synthetic rows alone, of models that real rows judge."""

_DRAWS = 1_000

Word = Literal["agree", "reversed", "tie"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PairOfModels:
    """Two models: what real rows say of their order, and what synthetic rows say."""

    first: str
    second: str
    real: float
    synthetic: float
    word: Word


def ranking_agreement(
    real: NDArray[np.float64], synthetic: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Synthetic ranking agreement: the share of pairs that both score lists order alike.

    Parameters
    ----------
    real, synthetic
        Scores of L models on the last axis, L at least 2; leading axes are repetitions.

    Returns
    -------
    numpy.ndarray
        One value per repetition, between 0 and 1; a pair with equal scores counts as not alike.

    Reference: Jordon et al. (2018), equation 1.

    >>> real = np.array([0.9, 0.8, 0.7])
    >>> float(ranking_agreement(real, np.array([3.0, 1.0, 2.0]))), float(ranking_agreement(real, -real))
    (0.6666666666666666, 0.0)
    """
    first, second = np.triu_indices(real.shape[-1], 1)
    alike = (real[..., first] - real[..., second]) * (
        synthetic[..., first] - synthetic[..., second]
    ) > 0
    return np.asarray(alike.mean(axis=-1))


def measure_rankings(tables: Tables, settings: Settings, rng: np.random.Generator) -> Measured:
    """Agreement of the order of the models; nothing without a target."""
    if settings.target is None:
        return Measured()
    found = lessons_of(tables, settings)
    if isinstance(found, str):
        return Measured(skipped=(_skip("sra", settings.target, found),))
    return rankings_of(found, rng)


def rankings_of(found: Lessons, rng: np.random.Generator) -> Measured:
    """Agreement of the order of the models of one target."""
    target = found.problem.target
    figures: list[Figure] = []
    skipped: list[Skipped] = []
    for source in SOURCES:
        if source not in found.runs:
            reason = "too few synthetic rows with a known target to keep some apart"
            skipped.append(_skip(_key("sra", source), target, reason))
            continue
        figures.append(_agreement(found, source, rng))
        decided = _decided(found, source, rng)
        if decided is None:
            reason = "real rows do not tell any two of the models apart: every pair is a tie"
            skipped.append(_skip(_key("sra_decided", source), target, reason))
        else:
            figures.append(decided)
    charts = {_key("ranking", source): _chart(found, source) for source in SOURCES
              if source in found.runs}  # fmt: skip
    return Measured(figures=tuple(figures), skipped=tuple(skipped), charts=charts)


def pairs_of_models(found: Lessons, source: Source) -> tuple[PairOfModels, ...]:
    """Every pair of models with its word; a tie where the real difference is within noise."""
    score = found.problem.scores[0]
    names = found.problem.models
    rows = []
    for place, first in enumerate(names):
        for second in names[place + 1 :]:
            real = found.value("trtr", first, score) - found.value("trtr", second, score)
            ours = found.value(source, first, score) - found.value(source, second, score)
            apart = found.interval(
                found.draws("trtr", first, score) - found.draws("trtr", second, score)
            )
            word: Word = "agree" if real * ours > 0 else "reversed"
            if apart is None or apart[0] <= 0 <= apart[1]:
                word = "tie"
            rows.append(
                PairOfModels(first=first, second=second, real=real, synthetic=ours, word=word)
            )
    return tuple(rows)


def _agreement(found: Lessons, source: Source, rng: np.random.Generator) -> Figure:
    """Agreement over all pairs, as the paper defines it."""
    pairs = pairs_of_models(found, source)
    real, ours = _table(found, "trtr"), _table(found, source)
    ties = sum(pair.word == "tie" for pair in pairs)
    return Figure(
        key=_key("sra", source),
        title=f"Synthetic ranking agreement{_judged(source)}",
        group="rankings",
        value=float(ranking_agreement(_values(found, "trtr"), _values(found, source))),
        better="higher",
        target=1.0,
        interval=_interval(found, real, ours, rng),
        seeds=len(found.runs[source]),
        anchors=Anchors(
            holdout=_with_itself(real, rng),
            independent=float(
                ranking_agreement(_values(found, "trtr"), _values(found, "independent"))
            ),
        ),
        explanation=(
            f"Share of the {len(pairs)} pairs of models that {_says(source)} order as real rows "
            f"do, by {_title(found)}; {ties} pairs are ties on real rows. The holdout anchor is "
            "the real order beside itself on another draw of the judging rows."
        ),
        reference=REFERENCE,
        columns=(found.problem.target,),
        detail={
            "target": found.problem.target,
            "ties": ties,
            "ranking": list(_ranking(found, source)),
            "pairs": [
                {"first": pair.first, "second": pair.second, "real": pair.real,
                 "synthetic": pair.synthetic, "word": pair.word}
                for pair in pairs
            ],
        },
    )  # fmt: skip


def _decided(found: Lessons, source: Source, rng: np.random.Generator) -> Figure | None:
    """Agreement over the pairs that real rows decide; None if they decide none."""
    pairs = pairs_of_models(found, source)
    kept = np.array([pair.word != "tie" for pair in pairs])
    if not kept.any():
        return None
    ours = _signs(_table(found, source))[..., kept]
    real = np.sign([pair.real for pair in pairs])[kept]
    alike = (ours * real > 0).mean(axis=-1)
    floor = _signs(_values(found, "independent"))[kept] * real > 0
    again = _signs(_table(found, "trtr"))[..., kept]
    again = again[rng.permutation(len(again))]
    return Figure(
        key=_key("sra_decided", source),
        title=f"Ranking agreement without ties{_judged(source)}",
        group="rankings",
        value=sum(pair.word == "agree" for pair in pairs) / int(kept.sum()),
        better="higher",
        target=1.0,
        interval=_ends(alike) if not found.folded else None,
        seeds=len(found.runs[source]),
        anchors=Anchors(holdout=float((again * real > 0).mean()), independent=float(floor.mean())),
        explanation=(
            f"The same over the {int(kept.sum())} of {len(pairs)} pairs of models that real rows "
            "tell apart (the 95 % interval of their difference excludes 0)."
        ),
        reference=REFERENCE,
        columns=(found.problem.target,),
        detail={"target": found.problem.target, "decided": int(kept.sum()), "pairs": len(pairs)},
    )


def _chart(found: Lessons, source: Source) -> dict[str, Any]:
    """The two orders beside each other."""
    score = found.problem.scores[0]
    ties = sum(pair.word == "tie" for pair in pairs_of_models(found, source))
    return ranking(
        title=f"Order of the models: {found.problem.target}{_judged(source)}",
        group="rankings",
        rows=[
            (model, found.value("trtr", model, score), found.value(source, model, score))
            for model in found.problem.models
        ],
        about=f"By {_title(found)}. {ties} pairs of models are ties on real rows: where their "
        "lines cross, no order was lost.",
    )


def _values(found: Lessons, source: Source) -> NDArray[np.float64]:
    """Headline score of every model."""
    score = found.problem.scores[0]
    return np.array([found.value(source, model, score) for model in found.problem.models])


def _table(found: Lessons, source: Source) -> NDArray[np.float64]:
    """Draws of the headline score: draws x models."""
    score = found.problem.scores[0]
    return np.column_stack([found.draws(source, model, score) for model in found.problem.models])


def _interval(
    found: Lessons,
    real: NDArray[np.float64],
    ours: NDArray[np.float64],
    rng: np.random.Generator,
) -> tuple[float, float] | None:
    """Interval of the agreement over draws of the judging rows.

    Of rounds, whose mean scores are ranked, draws are made around those means: Student's t with
    the rounds' covariance and Nadeau and Bengio's correction.
    """
    if len(real) != len(ours) or len(real) < 2:
        return None
    if found.test_share is not None:
        both = np.column_stack([real, ours])
        rounds, middle = len(both), both.mean(axis=0)
        around = (both - middle) / np.sqrt(rounds - 1)
        width = np.sqrt((1 / rounds + found.test_share) * (rounds - 1)
                        / rng.chisquare(rounds - 1, size=(_DRAWS, 1)))  # fmt: skip
        drawn = middle + width * (rng.standard_normal((_DRAWS, rounds)) @ around)
        real, ours = drawn[:, : real.shape[1]], drawn[:, real.shape[1] :]
    return _ends(ranking_agreement(real, ours))


def _ends(values: NDArray[np.float64]) -> tuple[float, float]:
    """The middle 95 % of values."""
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def _with_itself(real: NDArray[np.float64], rng: np.random.Generator) -> float:
    """How far the real order agrees with itself on another draw of the judging rows."""
    return float(ranking_agreement(real, real[rng.permutation(len(real))]).mean())


def _signs(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Which of every two models is ahead: ..., pairs."""
    first, second = np.triu_indices(scores.shape[-1], 1)
    return np.asarray(np.sign(scores[..., first] - scores[..., second]))


def _ranking(found: Lessons, source: Source) -> Iterator[dict[str, Any]]:
    """The models from the best on real rows, with both scores and ranks."""
    score = found.problem.scores[0]
    real, ours = _values(found, "trtr"), _values(found, source)
    places = (-ours).argsort(kind="stable").argsort(kind="stable")
    for rank, at in enumerate(np.argsort(-real, kind="stable")):
        model = found.problem.models[at]
        yield {
            "model": model,
            "real": float(real[at]),
            "real_interval": found.interval(found.draws("trtr", model, score)),
            "synthetic": float(ours[at]),
            "synthetic_interval": found.interval(found.draws(source, model, score)),
            "real_rank": rank + 1,
            "synthetic_rank": int(places[at]) + 1,
        }


def _key(name: str, source: Source) -> str:
    """Key of a figure; the paper's setting has none in its name."""
    return name if source == "tsts" else f"{name}_tstr"


def _judged(source: Source) -> str:
    """How the synthetic order came about, for titles."""
    return "" if source == "tsts" else ", trained on synthetic and judged by real rows"


def _says(source: Source) -> str:
    """Who orders the models, for explanations."""
    if source == "tsts":
        return "synthetic rows alone (training and judging)"
    return "models trained on synthetic rows, judged by real ones,"


def _title(found: Lessons) -> str:
    """Name of the headline score."""
    return TITLES[found.problem.scores[0]]


def _skip(key: str, target: str, reason: str) -> Skipped:
    """Why there is no ranking."""
    return Skipped(key=key, title=f"Ranking agreement: {target}", group="rankings", reason=reason)


RANKINGS = Metric(
    key="rankings",
    title="Rankings",
    group="rankings",
    measure=measure_rankings,
    weight=0.2,
    per_target=True,
)
