"""What is measured of a table of a study: the task, the workload, pMSE, and what others report.

Figures of real rows alone (training on real rows, independent columns, the holdout as if it were
synthetic) are computed once for each split, with the same functions. What may not happen here: a
figure without its key, setting and model, or a row that comes out.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.evaluate import declared_kinds, k_marginal, read_tables
from understudy.evaluate.apart.pooled import FEWEST, arrays_of, pile, rows_each
from understudy.evaluate.apart.propensity import logistic_propensity, tree_propensity
from understudy.evaluate.columns import Tables
from understudy.evaluate.fidelity.marginals import clique_distance, cliques_of, coded, number_levels
from understudy.evaluate.task.learning import Lesson, learn, shuffled
from understudy.evaluate.task.models import quiet_single_threaded, single_threaded
from understudy.evaluate.task.problem import TEST_ROWS, Problem, pose
from understudy.workflow.study.plan import Scoring
from understudy.workflow.study.tables import Split

if TYPE_CHECKING:
    import pyarrow as pa

Figure = dict[str, Any]
"""`figure`, `setting`, `model`, `value`, and `low` and `high` where there is an interval."""

_APART = 0.2
_FEWEST_ROWS = 20
_TREES = 5


def figure(
    key: str,
    value: float,
    *,
    setting: str = "",
    model: str = "",
    ends: tuple[float, float] | None = None,
) -> Figure:
    """One figure as it is kept; what is not finite is kept as None."""
    low, high = ends or (math.nan, math.nan)
    told: Figure = {"figure": key, "setting": setting, "model": model}
    for name, number in (("value", value), ("low", low), ("high", high)):
        told[name] = float(number) if math.isfinite(number) else None
    return told


def measure_synthetic(
    split: Split, made: pa.Table, *, target: str | None, scoring: Scoring, whole: bool
) -> tuple[list[Figure], tuple[str, ...]]:
    """Figures of a synthetic table.

    Parameters
    ----------
    split
        Real rows of both parts.
    made
        Synthetic rows.
    target
        Column that models predict; None for no task.
    scoring
        What is measured.
    whole
        Whether more than the task is.

    Returns
    -------
    tuple
        Figures, and why some are not there.
    """
    tables = _tables(split, made)
    figures: list[Figure] = []
    reasons: list[str] = []
    if target is not None:
        problem = pose(tables, target)
        if isinstance(problem, str):
            reasons.append(problem)
        else:
            figures += _taught(problem, scoring, synthetic=True)
    if whole:
        figures += _likeness(split, tables, made, scoring, "synthetic")
    return figures, tuple(reasons)


def measure_real(
    split: Split, *, target: str | None, scoring: Scoring, whole: bool
) -> tuple[list[Figure], tuple[str, ...]]:
    """Figures of real rows alone; parameters as of `measure_synthetic`.

    The holdout stands where a synthetic table would.
    """
    held = split.parts[1]
    tables = _tables(split, held)
    figures: list[Figure] = []
    reasons: list[str] = []
    if target is not None:
        problem = pose(tables, target)
        if isinstance(problem, str):
            reasons.append(problem)
        else:
            figures += _taught(problem, scoring, synthetic=False)
    if whole:
        figures += _likeness(split, tables, held, scoring, "holdout")
    return figures, tuple(reasons)


def _tables(split: Split, made: pa.Table) -> Tables:
    """Three tables as arrays, every row of them."""
    train, holdout = split.parts
    kinds, nulls = declared_kinds(split.schema)
    return read_tables(
        train, holdout, made, kinds=kinds, nulls=nulls, rng=_generator("rows"), row_cap=1 << 62
    )


def _generator(what: str) -> np.random.Generator:
    """Draws rows, the same for every cell."""
    return np.random.default_rng([20_261, zlib.crc32(what.encode())])


def models_of(problem: Problem, scoring: Scoring) -> tuple[str, ...]:
    """Models of a problem that a study asks for."""
    if scoring.models is None:
        return problem.models
    return tuple(name for name in problem.models if name in scoring.models)


def _taught(problem: Problem, scoring: Scoring, *, synthetic: bool) -> list[Figure]:
    """Scores of every model in every setting."""
    cap = scoring.training_rows
    held = problem.holdout or problem.real
    judge = held.some(TEST_ROWS, _generator("judge"))
    lessons: dict[str, Lesson] = {}
    if synthetic:
        part = problem.synthetic
        lessons["tstr"] = Lesson(teach=part.some(cap, _generator("teach")), judge=judge)
        if part.rows >= _FEWEST_ROWS:
            order = _generator("apart").permutation(part.rows)
            apart = max(1, round(_APART * part.rows))
            lessons["tsts"] = Lesson(
                teach=part.at(np.sort(order[apart:])).some(cap, _generator("teach")),
                judge=part.at(np.sort(order[:apart])).some(TEST_ROWS, _generator("judge")),
            )
    else:
        real = problem.real.some(cap, _generator("teach"))
        lessons["trtr"] = Lesson(teach=real, judge=judge)
        lessons["independent"] = Lesson(teach=shuffled(real, _generator("floor")), judge=judge)
    models = models_of(problem, scoring)
    found = learn(problem, list(lessons.values()), models=models, workers=1)
    return [
        figure(score, value, setting=setting, model=model)
        for setting, run in zip(lessons, found, strict=True)
        for model, marked in run.items()
        for score, value in marked.values.items()
    ]


def _likeness(
    split: Split, tables: Tables, made: pa.Table, scoring: Scoring, setting: str
) -> list[Figure]:
    """Workload error, pMSE, and what SDMetrics and NIST report."""
    found: list[Figure] = []
    if tables.columns:
        found += _workload(tables, scoring.workload, setting)
        if scoring.pmse_rows:
            found += _propensity(tables, scoring.pmse_rows, setting)
    if scoring.sdmetrics:
        found += _sdmetrics(split, made, setting)
    if scoring.k_marginal:
        found.append(_nist(split, made, scoring, setting))
    return found


def _workload(tables: Tables, workload: Sequence[int], setting: str) -> Iterator[Figure]:
    """Mean of half the L1 distance of normalised marginals, for 1, 2 and 3 columns at a time."""
    columns = tables.columns
    levels = [None if c.is_category else number_levels(c.train) for c in columns]
    real = coded(columns, levels, [c.train for c in columns])
    other = coded(columns, levels, [c.synthetic for c in columns])
    for ways in workload:
        if len(columns) >= ways:
            cliques = cliques_of(len(columns), ways, _generator("triples"))
            distances = [clique_distance(real, other, members) for members in cliques]
            yield figure(f"workload_error_{ways}", float(np.mean(distances)), setting=setting)


def _propensity(tables: Tables, most: int, setting: str) -> Iterator[Figure]:
    """PMSE over its null, by a logistic regression and by a tree."""
    rows = rows_each(tables, most)
    if rows < FEWEST:
        return
    rng = _generator("pile")
    part = pile(tables.columns, arrays_of(tables, "synthetic", rng), rows, rng)
    with quiet_single_threaded():
        told = logistic_propensity(part.one_hot, part.other)
        yield figure("pmse_ratio", told.ratio, setting=setting, ends=told.interval)
        told = tree_propensity(part.ordinal, part.other, rng, permutations=_TREES)
        yield figure("pmse_ratio_tree", told.ratio, setting=setting, ends=told.interval)


def _sdmetrics(split: Split, made: pa.Table, setting: str) -> Iterator[Figure]:
    """SDMetrics' column shapes and pair trends, as errors: 1 less the score."""
    from understudy.evaluate import evaluate
    from understudy.evaluate.fidelity.pairs import PAIRS
    from understudy.evaluate.fidelity.shapes import SHAPES

    train, _ = split.parts
    with single_threaded():
        found = evaluate(train, None, made, schema=split.schema, metrics=(SHAPES, PAIRS))
    for one in found.figures:
        if one.key in {"shapes", "pair_trends"}:
            key = "shape_error" if one.key == "shapes" else "trend_error"
            yield figure(key, 1.0 - one.value, setting=setting)


def _nist(split: Split, made: pa.Table, scoring: Scoring, setting: str) -> Figure:
    """NIST's k-marginal score on the named columns."""
    names = list(scoring.k_marginal)
    train, _ = split.parts
    found = k_marginal(
        train.select(names), made.select(names), k=scoring.k, numbers=scoring.numbers
    )
    return figure("k_marginal", found.score, setting=setting)


def score_probabilities(
    split: Split, target: str, told: np.ndarray[Any, Any], classes: Sequence[str]
) -> list[Figure]:
    """Scores of a learner's probabilities for the holdout's rows.

    Parameters
    ----------
    split
        The rows; the holdout judges, the training rows say which class is the rarer one.
    target
        Column that was predicted.
    told
        Probabilities: holdout rows x classes.
    classes
        Labels of the columns; a label of the holdout that is not among them is never right.
    """
    from understudy.evaluate.task.problem import targets_of
    from understudy.evaluate.task.scores import class_scores

    tables = _tables(split, split.parts[1])
    column = tables.column(target)
    if column is None or not column.is_category:
        return []
    targets, count, _ = targets_of(column)
    truth = targets["holdout"]
    known = truth >= 0
    places = {_plain(label): place for place, label in enumerate(column.levels)}
    spread = np.zeros((len(told), max(count, 2)))
    for place, label in enumerate(classes):
        code = places.get(_plain(label))
        if code is not None and code < count:
            spread[:, code] += told[:, place]
    positive = int(np.argmin(np.bincount(targets["train"][targets["train"] >= 0])))
    weights = np.ones((1, int(known.sum())))
    scores = class_scores(truth[known], spread[known], positive if count == 2 else None, weights)
    return [figure(name, float(values[0]), setting="trtr") for name, values in scores.items()]


def _plain(label: object) -> str:
    """A label as it is compared: numbers in one spelling."""
    text = str(label).strip()
    try:
        return f"{float(text):.17g}"
    except ValueError:
        return text
