"""Factors: an array over a domain, with the algebra that inference needs.

Attributes are matched by name, never by position. The same value serves as a table of counts,
of probabilities or of log-potentials; operations say which they mean. What may not happen here:
loops over cells, or a choice that depends on anything but the arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from understudy.errors import InputError
from understudy.synthesize.marginal.domain import Domain

Array: TypeAlias = NDArray[np.float64]
Evidence: TypeAlias = Mapping[str, int | NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Factor:
    """An array of floats whose axes are the attributes of a domain.

    Parameters
    ----------
    domain
        Names and levels of the axes.
    values
        Array of the shape of the domain, or anything with as many cells.

    >>> f = Factor(Domain(("a", "b"), (2, 2)), [[1, 2], [3, 4]])
    >>> f.project(("b",)).values
    array([4., 6.])
    """

    domain: Domain
    values: Array

    def __post_init__(self) -> None:
        array = np.asarray(self.values, dtype=np.float64)
        if array.size != self.domain.size():
            raise InputError(
                "a factor needs one value per cell of its domain",
                cells=self.domain.size(),
                values=array.size,
            )
        object.__setattr__(self, "values", array.reshape(self.domain.shape))

    @classmethod
    def zeros(cls, domain: Domain) -> Factor:
        """All zero: the neutral element of `+`, the uniform log-potential.

        >>> Factor.zeros(Domain(("a",), (2,))).values
        array([0., 0.])
        """
        return cls(domain, np.zeros(domain.shape))

    @classmethod
    def uniform(cls, domain: Domain, total: float = 1.0) -> Factor:
        """Equal cells that sum to `total`.

        >>> Factor.uniform(Domain(("a",), (4,)), total=2).values
        array([0.5, 0.5, 0.5, 0.5])
        """
        return cls(domain, np.full(domain.shape, total / domain.size()))

    def transpose(self, attributes: Iterable[str]) -> Factor:
        """The same factor with its axes in this order.

        >>> Factor(Domain(("a", "b"), (1, 2)), [[1, 2]]).transpose(("b", "a")).values
        array([[1.],
               [2.]])
        """
        domain = self.domain.project(attributes)
        if set(domain.attributes) != set(self.domain.attributes):
            raise InputError("transpose needs every attribute of the factor exactly once")
        return Factor(domain, self.values.transpose(self.domain.axes(domain.attributes)))

    def expand(self, domain: Domain) -> Factor:
        """The factor repeated along the attributes it lacks (a view).

        >>> Factor(Domain(("b",), (2,)), [1, 2]).expand(Domain(("a", "b"), (2, 2))).values
        array([[1., 2.],
               [1., 2.]])
        """
        if not domain.contains(self.domain):
            raise InputError("a factor can only be expanded to a domain that contains its own")
        return Factor(domain, np.broadcast_to(_spread(self, domain), domain.shape))

    def __add__(self, other: Factor | float) -> Factor:
        """Sum, cell by cell over the merged domain: the product of log-potentials."""
        return self._combine(other, np.add)

    def __sub__(self, other: Factor | float) -> Factor:
        """Difference: the quotient of log-potentials, where -inf less -inf is -inf."""
        made = self._combine(other, np.subtract)
        left = self.expand(made.domain).values
        return Factor(made.domain, np.where(np.isneginf(left), -np.inf, made.values))

    def __mul__(self, other: Factor | float) -> Factor:
        """Product, cell by cell over the merged domain."""
        return self._combine(other, np.multiply)

    def project(self, attributes: Iterable[str]) -> Factor:
        """Sum over every other attribute; axes in the order given.

        >>> Factor(Domain(("a", "b"), (2, 2)), [[1, 2], [3, 4]]).project(()).values
        array(10.)
        """
        return self._reduce(attributes, np.add)

    def max(self, attributes: Iterable[str] = ()) -> Factor:
        """Largest value over every other attribute.

        >>> Factor(Domain(("a", "b"), (2, 2)), [[1, 2], [3, 4]]).max(("a",)).values
        array([2., 4.])
        """
        return self._reduce(attributes, np.maximum)

    def logsumexp(self, attributes: Iterable[str] = ()) -> Factor:
        """Logarithm of the sum of exponentials over every other attribute; safe with -inf.

        >>> Factor(Domain(("a",), (2,)), [0.0, -np.inf]).logsumexp().values
        array(0.)
        """
        names = tuple(attributes)
        peak = self.max(names)
        peak = Factor(peak.domain, np.where(np.isneginf(peak.values), 0.0, peak.values))
        with np.errstate(divide="ignore"):
            summed = (self - peak).exp().project(names)
            return summed.log() + peak

    def exp(self) -> Factor:
        """Exponential of every cell.

        >>> Factor(Domain(("a",), (2,)), [0.0, -np.inf]).exp().values
        array([1., 0.])
        """
        return Factor(self.domain, np.exp(self.values))

    def log(self) -> Factor:
        """Natural logarithm of every cell; the logarithm of zero is -inf.

        >>> Factor(Domain(("a",), (2,)), [1.0, 0.0]).log().values
        array([  0., -inf])
        """
        with np.errstate(divide="ignore"):
            return Factor(self.domain, np.log(self.values))

    def normalise(self, total: float = 1.0) -> Factor:
        """Scaled so that the cells sum to `total`; uniform when they sum to zero.

        >>> Factor(Domain(("a",), (2,)), [1, 3]).normalise(8).values
        array([2., 6.])
        """
        mass = float(self.values.sum())
        if mass <= 0:
            return Factor.uniform(self.domain, total)
        return Factor(self.domain, self.values * (total / mass))

    def condition(self, evidence: Evidence) -> Factor:
        """Keep only what agrees with the evidence.

        Parameters
        ----------
        evidence
            Per attribute a level, which removes the axis, or an array with one weight (or
            boolean) per level, which multiplies along the axis. Attributes the factor lacks
            are ignored.

        >>> f = Factor(Domain(("a", "b"), (2, 2)), [[1, 2], [3, 4]])
        >>> f.condition({"a": 1}).values, f.condition({"b": np.array([True, False])}).values
        (array([3., 4.]), array([[1., 0.],
               [3., 0.]]))
        """
        made = self
        for name, given in evidence.items():
            if name not in made.domain:
                continue
            axis = made.domain.axes((name,))[0]
            if np.ndim(given) == 0:
                level = int(given)
                if not 0 <= level < made.domain[name]:
                    raise InputError("evidence names a level out of range", attribute=name)
                rest = made.domain.project(made.domain.invert((name,)))
                made = Factor(rest, np.take(made.values, level, axis=axis))
            else:
                made = made * Factor(made.domain.project((name,)), np.asarray(given, np.float64))
        return made

    def _combine(self, other: Factor | float, ufunc: np.ufunc) -> Factor:
        """Apply a binary ufunc over the merged domain."""
        if not isinstance(other, Factor):
            return Factor(self.domain, ufunc(self.values, float(other)))
        domain = self.domain.merge(other.domain)
        with np.errstate(invalid="ignore"):
            return Factor(domain, ufunc(_spread(self, domain), _spread(other, domain)))

    def _reduce(self, attributes: Iterable[str], ufunc: np.ufunc) -> Factor:
        """Reduce every axis that is not named, then order the rest."""
        kept = self.domain.project(attributes)
        away = self.domain.axes(self.domain.invert(kept.attributes))
        left = self.domain.project(a for a in self.domain.attributes if a in kept)
        values = ufunc.reduce(self.values, axis=away) if away else self.values
        return Factor(left, values).transpose(kept.attributes)


def _spread(factor: Factor, domain: Domain) -> Array:
    """Values with a length-one axis for every attribute of `domain` the factor lacks."""
    mine = tuple(name for name in domain.attributes if name in factor.domain)
    sizes = tuple(
        n if a in mine else 1 for a, n in zip(domain.attributes, domain.shape, strict=True)
    )
    return factor.values.transpose(factor.domain.axes(mine)).reshape(sizes)
