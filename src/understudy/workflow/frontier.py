"""Utility against risk over a grid of synthesizers and ε: what a choice of ε buys and costs.

Every cell fits on the same training rows, samples, is measured against the holdout and is
attacked. The fits are experiments inside the house: each keeps to its own (ε, δ), together they
spend the sum, and what is learned from figures computed on real rows no ε covers. So nothing of a
frontier may leave, and the release that is made afterwards is a fit of its own. What may not
happen here: a synthetic table that is kept.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from understudy.errors import InputError
from understudy.privacy.budget import DEFAULT_DELTA, check_privacy
from understudy.privacy.ledger import Ledger
from understudy.release.frontier import (
    FrontierCell,
    FrontierEvidence,
    FrontierFigure,
    FrontierRisk,
)
from understudy.schema import Schema, check_against, did_you_mean, load_schema
from understudy.source import SensitiveTable, from_frame, split
from understudy.synthesize.protocol import Progress, silent
from understudy.workflow.evaluated import free_folder
from understudy.workflow.grid import Cell, Outcome, run_cells
from understudy.workflow.main_job import synthesize
from understudy.workflow.named import named_synthesizer
from understudy.workflow.tables import as_table

if TYPE_CHECKING:
    from understudy.attack.battery import Battery
    from understudy.attack.protocol import Level

UTILITY = ("tvd_1way", "tvd_2way", "tvd_3way", "tstr_auc", "tstr_r2")
"""Figures of usefulness that a frontier keeps, where they are defined."""

HOLDOUT = 0.4
"""Share of the rows that is held out: attacks need controls as much as fits need rows."""

CELLS, EVIDENCE, TABLE, REPORT = "cells.jsonl", "evidence.json", "figures.csv", "report.html"


@dataclass(frozen=True, kw_only=True, eq=False)
class _Work:
    """Everything a cell needs; pickled to wherever the cell runs."""

    train: pa.Table = field(repr=False)
    holdout: pa.Table = field(repr=False)
    schema: Schema
    delta: float
    target: str | None
    level: Level | None
    ledger: str | None
    asset: str | None

    def __call__(self, cell: Cell) -> dict[str, Any]:
        """Fit, sample, measure, attack."""
        from understudy.evaluate import evaluate

        run = synthesize(
            from_frame(self.train),
            epsilon=cell["epsilon"],
            delta=self.delta,
            synthesizer=cell["synthesizer"],
            schema=self.schema,
            target=self.target,
            holdout=0.0,
            rows=self.train.num_rows,
            seed=cell["seed"],
            ledger=self.ledger,
            asset=self.asset,
            evaluate=False,
        )
        made = run.table
        names = made.column_names
        train, holdout = self.train.select(names), self.holdout.select(names)
        found = evaluate(
            train, holdout, made, target=self.target, schema=self.schema, seed=cell["seed"],
            quick=True,
        )  # fmt: skip
        figures = [figure.to_json() for figure in found.figures if figure.key in UTILITY]
        risks = [] if self.level is None else self._attacked(train, holdout, made, cell["seed"])
        return {"figures": figures, "risks": risks}

    def _attacked(
        self, train: pa.Table, holdout: pa.Table, made: pa.Table, seed: int
    ) -> list[dict[str, Any]]:
        """The battery's results in short."""
        import numpy as np

        from understudy.attack import ATTACKS
        from understudy.attack.battery import run_battery
        from understudy.attack.game import make_game
        from understudy.attack.nobox import BLIND

        assert self.level is not None
        game = make_game(
            train, holdout, made, rng=np.random.default_rng([seed, 1]), level=self.level
        )
        return _told(run_battery(game, ATTACKS, blind=BLIND, seed=seed))


def _told(battery: Battery) -> list[dict[str, Any]]:
    """What a frontier keeps of a battery."""
    return [
        {
            "key": one.result.key,
            "title": one.result.title,
            "statistic": one.result.statistic,
            "value": one.result.value,
            "low": one.result.interval[0],
            "high": one.result.interval[1],
            "control": one.result.control,
            "word": one.word,
            "limit": one.limit,
            "tpr_1": (one.result.detail.get("tpr_1") or {}).get("tpr"),
        }
        for one in battery.outcomes
    ]


@dataclass(frozen=True, kw_only=True)
class Frontier:
    """What a frontier found: internal, like every figure computed on real rows.

    Parameters
    ----------
    evidence
        Cells with their figures and risks, and the bound that the mathematics gives.
    """

    evidence: FrontierEvidence = field(repr=False)

    @property
    def text(self) -> str:
        """The cells in a few words each."""
        return "\n".join(cell.text for cell in self.evidence.cells)


def frontier(
    data: Any,
    *,
    epsilons: Sequence[float] = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0),
    synthesizers: Sequence[str] = ("aim",),
    delta: float = DEFAULT_DELTA,
    schema: Schema | str | Path | None = None,
    target: str | None = None,
    seeds: int = 1,
    level: Level | None = "quick",
    ledger: Ledger | str | Path | None = None,
    asset: str | None = None,
    workers: int = 1,
    out: str | Path | None = None,
    title: str | None = None,
    progress: Progress = silent,
) -> Frontier:
    """Fit, measure and attack over a grid of synthesizers, ε and seeds.

    Parameters
    ----------
    data
        A DataFrame or the path of a file that fits in memory.
    epsilons, delta
        Each ε with the same δ.
    synthesizers
        Names.
    schema, target
        As in `synthesize`.
    seeds
        Fits per synthesizer and ε, 1 or more.
    level
        Of the attacks: `quick`, `release` or `certify`; None for no attack.
    ledger, asset
        Where every fit is charged, as in `synthesize`; none by default.
    workers
        Cells at once.
    out
        Folder for finished cells, evidence, table and report. A frontier that was interrupted
        goes on where it stopped.
    title
        What the report calls it.
    progress
        Told a sentence and the fraction done.

    Returns
    -------
    Frontier

    Raises
    ------
    InputError, SchemaError, FormatError
        Bad input; nothing was fitted.

    Guarantees
    ----------
    None for the figures: they are computed on real rows. Each fit alone keeps to its (ε, δ), all
    together to the sums.
    """
    table = as_table(data)
    declared = load_schema(schema) if isinstance(schema, str | Path) else schema or Schema()
    check_against(declared, table.headers)
    for epsilon in epsilons:
        check_privacy(epsilon, delta)
    _refuse(table, target, epsilons=epsilons, synthesizers=synthesizers, seeds=seeds, level=level)
    folder = None if out is None else Path(out).expanduser().resolve()
    train, holdout = _halves(table, folder, declared)
    work = _Work(
        train=train, holdout=holdout, schema=declared, delta=delta, target=target, level=level,
        ledger=None if ledger is None else str(getattr(ledger, "path", ledger)), asset=asset,
    )  # fmt: skip
    cells = [
        {"synthesizer": name, "epsilon": float(epsilon), "seed": seed}
        for seed in range(seeds)
        for name in synthesizers
        for epsilon in epsilons
    ]
    about = {
        "frontier": _fingerprint(table),
        "delta": delta,
        "target": target,
        "level": level,
        "schema": json.loads(declared.model_dump_json()),
    }
    outcomes = run_cells(
        cells, work, about=about, out=None if folder is None else folder / CELLS,
        workers=workers, progress=progress, what="fits",
    )  # fmt: skip
    evidence = _evidence(outcomes, work, title or f"Frontier of {Path(table.name).stem}")
    found = Frontier(evidence=evidence)
    if folder is not None:
        _save(evidence, folder)
    return found


def _refuse(
    table: SensitiveTable,
    target: str | None,
    *,
    epsilons: Sequence[float],
    synthesizers: Sequence[str],
    seeds: int,
    level: Level | None,
) -> None:
    """Refuse what cannot be run, before anything is fitted."""
    for name in synthesizers:
        named_synthesizer(name)
    for told, given in (("epsilons", epsilons), ("synthesizers", synthesizers)):
        if not given or len(set(given)) < len(given):
            raise InputError(f"give {told}, each once")
    if seeds < 1:
        raise InputError("give 1 seed or more", seeds=seeds)
    if level not in {None, "quick", "release", "certify"}:
        raise InputError("the level is quick, release or certify", level=level)
    if target is not None and target not in table.column_names:
        raise InputError(
            f"there is no column {target!r} for the target",
            hint=did_you_mean(target, table.column_names) or "see the header line",
        )


def _halves(
    table: SensitiveTable, folder: Path | None, schema: Schema
) -> tuple[pa.Table, pa.Table]:
    """Training rows and holdout; the coins are kept in the folder, so that a resumed run has them.

    The file of coins says nothing but which rows of the input were held out.
    """
    import numpy as np

    rows = table.rows.num_rows
    place = None if folder is None else folder / "holdout.npy"
    if place is not None and place.exists():
        held = np.load(place, allow_pickle=False)
        if held.shape != (rows,):
            raise InputError(
                "the folder holds the frontier of another table", hint="name another folder"
            )
    else:
        if folder is not None:
            free_folder(folder)
        marked = table.rows.append_column("\0row", pa.array(np.arange(rows)))
        _, out = split(from_frame(marked), HOLDOUT, schema.unit)
        held = np.zeros(rows, dtype=bool)
        held[out.rows.column("\0row").to_numpy()] = True
        if place is not None:
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            place.touch(mode=0o600)
            np.save(place, held)
    return table.rows.filter(pa.array(~held)), table.rows.filter(pa.array(held))


def _fingerprint(table: SensitiveTable) -> str:
    """A digest of the rows, so that a folder is not continued with another table."""
    digest = hashlib.sha256()
    for batch in table.rows.to_batches():
        for column in batch.columns:
            for buffer in column.buffers():
                digest.update(b"" if buffer is None else buffer)
    return digest.hexdigest()


def _evidence(outcomes: Sequence[Outcome], work: _Work, title: str) -> FrontierEvidence:
    """Cells as a value, with the bound of each ε."""
    epsilons = sorted({one.cell["epsilon"] for one in outcomes})
    return FrontierEvidence(
        created=dt.datetime.now(dt.UTC).replace(microsecond=0),
        title=title,
        delta=work.delta,
        target=work.target,
        train_rows=work.train.num_rows,
        holdout_rows=work.holdout.num_rows,
        level=work.level,
        cells=tuple(_cell(one) for one in outcomes),
        bounds=tuple((epsilon, bound_on_auc(epsilon, work.delta)) for epsilon in epsilons),
        epsilon_sum=math.fsum(one.cell["epsilon"] for one in outcomes),
    )


def _cell(one: Outcome) -> FrontierCell:
    """A cell as a value."""
    return FrontierCell(
        synthesizer=one.cell["synthesizer"],
        epsilon=one.cell["epsilon"],
        seed=one.cell["seed"],
        failed=one.failed,
        seconds=one.seconds,
        figures=tuple(_figure(figure) for figure in one.found.get("figures", ())),
        risks=tuple(FrontierRisk(**risk) for risk in one.found.get("risks", ())),
    )


def _figure(told: Mapping[str, Any]) -> FrontierFigure:
    """A figure in short."""
    return FrontierFigure(
        key=told["key"],
        title=told["title"],
        better=told["better"],
        value=told["value"],
        interval=told["interval"],
        holdout=told["anchors"]["holdout"],
        independent=told["anchors"]["independent"],
    )


def bound_on_auc(epsilon: float, delta: float, points: int = 4_001) -> float:
    """The largest AUC of any membership attacker against (ε, δ)-differential privacy.

    The area under the largest true positive rate, min(e^ε·x + δ, 1 − e^−ε·(1 − δ − x)) and at
    most 1, over false positive rates x (Kairouz, Oh, Viswanath 2015).

    Parameters
    ----------
    epsilon, delta
        The promise: ε of 0 or more.
    points
        Of the trapezoid rule.

    >>> round(bound_on_auc(0.0, 0.0), 3), round(bound_on_auc(1.0, 0.0), 3)
    (0.5, 0.731)
    """
    import numpy as np

    x = np.linspace(0.0, 1.0, points)
    best = np.minimum(
        math.exp(epsilon) * x + delta, 1.0 - math.exp(-epsilon) * (1.0 - delta - x)
    ).clip(0.0, 1.0)
    return float(np.trapezoid(best, x))


def _save(evidence: FrontierEvidence, folder: Path) -> None:
    """Write evidence, table and report, readable by the owner only."""
    from understudy.audit.keeping import write_whole
    from understudy.report import render_frontier

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, text in (
        (EVIDENCE, evidence.to_json()),
        (TABLE, evidence.to_csv()),
        (REPORT, render_frontier(evidence)),
    ):
        write_whole(folder / name, text, private=True)
