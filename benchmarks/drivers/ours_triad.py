"""Our three attacks on one release: what they found and how long they took.

python ours_triad.py --train A.csv --holdout B.csv --release R.csv --out FILE.json
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv

from understudy.attack.inference import infer
from understudy.attack.linkability import link
from understudy.attack.protocol import AttackResult, Knowledge, Records, Setting
from understudy.attack.singling_out import single_out
from understudy.evaluate import read_tables

FEW = 300


def read(path: Path) -> pa.Table:
    """A table of text, as the package reads it."""
    table = csv.read_csv(path)
    return table.cast(pa.schema([(name, pa.string()) for name in table.column_names]))


def game(train: Path, holdout: Path, release: Path, rng: np.random.Generator) -> Setting:
    """Everybody is a candidate, in random order."""
    tables = read_tables(read(train), read(holdout), read(release), rng=rng)
    columns = tables.columns
    learned = Records(arrays=tuple(column.train for column in columns))
    held = Records(arrays=tuple(column.holdout for column in columns if column.holdout is not None))
    return Setting(
        knowledge=Knowledge(
            columns=columns,
            synthetic=Records(arrays=tuple(column.synthetic for column in columns)),
            reference=None,
            train_rows=learned.rows,
        ),
        members=learned.at(rng.permutation(learned.rows)),
        controls=held.at(rng.permutation(held.rows)),
        members_evaluated=np.ones(learned.rows, dtype=bool),
        controls_evaluated=np.ones(held.rows, dtype=bool),
    )


def among(setting: Setting, targets: int) -> Setting:
    """The same game with so many targets of either kind."""
    return replace(
        setting,
        members_evaluated=np.arange(setting.members.rows) < targets,
        controls_evaluated=np.arange(setting.controls.rows) < targets,
        level="certify",
    )


def small(setting: Setting) -> Setting:
    """The same game on few rows: what is loaded at the first call is loaded by it."""
    return replace(
        setting,
        knowledge=setting.knowledge.facing(setting.knowledge.synthetic.at(slice(FEW))),
        members=setting.members.at(slice(FEW)),
        controls=setting.controls.at(slice(FEW)),
        members_evaluated=setting.members_evaluated[:FEW],
        controls_evaluated=setting.controls_evaluated[:FEW],
    )


def timed(
    play: Callable[[Setting], AttackResult], setting: Setting
) -> tuple[AttackResult, dict[str, float]]:
    """Run an attack once on few rows, then in earnest."""
    play(small(setting))
    wall, busy = time.perf_counter(), time.process_time()
    result = play(setting)
    took = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - busy}
    return result, took


def told(found: dict[str, Any]) -> dict[str, Any]:
    """Counts, risk and interval of one attack."""
    return {
        "trials": found["attack"]["trials"],
        **{name: found[name]["hits"] for name in ("attack", "control", "baseline")},
        "risk": found["risk"],
        "interval": found["risk_interval"],
    }


def main() -> None:
    """Run all three attacks."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("train", "holdout", "release", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args()
    rng = np.random.default_rng(7)
    began = time.process_time()
    setting = game(options.train, options.holdout, options.release, rng)
    found: dict[str, Any] = {"reading": {"cpu_seconds": time.process_time() - began}}
    for mode in ("univariate", "multivariate"):
        result, took = timed(lambda one, mode=mode: single_out(mode, one, rng), setting)
        found[mode] = {**took, **told(dict(result.detail))}
    width = len(setting.knowledge.columns)
    halves = tuple(range(width // 2)), tuple(range(width // 2, width))
    result, took = timed(lambda one: link(one, rng, halves=halves), among(setting, 2_000))
    found["linkability"] = {**took, **told(dict(result.detail))}
    result, took = timed(lambda one: infer(one, rng), among(setting, 1_000))
    found["inference"] = took
    for one in result.detail["secrets"]:
        found[f"inference of {one['secret']}"] = told(one)
    options.out.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
