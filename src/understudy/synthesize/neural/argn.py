"""argn: an autoregressive network over columns in any order, private by DP-SGD when asked.

The idea, in three sentences. Every column gets a small network that predicts it from whichever other
columns are known; each training row puts its columns in a random order, so that one training teaches
every order (Uria, Murray & Larochelle 2014, arXiv:1310.1757). Numbers are predicted as fine cells,
whose weights are shared within coarse ones. So a fitted network draws rows, fills in gaps, and
conditions on any columns, and its sharpness can be set by a temperature.

What may not happen here: rows by any other way than the batch plan or the open door of a run
without privacy.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from understudy.curator import Curator, Merged
from understudy.curator.batches import BatchPlan, open_rows, require_rows
from understudy.errors import InputError
from understudy.prepare.attributes import Attribute
from understudy.prepare.learn import Prepared, learn
from understudy.privacy.budget import SELECTION_SHARE, NonPrivateBudget
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
from understudy.synthesize.neural.codes import AutoregressiveCodes, NetworkArrays, calibrated
from understudy.synthesize.neural.engine import device_of, threads, torch_module
from understudy.synthesize.neural.shape import Shape, begin, shape_of
from understudy.synthesize.protocol import EITHER, Progress, silent

MOST_CODES = 1_024
"""Codes of a column that a network tells apart; beyond them they are merged into classes."""

PREPARED_SHARE = 0.3
"""About the part of ρ that columns take before training, for choosing an order to account at."""


@dataclass(frozen=True, kw_only=True)
class NoisySteps:
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
    width, embedding
        Size of the network: fewer parameters take less noise.
    singles_part
        Part of their usual share of ρ that single columns get, in (0, 1].
    focus
        Share of rows, in [0, 1], that are learned from in the order in which rows are drawn.
    """

    probability: float = 0.05
    steps: int = 600
    clip: float = 1.0
    rate: float = 4e-3
    width: int = 48
    embedding: int = 6
    singles_part: float = 0.35
    focus: float = 0.8

    def __post_init__(self) -> None:
        if not 0 < self.probability <= 1:
            raise InputError("probability must lie in (0, 1]", probability=self.probability)
        if self.steps < 1:
            raise InputError("steps must be 1 or more", steps=self.steps)
        for name in ("clip", "rate"):
            if not 0 < getattr(self, name) < 1e6:
                raise InputError(f"{name} must be above 0", given=getattr(self, name))
        _require_sizes(self.width, self.embedding)
        if not 0 < self.singles_part <= 1:
            raise InputError("singles_part must lie in (0, 1]", singles_part=self.singles_part)
        if not 0 <= self.focus <= 1:
            raise InputError("focus must lie in 0 to 1", focus=self.focus)


@dataclass(frozen=True, kw_only=True)
class Argn:
    """An autoregressive network over columns.

    Parameters
    ----------
    private
        How it learns under a promise; nothing of what follows down to `patience` is used then.
    width, embedding
        Hidden units of each column's network (1 to 4,096), numbers per code (1 to 256).
    epochs, batch, rate, decay
        Most passes over the rows, rows per step, Adam's largest step size, weight decay.
    patience
        Passes without a better held-out loss after which training stops.
    focus
        Share of rows that are learned from in the order in which rows are drawn; the others are
        learned from in random orders.
    seed
        Makes a fit without privacy repeatable on a CPU; refused under a promise.
    temperature
        Sharpness of what is drawn, in 0.01 to 100; 1 is what was learned.
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

    Raises
    ------
    InputError
        A setting out of range.

    Guarantees
    ----------
    Under a finite budget (ε, δ) of it, by `curator.batches.BatchPlan`: noisy gradients are all that
    the network sees of rows. Under `NON_PRIVATE` none.

    >>> Argn().privacy
    ('private', 'non-private')
    """

    name: ClassVar[str] = "argn"
    privacy: ClassVar[tuple[str, ...]] = EITHER

    private: NoisySteps = field(default_factory=NoisySteps)
    width: int = 128
    embedding: int = 8
    epochs: int = 18
    batch: int = 128
    rate: float = 1e-3
    decay: float = 0.5
    patience: int = 5
    focus: float = 0.5
    seed: int | None = None
    temperature: float = 1.0
    microbatch: int = 2_048
    device: str = "cpu"
    cores: int | None = 1
    checkpoint: str | Path | None = None

    def __post_init__(self) -> None:
        _require_sizes(self.width, self.embedding)
        for name in ("epochs", "batch", "patience", "microbatch"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be 1 or more", given=getattr(self, name))
        if not 0 < self.rate < 10:
            raise InputError("rate must lie in (0, 10)", rate=self.rate)
        if not 0 <= self.decay < 10:
            raise InputError("decay must lie in [0, 10)", decay=self.decay)
        if not 0.01 <= self.temperature <= 100:
            raise InputError("temperature must lie in 0.01 to 100", temperature=self.temperature)
        if not 0 <= self.focus <= 1:
            raise InputError("focus must lie in 0 to 1", focus=self.focus)
        if self.device not in ("cpu", "cuda", "auto"):
            raise InputError("device must be cpu, cuda or auto", device=self.device)
        if self.cores is not None and self.cores < 1:
            raise InputError("cores must be 1 or more", cores=self.cores)

    def order(self, epsilon: float, delta: float) -> float:
        """The Rényi order a run of this is counted at, from public facts; see `Budget`."""
        from understudy.privacy.accountant import order_for_steps

        return order_for_steps(
            epsilon,
            delta * (1.0 - SELECTION_SHARE),
            share=PREPARED_SHARE,
            probability=self.private.probability,
            steps=self.private.steps,
        )

    def fit(
        self,
        curator: Curator,
        schema: Schema,
        *,
        target: str | None = None,
        progress: Progress = silent,
    ) -> Model:
        """Learn columns, then the network; see `Synthesizer.fit`.

        Raises
        ------
        InputError
            PyTorch or CUDA is absent, the rows cannot be had one by one, training broke down.
        BudgetExceeded
            ε is too small for the steps; nothing was charged.
        """
        torch_module()
        device = device_of(self.device)
        require_rows(curator, self.name)
        open_door = isinstance(curator.budget, NonPrivateBudget)
        if not open_door:
            if self.seed is not None:
                raise InputError("a private training has no seed: its noise cannot be repeated")
            if self.checkpoint is not None and not curator.budget.has_ledger:
                raise InputError(
                    "a checkpoint under a promise needs a ledger, which has the charges"
                )
        kept = self._kept(curator, open_door=open_door)
        if kept is not None and not open_door:
            prepared = _prepared_again(kept, curator)
        else:
            if not open_door:
                curator.budget.noise_multiplier(self.private.probability, self.private.steps)
            prepared = learn(
                curator,
                schema,
                everything=open_door,
                singles_part=1.0 if open_door else self.private.singles_part,
                progress=lambda text, done: progress(text, 0.1 * done),
            )
            if not open_door:
                _plan_training(curator)
        merged = {
            item.name: _classes(item)
            for item in prepared.attributes
            if item.encoding.size > MOST_CODES
        }
        items = [_coarse(item, merged.get(item.name)) for item in prepared.attributes]
        encodings = [
            Merged(base=item.encoding, into=tuple(merged[item.name].tolist()))
            if item.name in merged
            else item.encoding
            for item in prepared.attributes
        ]
        with threads(self.cores):
            shape, flat, facts = self._trained(
                curator,
                prepared,
                (items, encodings),
                kept=kept,
                open_door=open_door,
                device=device,
                progress=lambda text, done: progress(text, 0.1 + 0.9 * done),
            )
        if self.checkpoint is not None:
            forget(self.checkpoint)
        order = tuple(range(shape.count))
        shares = {item.name: item.shares for item in items}
        arrays = calibrated(NetworkArrays(shape=shape, flat=flat), order, shares)
        return Model(
            attributes=prepared.attributes,
            codes=AutoregressiveCodes(
                arrays=arrays,
                order=order,
                temperature=self.temperature,
                classes=merged,
                within={name: prepared.attribute(name).shares for name in merged},
                facts=facts,
            ),
            rows=prepared.rows,
            synthesizer=self.name,
            settings={**self._settings(private=not open_door), "target": target},
        )

    def _settings(self, *, private: bool) -> dict[str, Any]:
        """Settings that took part, flat."""
        told = asdict(self)
        steps = told.pop("private")
        told.pop("checkpoint")
        speed = {name: told.pop(name) for name in ("microbatch", "device", "cores")}
        if private:
            return {**steps, "temperature": self.temperature, "device": speed["device"]}
        return {**told, "device": speed["device"]}

    def _kept(self, curator: Curator, *, open_door: bool) -> Kept | None:
        """What an interrupted training left, when it is of these settings and this run.

        Raises
        ------
        InputError
            It is of others, or the budget has paid for steps that nothing is left of.
        """
        kept = load(self.checkpoint)
        begun = 0 if open_door else BatchPlan.steps_in(curator.budget)
        if kept is None:
            if begun:
                raise InputError(
                    "this run has begun its steps, and there is no checkpoint to go on from",
                    hint="start a new run; what was charged stays charged",
                )
            return None
        same = kept.facts.get("settings") == self._settings(private=not open_door)
        ours = open_door or kept.facts.get("run") == curator.budget.run
        if not (same and ours):
            raise InputError(
                "the checkpoint belongs to another run, or to other settings",
                hint="give the same settings and the same ledger, or another folder",
                folder=str(self.checkpoint),
            )
        return kept

    def _keep(self, curator: Curator, prepared: Prepared, *, open_door: bool, seed: int) -> Any:
        """What is told from time to time how far a training is."""
        if self.checkpoint is None:
            return None
        folder, budget = self.checkpoint, curator.budget
        columns, fixed = columns_of(prepared.attributes)
        facts: dict[str, Any] = {
            "settings": self._settings(private=not open_door),
            "run": budget.run,
            "seed": seed,
            "columns": columns,
            "rows": prepared.rows,
            "rows_sigma": prepared.rows_sigma,
        }
        if not open_door:
            facts["plan"] = {share.stage: share.planned_rho / budget.rho for share in budget.shares}

        def keep(told: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
            save(folder, {**facts, **told}, {**fixed, **arrays})

        return keep

    def _trained(
        self,
        curator: Curator,
        prepared: Prepared,
        coded: tuple[Sequence[Attribute], Sequence[Any]],
        *,
        kept: Kept | None,
        open_door: bool,
        device: str,
        progress: Progress,
    ) -> tuple[Shape, np.ndarray, dict[str, Any]]:
        """Shape, parameters and facts of the network, learned in the way the budget allows."""
        from understudy.synthesize.neural.network import Network
        from understudy.synthesize.neural.training import train_open, train_private

        items, encodings = coded
        size = self if open_door else self.private
        shape = shape_of(items, width=size.width, embedding=size.embedding)
        # What a private training begins with is a public constant: noise is its only randomness.
        fresh = int.from_bytes(os.urandom(6), "little") if self.seed is None else self.seed
        seed = int(kept.facts["seed"]) if kept else fresh if open_door else 0
        generator = np.random.default_rng(seed)
        keep = self._keep(curator, prepared, open_door=open_door, seed=seed)
        first = torch_module().from_numpy(begin(shape, items, generator)).to(device)
        network = Network(shape, first)
        if open_door:
            opened = open_rows(curator, encodings, label="rows for a network")
            done = train_open(
                network,
                opened.codes,
                epochs=self.epochs,
                batch=self.batch,
                rate=self.rate,
                decay=self.decay,
                patience=self.patience,
                focus=self.focus,
                generator=generator,
                progress=progress,
                keep=keep,
                kept=kept,
            )
        else:
            steps = self.private
            plan = BatchPlan(
                curator,
                encodings,
                probability=steps.probability,
                steps=steps.steps,
                clip=steps.clip,
                expected=max(steps.probability * prepared.rows, 1.0),
                microbatch=self.microbatch,
                multiplier=None if kept is None else float(kept.facts["multiplier"]),
                taken=BatchPlan.steps_in(curator.budget),
            )
            if keep is not None:
                keep = partial(_with_noise, keep, plan.multiplier)
            done = train_private(
                network,
                plan,
                rate=steps.rate,
                focus=steps.focus,
                progress=progress,
                keep=keep,
                kept=kept,
            )
        return shape, done.flat, done.facts


def _with_noise(
    keep: Any, multiplier: float, told: dict[str, Any], arrays: dict[str, np.ndarray]
) -> None:
    """Keep the noise of the steps to come with what was learned."""
    keep({**told, "multiplier": multiplier}, arrays)


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


def _require_sizes(width: int, embedding: int) -> None:
    """Refuse a network of no size or far too large a one."""
    if not 1 <= width <= 4_096:
        raise InputError("width must lie in 1 to 4,096", width=width)
    if not 1 <= embedding <= 256:
        raise InputError("embedding must lie in 1 to 256", embedding=embedding)


def _plan_training(curator: Curator) -> None:
    """Plan that training takes all that is left."""
    from understudy.curator.batches import STAGE

    budget = curator.budget
    left = max(budget.spare_share, 0.0)
    planned = {share.stage: share.planned_rho / budget.rho for share in budget.shares}
    budget.plan({**planned, STAGE: left * (1 - 1e-9)})


def _classes(item: Attribute) -> np.ndarray:
    """The class of every code of a column that has too many of them."""
    into = item.merge(MOST_CODES)
    return np.unique(into, return_inverse=True)[1].astype(np.int64)


def _coarse(item: Attribute, into: np.ndarray | None) -> Attribute:
    """A column as the network sees it: itself, or one label for each of its classes."""
    if into is None:
        return item
    from understudy.curator import LabelCells

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
