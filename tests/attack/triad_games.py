"""Small games for attacks: a population, releases that leak nothing, releases that leak."""

from __future__ import annotations

from typing import Literal

import numpy as np

from understudy.attack.protocol import Group, Knowledge, Level, Records, Setting
from understudy.evaluate.columns import Column

Release = Literal["null", "copies", "neighbours"]
LABELS = ("region", "job", "colour")
NUMBERS = ("age", "income", "height")


def people(rows: int, rng: np.random.Generator) -> Records:
    """A population with strong structure: jobs go with regions, incomes with jobs and ages."""
    region = rng.integers(0, 5, rows)
    job = (region + rng.integers(0, 3, rows)) % 7
    colour = rng.choice(12, rows, p=np.arange(12, 0, -1) / 78)
    age = np.rint(rng.normal(45, 15, rows))
    income = np.rint(1_000 * (job + 1) + 20 * age + rng.exponential(500, rows))
    height = np.round(rng.normal(170, 10, rows), 2)
    height[rng.random(rows) < 0.03] = np.nan
    labels = [array.astype(np.int32) for array in (region, job, colour)]
    return Records(arrays=(*labels, age, income, height))


def columns() -> tuple[Column, ...]:
    """Names and kinds; an attack must not read the arrays."""
    nothing = np.empty(0)
    labels = [
        Column(
            name=name,
            kind="categorical",
            train=nothing,
            holdout=nothing,
            synthetic=nothing,
            levels=tuple(f"{name} {level}" for level in range(12)),
        )
        for name in LABELS
    ]
    numbers = [
        Column(name=name, kind="numeric", train=nothing, holdout=nothing, synthetic=nothing)
        for name in NUMBERS
    ]
    return (*labels, *numbers)


def copies(train: Records, rng: np.random.Generator) -> Records:
    """Every training row once, numbers moved by 0.0003 of their spread and rounded as before."""
    moved = []
    for array, decimals in zip(train.arrays, (0, 0, 0, 0, 0, 2), strict=True):
        noise = 0.0003 * np.nanstd(array) * rng.standard_normal(array.size)
        moved.append(np.round(array + noise, decimals) if array.dtype.kind == "f" else array)
    return Records(arrays=tuple(moved)).at(rng.permutation(train.rows))


def neighbours(train: Records, rng: np.random.Generator) -> Records:
    """A one-nearest-neighbour sampler: each value of a row or of the next one by income."""
    order = np.argsort(train.arrays[4], kind="stable")
    other = train.at(np.roll(order, 1)[np.argsort(order, kind="stable")])
    mixed = tuple(
        np.where(rng.random(train.rows) < 0.9, ours, theirs).astype(ours.dtype)
        for ours, theirs in zip(train.arrays, other.arrays, strict=True)
    )
    return Records(arrays=mixed).at(rng.permutation(train.rows))


def game(
    release: Release,
    seed: int,
    *,
    rows: int = 600,
    level: Level = "quick",
    known: tuple[int, ...] = (),
    secrets: tuple[int, ...] = (),
) -> Setting:
    """So many members, as many controls, and a release of as many rows."""
    rng = np.random.default_rng([seed, rows])
    members, controls = people(rows, rng), people(rows, rng)
    made = {"copies": copies, "neighbours": neighbours}
    synthetic = people(rows, rng) if release == "null" else made[release](members, rng)
    knowledge = Knowledge(
        columns=columns(),
        synthetic=synthetic,
        reference=None,
        train_rows=rows,
        known=known,
        secrets=secrets,
    )
    everyone = np.ones(rows, dtype=bool)
    old = [side.arrays[3] >= 65 for side in (members, controls)]
    return Setting(
        knowledge=knowledge,
        members=members,
        controls=controls,
        members_evaluated=everyone,
        controls_evaluated=everyone,
        groups=(Group(name="old", definition="65 and more", members=old[0], controls=old[1]),),
        level=level,
    )
