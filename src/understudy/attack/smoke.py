"""Memorisation smoke test: whether synthetic rows lie suspiciously near to their training rows.

Diagnostic: it can raise an alarm, it never clears a release. The control is the real holdout:
if the generator learned nothing about single rows, training and holdout rows are exchangeable, so
a synthetic row is as likely to lie nearest to the one as to the other (at equal numbers), and a
synthetic row that equals exactly one real row equals a training row as often as their numbers
say. What may not happen here: the word safe, in any form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from understudy.attack.distance import Points, nearest, nearest_weights, points_of, row_hashes
from understudy.evaluate.figure import Anchors, Figure, Measured, Metric, Settings, Skipped
from understudy.evaluate.intervals import wilson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from understudy.evaluate.columns import Tables

LABEL = "diagnostic: can raise an alarm, never clears a release"
REFERENCE = (
    "similarity metrics cannot clear a release: The DCR Delusion (arXiv 2505.01524); "
    "arXiv 2312.05114; arXiv 2407.16929"
)
ROWS = 2_000
SMALLEST_HOLDOUT = 50
_Z = 2.807034  # two one-sided tests at 0.0025 each
_LOW_QUANTILE = 0.05
Word = Literal["leak detected", "not detected", "not assessed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What the smoke test may say, in the words allowed for evidence.

    Parameters
    ----------
    word
        `leak detected`, `not detected` or `not assessed`.
    limit
        Limit of detection: the smallest share of copied rows that would have raised the alarm;
        None when not assessed, or when no share would have.
    reason
        Why, in a sentence.
    """

    word: Word
    limit: float | None
    reason: str

    @property
    def text(self) -> str:
        """The verdict as it is printed.

        >>> Verdict(word="not detected", limit=0.034, reason="").text
        'not detected, limit of detection 3.4 % copied rows'
        """
        if self.word != "not detected":
            return self.word
        if self.limit is None:
            return "not detected, limit of detection 100 % copied rows"
        return f"not detected, limit of detection {100 * self.limit:.2g} % copied rows"


@dataclass(frozen=True, kw_only=True, slots=True)
class ShareTest:
    """A share against what exchangeable rows would give.

    Parameters
    ----------
    share
        Observed share of training rows among the nearest or matched rows.
    expected
        The share if training and holdout rows are exchangeable.
    trials
        Effective number of independent observations, 0 for none.
    """

    share: float
    expected: float
    trials: float

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson interval at the test's level."""
        return wilson(self.share, max(1, int(self.trials)), _Z) if self.trials else (0.0, 1.0)

    @property
    def alarm(self) -> bool:
        """Whether the whole interval lies above the expected share."""
        return self.trials > 0 and self.interval[0] > self.expected


def verdict_of(tests: Sequence[ShareTest], limits: Sequence[float | None]) -> Verdict:
    """Combine the tests: any alarm is a leak, none is only a limit of detection.

    Parameters
    ----------
    tests
        The share tests.
    limits
        For each, the smallest share of copied rows that would have raised its alarm, or None.

    >>> quiet = ShareTest(share=0.5, expected=0.5, trials=1000.0)
    >>> verdict_of([quiet], [0.25]).text
    'not detected, limit of detection 25 % copied rows'
    """
    if any(test.alarm for test in tests):
        reason = "synthetic rows favour training rows over holdout rows beyond chance"
        return Verdict(word="leak detected", limit=None, reason=reason)
    known = [limit for limit in limits if limit is not None and limit <= 1.0]
    return Verdict(
        word="not detected",
        limit=min(known) if known else None,
        reason="synthetic rows favour neither training nor holdout rows; this clears nothing",
    )


def single_matches(
    train: NDArray[np.uint64], holdout: NDArray[np.uint64], synthetic: NDArray[np.uint64]
) -> tuple[ShareTest, float | None]:
    """Of the real rows that occur once and are met by a synthetic row, the training share.

    Parameters
    ----------
    train, holdout, synthetic
        Row hashes.

    Returns
    -------
    tuple
        The test, and the smallest share of synthetic rows that, had they been copies of random
        training rows, would have raised its alarm; None if none would.

    >>> rows = np.arange(4, dtype=np.uint64)
    >>> single_matches(rows[:2], rows[2:], rows[:2])
    (ShareTest(share=1.0, expected=0.5, trials=2.0), None)
    """
    pool = np.concatenate([train, holdout])
    values, first, counts = np.unique(pool, return_index=True, return_counts=True)
    single = counts == 1
    met = np.isin(values[single], synthetic)
    from_train = first[single][met] < train.size
    expected = train.size / pool.size
    hits, trials = int(from_train.sum()), int(from_train.size)
    copyable = int((first[single] < train.size).sum()) / train.size
    return (
        ShareTest(share=hits / max(1, trials), expected=expected, trials=float(trials)),
        _copies_to_alarm(hits, trials, expected, round(copyable * synthetic.size)),
    )


def closer_to_train(
    synthetic: Points, train: Points, holdout: Points, *, all_train_rows: int
) -> tuple[ShareTest, float | None]:
    """Share of synthetic rows whose nearest real row is a training row, at equal numbers.

    Several synthetic rows with one nearest row are one observation, and equal distances share a
    vote, so the effective number of trials is one over the sum of squared votes of the real rows.

    Parameters
    ----------
    synthetic, train, holdout
        Random rows as points.
    all_train_rows
        Rows of the whole training table: a copy of a row that is not among the points is missed.

    Returns
    -------
    tuple
        The test, and the smallest share of copied rows that would have raised its alarm.
    """
    size = min(train.rows, holdout.rows)
    pool = train.head(size).joined(holdout.head(size))
    votes = nearest_weights(synthetic, pool)
    of_copy = float(nearest_weights(train.head(size), pool)[:size].sum())
    test = ShareTest(
        share=min(1.0, float(votes[:size].sum())),
        expected=0.5,
        trials=float(1.0 / np.sum(votes**2)),
    )
    seen = (of_copy - test.expected) * size / all_train_rows
    for excess in np.linspace(0.0, 0.5, 1001)[1:]:
        if wilson(test.expected + excess, max(1, int(test.trials)), _Z)[0] > test.expected:
            return test, float(excess) / seen if seen > 1e-9 else None
    return test, None


def _copies_to_alarm(hits: int, trials: int, expected: float, copyable: int) -> float | None:
    """Smallest share of rows that, as additional training matches, raises the alarm."""
    low, high = 1, copyable
    if not copyable or not _alarms(hits + high, trials + high, expected):
        return None
    while low < high:
        middle = (low + high) // 2
        if _alarms(hits + middle, trials + middle, expected):
            high = middle
        else:
            low = middle + 1
    return low / copyable


def _alarms(hits: int, trials: int, expected: float) -> bool:
    """Tell whether so many training matches raise the alarm."""
    return trials > 0 and wilson(hits / trials, trials, _Z)[0] > expected


def measure_smoke(tables: Tables, _settings: Settings, rng: np.random.Generator) -> Measured:
    """Identical matches, distances to the closest record, and the verdict."""
    if not tables.columns:
        return _not_assessed("no comparable column")
    hashes = row_hashes(tables.whole())
    identical = float(np.isin(hashes.synthetic, hashes.train).mean())
    if hashes.holdout is None or hashes.holdout.size < SMALLEST_HOLDOUT:
        figure = _identical_figure(identical, None, tables, None)
        reason = f"needs {SMALLEST_HOLDOUT} real rows held out as a control"
        found = _not_assessed(reason)
        return Measured(figures=(figure,), skipped=found.skipped, charts=found.charts)
    matches, match_limit = single_matches(hashes.train, hashes.holdout, hashes.synthetic)
    held_identical = float(np.isin(hashes.holdout, hashes.train).mean())
    train, holdout, synthetic = points_of(tables.columns, ROWS, rng)
    closer, closer_limit = closer_to_train(
        synthetic, train, holdout, all_train_rows=tables.rows["train"]
    )
    ours, _ = nearest(synthetic, train)
    theirs, _ = nearest(holdout, train)
    verdict = verdict_of((matches, closer), (match_limit, closer_limit))
    figures = (
        _identical_figure(identical, held_identical, tables, matches),
        _closer_figure(closer, verdict, (train.rows, holdout.rows, synthetic.rows)),
        *_distance_figures(ours, theirs),
    )
    smoke = {
        "label": LABEL,
        "verdict": verdict.text,
        "word": verdict.word,
        "limit": verdict.limit,
        "reason": verdict.reason,
        "reference": REFERENCE,
    }
    return Measured(figures=figures, charts={"smoke": smoke})


def _identical_figure(
    share: float, holdout: float | None, tables: Tables, matches: ShareTest | None
) -> Figure:
    """Share of synthetic rows that equal a training row."""
    detail: dict[str, Any] = {"label": LABEL, "rows": dict(tables.rows)}
    if matches is not None:
        detail["single_matches"] = {
            "count": int(matches.trials),
            "training_share": matches.share,
            "expected": matches.expected,
            "interval": list(matches.interval),
            "alarm": matches.alarm,
        }
    return Figure(
        key="smoke_identical",
        title="Identical matches",
        group="smoke",
        value=share,
        better="near" if holdout is not None else "lower",
        target=holdout,
        interval=wilson(share, tables.rows["synthetic"]),
        anchors=Anchors(holdout=holdout),
        explanation=(
            "Share of synthetic rows that equal a training row in every compared column; the "
            "holdout anchor is the same share for real rows that were held out. Tables of few "
            "levels have many by nature."
        ),
        reference=REFERENCE,
        detail=detail,
    )


def _closer_figure(closer: ShareTest, verdict: Verdict, rows: tuple[int, int, int]) -> Figure:
    """Share of synthetic rows closer to training than to holdout, with the verdict."""
    return Figure(
        key="smoke_closer",
        title="Closer to training than to holdout",
        group="smoke",
        value=closer.share,
        better="near",
        target=0.5,
        interval=wilson(closer.share, max(1, int(closer.trials))),
        explanation=(
            "Share of synthetic rows whose nearest real row is a training row, among as many "
            "training as holdout rows: 0.5 if single rows left no trace."
        ),
        reference=REFERENCE,
        detail={
            "label": LABEL,
            "verdict": verdict.text,
            "rows": {"train": rows[0], "holdout": rows[1], "synthetic": rows[2]},
            "effective_trials": closer.trials,
            "alarm": closer.alarm,
            "distance": "mean over columns: difference of real ranks, or 1 for different labels",
        },
    )


def _distance_figures(
    ours: NDArray[np.float64], theirs: NDArray[np.float64]
) -> tuple[Figure, Figure]:
    """DCR share and NNDR, with the holdout measured the same way; no verdict hangs on them."""
    near = float(np.quantile(theirs[:, 0], _LOW_QUANTILE))
    below = float(np.mean(ours[:, 0] < near))
    held_below = float(np.mean(theirs[:, 0] < near))
    return (
        Figure(
            key="smoke_dcr",
            title="Distance to the closest record",
            group="smoke",
            value=below,
            better="near",
            target=held_below,
            interval=wilson(below, len(ours)),
            anchors=Anchors(holdout=held_below),
            explanation=(
                "Share of synthetic rows nearer to a training row than the nearest 5 % of "
                "holdout rows are. A generator that favours common rows exceeds it too."
            ),
            reference=REFERENCE,
            detail={
                "label": LABEL,
                "median": float(np.median(ours[:, 0])),
                "holdout_median": float(np.median(theirs[:, 0])),
            },
        ),
        Figure(
            key="smoke_nndr",
            title="Nearest-neighbour distance ratio",
            group="smoke",
            value=float(np.median(_ratios(ours))),
            better="near",
            target=float(np.median(_ratios(theirs))),
            anchors=Anchors(holdout=float(np.median(_ratios(theirs)))),
            explanation=(
                "Median ratio of the distances to the nearest and the second nearest training "
                "row; near 0 when synthetic rows sit on single training rows."
            ),
            reference=REFERENCE,
            detail={"label": LABEL},
        ),
    )


def _ratios(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """First over second distance; 1 where both are 0 or there is no second."""
    second = distances[:, -1]
    return np.where(second > 0, distances[:, 0] / np.where(second > 0, second, 1.0), 1.0)


def _not_assessed(reason: str) -> Measured:
    """Nothing to compare with."""
    verdict = Verdict(word="not assessed", limit=None, reason=reason)
    return Measured(
        skipped=(
            Skipped(key="smoke", title="Memorisation smoke test", group="smoke", reason=reason),
        ),
        charts={
            "smoke": {
                "label": LABEL,
                "verdict": verdict.text,
                "word": verdict.word,
                "limit": None,
                "reason": reason,
                "reference": REFERENCE,
            }
        },
    )


SMOKE = Metric(
    key="smoke",
    title="Memorisation smoke test",
    group="smoke",
    measure=measure_smoke,
    weight=0.5,
)
