"""Teachers that judge invented rows by their own: networks of one hidden layer, all at once.

A teacher is a radial-basis network whose hidden units are its own rows (Broomhead & Lowe 1988; a
Parzen window). A unit answers to a row by how much they have in common: every column on which they
agree counts the more, the rarer the common value is, and a unit answers 1 on average to rows of
independent columns. The sum over a teacher's units estimates how much likelier a row is among rows
like its own than among independent columns; nothing is trained by steps, so there is no optimiser,
no normalisation and no stopping that could be shared. `curator.teachers` hands out rows and adds up
votes.

A teacher votes on a *row* (yes: it looks real), or chooses among *versions* of a row that differ in
one column, given the columns before it. It votes as often for something as it believes in it: the
public number that is drawn for every teacher and query decides, so that the mean of votes is the
mean of beliefs.

What may not happen here: a number of one teacher that another's rows have touched. Beliefs are
products and running sums over a teacher's own rows, so that not even rounding depends on others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from understudy.curator.teachers import Classroom

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]

LEAST_SHARE = 2e-3
"""Shares below it count as it: what agrees on something very rare does not outvote all else."""

_CHUNK = 1 << 22


@dataclass(frozen=True, kw_only=True, eq=False)
class Poll:
    """What teachers are asked: public, all of it.

    Parameters
    ----------
    codes
        Invented rows, `(queries, columns)`.
    columns
        Per query the column whose versions are chosen from, given the columns before it; None:
        teachers say yes or no to whole rows.
    thresholds
        A number in [0, 1) for every teacher and query, `(teachers, queries)`.
    """

    codes: Ints
    columns: Ints | None
    thresholds: Floats


class Judges:
    """Teachers, as `curator.teachers` asks for them.

    Parameters
    ----------
    shares
        Paid-for shares of every column's codes.
    sharpness
        How much rare agreement counts: a unit is multiplied by share^-sharpness, 0 to 1.
    prior
        How many rows of its own a teacher sets the paid-for shares against, above 0.
    """

    def __init__(self, shares: Sequence[Floats], *, sharpness: float, prior: float) -> None:
        held = [np.maximum(np.asarray(part, dtype=np.float64), LEAST_SHARE) for part in shares]
        self.shares = [part / part.sum() for part in held]
        self.prior = prior
        gains = [part**-sharpness for part in self.shares]
        # What a unit answers on average to independent columns is divided out, column by column.
        usual = [1.0 + part * (gain - 1.0) for part, gain in zip(self.shares, gains, strict=True)]
        self._same = [gain / mean for gain, mean in zip(gains, usual, strict=True)]
        self._other = [1.0 / mean for mean in usual]
        self._rows: npt.NDArray[Any] = np.zeros((0, len(held)), dtype=np.int64)
        self._whose: Ints = np.zeros(0, dtype=np.int64)
        self._count, self._usual = 1, 1.0

    def meet(self, room: Classroom) -> None:
        """Take the rows, which become hidden units of their teachers."""
        count = len(room.taken)
        self._rows = room.codes[room.taken]
        self._whose = np.repeat(np.arange(count), room.taken.sum(axis=1)).astype(np.int64)
        self._count = count

    def votes(self, queries: Poll) -> npt.NDArray[Any]:
        """Yes or no to rows, or the chosen versions, `(teachers, queries)`."""
        size = len(queries.codes)
        if queries.columns is None:
            made = np.zeros((self._count, size), dtype=bool)
            for part in self._parts(np.arange(size)):
                made[:, part] = self._real(queries, part)
            return made
        chosen = np.zeros((self._count, size), dtype=np.int64)
        for column in np.unique(queries.columns):
            for part in self._parts(np.flatnonzero(queries.columns == column)):
                chosen[:, part] = self._versions(queries, part, int(column))
        return chosen

    def _parts(self, which: Ints) -> list[Ints]:
        """Queries in parts that fit into memory."""
        size = max(1, _CHUNK // max(len(self._rows), 1))
        return [which[start : start + size] for start in range(0, len(which), size)]

    def _answers(self, codes: Ints, columns: int) -> Floats:
        """What every hidden unit answers to every query by the first columns, `(rows, queries)`."""
        made = np.ones((len(self._rows), len(codes)))
        for column in range(columns):
            asked = codes[:, column]
            same = self._rows[:, column, None] == asked[None]
            made *= np.where(same, self._same[column][asked], self._other[column][asked])
        return made

    def _real(self, poll: Poll, part: Ints) -> npt.NDArray[np.bool_]:
        """Whether rows look real: how they are among the own rows against independent columns."""
        answers = self._answers(poll.codes[part], poll.codes.shape[1])
        held = np.bincount(self._whose, minlength=self._count) + self.prior
        belief = np.stack(
            [
                (np.bincount(self._whose, column, self._count) + self.prior) / held
                for column in answers.T
            ],
            axis=1,
        )
        return np.asarray(belief / (1.0 + belief) > poll.thresholds[:, part])

    def _versions(self, poll: Poll, part: Ints, column: int) -> Ints:
        """The version of a row that each teacher chooses, by its belief in each."""
        answers = self._answers(poll.codes[part], column)
        size = len(self.shares[column])
        bins = self._whose * size + self._rows[:, column]
        chosen = np.empty((self._count, len(part)), dtype=np.int64)
        for place, own in enumerate(answers.T):
            belief = np.bincount(bins, own, self._count * size).reshape(self._count, size)
            ends = np.cumsum(belief + self.prior * self.shares[column], axis=1)
            point = poll.thresholds[:, part[place]] * ends[:, -1]
            chosen[:, place] = np.minimum((ends <= point[:, None]).sum(axis=1), size - 1)
        return chosen
