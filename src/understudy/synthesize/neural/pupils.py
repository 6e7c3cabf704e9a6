"""Students that learn from noisy votes: Gaussian processes over invented rows.

A student knows paid-for shares of single columns, the rows that teachers were asked about, the noisy
sums of their votes and how large that noise is. It is a Gaussian process (the limit of wide
networks: Neal 1996; Rasmussen & Williams 2006, chapter 2): what votes of like rows have in common is
kept, what noise of this size would do is not. How far to trust votes is the scale at which the noisy
votes themselves are likeliest (type II maximum likelihood), a function of what was answered.

Teachers see few rows each and so believe too little in what they see. How much too little is known
without asking them: a student *mocks* them with teachers whose rows it has drawn itself, and learns
from the difference of both votes until its own rows are judged like the real ones.

What may not happen here: a row that was not invented, a vote that is not noisy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]

SCALES = tuple(1e-5 * 10.0 ** (step / 2.0) for step in range(15))
"""Variances among which the likeliest is chosen: 10⁻⁵ to 100."""

_MOST_WEIGHT = 4.0
_CHUNK = 2_000
_ROUNDS = 8
_LEAST = 0.01
_PAIRED = 0.3
_STRAIGHT = 0.2
_TINY = 1e-4


class Likeness:
    """How much two rows have in common, column by column, centred at independent columns."""

    def __init__(self, shares: Sequence[Floats]) -> None:
        self.shares = [np.asarray(part, dtype=np.float64) for part in shares]
        self._weights = [
            np.minimum(np.maximum(part, 1e-9) ** -0.5, _MOST_WEIGHT) for part in self.shares
        ]

    def sums(self, ours: Ints, theirs: Ints, columns: int) -> tuple[Floats, Floats]:
        """Sum over the first columns, and sum of squares, both `(rows, others)`."""
        total = np.zeros((len(ours), len(theirs)))
        squares = np.zeros_like(total)
        for column in range(columns):
            share, weight = self.shares[column], self._weights[column]
            usual = share * weight
            mine, other = ours[:, column], theirs[:, column]
            same = np.where(mine[:, None] == other[None], weight[other], 0.0)
            same += float(share @ usual) - usual[mine][:, None] - usual[other][None]
            total += same
            squares += same * same
        return total, squares


def _learned(kernel: Floats, told: Floats, noise: Floats) -> tuple[float, Floats]:
    """The likeliest scale, and the weights of points: `kernel·scale @ weights` is the mean.

    `told` is `(points, outputs)`, centred; `noise` the variance of each output.
    """
    values, turned = np.linalg.eigh(kernel)
    values = np.maximum(values, 0.0)
    seen = turned.T @ told
    best: tuple[float, float, Floats] | None = None
    for scale in SCALES:
        spread = scale * values[:, None] + noise[None]
        likely = -0.5 * float((np.log(spread) + seen * seen / spread).sum())
        if best is None or likely > best[0]:
            best = (likely, scale, turned @ (seen / spread))
    assert best is not None
    return best[1], best[2]


class Continuing:
    """A student that says how a row goes on: shares of a column given the columns before it."""

    def __init__(self, shares: Sequence[Floats]) -> None:
        self.shares = [np.maximum(part, 1e-12) / np.maximum(part, 1e-12).sum() for part in shares]
        self._like = Likeness(self.shares)
        self._known: dict[int, tuple[Ints, Floats]] = {}

    def learn(self, codes: Ints, columns: Ints, told: Floats, variance: float) -> None:
        """Learn from shares of votes.

        Parameters
        ----------
        codes, columns
            What was asked, `(queries, columns)` and `(queries,)`.
        told
            Noisy shares of votes, `(queries, choices)`; choices beyond a column's codes are none.
        variance
            Of the noise of a share.
        """
        self._known = {}
        for column in range(1, len(self.shares)):
            held = np.flatnonzero(columns == column)
            if len(held) < 2:
                continue
            share = self.shares[column]
            usual = np.sqrt(share * (1.0 - share) + _TINY)
            points = codes[held]
            kernel = self._kernel(points, points, column)
            left = (told[held, : len(share)] - share) / usual
            scale, weights = _learned(kernel, left, variance / usual**2)
            self._known[column] = (points, scale * weights * usual)

    def _kernel(self, ours: Ints, theirs: Ints, column: int) -> Floats:
        """Likeness of the beginnings of rows: by single columns, and a little by two together."""
        total, _ = self._like.sums(ours, theirs, column)
        total /= np.sqrt(column)
        return total + 0.5 * _PAIRED * total * total

    def shares_of(self, codes: Ints, column: int) -> Floats:
        """Shares of a column's codes given the columns before it, `(rows, codes)`."""
        share = self.shares[column]
        made = np.repeat(share[None], len(codes), axis=0)
        if column in self._known:
            points, weights = self._known[column]
            for start in range(0, len(codes), _CHUNK):
                part = codes[start : start + _CHUNK]
                made[start : start + _CHUNK] += self._kernel(part, points, column) @ weights
        made = np.maximum(made, _LEAST * share)
        return np.asarray(made / made.sum(axis=1, keepdims=True))

    def draw(self, rows: int, generator: np.random.Generator) -> Ints:
        """Invented rows; every column comes out as it was paid for."""
        codes = np.zeros((rows, len(self.shares)), dtype=np.int64)
        for column, share in enumerate(self.shares):
            told = self.shares_of(codes, column)
            for _ in range(_ROUNDS):
                told *= np.clip(share / np.maximum(told.mean(axis=0), 1e-9), 0.2, 5.0)
                told /= told.sum(axis=1, keepdims=True)
            ends = np.cumsum(told, axis=1)
            drawn = (ends < generator.random((rows, 1))).sum(axis=1)
            codes[:, column] = np.minimum(drawn, len(share) - 1)
        return codes


class Weighing:
    """A student that says how real a row looks: the logarithm of its weight among independent rows.

    Parameters
    ----------
    shares
        Paid-for shares of every column's codes.
    rows
        Rows of independent columns that are weighed.
    generator
        Draws them.
    """

    def __init__(self, shares: Sequence[Floats], rows: int, generator: np.random.Generator) -> None:
        self.shares = [np.maximum(part, 1e-12) / np.maximum(part, 1e-12).sum() for part in shares]
        self._like = Likeness(self.shares)
        self._base = np.stack(
            [generator.choice(len(part), rows, p=part) for part in self.shares], axis=1
        ).astype(np.int64)
        self._points: Ints | None = None
        self._weights = np.zeros(0)
        self._drawn = np.full(rows, 1.0 / rows)

    def learn(self, codes: Ints, told: Floats, mocked: Floats, variance: float) -> None:
        """Move towards rows that real teachers call real more often than mocked ones do.

        Parameters
        ----------
        codes
            What was asked, `(queries, columns)`.
        told, mocked
            Noisy shares of the teachers' yes, and shares of the mocked teachers' own.
        variance
            Of the noise of their difference.
        """
        wanted = self.score(codes) + (told - mocked) / _STRAIGHT
        wanted -= wanted.mean()
        kernel = self._kernel(codes, codes)
        scale, weights = _learned(kernel, wanted[:, None], np.array([variance / _STRAIGHT**2]))
        self._points, self._weights = codes, scale * weights[:, 0]
        score = self.score(self._base)
        score = np.clip(score - score.mean(), -8.0, 6.0)
        weight = np.exp(score - score.max())
        weight /= weight.sum()
        for _ in range(_ROUNDS):
            for column, share in enumerate(self.shares):
                own = self._base[:, column]
                now = np.bincount(own, weight, len(share))
                weight *= np.clip(share / np.maximum(now, 1e-9), 0.1, 10.0)[own]
                weight /= weight.sum()
        self._drawn = weight

    def _kernel(self, ours: Ints, theirs: Ints) -> Floats:
        """Likeness by pairs of columns: what single columns have in common is known already."""
        total, squares = self._like.sums(ours, theirs, len(self.shares))
        return (total * total - squares) / max(len(self.shares) * (len(self.shares) - 1), 1)

    def score(self, codes: Ints) -> Floats:
        """Log weight of rows, up to a constant."""
        if self._points is None:
            return np.zeros(len(codes))
        parts = [
            self._kernel(codes[start : start + _CHUNK], self._points) @ self._weights
            for start in range(0, len(codes), _CHUNK)
        ]
        return np.concatenate(parts) if parts else np.zeros(0)

    @property
    def effective(self) -> float:
        """Share of the weighed rows that take part in what is drawn, in (0, 1]."""
        return float(1.0 / (self._drawn @ self._drawn) / len(self._drawn))

    def draw(self, rows: int, generator: np.random.Generator) -> Ints:
        """Rows as often as they weigh."""
        return np.asarray(self._base[generator.choice(len(self._base), rows, p=self._drawn)])
