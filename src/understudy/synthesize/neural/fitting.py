"""A network's fit from its first check to its model: what all network synthesizers share.

Checks before anything is charged; columns learned and paid for, or taken from the checkpoint of
an interrupted run; columns of very many codes merged; rows by one of the two ways there are; what
is kept to go on later; the model. What may not happen here: a network, or rows by any other way
than `curator.batches`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeAlias

import numpy as np

from understudy.curator import Curator, LabelCells, Merged, NumberCells
from understudy.curator.batches import STAGE, Adaptive, BatchPlan, open_rows, require_rows
from understudy.errors import InputError
from understudy.prepare.attributes import Attribute
from understudy.prepare.learn import Prepared, learn
from understudy.privacy.budget import SELECTION_SHARE, Budget, NonPrivateBudget
from understudy.schema import Schema
from understudy.synthesize.model import Model
from understudy.synthesize.neural.checkpoint import (
    Kept,
    columns_from,
    columns_of,
    forget,
    load,
    save,
)
from understudy.synthesize.neural.engine import device_of, threads, torch_module
from understudy.synthesize.protocol import EITHER, Codes, Progress
from understudy.synthesize.settings import settings_told

MOST_CODES = 1_024
"""Codes of a column that a network tells apart; beyond them they are merged into classes."""

PREPARED_SHARE = 0.3
"""About the part of ρ that columns take before training, for choosing an order to account at."""

CLIPPINGS = ("flat", "layers", "adaptive")
"""Ways to clip; see `Steps`."""

LEARNED = 0.1
"""The part of a fit's progress that learning columns is told to be."""

Keep: TypeAlias = "Callable[[dict[str, Any], dict[str, np.ndarray]], None]"
"""Told facts and arrays from which a training can go on."""


@dataclass(frozen=True, kw_only=True)
class Steps:
    """DP-SGD's settings: each of them is a public constant, and each costs or buys accuracy.

    Parameters
    ----------
    probability
        Chance of every unit to be in a step, in (0, 1].
    steps
        How many, 1 or more. More steps need more noise in each.
    clip
        L2 norm to which a unit's gradient is clipped, above 0.
    rate
        Adam's largest step size, above 0.
    singles_part
        Part of their usual share of ρ that single columns get, in (0, 1].
    clipping
        `flat`: a row's whole gradient to `clip`. `layers`: each layer's to its share of it.
        `adaptive`: as flat, but `clip` is only where it begins; it follows the median of the rows'
        gradient norms, found by a noisy count in every step that is paid for with it.
    """

    probability: float = 0.05
    steps: int = 600
    clip: float = 1.0
    rate: float = 4e-3
    singles_part: float = 0.35
    clipping: str = "flat"

    def __post_init__(self) -> None:
        if self.clipping not in CLIPPINGS:
            raise InputError(f"clipping must be one of {', '.join(CLIPPINGS)}", given=self.clipping)
        if not 0 < self.probability <= 1:
            raise InputError("probability must lie in (0, 1]", probability=self.probability)
        if self.steps < 1:
            raise InputError("steps must be 1 or more", steps=self.steps)
        for name in ("clip", "rate"):
            if not 0 < getattr(self, name) < 1e6:
                raise InputError(f"{name} must be above 0", given=getattr(self, name))
        if not 0 < self.singles_part <= 1:
            raise InputError("singles_part must lie in (0, 1]", singles_part=self.singles_part)

    def order(self, epsilon: float, delta: float) -> float:
        """The Rényi order a run of these is counted at, from public facts; see `Budget`."""
        from understudy.privacy.accountant import order_for_steps

        return order_for_steps(
            epsilon,
            delta * (1.0 - SELECTION_SHARE),
            share=PREPARED_SHARE,
            probability=self.probability,
            steps=self.steps,
        )

    def affordable(self, budget: Budget) -> None:
        """Refuse steps that no useful noise fits into the budget.

        Raises
        ------
        BudgetExceeded
            ε is too small for them; nothing was charged.
        """
        budget.noise_multiplier(self.probability, self.steps)


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """The settings that every network synthesizer has beside its own.

    Parameters
    ----------
    seed
        Makes a fit without privacy repeatable on a CPU; refused under a promise.
    microbatch
        Most rows of a noisy step in memory together.
    device
        `cpu`, `cuda`, or `auto`.
    cores
        Cores to compute on; None: as many as PyTorch takes. Matrices here are small: a second core
        helps little, and on a busy machine threads that wait for each other cost six times the time.
    checkpoint
        A folder that keeps an unfinished training; a fit with the same settings goes on from it.
        Under a promise the run's ledger knows what was spent, and the budget must be that run's
        (`Budget.resume`). Empty again when the training has ended.
    """

    privacy: ClassVar[tuple[str, ...]] = EITHER
    open_only: ClassVar[tuple[str, ...]] = ("seed",)
    """Settings that take no part under a promise."""

    seed: int | None = None
    microbatch: int = 2_048
    device: str = "cpu"
    cores: int | None = 1
    checkpoint: str | Path | None = None

    def __post_init__(self) -> None:
        if self.microbatch < 1:
            raise InputError("microbatch must be 1 or more", given=self.microbatch)
        if self.device not in ("cpu", "cuda", "auto"):
            raise InputError("device must be cpu, cuda or auto", device=self.device)
        if self.cores is not None and self.cores < 1:
            raise InputError("cores must be 1 or more", cores=self.cores)


class Named(Protocol):
    """A network synthesizer: its name, and the settings that all have."""

    name: ClassVar[str]

    @property
    def seed(self) -> int | None:
        """See `NetworkSettings`."""
        ...

    @property
    def microbatch(self) -> int:
        """See `NetworkSettings`."""
        ...

    @property
    def device(self) -> str:
        """See `NetworkSettings`."""
        ...

    @property
    def cores(self) -> int | None:
        """See `NetworkSettings`."""
        ...

    @property
    def checkpoint(self) -> str | Path | None:
        """See `NetworkSettings`."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """One fit: what is known of the columns, and the ways to rows, checkpoint and model.

    Parameters
    ----------
    synthesizer, curator
        Whose fit; where the rows are.
    private
        Whether anything is promised.
    prepared
        Columns and row count as they were paid for.
    items
        The columns as the network sees them, codes beyond a limit merged.
    encodings
        Their encodings, in the same order, for `curator.batches`.
    merged
        Of columns of more codes the class of each code.
    kept
        What an interrupted training left, or None.
    device
        `cpu` or `cuda`.
    seed, generator
        Where parameters begin and what shuffles; under a promise a public constant, which may
        decide nothing but where parameters begin.
    """

    synthesizer: Named
    curator: Curator
    private: bool
    prepared: Prepared
    items: tuple[Attribute, ...]
    encodings: tuple[Any, ...]
    merged: dict[str, np.ndarray]
    kept: Kept | None
    device: str
    seed: int
    generator: np.random.Generator = field(repr=False)

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Compute on as many cores as asked; when training has ended, forget the checkpoint."""
        with threads(self.synthesizer.cores):
            yield
        if self.synthesizer.checkpoint is not None:
            forget(self.synthesizer.checkpoint)

    def opened(self) -> np.ndarray:
        """Codes of all rows, `(rows, columns)`, of a run that promises nothing (charged so)."""
        return open_rows(self.curator, self.encodings, label="rows for a network").codes

    def plan(self, steps: Steps, *, parts: int = 1) -> BatchPlan:
        """The noisy steps, the first of them or what is left after an interruption.

        Parameters
        ----------
        steps
            The settings.
        parts
            How many norms every row's gradient has: of `GhostGradients`, its `parts`.
        """
        prepared = self.prepared
        before = {} if self.kept is None else self.kept.facts
        return BatchPlan(
            self.curator,
            self.encodings,
            probability=steps.probability,
            steps=steps.steps,
            clip=float(before.get("clip", steps.clip)),
            expected=max(steps.probability * prepared.rows, 1.0),
            microbatch=self.synthesizer.microbatch,
            parts=parts,
            adaptive=Adaptive() if steps.clipping == "adaptive" else None,
            multiplier=float(before["multiplier"]) if before else None,
            taken=BatchPlan.steps_in(self.curator.budget),
        )

    def keep(self, plan: BatchPlan | None = None, **told: Any) -> Keep | None:
        """What is told from time to time how far a training is; None where nothing is kept.

        Parameters
        ----------
        plan
            The noisy steps, whose noise and clip are kept.
        told
            Other facts to keep with everything.
        """
        folder, budget = self.synthesizer.checkpoint, self.curator.budget
        prepared = self.prepared
        if folder is None:
            return None
        columns, fixed = columns_of(prepared.attributes)
        facts: dict[str, Any] = {
            "settings": settings_told(self.synthesizer, private=self.private),
            "run": budget.run,
            "seed": self.seed,
            "columns": columns,
            "rows": prepared.rows,
            "rows_sigma": prepared.rows_sigma,
            **told,
        }
        if self.private:
            facts["plan"] = {share.stage: share.planned_rho / budget.rho for share in budget.shares}

        def keep(state: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
            noise = {} if plan is None else {"multiplier": plan.multiplier, "clip": plan.clip}
            save(folder, {**facts, **noise, **state}, {**fixed, **arrays})

        return keep

    def within(self) -> dict[str, np.ndarray]:
        """Of merged columns, the share of each of their own codes: codes of a class follow it."""
        return {name: self.prepared.attribute(name).shares for name in self.merged}

    def model(self, codes: Codes, *, target: str | None) -> Model:
        """The model that draws by these codes."""
        told = settings_told(self.synthesizer, private=self.private)
        prepared = self.prepared
        return Model(
            attributes=prepared.attributes,
            codes=codes,
            rows=prepared.rows,
            synthesizer=self.synthesizer.name,
            settings={**told, "target": target},
        )


def begin(
    synthesizer: Named,
    curator: Curator,
    schema: Schema,
    *,
    singles_part: float,
    affordable: Callable[[Budget], object],
    begun: Callable[[Budget], int] = BatchPlan.steps_in,
    stage: str = STAGE,
    most_codes: int = MOST_CODES,
    most_numbers: int = MOST_CODES,
    progress: Progress,
) -> Fit:
    """Check everything, learn the columns (or take those of an interrupted run), plan the rest.

    Parameters
    ----------
    synthesizer, curator, schema
        What fits what.
    singles_part
        Under a promise, the part of their usual share of ρ that single columns get.
    affordable
        Told the budget before anything is charged; raises when it cannot do.
    begun
        How many steps (or votes) of the training the budget has paid for.
    stage
        The stage that training is charged under; it is planned to take all that columns leave.
    most_codes, most_numbers
        Codes of a column, and of a column of numbers, beyond which they are merged into classes.
    progress
        Told the columns' part; see `rest`.

    Raises
    ------
    InputError
        PyTorch or CUDA is absent, the rows cannot be had one by one, a private fit has a seed, or
        a checkpoint without a ledger or of something else.
    BudgetExceeded
        What `affordable` says.
    """
    torch_module()
    device = device_of(synthesizer.device)
    require_rows(curator, synthesizer.name)
    private = not isinstance(curator.budget, NonPrivateBudget)
    if private:
        if synthesizer.seed is not None:
            raise InputError("a private training has no seed: its noise cannot be repeated")
        if synthesizer.checkpoint is not None and not curator.budget.has_ledger:
            raise InputError("a checkpoint under a promise needs a ledger, which has the charges")
    kept = _kept(synthesizer, curator, begun if private else None)
    if kept is not None and private:
        prepared = _prepared_again(kept, curator)
    else:
        if private:
            affordable(curator.budget)
        prepared = learn(
            curator,
            schema,
            everything=not private,
            singles_part=singles_part if private else 1.0,
            progress=lambda text, done: progress(text, LEARNED * done),
        )
        if private:
            _plan_training(curator.budget, stage)
    most = {
        item.name: most_numbers if isinstance(item.encoding, NumberCells) else most_codes
        for item in prepared.attributes
    }
    merged = {
        item.name: _classes(item, most[item.name])
        for item in prepared.attributes
        if item.encoding.size > most[item.name]
    }
    items = tuple(_coarse(item, merged.get(item.name)) for item in prepared.attributes)
    encodings = tuple(
        Merged(base=item.encoding, into=tuple(merged[item.name].tolist()))
        if item.name in merged
        else item.encoding
        for item in prepared.attributes
    )
    # What a private training begins with is a public constant: noise is its only randomness.
    fresh = int.from_bytes(os.urandom(6), "little") if not private else 0
    seed = synthesizer.seed if synthesizer.seed is not None else fresh
    if kept is not None:
        seed = int(kept.facts["seed"])
    return Fit(
        synthesizer=synthesizer,
        curator=curator,
        private=private,
        prepared=prepared,
        items=items,
        encodings=encodings,
        merged=merged,
        kept=kept,
        device=device,
        seed=seed,
        generator=np.random.default_rng(seed),
    )


def rest(progress: Progress) -> Progress:
    """Progress of training, after that of learning columns."""
    return lambda text, done: progress(text, LEARNED + (1.0 - LEARNED) * done)


def _kept(
    synthesizer: Named, curator: Curator, begun: Callable[[Budget], int] | None
) -> Kept | None:
    """What an interrupted training left, when it is of these settings and this run.

    Raises
    ------
    InputError
        It is of others, or the budget has paid for steps that nothing is left of.
    """
    kept = load(synthesizer.checkpoint)
    if kept is None:
        if begun is not None and begun(curator.budget):
            raise InputError(
                "this run has begun its steps, and there is no checkpoint to go on from",
                hint="start a new run; what was charged stays charged",
            )
        return None
    same = kept.facts.get("settings") == settings_told(synthesizer, private=begun is not None)
    ours = begun is None or kept.facts.get("run") == curator.budget.run
    if not (same and ours):
        raise InputError(
            "the checkpoint belongs to another run, or to other settings",
            hint="give the same settings and the same ledger, or another folder",
            folder=str(synthesizer.checkpoint),
        )
    return kept


def _prepared_again(kept: Kept, curator: Curator) -> Prepared:
    """The columns an interrupted run has paid for.

    Raises
    ------
    InputError
        The table has other columns.
    """
    items = columns_from(kept)
    there = {header.name: header.arrow for header in curator.headers}
    if any(there.get(item.name) != item.header.arrow for item in items):
        raise InputError("the checkpoint is of a table with other columns")
    curator.budget.plan(kept.facts["plan"])
    return Prepared(
        attributes=items,
        roles=(),
        rows=float(kept.facts["rows"]),
        rows_sigma=float(kept.facts["rows_sigma"]),
    )


def _plan_training(budget: Budget, stage: str) -> None:
    """Plan that training takes all that is left."""
    left = max(budget.spare_share, 0.0)
    planned = {share.stage: share.planned_rho / budget.rho for share in budget.shares}
    budget.plan({**planned, stage: left * (1 - 1e-9)})


def _classes(item: Attribute, most: int) -> np.ndarray:
    """The class of every code of a column that has too many of them."""
    into = item.merge(most)
    return np.unique(into, return_inverse=True)[1].astype(np.int64)


def _coarse(item: Attribute, into: np.ndarray | None) -> Attribute:
    """A column as the network sees it: itself, or one label for each of its classes."""
    if into is None:
        return item
    size = int(into.max()) + 1
    counts = np.bincount(into, weights=item.counts, minlength=size)
    return replace(
        item,
        encoding=LabelCells(
            column=item.name, labels=tuple(str(place) for place in range(size - 1))
        ),
        counts=counts,
        variances=np.bincount(into, weights=item.variances, minlength=size),
        standin=None,
    )
