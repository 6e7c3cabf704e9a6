"""Training and judging the models of a task: real rows, synthetic rows, independent columns.

Every model of every source is one job; jobs run on all cores and each has a seed of its own, so
the results are the same however many cores there are. What depends on real rows only is learned
once for all synthetic tables. What may not happen here: judging by rows that taught, but for the
synthetic rows of TSTS, which are told apart.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from understudy.evaluate.intervals import middle
from understudy.evaluate.task.encoding import features
from understudy.evaluate.task.folds import corrected_interval, cut
from understudy.evaluate.task.models import (
    ONE_HOT,
    in_parallel,
    quiet_single_threaded,
    train_classifier,
    train_regressor,
)
from understudy.evaluate.task.problem import TEST_ROWS, Part, Problem, pose
from understudy.evaluate.task.scores import bootstrap_weights, class_scores, number_scores

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from understudy.evaluate.columns import Tables
    from understudy.evaluate.figure import Settings
    from understudy.evaluate.task.models import Matrix

Source = Literal["trtr", "tstr", "tsts", "independent"]
SOURCES: tuple[Source, ...] = ("trtr", "tstr", "tsts", "independent")
JUDGED_APART = 0.2
"""Share of the synthetic rows that judge TSTS."""

SUBSAMPLES = (1 / 81, 1 / 27, 1 / 9, 1 / 3)
QUICK_ROWS = 3_000
"""Most rows any model of a quick evaluation is trained on."""
_QUICK_FLOOR_ROWS = 300
_FEWEST_ROWS = 20
_COST = ("GradientBoosting", "RandomForest", "LogisticRegression", "Bagging", "AdaBoost")


@dataclass(frozen=True, kw_only=True, slots=True)
class Lesson:
    """Rows that teach, rows that judge, how often each judging row counts, and a seed."""

    teach: Part
    judge: Part
    weights: NDArray[np.float64] | None = field(default=None, repr=False)
    seed: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Marked:
    """What one model reached.

    Parameters
    ----------
    values
        Score by name.
    draws
        The same under each bootstrap weight; empty without weights.
    told
        What it said of the judging rows: rows x classes, or numbers.
    """

    values: dict[str, float]
    draws: dict[str, NDArray[np.float64]] = field(repr=False)
    told: NDArray[np.float32] = field(repr=False)


Run = dict[str, Marked]


@dataclass(frozen=True, kw_only=True, slots=True)
class Lessons:
    """Everything that was learned about one target.

    Parameters
    ----------
    problem
        What was predicted from what.
    runs
        Results by source: one per seed, or one per fold.
    rows
        Rows that taught, by source.
    judge
        The real rows that judged; of folds the last.
    test_share
        Judging rows over teaching rows of a fold; None for one split with a bootstrap.
    curve
        (share of the real rows, mean headline score) of models trained on fewer real rows.
    seen
        Whether the judging rows were among those that the generator learned from.
    """

    problem: Problem
    runs: dict[Source, tuple[Run, ...]] = field(repr=False)
    rows: dict[str, int]
    judge: Part = field(repr=False)
    test_share: float | None = None
    curve: tuple[tuple[float, float], ...] = ()
    seen: bool = False

    @property
    def folded(self) -> bool:
        """Whether there are several rounds of cross-validation."""
        return self.test_share is not None

    def value(self, source: Source, model: str, score: str) -> float:
        """Mean over seeds or folds."""
        return float(np.mean([run[model].values[score] for run in self.runs[source]]))

    def mean(self, source: Source, score: str) -> float:
        """Mean over the models too."""
        return float(np.mean([self.value(source, m, score) for m in self.problem.models]))

    def draws(self, source: Source, model: str, score: str) -> NDArray[np.float64]:
        """Values by fold, or under bootstrap weights averaged over the seeds."""
        runs = self.runs[source]
        if self.folded:
            return np.array([run[model].values[score] for run in runs])
        return np.asarray(np.mean([run[model].draws[score] for run in runs], axis=0))

    def spread(self, source: Source, score: str) -> NDArray[np.float64]:
        """The same, averaged over the models."""
        every = [self.draws(source, model, score) for model in self.problem.models]
        return np.asarray(np.mean(every, axis=0))

    def interval(self, draws: NDArray[np.float64]) -> tuple[float, float] | None:
        """95 % interval of what `draws` are draws of: differences of draws too."""
        if self.test_share is None:
            return middle(draws)
        if draws.size < 2:
            return None
        return corrected_interval(draws, self.test_share)


def lessons_of(tables: Tables, settings: Settings) -> Lessons | str:
    """Train and judge every model of a target, once for all metrics that ask; or say why not."""
    if settings.target is None:
        return "no target was named"
    target = settings.target
    key = ("lessons", target, settings.seeds, settings.training_rows, settings.quick,
           settings.folds)  # fmt: skip
    return tables.own.once(key, lambda: _lessons(tables, settings, target, key))


def _lessons(
    tables: Tables, settings: Settings, target: str, key: tuple[Any, ...]
) -> Lessons | str:
    """Pose the problem and choose how it is judged."""
    folded = settings.folds >= 2
    problem = pose(tables, target, held_out=not folded)
    if isinstance(problem, str):
        return problem
    if folded:
        return fold_lessons(problem, tables, settings)
    return _split_lessons(problem, tables, settings, key)


def _split_lessons(
    problem: Problem, tables: Tables, settings: Settings, key: tuple[Any, ...]
) -> Lessons:
    """One split: every source on the same rows held out, with a bootstrap over them."""
    cap = min(settings.training_rows, QUICK_ROWS) if settings.quick else settings.training_rows
    repetitions = (100 if settings.quick else 200) if problem.classes <= 2 else 60
    floor_rows = min(cap, _QUICK_FLOOR_ROWS) if settings.quick else cap
    held = problem.holdout or problem.real
    judge = held.some(min(cap, TEST_ROWS), tables.generator((*key, "judge")))
    weights = bootstrap_weights(judge.rows, repetitions, tables.generator((*key, "weights")))

    def of_real() -> tuple[list[Run], list[Run], tuple[tuple[float, float], ...]]:
        """Everything that no synthetic table has a part in."""
        real = [
            Lesson(teach=part, judge=judge, weights=weights, seed=seed)
            for seed, part in enumerate(_teachers(problem.real, cap, settings.seeds, rng("real")))
        ]
        floor = shuffled(problem.real, rng("floor")).some(floor_rows, rng("floor rows"))
        lessons = [*real, Lesson(teach=floor, judge=judge, weights=weights)]
        shares = () if settings.quick else SUBSAMPLES
        few = [
            (share, problem.real.some(size, rng(f"share {share:.3f}")))
            for share in shares
            if (size := round(share * problem.real.rows)) >= _FEWEST_ROWS and size < cap
        ]
        lessons += [Lesson(teach=part, judge=judge) for _, part in few]
        found = learn(problem, lessons)
        headline = problem.scores[0]
        curve = tuple(
            (share, float(np.mean([one.values[headline] for one in run.values()])))
            for (share, _), run in zip(few, found[len(real) + 1 :], strict=True)
        )
        return found[: len(real)], [found[len(real)]], curve

    def rng(what: str) -> np.random.Generator:
        """A generator that no synthetic table has a part in."""
        return tables.generator((*key, what))

    trtr, independent, curve = tables.once(key, of_real)
    apart = _judged_apart(problem.synthetic, rng("apart"))
    # Where rows abound, one training serves both judges: the rows that judge taught nothing.
    shared = apart is not None and apart[0].rows >= cap
    teachers = apart[0] if apart is not None and shared else problem.synthetic
    parts = _teachers(teachers, cap, settings.seeds, rng("synthetic"))
    rows = {"real": min(cap, problem.real.rows), "synthetic": parts[0].rows}
    rows["independent"] = min(floor_rows, problem.real.rows)
    lessons = [
        Lesson(teach=part, judge=judge, weights=weights, seed=seed)
        for seed, part in enumerate(parts)
    ]
    if apart is not None:
        teach = parts[0] if shared else apart[0].some(cap, rng("apart rows"))
        own = apart[1].some(min(cap, TEST_ROWS), rng("apart judge"))
        own_weights = bootstrap_weights(own.rows, repetitions, rng("apart weights"))
        lessons.append(Lesson(teach=teach, judge=own, weights=own_weights))
        rows["synthetic, judged by synthetic"] = teach.rows
    found = learn(problem, lessons)
    runs: dict[Source, tuple[Run, ...]] = {
        "trtr": tuple(trtr),
        "tstr": tuple(found[: len(parts)]),
        "independent": tuple(independent),
    }
    if apart is not None:
        runs["tsts"] = (found[-1],)
    return Lessons(problem=problem, runs=runs, rows=rows, judge=judge, curve=curve)


def fold_lessons(problem: Problem, tables: Tables, settings: Settings) -> Lessons | str:
    """Repeated folds: in each round a fold of every table is left out of teaching.

    The fold of the rows held out judges both sources (without rows held out: the fold of the
    training rows, which the generator saw), the synthetic fold judges TSTS.
    """
    judges = problem.holdout if problem.holdout is not None else problem.real
    smallest = min(judges.rows, problem.real.rows)
    if smallest < 10 * settings.folds:
        return f"fewer than {10 * settings.folds} real rows for {settings.folds} folds"
    runs: dict[Source, list[Run]] = {"trtr": [], "tstr": [], "tsts": [], "independent": []}
    judge, rows = judges, {"real": 0, "synthetic": 0}
    for repeat in range(settings.seeds):
        generator = tables.generator(("folds", problem.target, settings.folds, repeat))
        folds = {
            name: cut(part.rows, settings.folds, generator, labels=_labels(problem, part))
            for name, part in (
                ("judge", judges), ("real", problem.real), ("synthetic", problem.synthetic),
            )
        }  # fmt: skip
        if problem.holdout is None:
            folds["judge"] = folds["real"]
        for fold in range(settings.folds):
            teach = {
                name: part.at(np.nonzero(folds[name] != fold)[0]).some(
                    settings.training_rows, generator
                )
                for name, part in (("real", problem.real), ("synthetic", problem.synthetic))
            }
            judge = judges.at(np.nonzero(folds["judge"] == fold)[0])
            own = problem.synthetic.at(np.nonzero(folds["synthetic"] == fold)[0])
            rows = {name: part.rows for name, part in teach.items()}
            lessons = [
                Lesson(teach=teach["real"], judge=judge, seed=repeat),
                Lesson(teach=teach["synthetic"], judge=judge, seed=repeat),
            ]
            names: list[Source] = ["trtr", "tstr"]
            if own.rows and teach["synthetic"].rows:
                lessons.append(Lesson(teach=teach["synthetic"], judge=own, seed=repeat))
                names.append("tsts")
            floor = shuffled(teach["real"], generator)
            lessons.append(Lesson(teach=floor, judge=judge, seed=repeat))
            names.append("independent")
            for name, run in zip(names, learn(problem, lessons), strict=True):
                runs[name].append(run)
    # Teaching parts of two folds share all but 2/k of their rows, whoever judges.
    share = max(1 / (settings.folds - 1), judge.rows / max(1, rows["real"]))
    return Lessons(
        problem=problem,
        runs={name: tuple(found) for name, found in runs.items() if found},
        rows={**rows, "independent": rows["real"]},
        judge=judge,
        test_share=share,
        seen=problem.holdout is None,
    )


def learn(
    problem: Problem, lessons: Sequence[Lesson], *, models: Sequence[str] | None = None,
    workers: int | None = None,
) -> list[Run]:  # fmt: skip
    """Train and judge the models of a problem, one result per lesson in their order.

    Lessons of one teacher and one seed share their training.

    Parameters
    ----------
    problem
        What is predicted.
    lessons
        Who teaches and who judges.
    models
        Names of models; all of the problem's by default.
    workers
        Threads; by default one per core. The results do not depend on it.
    """
    names = tuple(models or problem.models)
    matrices: dict[tuple[int, bool], Matrix] = {}
    classes: dict[tuple[int, int], list[int]] = {}
    for place, lesson in enumerate(lessons):
        classes.setdefault((id(lesson.teach), lesson.seed), []).append(place)

    def matrix(part: Part, *, one_hot: bool) -> Matrix:
        """The part's features, encoded once."""
        key = (id(part), one_hot)
        if key not in matrices:
            matrices[key] = features(problem.encodings, part.arrays, one_hot=one_hot)
        return matrices[key]

    jobs: list[tuple[float, list[int], str, Callable[[], list[Marked]]]] = []
    with quiet_single_threaded():
        for places in classes.values():
            taught = [lessons[place] for place in places]
            for name in names:
                one_hot = name in ONE_HOT
                job = _job(
                    problem,
                    taught,
                    name,
                    matrix(taught[0].teach, one_hot=one_hot),
                    [matrix(lesson.judge, one_hot=one_hot) for lesson in taught],
                )
                cost = taught[0].teach.rows * (len(_COST) - _COST.index(name)
                                               if name in _COST else 0.1)  # fmt: skip
                jobs.append((cost, places, name, job))
        jobs.sort(key=lambda one: -one[0])
        done = in_parallel([job for *_, job in jobs], workers)
    found: list[Run] = [{} for _ in lessons]
    for (_, places, name, _), marks in zip(jobs, done, strict=True):
        for place, marked in zip(places, marks, strict=True):
            found[place][name] = marked
    return [{name: run[name] for name in names} for run in found]


def _job(
    problem: Problem, lessons: Sequence[Lesson], name: str, teach: Matrix, judges: Sequence[Matrix]
) -> Callable[[], list[Marked]]:
    """What trains one model when it is called, and judges it by every lesson of one teacher."""

    def run() -> list[Marked]:
        target, seed = lessons[0].teach.target, lessons[0].seed
        if problem.classes:
            trained = train_classifier(
                name, teach, target, classes=problem.classes, seed=seed, threads=1
            )
            told = [trained.probabilities(judge, problem.classes) for judge in judges]
        else:
            model = train_regressor(name, teach, target, seed=seed, threads=1)
            told = [np.asarray(model.predict(judge), dtype=np.float64) for judge in judges]
        return [_marked(problem, *pair) for pair in zip(lessons, told, strict=True)]

    return run


def _marked(problem: Problem, lesson: Lesson, told: NDArray[np.float64]) -> Marked:
    """What a model reached with what it said of the judging rows."""
    truth = lesson.judge.target
    plain = np.ones((1, truth.size))
    weights = plain if lesson.weights is None else np.vstack([plain, lesson.weights])
    scores = (
        class_scores(truth, told, problem.positive, weights)
        if problem.classes
        else number_scores(truth, told, weights)
    )
    return Marked(
        values={score: float(values[0]) for score, values in scores.items()},
        draws={score: values[1:] for score, values in scores.items()},
        told=told.astype(np.float32),
    )


def shuffled(part: Part, rng: np.random.Generator) -> Part:
    """Every column and the target shuffled by itself: nothing is left to learn."""
    return Part(
        target=rng.permutation(part.target),
        arrays=tuple(rng.permutation(values) for values in part.arrays),
    )


def _teachers(part: Part, cap: int, seeds: int, rng: np.random.Generator) -> list[Part]:
    """Rows that teach, drawn anew for every seed; one and the same object if nothing is drawn."""
    return [part.some(cap, rng) for _ in range(seeds)]


def _judged_apart(part: Part, rng: np.random.Generator) -> tuple[Part, Part] | None:
    """Synthetic rows that teach and others that judge, or None if there are too few."""
    if part.rows < _FEWEST_ROWS:
        return None
    order = rng.permutation(part.rows)
    apart = max(1, round(JUDGED_APART * part.rows))
    return part.at(np.sort(order[apart:])), part.at(np.sort(order[:apart]))


def _labels(problem: Problem, part: Part) -> NDArray[Any] | None:
    """What folds are balanced by: the class."""
    return part.target if problem.classes else None


Values = dict[str, dict[str, dict[str, float]]]
"""Scores by source, model and name: what is kept of a round."""


def one_round(problem: Problem, *, cap: int, seed: int, rng: np.random.Generator) -> Values:
    """Scores of every source for one split into rows that teach and rows that judge.

    Parameters
    ----------
    problem
        Posed on this round's tables; its holdout judges.
    cap
        Most teaching rows of a model.
    seed
        Of the models.
    rng
        Draws rows, where there are more than `cap`, and the synthetic rows that judge TSTS.
    """
    judge = (problem.holdout or problem.real).some(TEST_ROWS, rng)
    real = problem.real.some(cap, rng)
    lessons = {
        "trtr": Lesson(teach=real, judge=judge, seed=seed),
        "tstr": Lesson(teach=problem.synthetic.some(cap, rng), judge=judge, seed=seed),
        "independent": Lesson(teach=shuffled(real, rng), judge=judge, seed=seed),
    }
    apart = _judged_apart(problem.synthetic, rng)
    if apart is not None:
        teach, own = apart[0].some(cap, rng), apart[1].some(TEST_ROWS, rng)
        lessons["tsts"] = Lesson(teach=teach, judge=own, seed=seed)
    found = learn(problem, list(lessons.values()))
    return {
        name: {model: dict(marked.values) for model, marked in run.items()}
        for name, run in zip(lessons, found, strict=True)
    }


def lessons_of_rounds(
    problem: Problem, rounds: Sequence[Values], *, test_share: float, rows: dict[str, int]
) -> Lessons:
    """What rounds that were kept say together.

    Parameters
    ----------
    problem
        Posed on the whole real table.
    rounds
        Their scores.
    test_share
        Judging rows over teaching rows of a round.
    rows
        Teaching rows by source.
    """
    nothing = np.empty(0, dtype=np.float32)
    runs: dict[Source, tuple[Run, ...]] = {}
    for source in SOURCES:
        if all(source in kept for kept in rounds):
            runs[source] = tuple(
                {
                    model: Marked(values=scores, draws={}, told=nothing)
                    for model, scores in kept[source].items()
                }
                for kept in rounds
            )
    return Lessons(problem=problem, runs=runs, rows=rows, judge=problem.real, test_share=test_share)
