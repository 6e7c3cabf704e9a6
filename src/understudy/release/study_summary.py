"""Results of a study over its seeds and folds: means with intervals, and what they say together.

A mean over seeds has Student's interval, one over folds Nadeau and Bengio's (the rows that teach
overlap), an attack's the sampling error of its candidates over all seeds. What the literature
found is looked for, never assumed: each finding holds, does not hold, or cannot be told. What may
not happen here: a finding whose cases are not counted.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from understudy.release.study import StudyResults

SCORES = ("accuracy", "auc", "f1", "recall")
"""Scores of labels in the order of the tables."""

CLOSE = 0.03
"""AUC by which training and judging on synthetic rows may differ from real ones and look alike."""

APART = 0.05
"""AUC that training on synthetic rows loses on real ones, when the two are far apart."""

MUCH = 0.02
"""AUC (or R²) that counts as a gain."""

SMALL = 1.0
"""Largest ε that is called small."""

_Z = 1.959964
Epsilon = float | None
Word = Literal["holds", "does not hold", "cannot be told"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Mean:
    """A mean over splits, its 95 % interval (None for one split), and how many there were."""

    value: float
    low: float | None = None
    high: float | None = None
    of: int = 1


class Fit(NamedTuple):
    """What was fitted, on what: `method` is `real` and ε is None for real rows alone."""

    dataset: str
    method: str
    epsilon: Epsilon


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """Where synthetic rows alone look as good as real ones, and real rows do not agree."""

    dataset: str
    method: str
    epsilon: float
    trtr: float
    tsts: float
    tstr: float
    low: float | None
    high: float | None

    @property
    def text(self) -> str:
        """In a sentence."""
        around = "" if self.low is None else f" ({self.low:.3f} to {self.high:.3f})"
        return (
            f"{self.dataset}, {self.method} at ε = {spell(self.epsilon)}: judged by synthetic rows "
            f"the models reach AUC {self.tsts:.3f}, as on real rows ({self.trtr:.3f}); on real "
            f"rows they reach {self.tstr:.3f}, {self.trtr - self.tstr:.3f} less{around}."
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What the literature found, and whether these results say so."""

    key: str
    title: str
    word: Word
    text: str


class Summary:
    """Results by what they are of; every lookup is a mean over the splits that ended.

    Parameters
    ----------
    results
        As `Study.run` returned or `StudyResults.read` read them.
    """

    def __init__(self, results: StudyResults) -> None:
        self.about = results.about
        self._values: dict[tuple[object, ...], dict[tuple[int, int], float]] = defaultdict(dict)
        self._ends: dict[tuple[object, ...], dict[tuple[int, int], tuple[float, float]]] = (
            defaultdict(dict)
        )
        self.lost: list[dict[str, object]] = []
        self._cells: set[tuple[object, ...]] = set()
        for row in results.records:
            split = (row["seed"], row["fold"])
            self._cells.add((row["dataset"], row["method"], row["epsilon"], *split))
            if row["status"] != "done":
                self.lost.append(row)
                continue
            if row["value"] is None:
                continue
            key = (row["dataset"], row["method"], row["epsilon"], row["figure"], row["setting"],
                   row["model"])  # fmt: skip
            self._values[key][split] = row["value"]
            if row["low"] is not None and row["high"] is not None:
                self._ends[key][split] = (row["low"], row["high"])

    @property
    def values(self) -> Mapping[tuple[object, ...], Mapping[tuple[int, int], float]]:
        """Every value: (data set, method, ε, figure, setting, model) to (seed, fold) to value."""
        return self._values

    @property
    def cells(self) -> int:
        """Cells of the study."""
        return len(self._cells)

    def epsilons(self, method: str, dataset: str | None = None) -> tuple[float, ...]:
        """Budgets of a method, ascending; infinite for none."""
        found = {
            epsilon
            for data, name, epsilon, *_ in self._cells
            if name == method and isinstance(epsilon, float) and dataset in {None, data}
        }
        return tuple(sorted(found))

    def models(self, dataset: str) -> tuple[str, ...]:
        """Models of a data set's task, as real rows taught them."""
        names = dict.fromkeys(
            str(key[5]) for key in self._values
            if key[0] == dataset and key[1] == "real" and key[4] == "trtr"
        )  # fmt: skip
        return tuple(names)

    def headline(self, dataset: str) -> str:
        """`auc` for labels, `r2` for numbers, empty without a task."""
        for score in ("auc", "r2"):
            if any(key[0] == dataset and key[3] == score for key in self._values):
                return score
        return ""

    def by_split(
        self, fit: Fit, figure: str, setting: str, model: str | None = "", *, folds: bool = False
    ) -> dict[tuple[int, int], float]:
        """Values by split; `model` None averages over the models."""
        if model is None:
            names = self.models(fit.dataset)
            told: dict[tuple[int, int], list[float]] = defaultdict(list)
            for name in names:
                for split, value in self._values.get((*fit, figure, setting, name), {}).items():
                    told[split].append(value)
            found = {
                split: sum(values) / len(values)
                for split, values in told.items()
                if len(values) == len(names)
            }
        else:
            found = dict(self._values.get((*fit, figure, setting, model), {}))
        return {split: value for split, value in found.items() if bool(split[1]) == folds}

    def mean(
        self, fit: Fit, figure: str, setting: str, model: str | None = "", *, folds: bool = False
    ) -> Mean | None:
        """Mean over seeds, or over folds; None when no such cell ended."""
        values = self.by_split(fit, figure, setting, model, folds=folds)
        return self._mean(list(values.values()), folds=folds)

    def loss(self, fit: Fit, score: str, *, setting: str = "tstr") -> Mean | None:
        """Mean over seeds of what training on real rows scores more, split by split."""
        real = self.by_split(Fit(fit.dataset, "real", None), score, "trtr", None)
        ours = self.by_split(fit, score, setting, None)
        return self._mean([real[split] - ours[split] for split in ours if split in real],
                          folds=False)  # fmt: skip

    def attack(self, fit: Fit, figure: str, model: str = "chosen") -> Mean | None:
        """Mean over seeds of an attack's figure; its interval is of the candidates' sampling."""
        key = (*fit, figure, "attack", model)
        values, ends = self._values.get(key, {}), self._ends.get(key, {})
        if not values:
            return None
        halves = [(high - low) / 2 for low, high in ends.values()]
        value = sum(values.values()) / len(values)
        if len(halves) < len(values):
            return Mean(value=value, of=len(values))
        half = math.sqrt(sum(one**2 for one in halves)) / len(halves)
        return Mean(value=value, low=value - half, high=value + half, of=len(values))

    def _mean(self, values: Sequence[float], *, folds: bool) -> Mean | None:
        """Mean with the interval that fits where the values come from."""
        if not values:
            return None
        count = len(values)
        mean = sum(values) / count
        if count < 2:
            return Mean(value=mean)
        from scipy.stats import t

        variance = sum((value - mean) ** 2 for value in values) / (count - 1)
        overlap = 1 / (self.about.folds - 1) if folds and self.about.folds > 1 else 0.0
        half = float(t.ppf(0.975, count - 1)) * math.sqrt((1 / count + overlap) * variance)
        return Mean(value=mean, low=mean - half, high=mean + half, of=count)

    @cached_property
    def gaps(self) -> tuple[Gap, ...]:
        """Where TSTS is close to TRTR and TSTR is not; largest loss first.

        TSTS differs from TRTR by at most `CLOSE` or is above it; TSTR loses more than `APART`, and
        with several seeds the loss's interval lies above 0.
        """
        found = []
        for fit in self._fits():
            if self.headline(fit.dataset) != "auc":
                continue
            told = [self.mean(Fit(fit.dataset, "real", None), "auc", "trtr", None)]
            told += [self.mean(fit, "auc", how, None) for how in ("tsts", "tstr")]
            lost = self.loss(fit, "auc")
            if lost is None or any(one is None for one in told):
                continue
            trtr, tsts, tstr = (one.value for one in told if one is not None)
            sure = lost.low is None or lost.low > 0
            if trtr - tsts <= CLOSE and lost.value > APART and sure:
                found.append(
                    Gap(dataset=fit.dataset, method=fit.method, epsilon=fit.epsilon or 0.0, trtr=trtr, tsts=tsts,
                        tstr=tstr, low=lost.low, high=lost.high)
                )  # fmt: skip
        return tuple(sorted(found, key=lambda gap: gap.tstr - gap.trtr))

    def _fits(self) -> Iterator[Fit]:
        """Every synthesizer at every budget on every data set."""
        for data in self.about.datasets:
            for method in self.about.synthesizers:
                for epsilon in self.epsilons(method, data):
                    yield Fit(data, method, epsilon)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """The literature's qualitative findings, tested on these results."""
        return (self._growth(), self._quiet_attacks(), self._misleading())

    def _growth(self) -> Finding:
        """Whether utility grows with ε: TSTR at the largest ε beside the smallest."""
        title = "Usefulness grows with ε"
        grown, flat, unclear, ups = [], [], [], 0
        for data in self.about.datasets:
            score = self.headline(data)
            for method in self.about.synthesizers:
                ends = [e for e in self.epsilons(method, data) if math.isfinite(e)]
                if len(ends) < 2 or not score or method == "independent":
                    continue
                low = self.by_split(Fit(data, method, ends[0]), score, "tstr", None)
                high = self.by_split(Fit(data, method, ends[-1]), score, "tstr", None)
                both = [high[split] - low[split] for split in high if split in low]
                change = self._mean(both, folds=False)
                if change is None:
                    continue
                name = f"{method} on {data} ({change.value:+.3f})"
                ups += change.value > 0
                if change.low is not None and change.low > 0:
                    grown.append(name)
                elif change.high is not None and change.high < MUCH:
                    flat.append(name)
                else:
                    unclear.append(name)
        of = len(grown) + len(flat) + len(unclear)
        if not of:
            return Finding(key="growth", title=title, word="cannot be told",
                           text="No method has fits at two budgets yet.")  # fmt: skip
        from scipy.stats import binom

        chance = float(binom.sf(ups - 1, of, 0.5))
        text = (
            f"From the smallest to the largest ε the models that synthetic rows taught gain on real "
            f"rows in {ups} of {of} cases (sign test: p = {chance:.2g}), beyond chance by themselves "
            f"in {len(grown)}"
            + (f" ({', '.join(grown)})" if grown else "")
            + (
                f"; with too few splits to tell by themselves: {', '.join(unclear)}"
                if unclear
                else ""
            )
            + (f"; they do not gain: {', '.join(flat)}" if flat else "")
            + ". Independent columns, which teach nothing, are left out."
        )
        word: Word = "cannot be told"
        if len(flat) >= max(of / 10, 1):
            word = "does not hold"
        elif len(grown) > of / 2 or chance < 0.05:
            word = "holds"
        return Finding(key="growth", title=title, word=word, text=text)

    def _quiet_attacks(self) -> Finding:
        """Whether attacks fail at small ε: success beyond chance, corrected for their number."""
        title = "Attacks do not succeed at small ε"
        told = []
        for fit in self._fits():
            one = self.attack(fit, "mia_auc")
            if one is None or one.low is None or one.high is None or (fit.epsilon or 0) > SMALL:
                continue
            error = max((one.high - one.low) / (2 * _Z), 1e-12)
            name = f"{fit.method} on {fit.dataset} at ε = {spell(fit.epsilon or 0)}"
            told.append((f"{name} (AUC {one.value:.3f})", (one.value - 0.5) / error))
        if not told:
            return Finding(key="attacks", title=title, word="cannot be told",
                           text="Nothing was attacked at a small ε yet.")  # fmt: skip
        from scipy.stats import norm

        limit = float(norm.isf(0.05 / len(told)))
        loud = [name for name, score in told if score > limit]
        most = max(told, key=lambda one: one[1])[0]
        text = (
            f"{len(told)} kinds of fits at ε of {SMALL:g} or less were attacked; "
            + (f"beyond chance (5 %, Bonferroni): {', '.join(loud)}. " if loud else
               "none was beyond chance (5 %, Bonferroni). ")
            + f"The most: {most}. These attackers found no more; the bound that holds against "
            "every attacker is ε itself."
        )  # fmt: skip
        return Finding(key="attacks", title=title, word="does not hold" if loud else "holds",
                       text=text)  # fmt: skip

    def _misleading(self) -> Finding:
        """Whether TSTS close to TRTR can go with a TSTR that is not."""
        title = "Judging by synthetic rows alone can mislead: TSTS close to TRTR, TSTR not"
        seen = sum(
            self.loss(fit, "auc") is not None and self.mean(fit, "auc", "tsts", None) is not None
            for fit in self._fits()
        )
        if not seen:
            return Finding(key="gap", title=title, word="cannot be told",
                           text="No fit has the three settings yet.")  # fmt: skip
        text = (
            f"{len(self.gaps)} of {seen} kinds of fits look as good as real rows when synthetic "
            f"rows judge (AUC within {CLOSE:g} or above) and lose more than {APART:g} when real "
            "rows judge."
        )
        word: Word = "holds" if self.gaps else "does not hold"
        if not self.gaps and len(self.lost) > self.cells / 10:
            word, text = "cannot be told", f"{text} More than a tenth of the cells is missing."
        return Finding(key="gap", title=title, word=word, text=text)


def spell(epsilon: float) -> str:
    """An ε for people.

    >>> spell(0.1), spell(math.inf)
    ('0.1', '∞')
    """
    return "∞" if math.isinf(epsilon) else f"{epsilon:g}"
