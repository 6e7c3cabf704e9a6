"""Where a column's values lie: ranges of numbers, labels, patterns of identifiers.

Two batches of questions: powers of two, partition selection and patterns first, then a first
cut of every number column. What may not happen here: anything but questions to the curator and
post-processing of its answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from understudy.cells.reading import Reading
from understudy.curator import Count, Curator, Discover, Found, NumberCells
from understudy.prepare.discretise import (
    RANGE_PART,
    Round,
    leaves,
    magnitude_edges,
    occupied,
    split,
)
from understudy.prepare.roles import Role, Route, declared_bounds
from understudy.prepare.shares import ODD_LEAST, Purse, odd_part
from understudy.prepare.spikes import (
    SPIKE_PART,
    give_cells,
    positions,
    public_points,
    spike_question,
    worth_asking,
)
from understudy.schema import IdentifierKind, Kind, Storage

_MOST_LABELS = 20_000
_PARTS = {Route.NUMBERS: 1.0, Route.LABELS: 0.5, Route.STANDIN: 0.25}


@dataclass(frozen=True, kw_only=True)
class LearnedDomain:
    """What the third and fourth batches taught about one column."""

    role: Role
    rounds: tuple[Round, ...] = ()
    marks: tuple[str | None, ...] = ()
    labels: tuple[str | None, ...] = ()
    pattern: str | None = None
    whole_numbers: tuple[int, int] | None = None
    rest: float = 0.0
    spikes: tuple[float, ...] = ()


def learn_domains(
    curator: Curator,
    roles: Sequence[Role],
    purse: Purse,
    rows: float,
    *,
    uniform_bins: int | None = None,
) -> dict[str, LearnedDomain]:
    """Third and fourth batches: ranges and first cuts of numbers, labels, patterns."""
    first = {role.name: first_edges(role) for role in roles if role.route is Route.NUMBERS}
    questions: list[Count | Discover] = []
    owners: list[str] = []
    discoveries = max(sum(_discovers(role) for role in roles), 1)
    delta = 0.45 * curator.budget.delta_selection / discoveries
    parts = {role.name: _PARTS.get(role.route, 1.0) for role in roles}
    equal = purse.rho("domain") / sum(parts.values())
    odd = {
        role.name: odd_part(role.odd_share, rows, equal, curator.unit.count_l2, delta)
        for role in roles
        if role.route is Route.NUMBERS and _discovers(role)
    }
    for name, part in odd.items():
        parts[name] += part - ODD_LEAST
    whole = purse.rho("domain") / sum(parts.values())
    for role in roles:
        each = whole if role.route is Route.NUMBERS else whole * parts[role.name]
        asked = odd.get(role.name, 0.0)
        for question in _third_batch(role, first.get(role.name), purse, each, delta, odd=asked):
            questions.append(question)
            owners.append(role.name)
    answers = curator.ask(questions)
    heard: dict[str, list[tuple[Count | Discover, object]]] = {role.name: [] for role in roles}
    for owner, question, answer in zip(owners, questions, answers, strict=True):
        heard[owner].append((question, answer))
    domains = {role.name: _digest(role, heard[role.name], rows) for role in roles}
    if uniform_bins is not None:
        return {name: _uniform(domain, uniform_bins, rows) for name, domain in domains.items()}
    return _first_cut(curator, domains, purse, whole, rows)


def _discovers(role: Role) -> bool:
    """Whether a column takes part in partition selection."""
    if role.route is Route.LABELS:
        return not role.closed
    if role.route is Route.STANDIN:
        return _has_pattern(role)
    return role.odd_share > 0.01


def _has_pattern(role: Role) -> bool:
    """Whether stand-ins of an identifier follow the pattern of its cells."""
    patterned = {IdentifierKind.KEY, IdentifierKind.PHONE, IdentifierKind.NATIONAL_ID}
    return role.identifier in patterned and role.header.storage in (Storage.TEXT, Storage.CATEGORY)


def first_edges(role: Role) -> np.ndarray:
    """Public edges a number column starts with: declared bounds, or powers of two."""
    assert role.reading is not None
    low, high = declared_bounds(role)
    unit = 1.0 if role.reading.unit is not None else None
    edges = magnitude_edges(unit)
    end = None if high is None else high + (1.0 if unit else 0.0)
    if low is not None and end is not None:
        return _increasing(np.array([low, end]))
    if low is not None:
        return _increasing(np.append(low, edges[edges > low]))
    if end is not None:
        return -_increasing(-np.append(edges[edges < end], end)[::-1])[::-1]
    return edges


def _increasing(edges: np.ndarray) -> np.ndarray:
    """Edges of at least one cell; a bound beyond what can be told apart gets a cell of its own."""
    if len(edges) > 1 and edges[0] < edges[1]:
        return edges
    start = float(edges[0])
    return np.append(start, start + max(1.0, 2.0**-50 * abs(start)))


def _third_batch(
    role: Role, edges: np.ndarray | None, purse: Purse, each: float, delta: float, *, odd: float
) -> list[Count | Discover]:
    """Questions of the third batch about one column."""
    sigma = purse.sigma(each)
    if role.route is Route.LABELS:
        if role.closed:
            return []
        return [
            Discover(column=role.name, sigma=sigma, delta=delta, stage="domain", known=role.labels)
        ]
    if role.route is Route.STANDIN:
        return _standin_questions(role, sigma, delta)
    assert edges is not None
    assert role.reading is not None
    questions: list[Count | Discover] = []
    if len(edges) > 2:
        cells = NumberCells(
            column=role.name, reading=role.reading, edges=tuple(edges.tolist()), marks=role.marks
        )
        sigma = purse.sigma(each * (RANGE_PART - (ODD_LEAST if odd else 0.0)))
        questions.append(Count(encodings=(cells,), sigma=sigma, stage="domain"))
    if odd:
        cells = NumberCells(
            column=role.name, reading=role.reading, edges=(0.0, 1.0), marks=role.marks
        )
        questions.append(
            Discover(
                column=role.name,
                sigma=purse.sigma(each * odd),
                delta=delta,
                stage="domain",
                among="unreadable",
                excluding=cells,
            )
        )
    return questions


def _standin_questions(role: Role, sigma: float, delta: float) -> list[Count | Discover]:
    """What stand-ins need: the pattern of keys that are text, the range of typed ones."""
    if role.header.storage not in (Storage.TEXT, Storage.CATEGORY):
        cells = NumberCells(
            column=role.name,
            reading=Reading(kind=Kind.NUMBER, decimals=0),
            edges=tuple(magnitude_edges(1.0).tolist()),
            marks=role.marks,
        )
        return [Count(encodings=(cells,), sigma=sigma, stage="domain")]
    if not _has_pattern(role):
        return []
    return [Discover(column=role.name, sigma=sigma, delta=delta, stage="domain", among="patterns")]


def _digest(role: Role, heard: list[tuple[Count | Discover, object]], rows: float) -> LearnedDomain:
    """What the third batch says about one column."""
    marks, rounds, labels, rest = role.marks, [], role.labels, 0.0
    pattern, whole = None, None
    for question, answer in heard:
        if isinstance(answer, Found):
            if isinstance(question, Discover) and question.among == "patterns":
                shown = [label for label in answer.labels if label]
                best = int(np.argmax(answer.counts)) if len(answer.counts) else -1
                pattern = answer.labels[best] if shown and best >= 0 else None
            elif isinstance(question, Discover) and question.among == "unreadable":
                marks = (*marks, *(label for label in answer.labels if label not in marks))
            else:
                order = np.argsort(-answer.counts, kind="stable")[:_MOST_LABELS]
                fresh = sorted(order[order >= len(role.labels)].tolist())
                labels = (*role.labels, *(answer.labels[index] for index in fresh))
                rest = max(0.0, 1.0 - float(np.maximum(answer.counts, 0).sum()) / rows)
        elif isinstance(question, Count):
            encoding = question.encodings[0]
            assert isinstance(encoding, NumberCells)
            assert isinstance(answer, np.ndarray)
            counts = answer[: encoding.cells]
            first, last = occupied(counts, question.sigma, np.asarray(encoding.edges))
            edges = np.asarray(encoding.edges)[first : last + 2]
            rounds.append(Round(edges=edges, counts=counts[first : last + 1], sigma=question.sigma))
            whole = (int(edges[0]), max(int(edges[-1]), int(edges[0]) + 1))
    if role.route is Route.NUMBERS and not rounds:
        edges = first_edges(role)
        rounds = [Round(edges=edges, counts=np.array([rows]), sigma=float(np.sqrt(rows) + 1))]
    if role.route is Route.STANDIN:
        rounds = []
    return LearnedDomain(
        role=role,
        rounds=tuple(rounds),
        marks=marks,
        labels=labels,
        pattern=pattern,
        whole_numbers=whole if role.route is Route.STANDIN else None,
        rest=rest,
    )


def _on_lattice(domain: LearnedDomain) -> LearnedDomain:
    """Give a continuous column the lattice its noisy range calls for: some six digits."""
    reading = domain.role.reading
    assert reading is not None
    if reading.unit is not None:
        return domain
    start = domain.rounds[0]
    widest = float(np.abs(start.edges).max())
    decimals = int(np.clip(7 - np.ceil(np.log10(max(widest, 1e-12))), 0, 9))
    reading = replace(reading, decimals=decimals, fixed_decimals=False)
    unit = reading.unit
    assert unit is not None
    ticks = np.rint(start.edges / unit)
    keep = np.append(True, np.diff(ticks) > 0)
    owner = np.cumsum(keep)[:-1] - 1
    edges = ticks[keep]
    if len(edges) < 2:
        edges = np.array([ticks[0], ticks[0] + 1])
    counts = np.bincount(owner, weights=start.counts, minlength=len(edges) - 1)
    lattice = Round(edges=edges, counts=counts[: len(edges) - 1], sigma=start.sigma)
    return replace(domain, role=replace(domain.role, reading=reading), rounds=(lattice,))


def _uniform(domain: LearnedDomain, bins: int, rows: float) -> LearnedDomain:
    """The learned range cut into equal bins, for those who ask for it; nothing is counted."""
    if domain.role.route is not Route.NUMBERS:
        return domain
    domain = _on_lattice(domain)
    low, *_, high = domain.rounds[0].edges.tolist()
    edges = np.unique(np.rint(np.linspace(low, high, bins + 1)))
    if len(edges) < 2:
        edges = np.array([edges[0], edges[0] + 1.0])
    counts = rows * np.diff(edges) / np.ptp(edges)
    cut = Round(edges=edges, counts=counts, sigma=max(10.0 * rows, 1.0), uniform=True)
    return replace(domain, rounds=(cut,))


def _first_cut(
    curator: Curator, domains: dict[str, LearnedDomain], purse: Purse, each: float, rows: float
) -> dict[str, LearnedDomain]:
    """Fourth batch: every number column on its first cut, and its frequent values."""
    on_line = [name for name, item in domains.items() if item.role.route is Route.NUMBERS]
    for name in on_line:
        domains[name] = _on_lattice(domains[name])
    spiky = [
        name
        for name in on_line
        if worth_asking(domains[name].role, domains[name].rounds[-1].edges, rows)
    ]
    delta = 0.099 * curator.budget.delta_selection / max(len(spiky), 1)
    rho = each * (1.0 - RANGE_PART)
    questions: list[Count | Discover] = []
    cuts: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for name in on_line:
        sigma = purse.sigma(rho * (1.0 - SPIKE_PART) if name in spiky else rho)
        question, cuts[name] = _cut_question(domains[name], sigma, rows)
        questions.append(question)
    questions += [spike_question(name, purse.sigma(rho * SPIKE_PART), delta) for name in spiky]
    answers = curator.ask(questions)
    for name, asked, answer in zip(on_line, questions, answers, strict=False):
        edges, parents = cuts[name]
        cut = Round(
            edges=edges, counts=answer[: len(edges) - 1], sigma=asked.sigma, parents=parents
        )
        domains[name] = replace(domains[name], rounds=(*domains[name].rounds, cut))
    for name, found in zip(spiky, answers[len(on_line) :], strict=True):
        role = domains[name].role
        assert role.reading is not None
        spikes = positions(found.labels, role.reading, role.header.storage)
        domains[name] = replace(domains[name], spikes=spikes)
    return domains


def _cut_question(
    domain: LearnedDomain, sigma: float, rows: float
) -> tuple[Count, tuple[np.ndarray, np.ndarray]]:
    """The first cut of one number column: the question, its edges and their parents."""
    start = domain.rounds[-1]
    hopeful = np.maximum(start.counts, start.sigma)
    target = max(rows / leaves(rows, sigma), 2.0 * sigma)
    edges, parents = split(start.edges, hopeful, target=target, unit=1.0)
    edges, parents = give_cells(edges, parents, public_points(domain.role))
    assert domain.role.reading is not None
    cells = NumberCells(
        column=domain.role.name,
        reading=domain.role.reading,
        edges=tuple(edges.tolist()),
        marks=domain.marks,
    )
    return Count(encodings=(cells,), sigma=sigma, stage="domain"), (edges, parents)
