"""gan: a generator against a critic (Wasserstein), private by DP-SGD on the critic when asked.

The idea, in three sentences. A critic learns to tell real rows from made ones; a generator, which
never sees a real row, learns to make rows that the critic takes for real. Without privacy the
critic is kept from growing steep by a gradient penalty (Gulrajani et al. 2017, arXiv:1704.00028).
With it the critic learns from noisy sums of clipped gradients of single rows, takes many steps
for each of the generator (Bie, Kamath & Zhang 2023, arXiv:2302.02936), and its matrices are kept
within a limit that looks at no row.

What is ours: the generator begins at independent columns with their noisy shares and is held near
them; gradients of made rows are exact, because nothing private is in them, and clipped as those of
real rows are, so that the two sides balance; at the end single columns are set to what was counted.

What may not happen here: rows by any other way than the batch plan or the open door of a run
without privacy.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from understudy.curator import Curator
from understudy.errors import InputError
from understudy.schema import Schema
from understudy.synthesize.model import Model
from understudy.synthesize.neural.engine import torch_module
from understudy.synthesize.neural.features import Features
from understudy.synthesize.neural.fitting import Fit, NetworkSettings, Steps, begin, rest
from understudy.synthesize.neural.layers_codes import NO_CONDITIONS, Conditions, LayersCodes
from understudy.synthesize.protocol import Progress, silent

if TYPE_CHECKING:
    from understudy.synthesize.neural.contest import Contested


@dataclass(frozen=True, kw_only=True)
class NoisyContest(Steps):
    """DP-SGD's settings for the critic (see `Steps`), and the sizes of both networks.

    Parameters
    ----------
    rate
        The critic's largest step size.
    generator_rate
        The generator's.
    critic_steps
        Steps of the critic for each of the generator: the critic's are noisy, and many of them
        make one good judgement.
    width, noise
        Hidden units of the generator's two layers, and numbers of noise. The generator sees no
        row, so its size costs no privacy.
    critic_width
        Hidden units of the critic: fewer parameters take less noise.
    batch
        Made rows in a step.
    limit
        Largest singular value of the critic's matrices, above 0.
    anchor
        How strongly the generator is held to the noisy shares of single columns, 0 or more.
    """

    probability: float = 0.1
    steps: int = 1_000
    clip: float = 1.0
    rate: float = 2e-3
    generator_rate: float = 1e-3
    critic_steps: int = 2
    width: int = 128
    noise: int = 32
    critic_width: int = 64
    batch: int = 1_000
    limit: float = 1.0
    anchor: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_counts(self, "critic_steps", "width", "noise", "critic_width", "batch")
        for name in ("generator_rate", "limit"):
            if not 0 < getattr(self, name) < 1e6:
                raise InputError(f"{name} must be above 0", given=getattr(self, name))
        if not 0 <= self.anchor < 1e9:
            raise InputError("anchor must be 0 or more", anchor=self.anchor)


@dataclass(frozen=True, kw_only=True)
class Gan(NetworkSettings):
    """A Wasserstein GAN.

    Parameters
    ----------
    private
        How it learns under a promise; nothing of what follows down to `penalty` is used then.
    width, noise
        Hidden units of each of two layers of both networks (1 to 4,096), numbers of noise.
    epochs, batch
        Passes over the rows, rows per step.
    rate, critic_rate
        Adam's largest step sizes, of the generator and the critic.
    critic_steps
        Steps of the critic for each of the generator.
    pack
        Rows that the critic judges together (PacGAN), 1 or more.
    dropout
        Chance of a hidden unit of the critic to be left out, in [0, 1).
    penalty
        Weight of the gradient penalty, 0 or more.
    seed, microbatch, device, cores, checkpoint
        As in `NetworkSettings`.

    Raises
    ------
    InputError
        A setting out of range.

    Guarantees
    ----------
    Under a finite budget (ε, δ) of it, by `curator.batches.BatchPlan`: noisy gradients of the critic
    and noisy shares of columns are all that is learned of rows. Under `NON_PRIVATE` none.

    >>> Gan().privacy
    ('private', 'non-private')
    """

    name: ClassVar[str] = "gan"
    conditional: ClassVar[bool] = False
    open_only: ClassVar[tuple[str, ...]] = (
        "seed", "width", "noise", "epochs", "batch", "rate", "critic_rate", "critic_steps", "pack",
        "dropout", "penalty",
    )  # fmt: skip

    private: NoisyContest = field(default_factory=NoisyContest)
    width: int = 128
    noise: int = 64
    epochs: int = 100
    batch: int = 500
    rate: float = 1e-3
    critic_rate: float = 4e-3
    critic_steps: int = 1
    pack: int = 1
    dropout: float = 0.0
    penalty: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_counts(self, "width", "noise", "epochs", "batch", "critic_steps", "pack")
        for name in ("rate", "critic_rate"):
            if not 0 < getattr(self, name) < 10:
                raise InputError(f"{name} must lie in (0, 10)", given=getattr(self, name))
        if not 0 <= self.dropout < 1:
            raise InputError("dropout must lie in [0, 1)", dropout=self.dropout)
        if not 0 <= self.penalty < 1e6:
            raise InputError("penalty must be 0 or more", penalty=self.penalty)

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
        """Learn columns, then the two networks; see `Synthesizer.fit`.

        Raises
        ------
        InputError
            PyTorch or CUDA is absent, the rows cannot be had one by one, training broke down or
            collapsed.
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
        table = Features.of(fit.items)
        conditions = _conditions(table) if self.conditional else NO_CONDITIONS
        with fit.computing():
            done = self._trained(fit, table, conditions, progress=rest(progress))
        codes = LayersCodes(
            columns=tuple(item.column for item in table.columns),
            backs=table.backs(fit.merged, fit.within()),
            layers=tuple(done.layers),
            noise=self.private.noise if fit.private else self.noise,
            residual=True,
            conditions=conditions,
            spread=_JITTER,
            facts=done.facts,
        )
        shares = [item.shares for item in fit.prepared.attributes]
        return fit.model(codes.calibrated(shares), target=target)

    def _trained(
        self, fit: Fit, table: Features, conditions: Conditions, *, progress: Progress
    ) -> Contested:
        """The generator's layers, learned in the way the budget allows."""
        from understudy.synthesize.neural.contest import Pace, train_noisy, train_open
        from understudy.synthesize.neural.critic import NoisyCritic, OpenCritic
        from understudy.synthesize.neural.generator import Generator, GeneratorShape

        torch, told = torch_module(), self.private
        sizes = told if fit.private else self
        shape = GeneratorShape(
            table=table,
            noise=sizes.noise,
            hidden=(sizes.width, sizes.width),
            conditions=conditions,
        )
        apart = _APART_PRIVATE if fit.private else _APART
        first = torch.from_numpy(shape.begin(fit.generator, apart=apart))
        generator = Generator(shape, first.to(fit.device))
        if fit.private:
            critic = NoisyCritic(table, conditions, (told.critic_width,))
            critic.use(torch.from_numpy(critic.begin(fit.generator)).to(fit.device))
            by_layer = told.clipping == "layers"
            plan = fit.plan(told, parts=critic.gradients(by_layer=by_layer).parts)
            return train_noisy(
                generator,
                critic,
                plan,
                batch=told.batch,
                pace=Pace(
                    generator_rate=told.generator_rate,
                    critic_rate=told.rate,
                    critic_steps=told.critic_steps,
                    average=_AVERAGE_PRIVATE,
                ),
                limit=told.limit,
                anchor=told.anchor,
                by_layer=by_layer,
                rng=fit.generator,
                progress=progress,
                keep=fit.keep(plan),
                kept=fit.kept,
            )
        judge = OpenCritic(
            table.width + conditions.width,
            (self.width, self.width),
            pack=self.pack,
            dropout=self.dropout,
        )
        judge.use(torch.from_numpy(judge.begin(fit.generator)).to(fit.device))
        return train_open(
            generator,
            judge,
            fit.opened(),
            epochs=self.epochs,
            batch=self.batch,
            pace=Pace(
                generator_rate=self.rate,
                critic_rate=self.critic_rate,
                critic_steps=self.critic_steps,
                average=_AVERAGE,
                penalty=self.penalty,
            ),
            rng=fit.generator,
            progress=progress,
            keep=fit.keep(),
            kept=fit.kept,
        )


_AVERAGE, _AVERAGE_PRIVATE = 0.99, 0.95
_APART, _APART_PRIVATE = 0.3, 0.1
_JITTER = 0.01


def _conditions(table: Features) -> Conditions:
    """Conditions on every label column, by noisy shares: what was paid for already."""
    about = [(place, item) for place, item in enumerate(table.columns) if item.labels]
    held = [(place, item) for place, item in about if item.modes > 1]
    return Conditions(
        columns=tuple(place for place, _ in held),
        shares=tuple(np.asarray(item.mode_shares) for _, item in held),
    )


def _require_counts(settings: object, *names: str) -> None:
    """Refuse counts below 1, and sizes that no machine has."""
    for name in names:
        if getattr(settings, name) < 1:
            raise InputError(f"{name} must be 1 or more", given=getattr(settings, name))
        if name in ("width", "critic_width", "noise") and getattr(settings, name) > 4_096:
            raise InputError(f"{name} must lie in 1 to 4,096", given=getattr(settings, name))
