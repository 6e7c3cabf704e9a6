"""The final histogram of every column, and the attribute it becomes.

One batch of questions: noise is spread so that the summed expected error is least. Where labels
found so far belong to a public list, the rest of the list is asked for too (`vocabulary`); those
of its labels that do not stand out of the noise are left out afterwards. What may not happen
here: anything but questions to the curator and post-processing of its answers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from understudy.curator import Count, Curator, Discover, Found, LabelCells, NumberCells
from understudy.prepare.attributes import Attribute, StandIn
from understudy.prepare.discretise import (
    LEAVES,
    Round,
    combine,
    leaves,
    split,
    to_simplex,
    trim_tails,
)
from understudy.prepare.domains import LearnedDomain
from understudy.prepare.roles import Role, Route
from understudy.prepare.shares import Purse
from understudy.prepare.spikes import drop_points, give_cells, public_points
from understudy.prepare.vocabulary import Company, company
from understudy.schema import Storage

_REST_WEIGHT, _COMPANION_SIGMAS = 2500, 2.5
_SPOKEN_FOR, _DECLARED_ABSENT = 2.0, 4.5
"""Standard deviations of noise that a null mark must hold; and what a declaration leaves out."""


def learn_singles(
    curator: Curator,
    roles: Sequence[Role],
    domains: dict[str, LearnedDomain],
    purse: Purse,
    rows: float,
) -> tuple[list[Attribute], list[tuple[float, float]]]:
    """Fifth batch: the final histogram of every column, noise where it hurts least.

    Also every complete histogram's noisy total, with its variance.
    """
    sizes = np.array([_expected_size(domains[role.name]) for role in roles], dtype=float)
    weights = sizes ** (2.0 / 3.0)
    rhos = purse.rho("singles") * weights / weights.sum()
    open_labels = [role for role in roles if role.route is Route.LABELS and not role.closed]
    delta = 0.45 * curator.budget.delta_selection / max(len(open_labels), 1)
    questions: list[Count | Discover] = []
    cuts: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    joined: dict[str, Company] = {}
    for role, rho in zip(roles, rhos, strict=True):
        domain, sigma = domains[role.name], purse.sigma(rho)
        if role.route is Route.NUMBERS:
            questions.append(_final_cut(domain, sigma, rows, cuts))
        elif role in open_labels:
            public = company([x for x in domain.labels if x not in role.marks], role.name)
            fresh: tuple[str, ...] = ()
            if public is not None:
                plain = all(label.isascii() for label in domain.labels if label)
                fresh = tuple(
                    label
                    for label in public.labels
                    if label not in domain.labels and (label.isascii() or not plain)
                )
                joined[role.name] = Company(name=public.name, labels=fresh)
            questions.append(
                Discover(
                    column=role.name,
                    sigma=sigma,
                    delta=delta,
                    stage="singles",
                    known=(*domain.labels, *fresh),
                )
            )
        else:
            cells = LabelCells(column=role.name, labels=domain.labels)
            questions.append(Count(encodings=(cells,), sigma=sigma, stage="singles"))
    answers = curator.ask(questions)
    attributes = []
    for role, question, answer in zip(roles, questions, answers, strict=True):
        domain = domains[role.name]
        if role.route is Route.NUMBERS:
            attributes.append(_number_attribute(domain, question, answer, cuts[role.name]))
        else:
            attributes.append(
                _label_attribute(domain, question, answer, rows, joined.get(role.name))
            )
    totals = [
        (float(answer.sum()), answer.size * question.sigma**2)
        for question, answer in zip(questions, answers, strict=True)
        if isinstance(question, Count)
    ]
    return attributes, totals


def _expected_size(domain: LearnedDomain) -> float:
    """About how many cells a column's final histogram will have."""
    if domain.role.route is Route.NUMBERS:
        last = domain.rounds[-1]
        cells = len(last.counts) if last.uniform else min(LEAVES[0], float(np.ptp(last.edges)))
        return cells + min(len(domain.spikes), LEAVES[0]) + len(domain.marks)
    unknown = 0 if domain.role.closed else 4 + _REST_WEIGHT * domain.rest
    if domain.role.route is Route.STANDIN:
        unknown = 1
    return min(len(domain.labels) + unknown, 150.0)


def _final_cut(
    domain: LearnedDomain,
    sigma: float,
    rows: float,
    cuts: dict[str, tuple[np.ndarray, np.ndarray]],
) -> Count:
    """The final histogram of a number column: cells cut where the second round warrants it."""
    estimate, _ = combine(list(domain.rounds))
    target = max(rows / leaves(rows, sigma) / 2.0, 2.0 * sigma)
    signal = 2.0 * sigma
    if domain.rounds[-1].uniform:
        target = signal = np.inf
    edges, parents = split(
        domain.rounds[-1].edges, estimate, target=target, unit=1.0, signal=signal
    )
    if not domain.rounds[-1].uniform:
        edges, parents = give_cells(edges, parents, domain.spikes)
    cuts[domain.role.name] = edges, parents
    assert domain.role.reading is not None
    cells = NumberCells(
        column=domain.role.name,
        reading=domain.role.reading,
        edges=tuple(edges.tolist()),
        marks=domain.marks,
    )
    return Count(encodings=(cells,), sigma=sigma, stage="singles")


def _number_attribute(
    domain: LearnedDomain,
    question: Count | Discover,
    answer: object,
    cut: tuple[np.ndarray, np.ndarray],
) -> Attribute:
    """The attribute of a number column from all its rounds."""
    assert isinstance(question, Count)
    assert isinstance(answer, np.ndarray)
    encoding = question.encodings[0]
    assert isinstance(encoding, NumberCells)
    edges, parents = cut
    last = Round(
        edges=edges, counts=answer[: encoding.cells], sigma=question.sigma, parents=parents
    )
    counts, variances = combine([*domain.rounds, last])
    if not domain.rounds[-1].uniform:
        counts = drop_points(edges, counts, variances, public_points(domain.role))
    counts = trim_tails(counts, question.sigma)
    special = answer[encoding.cells :].copy()
    role = domain.role
    special[:-1][special[:-1] < question.sigma * _doubt(role, encoding.marks)] = 0.0
    special[-1] = 0.0
    return Attribute(
        header=role.header,
        kind=role.kind,
        encoding=encoding,
        counts=np.append(counts, special),
        variances=np.append(variances, np.full(len(special), question.sigma**2)),
        ordered=True,
        paid={**role.paid, "range": _how(role), "spread": "noisy histograms"},
    )


def _doubt(role: Role, marks: Sequence[str | None]) -> np.ndarray:
    """Standard deviations of noise below which a mark is taken to be absent.

    Where null markers are declared, the container's own null is not among them: it may occur
    all the same, and then shows when noise alone would not do so once in 10⁵ columns.
    """
    left_out = role.column.nulls is not None
    return np.array(
        [_DECLARED_ABSENT if left_out and mark is None else _SPOKEN_FOR for mark in marks]
    )


def _how(role: Role) -> str:
    """How the range of a number column was come by."""
    low, high = role.column.minimum, role.column.maximum
    if low is not None and high is not None:
        return "declared"
    return "noisy histogram over powers of two"


def _label_attribute(
    domain: LearnedDomain,
    question: Count | Discover,
    answer: object,
    rows: float,
    public: Company | None,
) -> Attribute:
    """The attribute of a label column; the rest is what the found labels leave of the rows."""
    role, sigma = domain.role, question.sigma
    if isinstance(answer, Found):
        labels, counts = _standing_out(answer, public, sigma)
        spread = sigma * np.sqrt(len(counts) + 1.0)
        left = rows - float(counts.sum())
        rest = left if left > max(3.0 * spread, 0.002 * rows) or not len(counts) else 0.0
        counts = np.append(counts, max(rest, 0.0))
        variances = np.append(np.full(len(labels), sigma**2), spread**2)
    else:
        assert isinstance(answer, np.ndarray)
        labels, counts = domain.labels, answer.copy()
        if role.route is not Route.STANDIN and counts[-1] < _DECLARED_ABSENT * sigma:
            counts[-1] = 0.0
        variances = np.full(len(counts), sigma**2)
    nulls = [index for index, label in enumerate(labels) if label in role.marks]
    doubt = _doubt(role, [labels[index] for index in nulls])
    counts[nulls] = np.where(counts[nulls] < sigma * doubt, 0.0, counts[nulls])
    if role.header.storage is Storage.BOOL:
        counts[-1] = 0.0
    special = np.isin(np.arange(len(counts)), [*nulls, len(counts) - 1])
    counts = _to_counts(counts, special & (counts <= 0.0))
    standin = None
    if role.identifier is not None and role.route is Route.STANDIN:
        standin = StandIn(
            kind=role.identifier, pattern=domain.pattern, whole_numbers=domain.whole_numbers
        )
    how = "declared" if role.closed and role.column.categories else "partition selection"
    if public is not None:
        how = f"{how} and the public vocabulary of {public.name}"
    paid = dict(role.paid) if standin else {**role.paid, "labels": how}
    return Attribute(
        header=role.header,
        kind=role.kind,
        encoding=LabelCells(column=role.name, labels=labels),
        counts=counts,
        variances=variances,
        ordered=role.column.ordered,
        standin=standin,
        paid=paid,
    )


def _to_counts(noisy: np.ndarray, absent: np.ndarray) -> np.ndarray:
    """Non-negative counts of at least one row; nothing for what is absent, unless all is.

    >>> _to_counts(np.array([-4.0, -2.0, 0.0]), np.array([False, False, True])).tolist()
    [0.0, 1.0, 0.0]
    """
    held = ~absent if not absent.all() else np.arange(len(noisy)) == len(noisy) - 1
    counts = np.zeros(len(noisy))
    counts[held] = to_simplex(noisy[held], max(float(noisy.sum()), 1.0))
    return counts


def _standing_out(
    found: Found, public: Company | None, sigma: float
) -> tuple[tuple[str | None, ...], np.ndarray]:
    """Found labels and counts without those of a public list that may well be noise."""
    if public is None:
        return found.labels, found.counts
    doubtful = set(public.labels)
    keep = [
        index
        for index, (label, count) in enumerate(zip(found.labels, found.counts, strict=True))
        if label not in doubtful or count >= _COMPANION_SIGMAS * sigma
    ]
    return tuple(found.labels[index] for index in keep), found.counts[keep]
