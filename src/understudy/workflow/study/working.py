"""One cell of a study: fit, sample, measure, attack; nothing but figures comes out.

Every fit is an experiment inside the house with a budget of its own; its model and its rows are
forgotten when the cell ends. What may not happen here: a synthetic table that is kept.
"""

from __future__ import annotations

import logging
import math
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.errors import InputError
from understudy.privacy import NON_PRIVATE
from understudy.synthesize import SYNTHESIZERS
from understudy.workflow.main_job import synthesize
from understudy.workflow.study.cells import REAL, data_of, entry_of, read_epsilon
from understudy.workflow.study.commands import Made, run_command
from understudy.workflow.study.cost import Cost, Meter
from understudy.workflow.study.measuring import (
    Figure,
    figure,
    measure_real,
    measure_synthetic,
    score_probabilities,
)
from understudy.workflow.study.membership import attack_blind, attack_synthetic
from understudy.workflow.study.plan import DataSet, LearnerEntry, Maker, StudyPlan
from understudy.workflow.study.reading import build, learners
from understudy.workflow.study.tables import Split, split_of

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, kw_only=True)
class Work:
    """What every cell needs; small, for rows are read where the cell runs.

    Parameters
    ----------
    plan
        The study.
    files, beside
        Folder of data, and folder of the study file.
    """

    plan: StudyPlan
    files: Path
    beside: Path

    def __call__(self, cell: Mapping[str, Any]) -> dict[str, Any]:
        """Do one cell."""
        with _undisturbed():
            return self._done(cell)

    def _done(self, cell: Mapping[str, Any]) -> dict[str, Any]:
        """What a cell finds."""
        data = data_of(self.plan, cell)
        split = split_of(
            data, seed=cell["seed"], fold=cell["fold"], folds=self.plan.folds,
            holdout=self.plan.holdout, files=self.files, beside=self.beside,
        )  # fmt: skip
        if cell["kind"] == REAL:
            return self._real(split, data, whole=not cell["fold"])
        if cell["kind"] == "learner":
            return self._learned(split, data, cell)
        return self._synthetic(split, data, cell)

    def _real(self, split: Split, data: DataSet, *, whole: bool) -> dict[str, Any]:
        """What real rows alone say."""
        meter = Meter()
        figures, reasons = measure_real(
            split, target=data.target, scoring=self.plan.evaluation, whole=whole
        )
        if self.plan.attack is not None and whole:
            figures += attack_blind(split, candidates=self.plan.attack.candidates)
        train, holdout = split.parts
        figures += [
            figure("rows", train.num_rows, setting="train"),
            figure("rows", holdout.num_rows, setting="holdout"),
        ]
        return _found([*figures, *_costs(meter.read(), "measure")], reasons)

    def _synthetic(self, split: Split, data: DataSet, cell: Mapping[str, Any]) -> dict[str, Any]:
        """Fit, sample, measure, attack."""
        entry = entry_of(self.plan, cell)
        assert isinstance(entry, Maker)
        made = self._made(split, data, cell, entry)
        whole = not cell["fold"]
        meter = Meter()
        figures, reasons = measure_synthetic(
            split, made.table, target=data.target, scoring=self.plan.evaluation, whole=whole
        )
        if self.plan.attack is not None and whole:
            figures += attack_synthetic(split, made.table, candidates=self.plan.attack.candidates)
        figures.append(figure("rows", made.table.num_rows, setting="synthetic"))
        return _found([*figures, *_costs(made.cost, "fit"), *_costs(meter.read(), "measure")],
                      reasons)  # fmt: skip

    def _made(self, split: Split, data: DataSet, cell: Mapping[str, Any], entry: Maker) -> Made:
        """Synthetic rows, as many as there are to learn from."""
        epsilon = read_epsilon(cell["epsilon"])
        seed = sampling_seed(cell)
        if entry.command is not None:
            return run_command(
                entry.command, split.train, limit=entry.limit, beside=self.beside,
                epsilon=cell["epsilon"], delta=self.plan.delta, seed=seed, target=data.target,
            )  # fmt: skip
        meter = Meter()
        table = _sampled(split, data, entry, epsilon=epsilon, delta=self.plan.delta, seed=seed)
        return Made(table=table, cost=meter.read())

    def _learned(self, split: Split, data: DataSet, cell: Mapping[str, Any]) -> dict[str, Any]:
        """Train a private learner on the real rows and judge it by the others."""
        entry = entry_of(self.plan, cell)
        assert isinstance(entry, LearnerEntry)
        if data.target is None:
            raise InputError("a learner needs a target")
        meter = Meter()
        epsilon = read_epsilon(cell["epsilon"])
        learner = build(
            entry,
            learners(),
            epsilon=NON_PRIVATE if epsilon is None or math.isinf(epsilon) else epsilon,
            delta=self.plan.delta,
            schema=split.schema,
        )
        train, holdout = split.parts
        learner.fit(train, data.target)
        cost = meter.read()
        told = learner.predict_proba(holdout)
        figures = score_probabilities(
            split, data.target, told, [str(label) for label in learner.classes_]
        )
        if not figures:
            raise InputError("the target is no column of labels")
        return _found([*figures, *_costs(cost, "fit")], ())


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep the accountant's remarks on orders it leaves out (which is safe) off the progress."""
    log = logging.getLogger("absl")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def _sampled(
    split: Split, data: DataSet, entry: Maker, *, epsilon: float | None, delta: float, seed: int
) -> pa.Table:
    """Rows of one of our synthesizers."""
    maker = build(entry, {one.name: one for one in SYNTHESIZERS()})
    private = epsilon is not None and math.isfinite(epsilon)
    run = synthesize(
        split.train,
        epsilon=epsilon if private and epsilon is not None else NON_PRIVATE,
        delta=delta,
        schema=split.schema,
        synthesizer=maker,
        target=data.target,
        holdout=0.0,
        rows=split.parts[0].num_rows,
        seed=seed,
        evaluate=False,
    )
    return run.table


def sampling_seed(cell: Mapping[str, Any]) -> int:
    """The seed of sampling: of the cell's coordinates alone. Noise is never seeded."""
    told = "|".join(str(cell[name]) for name in ("dataset", "method", "epsilon", "seed", "fold"))
    return zlib.crc32(told.encode())


def _costs(cost: Cost, what: str) -> list[Figure]:
    """A cost as figures: seconds of the processor and by the clock, MiB."""
    found = [
        figure("cpu_seconds", cost.cpu, setting=what),
        figure("wall_seconds", cost.wall, setting=what),
    ]
    if cost.peak is not None:
        found.append(figure("peak_mib", cost.peak, setting=what))
    return found


def _found(figures: list[Figure], reasons: tuple[str, ...]) -> dict[str, Any]:
    """What a cell keeps."""
    return {"figures": figures, "reasons": list(reasons)}
