"""vae: a variational autoencoder over columns, private by DP-SGD when asked.

The idea, in three sentences. An encoder turns a row into a point of a few dimensions, a decoder
turns the point into shares of every column's codes, and both learn to lose little while the points
stay near a standard normal cloud (Kingma & Welling 2014, arXiv:1312.6114; with a weight on the
cloud Higgins et al. 2017; for tables Xu et al. 2019, arXiv:1907.00503). Every column, numbers too,
has a softmax over its codes, so likelihoods of all types are in nats and need no balance. New rows
are decoded from new points, and single columns come out as they were counted.

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
from understudy.synthesize.neural.fitting import Fit, NetworkSettings, Steps, begin, rest
from understudy.synthesize.neural.latent import LatentCodes, LatentShape, Prior
from understudy.synthesize.neural.shape import coded, size_of
from understudy.synthesize.protocol import Progress, silent
from understudy.synthesize.settings import require_training

if TYPE_CHECKING:
    from understudy.synthesize.neural.autoencoder import Autoencoder, OpenAutoencoder
    from understudy.synthesize.neural.training import Trained

COLLAPSED = 0.002
"""Nats per column that points tell, on average, below which they tell nothing."""

_SEEN = 8_000
"""Most rows whose points a prior is fitted to."""


@dataclass(frozen=True, kw_only=True)
class VaeSteps(Steps):
    """DP-SGD's settings (see `Steps`) of the whole autoencoder, and its size.

    Parameters
    ----------
    width, latent
        Hidden units (1 to 4,096) and dimensions of a point (1 to 256): fewer take less noise.
    numbers
        Cells of a number column that are told apart, 2 to 1,024; inside them values follow the
        column's own shares.
    beta
        Weight of the points' distance from the cloud they are drawn from, above 0.
    """

    clip: float = 2.0
    width: int = 64
    latent: int = 8
    numbers: int = 32
    beta: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_sizes(self)


@dataclass(frozen=True, kw_only=True)
class Vae(NetworkSettings):
    """A variational autoencoder over columns.

    Parameters
    ----------
    private
        How it learns under a promise; nothing of what follows down to `parts` is used then.
    width, latent
        Hidden units of its layers (1 to 4,096), dimensions of a point (1 to 256).
    numbers
        Cells of a number column that are told apart, 2 to 1,024; inside them values follow the
        column's own shares.
    beta
        Weight of the points' distance from a standard normal cloud, above 0: more of it makes
        points smoother and says less about a row.
    epochs, batch, rate, decay
        Most passes over the rows, rows per step, Adam's largest step size, weight decay.
    patience
        Passes without a better held-out loss after which training stops.
    parts
        Gaussians of the mixture that new points are drawn from, fitted to the points of rows
        after training; 0: the standard normal cloud, as under a promise.
    seed, microbatch, device, cores, checkpoint
        As in `NetworkSettings`.

    Raises
    ------
    InputError
        A setting out of range.

    Guarantees
    ----------
    Under a finite budget (ε, δ) of it, by `curator.batches.BatchPlan`: noisy gradients are all that
    encoder and decoder see of rows. Under `NON_PRIVATE` none.

    >>> Vae().privacy
    ('private', 'non-private')
    """

    name: ClassVar[str] = "vae"
    open_only: ClassVar[tuple[str, ...]] = (
        "seed", "width", "latent", "numbers", "beta", "epochs", "batch", "rate", "decay",
        "patience", "parts",
    )  # fmt: skip

    private: VaeSteps = field(default_factory=VaeSteps)
    width: int = 128
    latent: int = 24
    numbers: int = 64
    beta: float = 0.3
    epochs: int = 60
    batch: int = 500
    rate: float = 3e-3
    decay: float = 1e-4
    patience: int = 8
    parts: int = 20

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_sizes(self)
        require_training(self)
        if not 0 <= self.parts <= 1_000:
            raise InputError("parts must lie in 0 to 1,000", parts=self.parts)

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
            PyTorch or CUDA is absent, the rows cannot be had one by one, training broke down or,
            without a promise, ended with points that tell nothing.
        BudgetExceeded
            ε is too small for the steps; nothing was charged.
        """
        private = self.private
        fit = begin(
            self,
            curator,
            schema,
            singles_part=private.singles_part,
            affordable=private.affordable,
            most_numbers=self._sizes(curator).numbers,
            progress=progress,
        )
        with fit.computing():
            codes = self._trained(fit, progress=rest(progress))
        codes = codes.calibrated({item.name: item.shares for item in fit.items})
        return fit.model(codes, target=target)

    def _sizes(self, curator: Curator) -> Vae | VaeSteps:
        """The settings that say how large the network is."""
        from understudy.privacy.budget import NonPrivateBudget

        return self if isinstance(curator.budget, NonPrivateBudget) else self.private

    def _trained(self, fit: Fit, *, progress: Progress) -> LatentCodes:
        """Decoder and prior, learned in the way the budget allows."""
        from understudy.synthesize.neural.autoencoder import (
            Autoencoder,
            OpenAutoencoder,
            first_weights,
        )

        size = self._sizes(fit.curator)
        shape = LatentShape(**coded(fit.items, grouped=None), width=size.width, latent=size.latent)
        first = torch_module().from_numpy(first_weights(shape, fit.items, fit.generator))
        network = Autoencoder(shape, first.to(fit.device), size.beta)
        prior = Prior.standard(shape.latent)
        if fit.private:
            done = self._noisy(fit, network, progress)
        else:
            opened, learner = fit.opened(), OpenAutoencoder(network)
            done = self._open(fit, learner, opened, progress)
            if self.parts and len(opened):
                prior = _prior(learner, done, opened, self.parts, fit.generator)
        codes = LatentCodes(
            shape=shape,
            decoder=done.flat[size_of(shape.encoder()) :].copy(),
            prior=prior,
            classes=fit.merged,
            within=fit.within(),
            facts=done.facts,
        )
        return _informed(codes, private=fit.private, progress=progress)

    def _noisy(self, fit: Fit, network: Autoencoder, progress: Progress) -> Trained:
        """Train by DP-SGD."""
        from understudy.synthesize.neural.ghost import GhostGradients
        from understudy.synthesize.neural.training import train_private

        by_layer = self.private.clipping == "layers"
        rows = GhostGradients(network.layers, network.of_rows, by_layer=by_layer)
        plan = fit.plan(self.private, parts=rows.parts)
        return train_private(
            network.flat,
            rows,
            plan,
            rate=self.private.rate,
            progress=progress,
            keep=fit.keep(plan),
            kept=fit.kept,
        )

    def _open(
        self, fit: Fit, learner: OpenAutoencoder, opened: np.ndarray, progress: Progress
    ) -> Trained:
        """Train on the rows of a run that promises nothing."""
        from understudy.synthesize.neural.training import train_open

        return train_open(
            learner,
            opened,
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


def _prior(
    learner: OpenAutoencoder,
    done: Trained,
    opened: np.ndarray,
    parts: int,
    generator: np.random.Generator,
) -> Prior:
    """A mixture of Gaussians fitted to the points of rows (no more than so many of them)."""
    from sklearn.mixture import GaussianMixture

    rows = opened[generator.permutation(len(opened))[:_SEEN]]
    points = learner.points(done.flat, rows, generator).astype(np.float64)
    latent = points.shape[1]
    many = max(1, min(parts, len(points) // (4 * latent)))
    if len(points) <= latent:
        return Prior.standard(latent)
    mixture = GaussianMixture(
        many, reg_covar=1e-3, max_iter=20, tol=1e-2, init_params="k-means++", random_state=0
    )
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fit that still moves is a prior all the same
        mixture.fit(points)
    roots = np.linalg.cholesky(mixture.covariances_)
    return Prior(
        weights=mixture.weights_ / mixture.weights_.sum(),
        means=mixture.means_.astype(np.float32),
        roots=roots.astype(np.float32),
    )


def _informed(codes: LatentCodes, *, private: bool, progress: Progress) -> LatentCodes:
    """The codes, unless points tell nothing about rows: then every column is drawn by itself.

    It is judged by the decoder alone, so it may be judged under a promise too; there it is told and
    kept in the facts, for what was paid for is not thrown away.

    Raises
    ------
    InputError
        It is so, nothing is promised and there are columns to tell apart.
    """
    from dataclasses import replace

    told = codes.informed()
    many = sum(1 for size in codes.shape.sizes if size > 1)
    facts = {**codes.facts, "informed": round(told, 4)}
    if many > 1 and told < COLLAPSED * many:
        advice = (
            "try a smaller beta (a third of it), more epochs or a larger rate; where columns do "
            "not depend on each other, `independent` says so and costs nothing"
        )
        if not private:
            raise InputError(
                "training collapsed: points tell nothing about rows, and columns would be "
                "independent",
                hint=advice,
                nats=round(told, 5),
            )
        progress("the network learned nothing of how columns go together: " + advice, 1.0)
        facts["collapsed"] = True
    return replace(codes, facts=facts)


def _require_sizes(settings: Vae | VaeSteps) -> None:
    """Refuse a network of no size or far too large a one."""
    for name, least, most in (("width", 1, 4_096), ("latent", 1, 256), ("numbers", 2, 1_024)):
        if not least <= getattr(settings, name) <= most:
            raise InputError(f"{name} must lie in {least} to {most:,}")
    if not 0 < settings.beta < 1_000:
        raise InputError("beta must be above 0", beta=settings.beta)
