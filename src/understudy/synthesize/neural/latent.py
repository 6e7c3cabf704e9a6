"""A variational autoencoder's decoder as a generator of codes: NumPy alone.

A point is drawn from the prior, a small network makes shares of every column's codes of it, and
each column is drawn from its shares. What may not happen here: PyTorch, or learning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from understudy.errors import ModelError
from understudy.synthesize.neural.codes import (
    classes_from,
    classes_to,
    fitted_bias,
    inside,
)
from understudy.synthesize.neural.shape import Coded, Floats, Ints, Layout, parts_of, size_of

_CHUNK = 1 << 14
_JUDGED = 1 << 14


@dataclass(frozen=True, kw_only=True)
class LatentShape(Coded):
    """Sizes of a variational autoencoder.

    Parameters
    ----------
    columns, sizes, groups
        As in `Coded`; there are no groups.
    width
        Units of each hidden layer: two of the encoder, two of the decoder.
    latent
        Numbers a row is encoded in.
    """

    width: int
    latent: int

    def encoder(self) -> Layout:
        """The layers from codes to the mean and log-variance of a point."""
        return {
            "seen": (sum(self.sizes), self.width),
            "seen_bias": (self.width,),
            "narrow": (self.width, self.width),
            "narrow_bias": (self.width,),
            "point": (self.width, 2 * self.latent),
            "point_bias": (2 * self.latent,),
        }

    def decoder(self) -> Layout:
        """The layers from a point to logits of all codes."""
        return {
            "wide": (self.latent, self.width),
            "wide_bias": (self.width,),
            "deep": (self.width, self.width),
            "deep_bias": (self.width,),
            "out": (self.width, sum(self.sizes)),
            "out_bias": (sum(self.sizes),),
        }

    def layout(self) -> Layout:
        """All layers, in the order of the flat vector: the decoder stands last."""
        return {**self.encoder(), **self.decoder()}

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """Begin and end of each column's codes among all codes."""
        return tuple(
            (start, start + size) for start, size in zip(self.starts, self.sizes, strict=True)
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Prior:
    """Where points are drawn from: a mixture of Gaussians; by default one, the standard normal.

    Parameters
    ----------
    weights
        `(parts,)`, sum to 1.
    means
        `(parts, latent)`.
    roots
        Lower triangular roots of the covariances, `(parts, latent, latent)`.
    """

    weights: npt.NDArray[np.float64]
    means: Floats
    roots: Floats

    @classmethod
    def standard(cls, latent: int) -> Prior:
        """The standard normal distribution."""
        return cls(
            weights=np.ones(1),
            means=np.zeros((1, latent), dtype=np.float32),
            roots=np.eye(latent, dtype=np.float32)[None],
        )

    def __post_init__(self) -> None:
        parts, latent = self.means.shape if self.means.ndim == 2 else (0, 0)
        sound = (
            parts > 0
            and self.weights.shape == (parts,)
            and self.roots.shape == (parts, latent, latent)
            and all(np.all(np.isfinite(part)) for part in (self.weights, self.means, self.roots))
            and np.all(self.weights >= 0)
            and abs(float(self.weights.sum()) - 1.0) < 1e-6
        )
        if not sound:
            raise ModelError("the prior of a saved network is damaged")

    def draw(self, rows: int, generator: np.random.Generator) -> Floats:
        """Points, `(rows, latent)`."""
        noise = generator.standard_normal((rows, self.means.shape[1]), dtype=np.float32)
        if len(self.weights) == 1:
            return np.asarray(self.means[0] + noise @ self.roots[0].T)
        part = generator.choice(len(self.weights), size=rows, p=self.weights)
        points = np.empty_like(noise)
        for place in range(len(self.weights)):
            own = part == place
            points[own] = self.means[place] + noise[own] @ self.roots[place].T
        return points


@dataclass(frozen=True, kw_only=True, eq=False)
class LatentCodes:
    """Codes of rows, drawn from points of a prior through a decoder.

    Parameters
    ----------
    shape
        The architecture.
    decoder
        Its decoder's parameters, flat, in the order of `shape.decoder()`.
    prior
        Where points come from.
    classes, within
        For columns of very many codes: which of the network's classes each code is in, and its
        share among all codes; inside a class, codes are drawn by these shares.
    facts
        How training went, for people.
    """

    kind: ClassVar[str] = "latent"

    shape: LatentShape
    decoder: Floats
    prior: Prior
    classes: Mapping[str, Ints] = field(default_factory=dict)
    within: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        sound = (
            self.decoder.shape == (size_of(self.shape.decoder()),)
            and np.all(np.isfinite(self.decoder))
            and self.prior.means.shape[1] == self.shape.latent
        )
        if not sound:
            raise ModelError("the weights of a saved network are damaged")

    def shares(self, points: Floats) -> Iterator[npt.NDArray[np.float64]]:
        """Of every column the shares of its codes at some points, `(rows, size)`."""
        part = parts_of(self.shape.decoder(), self.decoder)
        hidden = np.maximum(points @ part["wide"] + part["wide_bias"], 0.0)
        hidden = hidden + np.maximum(hidden @ part["deep"] + part["deep_bias"], 0.0)
        for start, end in self.shape.spans:
            logits = hidden @ part["out"][:, start:end] + part["out_bias"][start:end]
            told = np.asarray(logits, dtype=np.float64)
            told -= told.max(axis=1, keepdims=True)
            np.exp(told, out=told)
            told /= told.sum(axis=1, keepdims=True)
            yield told

    def draw(self, rows: int, generator: np.random.Generator) -> Mapping[str, np.ndarray]:
        """Codes of new rows: every column by its shares at a point of its own row."""
        drawn = {name: np.empty(rows, dtype=np.int64) for name in self.shape.columns}
        for start in range(0, rows, _CHUNK):
            part = slice(start, min(start + _CHUNK, rows))
            points = self.prior.draw(part.stop - part.start, generator)
            for name, told in zip(self.shape.columns, self.shares(points), strict=True):
                ends = np.cumsum(told, axis=1)
                ends[:, -1] = 2.0
                at = generator.random(len(points))
                drawn[name][part] = (ends <= at[:, None]).sum(axis=1)
        for name, into in self.classes.items():
            drawn[name] = inside(into, self.within[name], drawn[name], generator)
        return drawn

    def calibrated(self, shares: Mapping[str, npt.NDArray[np.float64]]) -> LatentCodes:
        """With other output biases, so that single columns come out as they were counted.

        Parameters
        ----------
        shares
            Of every column's codes; what was paid for already.

        Returns
        -------
        LatentCodes
            The mean of every column's shares over the prior is the one given, by proportional
            fitting on points drawn from it; how columns go together stays with the points.
        """
        decoder = self.decoder.copy()
        bias = parts_of(self.shape.decoder(), decoder)["out_bias"]
        points = self.prior.draw(_JUDGED, np.random.default_rng(0))
        columns = zip(self.shape.columns, self.shape.spans, self.shares(points), strict=True)
        for name, (start, end), told in columns:
            bias[start:end] += fitted_bias(told, shares[name])
        return replace(self, decoder=decoder)

    def informed(self) -> float:
        """Nats that a point tells about a row's columns, summed over them: 0 when it tells nothing.

        The mutual information of point and column, over points drawn from the prior.
        """
        points = self.prior.draw(2_048, np.random.default_rng(0))
        total = 0.0
        for told in self.shares(points):
            mean = told.mean(axis=0)
            total += float((told * np.log((told + 1e-12) / (mean + 1e-12))).sum() / len(told))
        return total

    def to_arrays(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """The architecture as facts; weights and prior as arrays."""
        arrays: dict[str, np.ndarray] = {
            "weights": self.decoder,
            "prior.weights": self.prior.weights,
            "prior.means": self.prior.means,
            "prior.roots": self.prior.roots,
        }
        arrays |= classes_to(self.shape, self.classes, self.within)
        return {"shape": self.shape.to_json(), "training": dict(self.facts)}, arrays

    @classmethod
    def from_arrays(cls, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> LatentCodes:
        """The generator that `to_arrays` described.

        Raises
        ------
        ModelError
            Architecture and weights do not fit, or a weight is not finite.
        """
        shape = LatentShape.from_json(facts["shape"])
        classes, within = classes_from(shape, arrays)
        return cls(
            shape=shape,
            decoder=np.asarray(arrays["weights"], np.float32),
            prior=Prior(
                weights=np.asarray(arrays["prior.weights"], np.float64),
                means=np.asarray(arrays["prior.means"], np.float32),
                roots=np.asarray(arrays["prior.roots"], np.float32),
            ),
            classes=classes,
            within=within,
            facts=dict(facts.get("training", {})),
        )
