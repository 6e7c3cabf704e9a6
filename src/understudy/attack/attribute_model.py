"""Attribute inference by a model: a forest learns the secret from the release and is asked.

Threat model: the attacker knows some values of a person and trains a classifier on the release to
predict another one. A useful release teaches what holds for people in general, and a control is
guessed as well then; a leak is what is guessed better of members. What may not happen here: a
feature, a bin or an order of labels taken from a real row.

References: Stadler, Oprisanu, Troncoso, Synthetic Data: Anonymisation Groundhog Day, USENIX
Security 2022; Yeom et al., Privacy Risk in Machine Learning, CSF 2018.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.attack.learners import forest, matrix_of
from understudy.attack.protocol import Attack, AttackResult, Records, Setting
from understudy.attack.secrets import (
    GUESSES_A_SECRET,
    Answer,
    blind_source,
    judged,
    questions_of,
    right,
    targets_of,
)
from understudy.attack.success import Successes

TREES = {"quick": 10, "release": 30, "certify": 100}
ROWS = {"quick": 5_000, "release": 25_000, "certify": 100_000}
BINS = 20
"""Parts of a numeric secret that are told apart; the guess is the middle value of one."""

_NOWHERE = np.float32(-1e9)


def by_frequency(release: Records, *others: Records) -> tuple[Records, ...]:
    """Label codes in the order of their frequency in the release; unseen ones come last.

    >>> table = Records(arrays=(np.array([2, 2, 0], np.int32),))
    >>> by_frequency(table, Records(arrays=(np.array([1, 0, -1], np.int32),)))[1].arrays[0].tolist()
    [2, 1, -1]
    """
    tables: list[list[NDArray[Any]]] = [[] for _ in range(1 + len(others))]
    for place, made in enumerate(release.arrays):
        arrays = [made, *(other.arrays[place] for other in others)]
        if made.dtype.kind != "f":
            width = max(int(array.max(initial=0)) for array in arrays) + 1
            counts = np.bincount(made[made >= 0], minlength=width)
            rank = np.empty(width + 1, dtype=np.int32)
            rank[np.argsort(-counts, kind="stable")] = np.arange(width)
            rank[:width][counts == 0] = int((counts > 0).sum())
            rank[-1] = -1
            arrays = [rank[array] for array in arrays]
        for table, array in zip(tables, arrays, strict=True):
            table.append(array)
    return tuple(Records(arrays=tuple(table)) for table in tables)


def predict(setting: Setting, rng: np.random.Generator) -> AttackResult:
    """Train a forest for every secret and ask it about every target."""
    began = time.process_time()
    knowledge, targets = setting.knowledge, targets_of(setting)
    rows = rng.permutation(knowledge.synthetic.rows)[: ROWS[setting.level]]
    release = knowledge.synthetic.at(rows)
    coded = by_frequency(release, targets.members, targets.controls)
    learned, ours, theirs = (_features(records) for records in coded)
    answers = []
    for question in questions_of(knowledge):
        labels, values = _classes(release.arrays[question.secret])
        known = list(question.known)
        both = np.concatenate([ours[:, known], theirs[:, known]])
        seed = int(rng.integers(1 << 31))
        found = forest(learned[:, known], labels, both, trees=TREES[setting.level], seed=seed)
        guesses = np.split(values[found], [len(ours)])
        usual = _usual(blind_source(knowledge).arrays[question.secret])
        truths = [side.arrays[question.secret] for side in (targets.members, targets.controls)]
        correct = [
            right(knowledge, question.secret, guess, truth)
            for guess, truth in zip(guesses, truths, strict=True)
        ]
        blind = right(knowledge, question.secret, np.full(len(ours), usual), truths[0])
        answers.append(
            Answer(
                question=question,
                members=correct[0],
                controls=correct[1],
                blind=Successes.of(blind),
                detail={},
            )
        )
    return judged(
        ATTRIBUTE_MODEL, setting, targets, answers, began,
        trees=TREES[setting.level], rows_learned_from=release.rows,
    )  # fmt: skip


def _features(records: Records) -> NDArray[np.float32]:
    """Features of trees without a missing one."""
    matrix = matrix_of(records)
    return np.where(np.isnan(matrix), _NOWHERE, matrix)


def _usual(values: NDArray[Any]) -> Any:
    """The single guess that is right most often."""
    labels, guesses = _classes(values)
    return guesses[np.bincount(labels).argmax()]


def _classes(made: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[Any]]:
    """The class of each value of the release, and the value that is guessed for each class."""
    if made.dtype.kind != "f":
        values, labels = np.unique(made, return_inverse=True)
        return labels.astype(np.intp), values
    lost = np.isnan(made)
    known = made[~lost]
    if not known.size:
        return np.zeros(made.size, dtype=np.intp), np.array([np.nan])
    edges = np.unique(np.quantile(known, np.linspace(0.0, 1.0, BINS + 1)[1:-1]))
    labels = np.where(lost, edges.size + 1, np.searchsorted(edges, made, side="right"))
    values = np.full(edges.size + 2, np.nan)
    for label in np.unique(labels[~lost]):
        values[label] = np.median(made[labels == label])
    return labels.astype(np.intp), values


ATTRIBUTE_MODEL = Attack(
    key="attribute_model",
    title="Attribute inference by a model",
    threat=GUESSES_A_SECRET,
    needs=frozenset(),
    statistic="attack rate",
    reference=(
        "Stadler, Oprisanu and Troncoso, USENIX Security 2022, arXiv 2011.07018; "
        "Yeom et al., CSF 2018, arXiv 1709.01604"
    ),
    run=predict,
    weight=4.0,
)
