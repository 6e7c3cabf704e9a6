"""What every attack is made of: a threat model, what the attacker sees, a result with a control.

An attack is one file with one `Attack`, listed in a tuple. The attacker sees `Knowledge` and
nothing else; the labels (who was in the training table) stay in `Setting`, with the harness that
scores the attack. Everything computed here is computed on real rows: internal. What may not happen
here: a verdict (`battery` gives it, and only with controls), or a value from the data in a
representation or a message.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from understudy.evaluate.figure import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from understudy.evaluate.columns import Column
    from understudy.synthesize.model import Model

Level = Literal["quick", "release", "certify"]
Goal = Literal["membership", "singling out", "linkability", "inference", "reconstruction"]
Need = Literal["reference", "model", "generator", "secrets", "known"]
Mask = NDArray[np.bool_]
Generator = Callable[["pa.Table", int], "pa.Table"]
"""Fits on the first argument and gives back a synthetic table; the second is a seed."""

ALPHA = 0.01
"""Chance of one false alarm or more over a whole battery."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Threat:
    """What the attacker knows and wants, in words for a reader.

    Parameters
    ----------
    knows_data
        Real values the attacker has, such as "all values of the record in question, and other
        people's records from the same population".
    knows_generator
        What is known of the program, such as "nothing but its output".
    goal
        What a success would be, in the words of Art. 29 WP where it has one.
    """

    knows_data: str
    knows_generator: str
    goal: Goal


@dataclass(frozen=True, kw_only=True, slots=True)
class Records:
    """Rows as arrays, one per column: float64 with NaN, or int32 codes with -1, for missing.

    >>> few = Records(arrays=(np.array([1.0, 2.0, 3.0]),))
    >>> few.at(np.array([2, 0])).arrays[0].tolist(), few.joined(few).rows
    ([3.0, 1.0], 6)
    """

    arrays: tuple[NDArray[Any], ...] = field(repr=False)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.arrays[0]) if self.arrays else 0

    def at(self, rows: NDArray[Any] | slice) -> Records:
        """These rows: positions, a mask or a slice."""
        return Records(arrays=tuple(array[rows] for array in self.arrays))

    def joined(self, other: Records) -> Records:
        """Both, one after the other."""
        return Records(
            arrays=tuple(
                np.concatenate([ours, theirs])
                for ours, theirs in zip(self.arrays, other.arrays, strict=True)
            )
        )

    def select(self, columns: Sequence[int]) -> Records:
        """Only the columns at these positions."""
        return Records(arrays=tuple(self.arrays[at] for at in columns))


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Rows whose risk is told apart: outliers by a declared definition, or a declared minority.

    Parameters
    ----------
    name, definition
        What it is called, and who belongs to it, without a value that was not declared.
    members, controls
        Which members and which controls belong to it.
    """

    name: str
    definition: str
    members: Mask = field(repr=False)
    controls: Mask = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Knowledge:
    """What an attacker may look at: the release, a reference, public facts. No label.

    Parameters
    ----------
    columns
        Names, kinds and levels of the columns (their arrays are not to be read: use records).
    synthetic
        The release.
    reference
        Real rows of the same population that the generator never saw, and no candidate is among
        them; None without.
    train_rows
        How many rows the generator learned from.
    known, secrets
        Positions of columns the attacker knows of a target, and of those to be inferred.
    model
        The released model, for attackers who have it.
    generator
        Refits the generator, for attackers who know it.
    memo, background
        What was computed from this knowledge, shared by the attacks (see `once`); the background
        does not depend on the release and is kept before another one.
    """

    columns: tuple[Column, ...] = field(repr=False)
    synthetic: Records
    reference: Records | None
    train_rows: int
    known: tuple[int, ...] = ()
    secrets: tuple[int, ...] = ()
    model: Model | None = None
    generator: Generator | None = None
    memo: dict[str, Any] = field(default_factory=dict, repr=False)
    background: dict[str, Any] = field(default_factory=dict, repr=False)

    def once(self, key: str, make: Callable[[], T], *, of_release: bool = True) -> T:
        """What `make` gives, computed once for this release, or once for all releases."""
        kept = self.memo if of_release else self.background
        if key not in kept:
            kept[key] = make()
        found: T = kept[key]
        return found

    def facing(self, synthetic: Records) -> Knowledge:
        """The same attacker before another release, such as a control."""
        return replace(self, synthetic=synthetic, memo={})

    def names(self, positions: Sequence[int]) -> tuple[str, ...]:
        """Names of the columns at these positions."""
        return tuple(self.columns[at].name for at in positions)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Setting:
    """A game: what the attacker sees, and the labels that the harness keeps.

    Members are rows of the training table, controls rows of the holdout, from one random split of
    one table. `evaluated` marks those that results are computed on; the others choose thresholds
    and train supervised attackers.

    Parameters
    ----------
    knowledge
        What the attacker sees.
    members, controls
        Real rows that were, and were not, learned from.
    members_evaluated, controls_evaluated
        Rows the results rest on.
    groups
        Rows whose results are told apart.
    level
        How much time and certainty are wanted.
    all_members, all_controls
        Every real row of either side, `members` and `controls` first, for attacks that ask
        whether someone is the only one; None for those rows alone.
    """

    knowledge: Knowledge
    members: Records
    controls: Records
    members_evaluated: Mask = field(repr=False)
    controls_evaluated: Mask = field(repr=False)
    groups: tuple[Group, ...] = ()
    level: Level = "quick"
    all_members: Records | None = None
    all_controls: Records | None = None

    def facing(self, synthetic: Records) -> Setting:
        """The same game with another release: a negative or a positive control."""
        return replace(self, knowledge=self.knowledge.facing(synthetic))


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """Successes of a number of trials, with a 95 % interval.

    Parameters
    ----------
    hits, trials
        Counts.
    interval
        Clopper–Pearson or Wilson.
    """

    hits: int
    trials: int
    interval: tuple[float, float]

    @property
    def value(self) -> float:
        """The share; 0 without trials."""
        return self.hits / self.trials if self.trials else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupResult:
    """The same attack on one group of rows.

    Parameters
    ----------
    name, definition
        Of the group.
    members, controls
        How many rows were evaluated.
    value, interval, p_value
        As in `AttackResult`; None where the group is too small to say.
    """

    name: str
    definition: str
    members: int
    controls: int
    value: float | None = None
    interval: tuple[float, float] | None = None
    p_value: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AttackResult:
    """What one attack achieved.

    Parameters
    ----------
    key, title, threat
        Of the attack.
    statistic
        Name of the number: `AUC`, `attack rate`, …
    value, interval
        The number on evaluated rows, with a 95 % interval.
    baseline
        The same number for an attacker who never sees the synthetic data.
    control
        The number on controls, or what chance would give (0.5 for an AUC).
    p_value
        One-sided, of the hypothesis that the release told the attacker nothing about single
        training rows; before the correction for the number of attacks.
    limit
        The smallest value of the statistic that would have been found with probability 0.8 at
        the battery's level; None where it is not known.
    groups
        Outliers and minorities, apart.
    detail
        Everything else, in JSON's types: TPR at 1 % and 0.1 % FPR (`tpr_1`, `tpr_01`: hits,
        trials, interval, and the FPR that was reached), `roc` as pairs, counts.
    seconds
        Processor seconds.
    """

    key: str
    title: str
    threat: Threat
    statistic: str
    value: float
    interval: tuple[float, float]
    baseline: float | None
    control: float
    p_value: float
    limit: float | None = None
    groups: tuple[GroupResult, ...] = ()
    detail: Mapping[str, Any] = field(default_factory=dict, repr=False)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is no result."""
        if not (math.isfinite(self.value) and 0.0 <= self.p_value <= 1.0):
            raise ValueError(f"attack {self.key}: value must be finite and p_value in [0, 1]")

    def to_json(self) -> dict[str, Any]:
        """Everything in JSON's types."""
        return plain(asdict(self))  # type: ignore[no-any-return]


@dataclass(frozen=True, kw_only=True, slots=True)
class NotRun:
    """An attack that was not run or failed, and why; failures are reported too.

    Parameters
    ----------
    key, title
        Of the attack.
    reason
        In a sentence, without a value from the data.
    seconds
        Processor seconds spent before it failed.
    """

    key: str
    title: str
    reason: str
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Refereed:
    """What an attack found that makes releases of its own, with its own controls.

    Parameters
    ----------
    result
        On releases of the generator.
    negative
        On labels that have nothing to do with the releases.
    positives
        (share of leaked rows, result on releases with them), largest share first.
    """

    result: AttackResult
    negative: AttackResult
    positives: tuple[tuple[float, AttackResult], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Attack:
    """An attack: one file, one of these, listed in `ATTACKS`.

    Parameters
    ----------
    key, title
        Snake case, and words.
    threat
        Its threat model.
    needs
        What it cannot do without, among `Need`; without it the attack is reported as not run.
    statistic
        Name of its number.
    reference
        Where the definition comes from.
    run
        `(setting, rng) -> AttackResult`; draws only from `rng`, changes nothing. Membership
        attacks are made by `membership.membership_attack` from a function that scores candidates
        and never sees a label.
    weight
        Running time relative to the others, for progress and estimates.
    referee
        For attacks on releases that they make themselves, not on the given one:
        `(setting, shares, rng) -> Refereed`, run in place of `run` and of the battery's controls.
    """

    key: str
    title: str
    threat: Threat
    needs: frozenset[Need]
    statistic: str
    reference: str
    run: Callable[[Setting, np.random.Generator], AttackResult]
    weight: float = 1.0
    referee: Callable[[Setting, Sequence[float], np.random.Generator], Refereed] | None = None

    def missing(self, setting: Setting) -> str | None:
        """Why the attack cannot be run in this setting, or None."""
        knows = setting.knowledge
        there = {
            "reference": knows.reference is not None,
            "model": knows.model is not None,
            "generator": knows.generator is not None,
            "secrets": bool(knows.secrets),
            "known": bool(knows.known),
        }
        lacking = sorted(need for need in self.needs if not there[need])
        return _LACKING[lacking[0]] if lacking else None


_LACKING = {
    "reference": "needs real rows that the generator never saw (a reference)",
    "model": "needs the released model",
    "generator": "needs a generator that can be fitted again",
    "secrets": "needs a secret column to infer",
    "known": "needs columns that the attacker knows of a target",
}
