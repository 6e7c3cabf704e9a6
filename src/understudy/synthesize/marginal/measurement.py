"""Noisy linear measurements of a marginal, possibly with levels merged.

A measurement is y = M x + N(0, sigma^2) per coarse cell, where x is the marginal of a clique and M
adds up the cells whose levels an integer map per axis sends to the same coarse level. What may
not happen here: drawing the noise, or seeing anything but its result.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from understudy.errors import InputError
from understudy.synthesize.marginal.domain import Domain
from understudy.synthesize.marginal.factor import Array, Factor

Merge: TypeAlias = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """What the curator answered about one clique.

    Parameters
    ----------
    clique
        Attributes, in the order of the axes of `values`; all different.
    values
        Noisy counts, one axis per attribute; may be negative.
    sigma
        Standard deviation of the noise of each cell, above 0.
    merge
        Per axis the map from fine level to coarse level (integers from 0 to the length of the
        axis less one), or None where the axis has the attribute's own levels. Empty: no merging.

    >>> seen = Measurement(("a",), np.array([5.0, 7.0]), 1.0, (np.array([0, 0, 1]),))
    >>> seen.predict(Factor(Domain(("a",), (3,)), [1, 2, 3]))
    array([3., 3.])
    """

    clique: tuple[str, ...]
    values: Array
    sigma: float
    merge: tuple[Merge | None, ...] = ()

    def __post_init__(self) -> None:
        clique = tuple(self.clique)
        values = np.asarray(self.values, dtype=np.float64)
        merge = tuple(self.merge) or (None,) * len(clique)
        maps = tuple(None if m is None else np.asarray(m, dtype=np.intp) for m in merge)
        if not clique or len(set(clique)) != len(clique):
            raise InputError("a measurement needs attributes, each once", clique=clique)
        if values.ndim != len(clique) or len(maps) != len(clique):
            raise InputError(
                "a measurement needs one axis and one map per attribute",
                clique=clique,
                axes=values.ndim,
                maps=len(maps),
            )
        if not (np.isfinite(self.sigma) and self.sigma > 0):
            raise InputError("the noise of a measurement must be above 0", sigma=self.sigma)
        if not np.isfinite(values).all():
            raise InputError("a measurement has values that are not finite", clique=clique)
        for name, levels, size in zip(clique, maps, values.shape, strict=True):
            if levels is not None and (
                levels.ndim != 1 or not levels.size or levels.min() < 0 or levels.max() >= size
            ):
                raise InputError(
                    "a merge must map every level into the axis", attribute=name, axis=size
                )
        object.__setattr__(self, "clique", clique)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "merge", maps)
        object.__setattr__(self, "sigma", float(self.sigma))

    @property
    def weight(self) -> float:
        """Inverse variance of a cell: its weight in a least-squares fit.

        >>> Measurement(("a",), np.zeros(2), 2.0).weight
        0.25
        """
        return self.sigma**-2

    def check(self, domain: Domain) -> None:
        """Refuse a measurement that does not fit the domain.

        Raises
        ------
        InputError
            An attribute is unknown or an axis has the wrong number of levels.
        """
        for name, levels, size in zip(self.clique, self.merge, self.values.shape, strict=True):
            fine = size if levels is None else levels.size
            if domain[name] != fine:
                raise InputError(
                    "a measurement and the domain disagree on an attribute's levels",
                    attribute=name,
                    domain=domain[name],
                    measurement=fine,
                )

    def predict(self, table: Factor) -> Array:
        """What the measurement would be without noise: M applied to a table that holds the clique.

        >>> Measurement(("a",), np.zeros(2), 1.0).predict(Factor(Domain(("a",), (2,)), [1, 2]))
        array([1., 2.])
        """
        values = table.project(self.clique).values
        for axis, levels in enumerate(self.merge):
            if levels is not None:
                values = merged(values, axis, levels, self.values.shape[axis])
        return values

    def adjoint(self, residual: Array) -> Factor:
        """The transpose of M: a coarse array spread over the fine cells of the clique.

        >>> seen = Measurement(("a",), np.zeros(2), 1.0, (np.array([0, 0, 1]),))
        >>> seen.adjoint(np.array([1.0, 2.0])).values
        array([1., 1., 2.])
        """
        values = np.asarray(residual, dtype=np.float64).reshape(self.values.shape)
        for axis, levels in enumerate(self.merge):
            if levels is not None:
                values = np.take(values, levels, axis=axis)
        return Factor(Domain(self.clique, values.shape), values)

    def loss(self, table: Factor) -> float:
        """Half the squared error in units of the noise.

        >>> seen = Measurement(("a",), np.array([1.0, 4.0]), 1.0)
        >>> seen.loss(Factor(Domain(("a",), (2,)), [1, 2]))
        2.0
        """
        residual = self.predict(table) - self.values
        return 0.5 * self.weight * float(np.vdot(residual, residual))


def estimate_total(measurements: Iterable[Measurement]) -> float:
    """Number of rows by inverse-variance weighting of the measurements' sums; never below 0.

    Parameters
    ----------
    measurements
        Each sum is an unbiased estimate with variance cells * sigma^2.

    Returns
    -------
    float
        The combined estimate, 0 when there is no measurement.

    >>> estimate_total([Measurement(("a",), np.array([4.0, 6.0]), 1.0)])
    10.0
    """
    weight = 0.0
    weighted = 0.0
    for seen in measurements:
        share = seen.weight / seen.values.size
        weight += share
        weighted += share * float(seen.values.sum())
    return max(weighted / weight, 0.0) if weight else 0.0


def merged(values: Array, axis: int, levels: Merge, size: int) -> Array:
    """Add up the levels of one axis that are merged.

    Parameters
    ----------
    values
        A table of counts.
    axis
        Which axis.
    levels
        The merged level, 0 to `size` - 1, of each level of that axis.
    size
        How many merged levels there are.

    >>> merged(np.array([[1.0, 2.0, 4.0]]), 1, np.array([0, 1, 0]), 2)
    array([[5., 2.]])
    """
    joined = np.zeros((size, len(levels)))
    joined[levels, np.arange(len(levels))] = 1.0
    return np.moveaxis(np.tensordot(joined, values, axes=(1, axis)), 0, axis)
