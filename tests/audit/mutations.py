"""Bugs that can be planted, one for each trap that marginal models can fall into.

Each is put back by replacing a function; the audits are then run as they always are. `found_by`
says which of them find it, and the table of docs/audit.md says the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.traps.house import Leak

import understudy.audit.claimed
import understudy.audit.replay
import understudy.audit.whitebox
import understudy.curator.memory
import understudy.prepare.domains
import understudy.prepare.roles
import understudy.synthesize.marginal.aim
import understudy.synthesize.marginal.margnet
import understudy.synthesize.marginal.mst
from understudy.audit import NEIGHBOURS, Neighbours
from understudy.curator import Count, Curator, MemoryCurator, protocol
from understudy.curator.protocol import event_of
from understudy.prepare.shares import Purse
from understudy.privacy import Budget, Unit, mechanisms
from understudy.schema import Schema
from understudy.synthesize.marginal.aim import AIM
from understudy.synthesize.marginal.margnet import MargNet
from understudy.synthesize.model import Model

Plant = Callable[[pytest.MonkeyPatch, Leak], None]

RARE = replace(NEIGHBOURS["outlier"], name="rare", schema=Schema(columns=()))
"""A label that one row holds, and nothing declared."""


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """One bug: its trap, what it is, how it is planted, and who finds it."""

    trap: str
    title: str
    plant: Plant
    found_by: frozenset[str]
    synthesizer: Any = None
    epsilon: float = 1.0
    pair: Neighbours = NEIGHBOURS["few"]
    tables: tuple[str, ...] = ("survey",)
    runs: int = 100
    drawn: int = 60


def noise_of(change: Callable[[Any, float], float]) -> Plant:
    """Plant another scale of the noise."""

    def plant(patch: pytest.MonkeyPatch, leak: Leak) -> None:
        ours = mechanisms.discrete_gaussian
        patch.setattr(
            mechanisms,
            "discrete_gaussian",
            lambda counts, sigma: ours(counts, change(counts, sigma)),
        )

    return plant


def noise_by(draw: Callable[[Any, float, Any], Any]) -> Plant:
    """Plant another way to add noise; it is told ours."""

    def plant(patch: pytest.MonkeyPatch, leak: Leak) -> None:
        ours = mechanisms.discrete_gaussian
        patch.setattr(mechanisms, "discrete_gaussian", lambda c, sigma: draw(c, sigma, ours))

    return plant


def edges(patch: pytest.MonkeyPatch, leak: Leak) -> None:
    ours = understudy.prepare.domains.first_edges

    def bug(role: Any) -> np.ndarray:
        numbers = leak.numbers(role.name)
        return np.array([numbers.min(), numbers.max() + 1]) if role.name == "age" else ours(role)

    patch.setattr(understudy.prepare.domains, "first_edges", bug)


def labels(patch: pytest.MonkeyPatch, leak: Leak) -> None:
    ours = understudy.prepare.roles._known_labels

    def bug(role: Any, *rest: Any) -> dict[str, Any]:
        if role.name != "town":
            return ours(role, *rest)
        return {"labels": tuple(sorted(set(leak.cells("town")), key=str)), "closed": True}

    patch.setattr(understudy.prepare.roles, "_known_labels", bug)


def cut(patch: pytest.MonkeyPatch, leak: Leak) -> None:
    ours = understudy.prepare.domains.split

    def bug(*args: Any, **named: Any) -> tuple[np.ndarray, np.ndarray]:
        found, parents = ours(*args, **named)
        middle = float(leak.numbers("age").mean())
        place = int(np.searchsorted(found, middle))
        if not 0 < place < len(found) or found[place] == middle:
            return found, parents
        return np.insert(found, place, middle), np.insert(parents, place, parents[place - 1])

    patch.setattr(understudy.prepare.domains, "split", bug)


def sized_scale(patch: pytest.MonkeyPatch, leak: Leak) -> None:
    ours = Purse.sigma
    patch.setattr(Purse, "sigma", lambda self, rho: ours(self, rho) * (1 + 1 / leak.size))


def exact_rows(patch: pytest.MonkeyPatch, leak: Leak) -> None:
    module = understudy.synthesize.marginal.mst
    ours = module.learn
    patch.setattr(
        module, "learn", lambda *args, **named: replace(ours(*args, **named), rows=float(leak.size))
    )


def unbounded(patch: pytest.MonkeyPatch, leak: Leak) -> None:
    patch.setattr(understudy.curator.memory, "bound_rows", lambda table, *_: table)
    patch.setattr(understudy.audit.replay, "bound_rows", lambda table, *_: table)


def of_a_row(patch: pytest.MonkeyPatch, leak: Leak) -> None:
    patch.setattr(Unit, "count_l2", 1.0)


def threshold(patch: pytest.MonkeyPatch, leak: Leak) -> None:
    patch.setattr(mechanisms, "partition_threshold", lambda *_: 1)


def squared(patch: pytest.MonkeyPatch, leak: Leak) -> None:
    def score(curator: MemoryCurator, item: Any) -> float:
        return float(((curator._histogram(item.encodings) - item.expected) ** 2).sum())

    patch.setattr(MemoryCurator, "_score", score)


def information(patch: pytest.MonkeyPatch, leak: Leak) -> None:
    def score(curator: MemoryCurator, item: Any) -> float:
        counts = curator._histogram(item.encodings) + 1e-9
        share = counts / counts.sum()
        product = np.outer(share.sum(axis=1), share.sum(axis=0))
        return float(counts.sum() * (share * np.log(share / product)).sum())

    patch.setattr(MemoryCurator, "_score", score)


def real_column(patch: pytest.MonkeyPatch, leak: Leak) -> None:
    ours = Model.sample

    def bug(self: Model, rows: int | None = None, *, seed: int | None = None) -> pa.Table:
        made = ours(self, rows, seed=seed)
        name = "town" if "town" in made.column_names else "shape"
        real = leak.cells(name)
        taken = [real[place % len(real)] for place in range(made.num_rows)]
        place = made.column_names.index(name)
        return made.set_column(place, name, pa.array(taken, made.schema.field(name).type))

    patch.setattr(Model, "sample", bug)


def overspent(patch: pytest.MonkeyPatch, leak: Leak) -> None:
    ours = Purse.sigma
    patch.setattr(Purse, "sigma", lambda self, rho: ours(self, rho) / 8)
    patch.setattr(Budget, "_admit", lambda self, asked: None)


def charged_once(patch: pytest.MonkeyPatch, leak: Leak) -> None:
    def bug(self: Curator, questions: Any) -> list[Any]:
        self.budget.charge_all([event_of(question, self.unit) for question in questions][:1])
        return [self._release(question, self.exact(question), self.unit) for question in questions]

    patch.setattr(Curator, "ask", bug)


def past_the_door(patch: pytest.MonkeyPatch, leak: Leak) -> None:
    module = understudy.synthesize.marginal.mst
    ours = module._measure

    def bug(curator: Any, sides: Any, pairs: Any, share: float) -> Any:
        for a, b in pairs:
            curator.exact(
                Count(encodings=(sides[a].encoding, sides[b].encoding), sigma=1, stage="t")
            )
        return ours(curator, sides, pairs, share)

    patch.setattr(module, "_measure", bug)


def forgotten_log(patch: pytest.MonkeyPatch, leak: Leak) -> None:
    patch.setattr(
        understudy.audit.claimed,
        "calibrate_rho",
        lambda epsilon, delta: (math.sqrt(1 + epsilon) - 1) ** 2,
    )


def stops_by_rows(patch: pytest.MonkeyPatch, leak: Leak) -> None:
    module = understudy.synthesize.marginal.aim
    ours = module._Rounds.next

    def bug(self: Any) -> bool:
        return ours(self) and not (leak.size % 2 and self.done > 0.3)

    patch.setattr(module._Rounds, "next", bug)


def margnet_learns_rows(patch: pytest.MonkeyPatch, leak: Leak) -> None:
    """The network is shown exact counts of what was chosen."""
    module = understudy.synthesize.marginal.margnet
    ours = module._Rounds._generate

    def bug(self: Any, offer: Any, table: Any, sigma: float) -> None:
        count = Count(encodings=offer.candidate.encodings, sigma=1.0, stage="t")
        ours(self, offer, np.asarray(self.curator.exact(count), float) + 1e-3, sigma)

    patch.setattr(module._Rounds, "_generate", bug)


def keeps_rows(patch: pytest.MonkeyPatch, leak: Leak) -> None:
    ours = Model.to_json

    def bug(self: Model) -> Any:
        told, arrays = ours(self)
        return {**told, "note": leak.cells("town")[:5]}, arrays

    patch.setattr(Model, "to_json", bug)


def real_support(patch: pytest.MonkeyPatch, leak: Leak) -> None:
    """Only combinations that occur among the real rows are drawn."""
    ours = Model.sample

    def bug(self: Model, rows: int | None = None, *, seed: int | None = None) -> pa.Table:
        made = ours(self, rows, seed=seed)
        names = [
            name for name in ("town", "member", "colour", "shape") if name in made.column_names
        ]
        real = set(zip(*(leak.cells(name) for name in names), strict=True))
        cells = zip(*(made.column(name).to_pylist() for name in names), strict=True)
        return made.filter(pa.array([cell in real for cell in cells]))

    patch.setattr(Model, "sample", bug)


def exact_marginal(patch: pytest.MonkeyPatch, leak: Leak) -> None:
    """Pairs leave as they are counted, for whoever listens at the door and for whoever does not."""
    release = protocol.add_noise

    def bare(question: Any) -> bool:
        return isinstance(question, Count) and len(question.encodings) == 2

    def bug(question: Any, exact: Any, unit: Any) -> Any:
        if bare(question):
            return np.asarray(exact, dtype=float)
        return release(question, exact, unit)

    ours = Curator.ask

    def ask(self: Curator, questions: Any) -> list[Any]:
        answers = ours(self, questions)
        if self._release is not release:
            return answers
        return [
            np.asarray(self.exact(one), dtype=float) if bare(one) else answer
            for one, answer in zip(questions, answers, strict=True)
        ]

    patch.setattr(Curator, "ask", ask)
    told = understudy.audit.whitebox.audit.__kwdefaults__
    patch.setattr(understudy.audit.whitebox.audit, "__kwdefaults__", {**told, "release": bug})


def double_exponent(patch: pytest.MonkeyPatch, leak: Leak) -> None:
    ours = mechanisms.exponential_choice
    patch.setattr(
        mechanisms, "exponential_choice", lambda scores, width, eps: ours(scores, width, 20 * eps)
    )


def by(*methods: str) -> frozenset[str]:
    return frozenset(methods)


_SEEDED = np.random.default_rng


def _fixed(counts: Any, sigma: float, ours: Any) -> Any:
    drawn = _SEEDED(0).normal(0, sigma, np.shape(counts))
    return np.asarray(counts) + np.rint(drawn).astype(np.int64)


def _occupied(counts: Any, sigma: float, ours: Any) -> Any:
    return np.where(np.asarray(counts) > 0, ours(counts, sigma), 0)


WHITE, BLACK, REPLAY = "white-box", "black-box", "replay"
UNSEEN = NEIGHBOURS["unseen"]
TINY = MargNet(components=8, passes=2)

MUTATIONS = (
    Mutation(trap="1", title="smallest and largest cell as a range", plant=edges, found_by=by(REPLAY)),
    Mutation(trap="2", title="labels read from the rows", plant=labels, found_by=by(REPLAY)),
    Mutation(trap="3", title="a cut at the mean of the cells", plant=cut, found_by=by(REPLAY)),
    Mutation(trap="4", title="a scale that knows the number of rows", plant=sized_scale, found_by=by(REPLAY)),
    Mutation(trap="4", title="the exact number of rows", plant=exact_rows, found_by=by(REPLAY)),
    Mutation(trap="6", title="rows of a person not bounded", plant=unbounded, found_by=by(REPLAY), tables=("visits",)),
    Mutation(trap="6", title="the sensitivity of a row for a person", plant=of_a_row, found_by=by(REPLAY), tables=("visits",)),
    Mutation(trap="7", title="noise scaled for shares", plant=noise_of(lambda c, s: s / max(int(np.sum(c)), 1)), found_by=by(WHITE, BLACK), pair=UNSEEN),
    Mutation(trap="9", title="noise on occupied cells only", plant=noise_by(_occupied), found_by=by(WHITE), pair=NEIGHBOURS["outlier"]),
    Mutation(trap="9", title="labels without a threshold", plant=threshold, found_by=by(WHITE, BLACK), pair=RARE, runs=160, drawn=150),
    Mutation(trap="10", title="the rate for the scale", plant=noise_of(lambda c, s: 1 / s), found_by=by(WHITE, BLACK), pair=UNSEEN),
    Mutation(trap="10", title="half the noise", plant=noise_of(lambda c, s: s / 2), found_by=by(WHITE), epsilon=8.0, pair=NEIGHBOURS["narrow"], runs=400),
    Mutation(trap="10", title="half the noise of aim", plant=noise_of(lambda c, s: s / 2), found_by=by(WHITE), epsilon=8.0, pair=NEIGHBOURS["slim"], runs=400, synthesizer=AIM()),
    Mutation(trap="10", title="half the noise of margnet", plant=noise_of(lambda c, s: s / 2), found_by=by(WHITE), epsilon=8.0, pair=NEIGHBOURS["slim"], runs=400, synthesizer=TINY),
    Mutation(trap="10", title="a choice of twenty times the exponent", plant=double_exponent, found_by=by()),
    Mutation(trap="11", title="a squared score", plant=squared, found_by=by(REPLAY)),
    Mutation(trap="11", title="mutual information as a score", plant=information, found_by=by(REPLAY), tables=("few", "outlier", "survey")),
    Mutation(trap="11", title="a squared score in aim", plant=squared, found_by=by(REPLAY), synthesizer=AIM()),
    Mutation(trap="14", title="seeded noise", plant=noise_by(_fixed), found_by=by(WHITE, BLACK), pair=UNSEEN),
    Mutation(trap="17", title="a real column in the output", plant=real_column, found_by=by(REPLAY, BLACK), pair=UNSEEN),
    Mutation(trap="18", title="more spent than was asked", plant=overspent, found_by=by(WHITE)),
    Mutation(trap="19", title="one charge for a batch", plant=charged_once, found_by=by(REPLAY)),
    Mutation(trap="19", title="a count past the door", plant=past_the_door, found_by=by(REPLAY)),
    Mutation(trap="19", title="exact pairs", plant=exact_marginal, found_by=by(WHITE), pair=UNSEEN),
    Mutation(trap="19", title="exact counts learned by margnet", plant=margnet_learns_rows, found_by=by(REPLAY), synthesizer=TINY),
    Mutation(trap="20, 22", title="a conversion without its logarithm", plant=forgotten_log, found_by=by(WHITE), runs=1_000),
    Mutation(trap="23", title="rounds that stop by the rows", plant=stops_by_rows, found_by=by(REPLAY), synthesizer=AIM()),
    Mutation(trap="29", title="rows in the model file", plant=keeps_rows, found_by=by(REPLAY)),
    Mutation(trap="31", title="zeros of the rows kept", plant=real_support, found_by=by(REPLAY, BLACK), pair=UNSEEN, tables=("few", "outlier")),
)  # fmt: skip
"""In the order of the traps."""
