"""Mixtures of products, fitted to tables: a generator whose every marginal is one matrix product.

    P(x)  =  sum over k of  w[k] · p[k, x1] · p[k, x2] · …

It is a network with one hidden unit of as many states as there are components: what GEM (Liu,
Vietri and Wu 2021, arXiv:2106.07153) trains by gradients as the output of a deeper one. Here the
tables that are to be met are noisy shares, so the parameters can be had without gradients: by
expectation and maximisation of the tables' summed log-likelihood, in which every pass is a few
matrix products, no step size is to be chosen and no pass is worse than the one before (an
over-relaxed one nearly never). A pair costs K·a·b operations a pass, whatever else is counted, so
any number of pairs fits where a junction tree would not.

What may not happen here: rows, a curator, noise for privacy. The start is drawn from a fixed
seed: it is a public constant, as it would be in a network's initial weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from understudy.errors import InputError
from understudy.synthesize.marginal.cliques import Clique
from understudy.synthesize.marginal.domain import Domain

Single: TypeAlias = NDArray[np.float32]
Key: TypeAlias = tuple[str, bytes]

_SEED = 0
_SPREAD = 0.5
_FLOOR = 1e-7
_TINY = np.float32(1e-12)
_RELAXED = 1.5


@dataclass(frozen=True, kw_only=True, eq=False)
class Wanted:
    """A table that the mixture is to have.

    Parameters
    ----------
    clique
        Columns, in the order of the axes; one to four.
    into
        Per axis the map from the mixture's level to the table's.
    shares
        Not negative, summing to 1.
    weight
        What it counts beside the others, above 0.
    """

    clique: Clique
    into: tuple[NDArray[np.intp], ...]
    shares: NDArray[np.float64]
    weight: float = 1.0


class Products:
    """A mixture of products over columns with levels.

    Parameters
    ----------
    weights
        Share of each component, shape (K,), summing to 1.
    shares
        Per column the levels' shares in each component, shape (K, levels), rows summing to 1.

    >>> import numpy as np
    >>> either = Products(np.array([0.5, 0.5]), {"a": np.eye(2), "b": np.eye(2)})
    >>> either.marginal(("a", "b")).tolist()
    [[0.5, 0.0], [0.0, 0.5]]
    """

    def __init__(self, weights: NDArray[Any], shares: Mapping[str, NDArray[Any]]) -> None:
        self.weights: Single = np.asarray(weights, np.float32)
        self.shares: dict[str, Single] = {n: np.asarray(s, np.float32) for n, s in shares.items()}
        for name, table in self.shares.items():
            if table.ndim != 2 or len(table) != len(self.weights):
                raise InputError("a mixture has shares for every component", column=name)

    @classmethod
    def near(cls, singles: Mapping[str, NDArray[np.float64]], components: int) -> Products:
        """Components scattered about these single columns (counts or shares per level).

        >>> import numpy as np
        >>> start = Products.near({"a": np.array([1.0, 3.0])}, 64)
        >>> bool(np.abs(start.marginal(("a",)) - [0.25, 0.75]).max() < 0.05)
        True
        """
        generator = np.random.default_rng(_SEED)
        shares = {}
        for name, counts in singles.items():
            base = np.maximum(counts / max(float(counts.sum()), 1e-300), 1e-9)
            scatter = generator.standard_normal((components, len(base)))
            shares[name] = _normed((base * np.exp(_SPREAD * scatter)).astype(np.float32))
        return cls(np.full(components, 1.0 / components), shares)

    @property
    def domain(self) -> Domain:
        """Columns and their levels."""
        return Domain.of({name: table.shape[1] for name, table in self.shares.items()})

    def marginal(
        self, clique: Clique, into: Sequence[NDArray[np.intp]] | None = None
    ) -> NDArray[np.float64]:
        """Shares of the cells of some columns, one axis each.

        Parameters
        ----------
        clique
            Columns, at least one.
        into
            Per column the map from level to the level wanted; None keeps all.
        """
        sides = [self.shares[name] for name in clique]
        if into is not None:
            sides = [_gathered(s, _indicator(m)) for s, m in zip(sides, into, strict=True)]
        joint = _product([sides[0] * self.weights[:, None], *sides[1:-1]])
        made = joint.T @ sides[-1] if len(sides) > 1 else joint.sum(axis=0)
        return made.reshape([side.shape[1] for side in sides]).astype(np.float64)


class Pairs:
    """Shares of many pairs at one grain a column, all of which cost one matrix product.

    Parameters
    ----------
    into
        Per column the map from level to the pair's level.
    tables
        Shares by pair, axes as the names stand; pairs that are not named are not asked for.
    weight
        What each counts, above 0.
    """

    def __init__(
        self,
        into: Mapping[str, NDArray[np.intp]],
        tables: Mapping[tuple[str, str], NDArray[np.float64]],
        weight: float,
    ) -> None:
        self.keys = {name: _key(name, levels) for name, levels in into.items()}
        self.maps = {self.keys[name]: _indicator(levels) for name, levels in into.items()}
        ends = np.cumsum([0, *(int(levels.max()) + 1 for levels in into.values())])
        self.places = {n: slice(ends[i], ends[i + 1]) for i, n in enumerate(into)}
        self.target = np.zeros((ends[-1], ends[-1]), np.float32)
        for (first, second), table in tables.items():
            a, b = self.places[first], self.places[second]
            self.target[a, b] = weight * table
            self.target[b, a] = weight * table.T

    def add(self, weights: Single, at: Mapping[Key, Single], pull: dict[Key, Single]) -> None:
        """Add what these pairs pull every component's shares towards."""
        side = np.concatenate([at[key] for key in self.keys.values()], axis=1)
        seen = (side * weights[:, None]).T @ side
        asked = np.divide(self.target, np.maximum(seen, _TINY))
        # A pair pulls its two columns; both halves of the symmetric matrix hold it.
        found = (side * weights[:, None]) @ asked
        for name, key in self.keys.items():
            pull[key] += found[:, self.places[name]]


def fit_products(
    start: Products, wanted: Iterable[Wanted], *, passes: int, others: Pairs | None = None
) -> Products:
    """Bring a mixture to some tables.

    Parameters
    ----------
    start
        Where to begin; not changed.
    wanted
        Tables, which need not agree with each other.
    passes
        How many, 0 or more.
    others
        Many pairs at a coarser grain.

    Returns
    -------
    Products
        As many components.

    >>> import numpy as np
    >>> one = {"a": np.ones(2), "b": np.ones(2)}
    >>> same = Wanted(clique=("a", "b"), into=(np.arange(2),) * 2, shares=np.eye(2) / 2)
    >>> fit_products(Products.near(one, 8), [same], passes=100).marginal(("a", "b")).round(3).tolist()
    [[0.5, 0.0], [0.0, 0.5]]
    """
    terms = [_Term(table) for table in wanted]
    maps: dict[Key, Single | None] = dict(others.maps) if others is not None else {}
    for term in terms:
        maps.update(zip(term.keys, term.maps, strict=True))
    weights, shares = start.weights, dict(start.shares)
    for _ in range(passes):
        at = {key: _gathered(shares[key[0]], levels) for key, levels in maps.items()}
        pull = {key: np.zeros_like(table) for key, table in at.items()}
        weighted = {key: table * weights[:, None] for key, table in at.items()}
        for term in terms:
            term.add(weights, at, weighted, pull)
        if others is not None:
            others.add(weights, at, pull)
        weights, shares = _step(weights, shares, maps, pull)
    return Products(weights, shares)


def _step(
    weights: Single,
    shares: Mapping[str, Single],
    maps: Mapping[Key, Single | None],
    pull: Mapping[Key, Single],
) -> tuple[Single, dict[str, Single]]:
    """One over-relaxed pass: every component's shares, times what its tables pull them by."""
    made = dict(shares)
    mass = np.zeros_like(weights)
    towards: dict[str, Single] = {}
    for key, levels in maps.items():
        spread = pull[key] if levels is None else pull[key] @ levels.T
        name = key[0]
        towards[name] = towards[name] + spread if name in towards else spread
    for name, factor in towards.items():
        old = shares[name]
        new = old * factor
        sums = new.sum(axis=1, keepdims=True)
        mass += sums[:, 0]
        ratio = factor / np.maximum(sums, np.float32(1e-30))
        new = old * np.power(ratio, np.float32(_RELAXED))
        new /= np.maximum(new.sum(axis=1, keepdims=True), np.float32(1e-30))
        made[name] = _normed(new + np.float32(_FLOOR / old.shape[1]))
    total = float(mass.sum())
    if not np.isfinite(total) or total <= 0:
        return weights, dict(shares)
    least = np.float32(1e-4 / len(weights))
    weights = np.maximum(mass / np.float32(total), least)
    return weights / weights.sum(), made


class _Term:
    """One table as a pass needs it."""

    def __init__(self, table: Wanted) -> None:
        self.keys = tuple(_key(n, m) for n, m in zip(table.clique, table.into, strict=True))
        self.maps = tuple(_indicator(levels) for levels in table.into)
        self.target = (table.weight * np.maximum(table.shares, 0.0)).astype(np.float32)

    def add(
        self,
        weights: Single,
        at: Mapping[Key, Single],
        weighted: Mapping[Key, Single],
        pull: dict[Key, Single],
    ) -> None:
        """Add what this table pulls every component's shares towards."""
        sides = [at[key] for key in self.keys]
        first, last = weighted[self.keys[0]], sides[-1]
        if len(sides) == 1:
            asked = self.target / np.maximum(first.sum(axis=0), _TINY)
            pull[self.keys[0]] += weights[:, None] * asked
            return
        front = _product([first, *sides[1:-1]])
        seen = front.T @ last
        asked = self.target.reshape(seen.shape) / np.maximum(seen, _TINY)
        pull[self.keys[-1]] += front @ asked
        back = weighted[self.keys[-1]] @ asked.T
        if len(sides) == 2:
            pull[self.keys[0]] += back
            return
        shape = (len(last), *(side.shape[1] for side in sides[:-1]))
        cube = back.reshape(shape)
        for axis in range(len(sides) - 1):
            left = cube
            for other in range(len(sides) - 1):
                if other != axis:
                    wide = [len(last), *(1,) * (len(sides) - 1)]
                    wide[other + 1] = -1
                    left = left * sides[other].reshape(wide)
            away = tuple(a + 1 for a in range(len(sides) - 1) if a != axis)
            pull[self.keys[axis]] += left.sum(axis=away)


def _product(sides: Sequence[Single]) -> Single:
    """Row by row the outer product of some tables, flattened."""
    made = sides[0]
    for side in sides[1:]:
        made = (made[:, :, None] * side[:, None, :]).reshape(len(made), -1)
    return made


def _normed(table: Single) -> Single:
    """Rows that sum to 1."""
    return np.asarray(table / table.sum(axis=1, keepdims=True), np.float32)


def _key(name: str, levels: NDArray[np.intp]) -> Key:
    """A column at a grain."""
    return name, np.asarray(levels, np.intp).tobytes()


def _indicator(levels: NDArray[np.intp]) -> Single | None:
    """The matrix that adds up merged levels; None where every level is its own."""
    if np.array_equal(levels, np.arange(len(levels))):
        return None
    made = np.zeros((len(levels), int(levels.max()) + 1), np.float32)
    made[np.arange(len(levels)), levels] = 1.0
    return made


def _gathered(shares: Single, levels: Single | None) -> Single:
    """Shares at a grain."""
    return shares if levels is None else shares @ levels
