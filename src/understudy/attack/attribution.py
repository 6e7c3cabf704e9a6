"""Correct attribution: how sure the release makes an attacker of a secret, by the rows that agree.

Threat model: the attacker knows some values of a person, takes all rows of the release that agree
in most of them, and believes each secret as far as it is common there. The correct attribution
probability (CAP) of a person is the share of the true secret among rows that agree in everything;
the generalised one (GCAP) is the share among the rows that agree most; the targeted one (TCAP)
looks only at people for whom the release leaves no doubt. Numbers are compared by tenths of the
release. What may not happen here: a bin edge taken from a real row.

References: Taub, Elliot, Pampaka, Smith, Differential Correct Attribution Probability for
Synthetic Data, PSD 2018; Taub and Elliot, The Synthetic Data Challenge, UNECE 2019.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.attack.gower import Scaled, nearest_sets
from understudy.attack.protocol import Attack, AttackResult, Records, Setting
from understudy.attack.secrets import (
    GUESSES_A_SECRET,
    Answer,
    Question,
    blind_source,
    judged,
    plans_of,
    questions_of,
    targets_of,
)
from understudy.attack.success import Successes

BINS = 10
"""Numbers are compared by this many parts of the release with equally many rows."""

Codes = NDArray[np.int32]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Attributed:
    """What the agreeing rows say of each target.

    Parameters
    ----------
    share
        Share of the true secret among the rows that agree most: GCAP, 0 to 1.
    right
        Whether the most common secret among them is the true one.
    exact
        Whether they agree in everything that is known.
    certain
        Whether they leave no doubt: one secret among them, and they agree in everything.
    """

    share: Floats
    right: NDArray[np.bool_]
    exact: NDArray[np.bool_]
    certain: NDArray[np.bool_]

    def told(self) -> dict[str, float | int | None]:
        """CAP, GCAP and TCAP in JSON's types; None where nobody qualifies."""
        return {
            "gcap": float(self.share.mean()),
            "cap": float(self.share[self.exact].mean()) if self.exact.any() else None,
            "matched": int(self.exact.sum()),
            "tcap": float(self.share[self.certain].mean()) if self.certain.any() else None,
            "certain": int(self.certain.sum()),
        }


def binned(release: Records, *others: Records, bins: int = BINS) -> tuple[Scaled, ...]:
    """Labels as they are, numbers as tenths of the release; the same for the other tables.

    >>> table = Records(arrays=(np.arange(100.0),))
    >>> binned(table, table.at(np.array([0, 99])))[1].columns[0].tolist()
    [0, 9]
    """
    tables: list[list[NDArray[Any]]] = [[] for _ in range(1 + len(others))]
    for place, made in enumerate(release.arrays):
        arrays = [made, *(other.arrays[place] for other in others)]
        if made.dtype.kind == "f":
            known = made[~np.isnan(made)]
            shares = np.linspace(0.0, 1.0, bins + 1)[1:-1]
            edges = np.unique(np.quantile(known, shares)) if known.size else np.empty(0)
            arrays = [
                np.where(np.isnan(one), -1, np.searchsorted(edges, one, side="right")).astype(
                    np.int32
                )
                for one in arrays
            ]
        top = max(int(array.max(initial=-1)) for array in arrays)
        for table, array in zip(tables, arrays, strict=True):
            table.append(array.astype(np.uint8 if top < 255 else np.int32))
    nothing = (False,) * len(release.arrays)
    return tuple(Scaled(columns=tuple(one), numeric=nothing, gaps=nothing) for one in tables)


def attributed(
    targets: Scaled, release: Scaled, asked: tuple[Question, ...]
) -> tuple[Attributed, ...]:
    """Look up every target among the rows of the release that agree most, for every secret.

    Parameters
    ----------
    targets, release
        From `binned`.
    asked
        Secrets and known columns.
    """
    made = [_Empty(size=targets.size) for _ in asked]
    for plan in plans_of(asked):
        for answer, part, which, places, smallest in nearest_sets(
            targets, release, plan.known, plan.left_out
        ):
            for turn in plan.questions(answer):
                secret = asked[turn].secret
                made[turn].fill(
                    part,
                    which,
                    _dense(release.columns[secret][places]),
                    _dense(targets.columns[secret][part]),
                    smallest,
                )
    return tuple(
        Attributed(share=one.share, right=one.right, exact=one.exact, certain=one.certain)
        for one in made
    )


def attribute(setting: Setting, _rng: np.random.Generator) -> AttackResult:
    """Attribute every secret of every target by the rows that agree most."""
    began = time.process_time()
    knowledge, targets = setting.knowledge, targets_of(setting)
    asked = questions_of(knowledge)
    release, members, controls, blind = binned(
        knowledge.synthetic, targets.members, targets.controls, blind_source(knowledge)
    )
    ours, theirs = attributed(members, release, asked), attributed(controls, release, asked)
    answers = []
    for turn, question in enumerate(asked):
        made = _dense(blind.columns[question.secret])
        common = np.bincount(made).argmax()
        truth = _dense(members.columns[question.secret])
        shares = np.bincount(made, minlength=int(truth.max(initial=0)) + 1) / made.size
        answers.append(
            Answer(
                question=question,
                members=ours[turn].right,
                controls=theirs[turn].right,
                blind=Successes.of(truth == common),
                detail={
                    "members": ours[turn].told(),
                    "controls": theirs[turn].told(),
                    "baseline_cap": float(shares[truth].mean()),
                },
            )
        )
    return judged(ATTRIBUTION, setting, targets, answers, began, bins=BINS)


@dataclass(kw_only=True)
class _Empty:
    """Room for the answers of one question."""

    size: int

    def __post_init__(self) -> None:
        """Nothing is known yet."""
        self.share = np.zeros(self.size)
        self.right, self.exact, self.certain = (np.zeros(self.size, dtype=bool) for _ in range(3))

    def fill(
        self,
        part: slice,
        which: NDArray[np.intp],
        secrets: NDArray[np.intp],
        truth: NDArray[np.intp],
        smallest: NDArray[Any],
    ) -> None:
        """Count the secrets of the agreeing rows of a few targets."""
        width = int(max(secrets.max(initial=0), truth.max(initial=0))) + 1
        counts = np.bincount(which * width + secrets, minlength=truth.size * width)
        counts = counts.reshape(truth.size, width)
        size, each = counts.sum(axis=1), np.arange(truth.size)
        self.share[part] = counts[each, truth] / size
        self.right[part] = counts.argmax(axis=1) == truth
        self.exact[part] = smallest == 0
        self.certain[part] = (smallest == 0) & (counts.max(axis=1) == size)


def _dense(codes: NDArray[Any]) -> NDArray[np.intp]:
    """Codes from 0, missing first: in 8 bits missing has wrapped around to 255."""
    if codes.dtype == np.uint8:
        return np.asarray((codes + np.uint8(1)).astype(np.intp))
    return np.asarray(codes.astype(np.intp) + 1)


ATTRIBUTION = Attack(
    key="attribution",
    title="Attribution by the rows that agree most (CAP)",
    threat=GUESSES_A_SECRET,
    needs=frozenset(),
    statistic="attack rate",
    reference="Taub, Elliot, Pampaka and Smith, PSD 2018; Taub and Elliot, UNECE 2019",
    run=attribute,
    weight=2.0,
)
