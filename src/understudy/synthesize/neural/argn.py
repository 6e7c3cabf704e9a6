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

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from understudy.curator import Curator
from understudy.errors import InputError
from understudy.schema import Schema
from understudy.synthesize.model import Model
from understudy.synthesize.neural.codes import AutoregressiveCodes, NetworkArrays, calibrated
from understudy.synthesize.neural.engine import torch_module
from understudy.synthesize.neural.fitting import Fit, NetworkSettings, Steps, begin, rest
from understudy.synthesize.neural.shape import Shape, shape_of
from understudy.synthesize.neural.shape import begin as first_weights
from understudy.synthesize.protocol import Progress, silent
from understudy.synthesize.settings import require_training

if TYPE_CHECKING:
    from understudy.synthesize.neural.training import Trained


@dataclass(frozen=True, kw_only=True)
class NoisySteps(Steps):
    """DP-SGD's settings (see `Steps`), and the size of the network that it trains.

    Parameters
    ----------
    width, embedding
        Size of the network: fewer parameters take less noise.
    focus
        Share of rows, in [0, 1], that are learned from in the order in which rows are drawn.
    """

    width: int = 48
    embedding: int = 6
    focus: float = 0.8

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_sizes(self.width, self.embedding)
        if self.clipping == "layers":
            raise InputError("argn clips whole gradients", hint="clipping='flat' or 'adaptive'")
        if not 0 <= self.focus <= 1:
            raise InputError("focus must lie in 0 to 1", focus=self.focus)


@dataclass(frozen=True, kw_only=True)
class Argn(NetworkSettings):
    """An autoregressive network over columns.

    Parameters
    ----------
    private
        How it learns under a promise; nothing of what follows down to `focus` is used then.
    width, embedding
        Hidden units of each column's network (1 to 4,096), numbers per code (1 to 256).
    epochs, batch, rate, decay
        Most passes over the rows, rows per step, Adam's largest step size, weight decay.
    patience
        Passes without a better held-out loss after which training stops.
    focus
        Share of rows that are learned from in the order in which rows are drawn; the others are
        learned from in random orders.
    temperature
        Sharpness of what is drawn, in 0.01 to 100; 1 is what was learned.
    seed, microbatch, device, cores, checkpoint
        As in `NetworkSettings`.

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
    open_only: ClassVar[tuple[str, ...]] = (
        "seed", "width", "embedding", "epochs", "batch", "rate", "decay", "patience", "focus",
    )  # fmt: skip

    private: NoisySteps = field(default_factory=NoisySteps)
    width: int = 128
    embedding: int = 8
    epochs: int = 18
    batch: int = 128
    rate: float = 1e-3
    decay: float = 0.5
    patience: int = 5
    focus: float = 0.5
    temperature: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_sizes(self.width, self.embedding)
        require_training(self)
        if not 0.01 <= self.temperature <= 100:
            raise InputError("temperature must lie in 0.01 to 100", temperature=self.temperature)
        if not 0 <= self.focus <= 1:
            raise InputError("focus must lie in 0 to 1", focus=self.focus)

    def order(self, epsilon: float, delta: float) -> float:
        """The Rényi order a run of this is counted at, from public facts; see `Budget`."""
        return self.private.order(epsilon, delta)

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
        fit = begin(
            self,
            curator,
            schema,
            singles_part=self.private.singles_part,
            affordable=self.private.affordable,
            progress=progress,
        )
        with fit.computing():
            shape, done = self._trained(fit, progress=rest(progress))
        order = tuple(range(shape.count))
        shares = {item.name: item.shares for item in fit.items}
        arrays = calibrated(NetworkArrays(shape=shape, flat=done.flat), order, shares)
        codes = AutoregressiveCodes(
            arrays=arrays,
            order=order,
            temperature=self.temperature,
            classes=fit.merged,
            within=fit.within(),
            facts=done.facts,
        )
        return fit.model(codes, target=target)

    def _trained(self, fit: Fit, *, progress: Progress) -> tuple[Shape, Trained]:
        """Shape and parameters of the network, learned in the way the budget allows."""
        from understudy.synthesize.neural.network import Network, OpenNetwork, RowGradients
        from understudy.synthesize.neural.training import train_open, train_private

        size = self.private if fit.private else self
        shape = shape_of(fit.items, width=size.width, embedding=size.embedding)
        first = torch_module().from_numpy(first_weights(shape, fit.items, fit.generator))
        network = Network(shape, first.to(fit.device))
        if fit.private:
            steps, plan = self.private, fit.plan(self.private)
            return shape, train_private(
                network.flat,
                RowGradients(network, steps.focus),
                plan,
                rate=steps.rate,
                progress=progress,
                keep=fit.keep(plan),
                kept=fit.kept,
            )
        return shape, train_open(
            OpenNetwork(network, self.focus),
            fit.opened(),
            epochs=self.epochs,
            batch=self.batch,
            rate=self.rate,
            decay=self.decay,
            patience=self.patience,
            generator=fit.generator,
            progress=progress,
            keep=fit.keep(),
            kept=fit.kept,
        )


def _require_sizes(width: int, embedding: int) -> None:
    """Refuse a network of no size or far too large a one."""
    if not 1 <= width <= 4_096:
        raise InputError("width must lie in 1 to 4,096", width=width)
    if not 1 <= embedding <= 256:
        raise InputError("embedding must lie in 1 to 256", embedding=embedding)
