"""Workloads: which marginals the recipient will look at, and how much each matters.

A workload is a public choice made before anything is learned. It is a list of weighted cliques,
or a rule that becomes one when the columns are known. What may not happen here: a look at data.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from understudy.errors import InputError
from understudy.schema import did_you_mean

MOST_COLUMNS = 8
"""Most columns of one workload clique."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """Weighted marginals that a model should answer well.

    Parameters
    ----------
    entries
        Cliques of column names, each with a weight above 0; only their ratios matter.
    every
        Add all cliques of so many columns, with weight 1; 0 for none.
    target
        Add every clique of `target_ways` columns that holds this one, with weight
        `target_weight`.
    target_ways, target_weight
        See `target`.
    contained
        What a part of a marginal is worth: False, weight times the columns it shares, summed over
        all marginals (AIM's own score); True, the weight of the marginals that hold it, which
        tells marginals apart that share columns.

    Raises
    ------
    InputError
        A clique is empty, too long or repeats a column; a weight is not above 0; nothing is
        asked for.

    References
    ----------
    R. McKenna, B. Mullins, D. Sheldon, G. Miklau, "AIM: an adaptive and iterative mechanism for
    differentially private synthetic data", 2022, section 2.3.

    >>> Workload.all(2).resolve(["a", "b", "c"])
    {('a', 'b'): 1.0, ('a', 'c'): 1.0, ('b', 'c'): 1.0}
    """

    entries: tuple[tuple[tuple[str, ...], float], ...] = ()
    every: int = 0
    target: str | None = None
    target_ways: int = 3
    target_weight: float = 1.0
    contained: bool = False

    def __post_init__(self) -> None:
        for clique, weight in self.entries:
            _check(clique, weight)
        if not 0 <= self.every <= MOST_COLUMNS:
            raise InputError(f"all k-way marginals need k in 0 to {MOST_COLUMNS}", k=self.every)
        if self.target is not None:
            if not 2 <= self.target_ways <= MOST_COLUMNS:
                raise InputError(
                    f"marginals with the target need 2 to {MOST_COLUMNS} columns",
                    columns=self.target_ways,
                )
            _check((self.target,), self.target_weight)
        if not self.entries and not self.every and self.target is None:
            raise InputError("the workload asks for nothing", hint="name at least one marginal")

    @classmethod
    def all(cls, ways: int) -> Self:
        """All marginals of `ways` columns, 1 to 8, with equal weight."""
        return cls(every=ways)

    @classmethod
    def target_centred(cls, column: str, ways: int = 3, *, pairs: float = 1.0) -> Self:
        """All marginals of `ways` columns with the target, and all pairs unless `pairs` is 0.

        Parameters
        ----------
        column
            The target.
        ways
            Columns of each marginal with the target, 2 to 8.
        pairs
            0, or any number above it to add all pairs: the target's marginals then weigh
            1 / `pairs` times as much as a pair.

        >>> Workload.target_centred("c", 2, pairs=0.5).resolve(["a", "b", "c"])[("a", "c")]
        3.0
        """
        if pairs < 0:
            raise InputError("the weight of pairs must be 0 or more", pairs=pairs)
        weight = 1.0 / pairs if pairs else 1.0
        return cls(every=2 if pairs else 0, target=column, target_ways=ways, target_weight=weight)

    @classmethod
    def of(cls, weights: Mapping[Iterable[str], float] | Iterable[Iterable[str]]) -> Self:
        """One's own list: cliques, or cliques with weights.

        >>> Workload.of([("a", "b"), ("b", "c", "d")]).entries
        ((('a', 'b'), 1.0), (('b', 'c', 'd'), 1.0))
        """
        pairs = (
            weights.items()
            if isinstance(weights, Mapping)
            else [(clique, 1.0) for clique in weights]
        )
        return cls(entries=tuple((tuple(clique), float(weight)) for clique, weight in pairs))

    def resolve(self, columns: Sequence[str]) -> dict[tuple[str, ...], float]:
        """Weighted cliques over these columns, each in their order; repeated ones add up.

        Parameters
        ----------
        columns
            The names of a table, in its order.

        Raises
        ------
        InputError
            A column of the workload is not there.
        """
        place = {name: index for index, name in enumerate(columns)}
        named = [name for clique, _ in self.entries for name in clique]
        for name in [*named, *([self.target] if self.target is not None else [])]:
            if name not in place:
                raise InputError(
                    f"the workload names a column {name!r} that is not there",
                    hint=did_you_mean(name, columns) or "see the header line",
                )
        found: dict[tuple[str, ...], float] = {}

        def add(clique: Iterable[str], weight: float) -> None:
            """Add a weight to a clique, in the order of the table."""
            key = tuple(sorted(clique, key=place.__getitem__))
            found[key] = found.get(key, 0.0) + weight

        for clique, weight in self.entries:
            add(clique, weight)
        if self.every:
            for clique in itertools.combinations(columns, min(self.every, len(columns))):
                add(clique, 1.0)
        if self.target is not None:
            others = [name for name in columns if name != self.target]
            for rest in itertools.combinations(others, min(self.target_ways - 1, len(others))):
                add((self.target, *rest), self.target_weight)
        return found

    def modelled(self, columns: Sequence[str]) -> dict[tuple[str, ...], float]:
        """As `resolve`, over the columns that are modelled: a marginal keeps those of its columns.

        Which columns take part is learned (a key is replaced, a constant has nothing to count), so
        a name that is not among them is no mistake here; nothing may fail once budget is spent.

        >>> Workload.of([("a", "b"), ("b", "c"), ("c",)]).modelled(["a", "b"])
        {('a', 'b'): 1.0, ('b',): 1.0}
        """
        there = set(columns)
        kept = [(tuple(n for n in clique if n in there), w) for clique, w in self.entries]
        entries = tuple((clique, weight) for clique, weight in kept if clique)
        target = self.target if self.target in there else None
        if not entries and not self.every and target is None:
            return {}
        return replace(self, entries=entries, target=target).resolve(columns)

    def parts(self, columns: Sequence[str]) -> dict[tuple[str, ...], float]:
        """Every part of two and more modelled columns with its worth; see `contained`.

        >>> Workload.of([("a", "b", "c")]).parts("ab"), Workload.of([("a", "b")]).parts("ab")
        ({('a', 'b'): 2.0}, {('a', 'b'): 2.0})
        """
        listed = self.modelled(columns)
        if not self.contained:
            return downward_closure(listed, smallest=2)
        parts: dict[tuple[str, ...], float] = {}
        for clique, weight in listed.items():
            for size in range(2, len(clique) + 1):
                for part in itertools.combinations(clique, size):
                    parts[part] = parts.get(part, 0.0) + weight
        return parts

    def to_json(self) -> dict[str, Any]:
        """Plain values, for a model's settings."""
        return {
            "entries": [[list(clique), weight] for clique, weight in self.entries],
            "every": self.every,
            "target": self.target,
            "target_ways": self.target_ways,
            "target_weight": self.target_weight,
            "contained": self.contained,
        }


def downward_closure(
    workload: Mapping[tuple[str, ...], float], *, smallest: int = 1
) -> dict[tuple[str, ...], float]:
    """Every non-empty part of the workload's cliques with its worth.

    The worth of a clique is the sum, over the workload, of weight times the number of columns
    both share, as AIM scores its candidates.

    Parameters
    ----------
    workload
        Weighted cliques, columns in one common order.
    smallest
        Fewest columns of a part, 1 or more.

    >>> downward_closure({("a", "b"): 1.0, ("b", "c"): 2.0}, smallest=2)
    {('a', 'b'): 4.0, ('b', 'c'): 5.0}
    """
    parts: dict[tuple[str, ...], float] = {}
    for clique in workload:
        for size in range(smallest, len(clique) + 1):
            for part in itertools.combinations(clique, size):
                parts[part] = 0.0
    sets = [(frozenset(clique), weight) for clique, weight in workload.items()]
    by_columns: dict[str, float] = {}
    for members, weight in sets:
        for name in members:
            by_columns[name] = by_columns.get(name, 0.0) + weight
    return {part: sum(by_columns[name] for name in part) for part in parts}


def pair_weights(workload: Mapping[tuple[str, ...], float]) -> dict[tuple[str, str], float]:
    """What each pair of columns weighs: the sum over the marginals that hold both.

    Parameters
    ----------
    workload
        Weighted cliques, columns in one common order.

    >>> pair_weights({("a", "b"): 1.0, ("a", "b", "c"): 2.0, ("c",): 5.0})
    {('a', 'b'): 3.0, ('a', 'c'): 2.0, ('b', 'c'): 2.0}
    """
    found: dict[tuple[str, str], float] = {}
    for clique, weight in workload.items():
        for pair in itertools.combinations(clique, 2):
            found[pair] = found.get(pair, 0.0) + weight
    return found


def _check(clique: tuple[str, ...], weight: float) -> None:
    """Refuse a clique that cannot be counted."""
    if not 1 <= len(clique) <= MOST_COLUMNS or len(set(clique)) != len(clique):
        raise InputError(
            f"a workload marginal needs 1 to {MOST_COLUMNS} columns, each once",
            columns=len(clique),
        )
    if not 0 < weight < float("inf"):
        raise InputError("a workload weight must be above 0 and finite", weight=weight)
