"""Singling out: predicates found in the release that pick exactly one real person.

Threat model: the attacker has the release alone and looks in it for conditions that hold for a
single row: a value that occurs once (univariate), or a few values of one row together
(multivariate). A guess is right if the condition holds for exactly one training row. Conditions
as narrow hit exactly one row of any table now and then, so the same ones are put to the control.

The test asks whether the conditions favour training rows: training and control rows are pooled
and dealt out anew many times, which is exact if they are exchangeable, whatever the predicates
have in common. What may not happen here: a predicate made with a look at a real row.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from understudy.attack.predicates import (
    MISSING,
    Codes,
    Index,
    Places,
    Predicates,
    Table,
    coded,
    counts,
    distinct_rows,
    first_rows,
    matches,
)
from understudy.attack.protocol import (
    ALPHA,
    Attack,
    AttackResult,
    GroupResult,
    Setting,
    Threat,
)
from understudy.attack.secrets import blind_source
from understudy.attack.success import REFERENCE, Excess, Successes, residual
from understudy.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

Mode = Literal["univariate", "multivariate"]
GUESSES = {"quick": 500, "release": 2_000, "certify": 5_000}
CONDITIONS = 3
MOST_ATTEMPTS = 1_000_000
_BATCH = 1_000
_MOST_MATCHES = 64
_ENOUGH = 20
_DEALS = 5_000
_FEW = 10
_LAST = np.uint32(int(MISSING) - 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Dealt:
    """What dealing the pooled rows out anew says.

    Parameters
    ----------
    excess
        Predicates that single out a member, less those that single out a control.
    p_value
        Chance of so large an excess if members and controls are exchangeable.
    noticed
        The excess that the test notices at its level with probability 0.8, nearly.
    """

    excess: float
    p_value: float
    noticed: float


def univariate_predicates(
    synthetic: Table, ordered: Sequence[bool], rng: np.random.Generator, most: int
) -> Predicates:
    """Values that occur in one synthetic row, and extremes that do; at most so many, at random.

    Parameters
    ----------
    synthetic
        Codes of the distinct rows of the release.
    ordered
        Of which columns the order of codes means something.
    most
        How many predicates to keep.
    """
    spans: list[tuple[int, int, int]] = []
    for place, codes in enumerate(synthetic):
        values, number = np.unique(codes, return_counts=True)
        spans += [(place, value, value) for value in values[number == 1].tolist()]
        known = values != MISSING
        if ordered[place] and known.any():
            values, number = values[known], number[known]
            if number[0] == 1:
                spans.append((place, 0, int(values[0])))
            if number[-1] == 1:
                spans.append((place, int(values[-1]), int(_LAST)))
    chosen = np.array(spans, dtype=np.int64).reshape(-1, 3)
    chosen = chosen[rng.permutation(len(chosen))[:most]]
    return Predicates(
        columns=chosen[:, :1].astype(np.intp),
        low=chosen[:, 1:2].astype(np.uint32),
        high=chosen[:, 2:].astype(np.uint32),
        negated=np.zeros((len(chosen), 1), dtype=bool),
    )


def multivariate_predicates(
    synthetic: Index,
    ordered: Sequence[bool],
    rng: np.random.Generator,
    most: int,
    *,
    conditions: int = CONDITIONS,
    attempts: int = MOST_ATTEMPTS,
) -> Predicates:
    """Values of a random synthetic row in a few random columns, kept if no other row has them.

    A number becomes "at least" above the median of its column and "at most" below it; a label
    becomes "equal".

    Parameters
    ----------
    synthetic
        The distinct rows of the release.
    ordered
        Of which columns the order of codes means something.
    most, conditions
        How many predicates to keep, and conditions in each, at most one per column.
    attempts
        How many rows are tried at most; a release of few combinations singles out few.
    """
    width = min(conditions, len(synthetic.table))
    middles = [
        _middle(codes) if order else math.nan
        for codes, order in zip(synthetic.table, ordered, strict=True)
    ]
    kept: Predicates | None = None
    tried = 0
    while tried < attempts and (kept is None or len(kept) < most):
        tried += _BATCH
        rows = rng.integers(synthetic.size, size=_BATCH)
        columns = _random_columns(len(ordered), width, _BATCH, rng)
        low = np.empty((_BATCH, width), dtype=np.uint32)
        high = np.empty((_BATCH, width), dtype=np.uint32)
        for place in range(len(ordered)):
            here = columns == place
            values = np.broadcast_to(synthetic.table[place][rows][:, None], here.shape)[here]
            low[here], high[here] = _outward(values, middles[place])
        batch = Predicates(
            columns=columns, low=low, high=high, negated=np.zeros(columns.shape, dtype=bool)
        )
        found = batch.at(counts(batch, synthetic) == 1)
        kept = (found if kept is None else kept.joined(found)).first_of_each()
    assert kept is not None
    return kept.at(np.arange(min(most, len(kept))))


def random_predicates(
    source: Table,
    ordered: Sequence[bool],
    rng: np.random.Generator,
    number: int,
    conditions: int,
) -> Predicates:
    """Blind guesses: random columns, a random value that occurs, a random comparison."""
    width = min(conditions, len(source))
    columns = _random_columns(len(ordered), width, number, rng)
    low = np.zeros((number, width), dtype=np.uint32)
    high = np.zeros((number, width), dtype=np.uint32)
    negated = np.zeros((number, width), dtype=bool)
    for place, codes in enumerate(source):
        here = columns == place
        values = rng.choice(np.unique(codes), size=int(here.sum()))
        comparison = rng.integers(6 if ordered[place] else 2, size=values.size)
        comparison = np.where(values == MISSING, comparison % 2, comparison)
        above, below = np.isin(comparison, (2, 3)), np.isin(comparison, (4, 5))
        strict = np.isin(comparison, (3, 5))
        first = np.where(above, values, np.where(below, 0, values)).astype(np.int64)
        last = np.where(above, _LAST, values).astype(np.int64)
        first += above & strict
        last -= below & strict
        empty = first > last
        low[here] = np.where(empty, _LAST, first).astype(np.uint32)
        high[here] = np.where(empty, _LAST, last).astype(np.uint32)
        negated[here] = comparison == 1
    return Predicates(columns=columns, low=low, high=high, negated=negated)


def singled_out(sizes: NDArray[np.int64], rows: int, of: int) -> float:
    """How many predicates single out one of `of` random rows of a table, on average.

    Parameters
    ----------
    sizes
        Distinct rows that meet each predicate.
    rows, of
        Distinct rows of the table, and of the smaller one it is compared with.

    >>> singled_out(np.array([0, 1, 1, 2]), 10, 10), singled_out(np.array([1, 2]), 10, 5)
    (2.0, 1.0555555555555558)
    """
    if of >= rows:
        return float((sizes == 1).sum())
    from scipy.stats import hypergeom

    each, number = np.unique(sizes, return_counts=True)
    return float(hypergeom.pmf(1, rows, each, of) @ number)


def deal_anew(
    members: Sequence[Places | None],
    controls: Sequence[Places | None],
    rows: tuple[int, int],
    weights: NDArray[np.float32],
    rng: np.random.Generator,
    *,
    level: float = ALPHA,
    deals: int = _DEALS,
) -> tuple[Dealt, ...]:
    """Test whether predicates single out members more than controls, by dealing rows out anew.

    Predicates that hold for more than 64 of the pooled rows are left out: a rule that does not
    depend on who is a member. Dealing stops early once chance has done as well 20 times.

    Parameters
    ----------
    members, controls
        Rows of each table that meet each predicate; None for very many.
    rows
        How many rows each table has.
    weights
        Groups x pooled rows (members first): 1 for rows that count. The first is everyone.
    level
        Level of `noticed`.
    deals
        Most times that rows are dealt out.

    Reference: Besag and Clifford, Sequential Monte Carlo p-values, Biometrika 78 (1991).
    """
    from scipy.sparse import csr_matrix

    size = sum(rows)
    pooled = [
        np.concatenate([ours, theirs + rows[0]])
        for ours, theirs in zip(members, controls, strict=True)
        if ours is not None and theirs is not None and 0 < ours.size + theirs.size <= _MOST_MATCHES
    ]
    if not pooled:
        return tuple(Dealt(excess=0.0, p_value=1.0, noticed=0.0) for _ in weights)
    lengths = np.array([found.size for found in pooled])
    involved, place = np.unique(np.concatenate(pooled), return_inverse=True)
    pattern = csr_matrix(
        (np.ones(place.size, dtype=np.float32), place, np.append(0, np.cumsum(lengths))),
        shape=(len(pooled), involved.size),
    )
    weighed = [pattern.multiply(weight[involved]).tocsr() for weight in weights[1:]]
    wholes = [np.asarray(one.sum(axis=1)) for one in weighed]
    sizes = lengths[:, None].astype(np.float32)

    def excess(sides: NDArray[np.float32]) -> NDArray[np.float64]:
        """Singled-out members less singled-out controls, groups x deals."""
        here = pattern @ sides
        mine, other = here == 1, sizes - here == 1
        rows = [mine.sum(axis=0) - other.sum(axis=0).astype(float)]
        for counted, whole in zip(weighed, wholes, strict=True):
            within = counted @ sides
            rows.append((mine * within).sum(axis=0) - (other * (whole - within)).sum(axis=0))
        return np.stack(rows)

    observed = excess((involved < rows[0]).astype(np.float32)[:, None])[:, 0]
    drawn: list[NDArray[np.float64]] = []
    beaten = np.zeros(len(weights), dtype=np.int64)
    step = max(50, min(500, 2_000_000 // involved.size))
    while sum(part.shape[1] for part in drawn) < deals and beaten[0] < _ENOUGH:
        drawn.append(excess(_deal(involved.size, rows[0], size, step, rng)))
        beaten += (drawn[-1] >= observed[:, None] - 1e-9).sum(axis=1)
    null = np.concatenate(drawn, axis=1)
    p_values = (beaten + 1) / (null.shape[1] + 1)
    noticed = np.quantile(null, 1.0 - level, axis=1) + 0.84 * null.std(axis=1)
    return tuple(
        Dealt(excess=float(one), p_value=float(min(1.0, p)), noticed=float(limit))
        for one, p, limit in zip(observed, p_values, noticed, strict=True)
    )


def single_out(mode: Mode, setting: Setting, rng: np.random.Generator) -> AttackResult:
    """Play the game of one kind of predicates.

    Raises
    ------
    InputError
        If nothing in the release occurs once, so that there is nothing to try.
    """
    began = time.process_time()
    attack = _ATTACKS[mode]
    knowledge = setting.knowledge
    ordered = [not column.is_category for column in knowledge.columns]
    everyone = setting.all_members or setting.members, setting.all_controls or setting.controls
    synthetic, members, controls, others = coded(
        knowledge.synthetic, *everyone, blind_source(knowledge)
    )
    distinct = distinct_rows(synthetic)
    number, width = GUESSES[setting.level], 1 if mode == "univariate" else CONDITIONS
    predicates = (
        univariate_predicates(distinct, ordered, rng, number)
        if mode == "univariate"
        else multivariate_predicates(Index(table=distinct), ordered, rng, number)
    )
    if not len(predicates):
        raise InputError(
            "no value or combination of the release occurs once",
            hint="there is nothing to single out with; other attacks say more about this table",
        )
    blind = random_predicates(others, ordered, rng, len(predicates), width)
    indexes = Index(table=members), Index(table=controls)
    first = first_rows(members), first_rows(controls)
    found = [matches(predicates, index, _MOST_MATCHES) for index in indexes]
    sizes = [counts(predicates, index, among) for index, among in zip(indexes, first, strict=True)]
    rows = int(first[0].sum()), int(first[1].sum())
    equal = min(rows)
    guessed = counts(blind, indexes[0], first[0])
    total = len(predicates)
    excess = Excess(
        attack=Successes(hits=singled_out(sizes[0], rows[0], equal), trials=total),
        control=Successes(hits=singled_out(sizes[1], rows[1], equal), trials=total),
        baseline=Successes(hits=singled_out(guessed, rows[0], equal), trials=total),
    )
    people = everyone[0].rows, everyone[1].rows
    weights = np.zeros((1 + len(setting.groups), sum(people)), dtype=np.float32)
    weights[0] = 1.0
    for place, group in enumerate(setting.groups):
        weights[place + 1, : group.members.size] = group.members
        weights[place + 1, people[0] : people[0] + group.controls.size] = group.controls
    dealt = deal_anew(found[0], found[1], people, weights, rng)
    groups = tuple(
        _group_result(setting, place, found[0], dealt[place + 1])
        for place in range(len(setting.groups))
    )
    return AttackResult(
        key=attack.key,
        title=attack.title,
        threat=attack.threat,
        statistic=attack.statistic,
        **excess.rates(),
        p_value=dealt[0].p_value,
        limit=min(1.0, excess.control.value + dealt[0].noticed / total),
        groups=groups,
        detail={
            **excess.told(),
            "p_value": dealt[0].p_value,
            "predicates": total,
            "conditions": width,
            "rows_compared": equal,
            "distinct_rows": {"members": rows[0], "controls": rows[1]},
            "singled_out_of_all_members": int((sizes[0] == 1).sum()),
            "limit_of_risk": max(
                0.0,
                residual(
                    min(1.0, excess.control.value + dealt[0].noticed / total),
                    excess.control.value,
                ),
            ),
        },
        seconds=time.process_time() - began,
    )


def _group_result(
    setting: Setting, place: int, found: Sequence[Places | None], dealt: Dealt
) -> GroupResult:
    """How many guesses single out a member of a group."""
    group = setting.groups[place]
    hits = sum(
        1
        for rows in found
        if rows is not None
        and rows.size == 1
        and rows[0] < group.members.size
        and group.members[rows[0]]
    )
    rate = Successes(hits=hits, trials=len(found))
    return GroupResult(
        name=group.name,
        definition=group.definition,
        members=int(group.members.sum()),
        controls=int(group.controls.sum()),
        value=rate.value,
        interval=rate.interval,
        p_value=dealt.p_value,
    )


def _deal(
    involved: int, members: int, size: int, deals: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Which involved rows become members (involved x deals) when all rows are dealt out anew.

    When few rows are involved each is dealt by itself: the excess then varies a little more than
    it may, so the test errs on the side of silence.
    """
    if involved * _FEW < size:
        share = np.float32(members / size)
        return (rng.random((involved, deals), dtype=np.float32) < share).astype(np.float32)
    keys = rng.random((deals, involved))
    number = rng.hypergeometric(members, size - members, involved, size=deals)
    ranked = np.concatenate([np.full((deals, 1), -1.0), np.sort(keys, axis=1)], axis=1)
    highest = np.take_along_axis(ranked, number[:, None], axis=1)
    return (keys <= highest).T.astype(np.float32)


def _outward(values: Codes, middle: float) -> tuple[Codes, Codes]:
    """The interval from a value away from the middle; the value alone for labels and missing."""
    if math.isnan(middle):
        return values, values
    lost, above = values == MISSING, values > middle
    low = np.where(lost | above, values, np.uint32(0))
    high = np.where(lost | ~above, values, _LAST)
    return low, high


def _middle(codes: Codes) -> float:
    """Median of the known codes; 0 when none is known."""
    known = codes[codes != MISSING]
    return float(np.median(known)) if known.size else 0.0


def _random_columns(
    width: int, taken: int, number: int, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Different random columns for each predicate, ascending."""
    drawn = rng.random((number, width)).argsort(axis=1)[:, :taken]
    return np.sort(drawn, axis=1)


def _univariate(setting: Setting, rng: np.random.Generator) -> AttackResult:
    """Single out by one value."""
    return single_out("univariate", setting, rng)


def _multivariate(setting: Setting, rng: np.random.Generator) -> AttackResult:
    """Single out by a combination."""
    return single_out("multivariate", setting, rng)


_THREAT = Threat(
    knows_data="nothing but the release",
    knows_generator="nothing but its output",
    goal="singling out",
)
SINGLING_OUT_UNIVARIATE = Attack(
    key="singling_out_univariate",
    title="Singling out by one value",
    threat=_THREAT,
    needs=frozenset(),
    statistic="attack rate",
    reference=f"{REFERENCE}; Cohen and Nissim, PNAS 117 (2020), arXiv 1904.06009",
    run=_univariate,
)
SINGLING_OUT_MULTIVARIATE = Attack(
    key="singling_out_multivariate",
    title=f"Singling out by a combination of {CONDITIONS} values",
    threat=_THREAT,
    needs=frozenset(),
    statistic="attack rate",
    reference=f"{REFERENCE}; Cohen and Nissim, PNAS 117 (2020), arXiv 1904.06009",
    run=_multivariate,
)
_ATTACKS: dict[Mode, Any] = {
    "univariate": SINGLING_OUT_UNIVARIATE,
    "multivariate": SINGLING_OUT_MULTIVARIATE,
}
