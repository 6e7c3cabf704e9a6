"""Shadow models: the attacker fits the generator again and learns what one record changes.

Two attacks. *Shadow*: an outsider with reference rows refits the generator on reference rows and
half of the candidates, tossed anew each time, and judges the release by what he learned. *Seeded*:
an insider knows every training row but a few; the generator is refitted on exactly those rows with
and without each target, and half of the refits are the releases to be judged. It is the strongest
attack on rows, and about records: the ones that lie farthest from others, and random ones.

What may not happen here: a refit that both teaches and is judged, or a record score read as ε.

References: Stadler, Oprisanu, Troncoso 2022 (shadow models for synthetic data); Meeus et al. 2023
(Achilles' heels: vulnerable records, query features, arXiv 2306.10308); Guépin et al. 2024
(model-seeded games per record, arXiv 2405.15423); Carlini et al. 2022 (LiRA).
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from understudy.attack.imprints import Imprints, View, view_of
from understudy.attack.leaks import leaky
from understudy.attack.membership import (
    auc_of,
    membership_attack,
    roc_of,
    smallest_auc,
)
from understudy.attack.protocol import (
    ALPHA,
    Attack,
    AttackResult,
    GroupResult,
    Knowledge,
    Level,
    Records,
    Refereed,
    Setting,
    Threat,
)
from understudy.attack.refit import refits
from understudy.evaluate.intervals import clopper_pearson

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Shadows:
    """How often a level refits: for the outsider, and for the insider's records."""

    outsider: int
    insider: int
    records: int


EFFORT: Mapping[Level, Shadows] = {
    "quick": Shadows(outsider=8, insider=24, records=20),
    "release": Shadows(outsider=64, insider=200, records=20),
    "certify": Shadows(outsider=256, insider=1000, records=50),
}
"""Refits by level; `records` are the vulnerable ones, and as many random ones."""

_OUTSIDER = Threat(
    knows_data="all values of the record in question, and other rows of the same population",
    knows_generator="the program and its settings: can fit it again",
    goal="membership",
)
_INSIDER = Threat(
    knows_data="every training row but those in question",
    knows_generator="the program and its settings: can fit it again on the same rows",
    goal="membership",
)


def workers() -> int:
    """Processes for refits: every processor this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def shadow_scores(
    knowledge: Knowledge, candidates: Records, rng: np.random.Generator, *, count: int = 64
) -> Floats:
    """Scores of candidates by what refits with and without them look like.

    Parameters
    ----------
    knowledge
        With a generator and a reference.
    candidates
        Half of them, by coins, are learned from in each refit.
    count
        Refits.
    """
    order = np.lexsort(candidates.arrays)
    sorted_rows = candidates.at(order)
    key = f"shadow {count} {_digest(sorted_rows)}"
    view, seen, usual = knowledge.once(
        key, lambda: _learn(knowledge, sorted_rows, count, rng), of_release=False
    )
    targets = view.cells(sorted_rows)
    scores = np.empty(candidates.rows)
    scores[order] = seen.scores(view.imprint(targets, view.cells(knowledge.synthetic), usual))
    return scores


def _learn(
    knowledge: Knowledge, candidates: Records, count: int, rng: np.random.Generator
) -> tuple[View, Imprints, int]:
    """Refit on reference rows and half of the candidates; nothing of the release is looked at."""
    reference, generator = knowledge.reference, knowledge.generator
    if reference is None or generator is None:
        raise ValueError("shadow models need a reference and a generator")
    view = view_of(knowledge.columns, reference, rng)
    targets = view.cells(candidates)
    seen = Imprints(candidates.rows, len(view.sets))
    spare = max(knowledge.train_rows - candidates.rows // 2, 1)
    base = reference.at(rng.permutation(reference.rows)[:spare])
    usual = base.rows + candidates.rows // 2
    for refit in refits(
        generator, knowledge.columns, base, candidates, count=count, rng=rng, workers=workers()
    ):
        seen.add(view.imprint(targets, view.cells(refit.release), usual), refit.present)
    return view, seen, usual


def _digest(records: Records) -> str:
    """Tells whether records are the ones of before."""
    from hashlib import blake2b

    digest = blake2b(digest_size=16)
    for array in records.arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _shadow(setting: Setting, rng: np.random.Generator) -> AttackResult:
    """The outsider's attack, with the refits of the level."""
    count = EFFORT[setting.level].outsider
    attack = membership_attack(
        key="shadow", title=SHADOW.title, threat=_OUTSIDER, reference=SHADOW.reference,
        score=lambda knows, rows, draw: shadow_scores(knows, rows, draw, count=count),
    )  # fmt: skip
    return attack.run(setting, rng)


def _seeded(setting: Setting, rng: np.random.Generator) -> AttackResult:
    """The insider's result alone."""
    return referee(setting, (), rng).result


def referee(setting: Setting, shares: Sequence[float], rng: np.random.Generator) -> Refereed:
    """The insider's attack on vulnerable and on random records, with its controls.

    Parameters
    ----------
    setting
        With a generator.
    shares
        Of leaked rows, for releases that must be caught: the same refits, with training rows
        mixed in.
    rng
        Draws records, coins and seeds.
    """
    began = time.process_time()
    effort, knows = EFFORT[setting.level], setting.knowledge
    if knows.generator is None:
        raise ValueError("the insider needs a generator")
    places, vulnerable = _records(setting, effort.records, rng)
    targets = setting.members.at(places)
    everyone = setting.members if setting.all_members is None else setting.all_members
    base = everyone.at(np.setdiff1d(np.arange(everyone.rows), places))
    view = view_of(knows.columns, base, rng)
    cells, rows = view.cells(targets), base.rows + targets.rows // 2
    marks: dict[float, list[Floats]] = {share: [] for share in (0.0, *shares)}
    coins: list[NDArray[np.bool_]] = []
    for refit in refits(
        knows.generator, knows.columns, base, targets,
        count=effort.insider, rng=rng, workers=workers(),
    ):  # fmt: skip
        coins.append(refit.present)
        train = base.joined(targets.at(refit.present))
        for share, kept in marks.items():
            made = leaky(refit.release, train, share, rng) if share else refit.release
            kept.append(view.imprint(cells, view.cells(made), rows))
    told = np.stack(coins)
    seconds = time.process_time() - began

    def judged(share: float, coins: NDArray[np.bool_]) -> AttackResult:
        scores, present = learned_and_judged(np.stack(marks[share]), coins)
        return _judge(scores, present, vulnerable, len(view.sets), seconds=seconds)

    return Refereed(
        result=judged(0.0, told),
        negative=judged(0.0, rng.random(told.shape) < 0.5),
        positives=tuple((share, judged(share, told)) for share in sorted(shares, reverse=True)),
    )


def learned_and_judged(marks: Floats, coins: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.bool_]]:
    """Learn from the first half of the refits, score the second.

    Parameters
    ----------
    marks
        Refits x targets x sets.
    coins
        Refits x targets.

    Returns
    -------
    tuple
        Scores and coins of the second half, refits x targets.
    """
    half = len(marks) // 2
    seen = Imprints(marks.shape[1], marks.shape[2])
    for mark, coin in zip(marks[:half], coins[:half], strict=True):
        seen.add(mark, coin)
    return np.stack([seen.scores(mark) for mark in marks[half:]]), coins[half:]


def _judge(
    scores: Floats,
    present: NDArray[np.bool_],
    vulnerable: NDArray[np.bool_],
    sets: int,
    *,
    seconds: float,
) -> AttackResult:
    """The result over all pairs of record and refit, of both kinds of records, and per record."""
    value, interval, p_value = auc_of(scores[present], scores[~present])
    groups = []
    for name, told, mask in (
        ("vulnerable", "training rows with the largest mean distance to their nearest", vulnerable),
        ("random", "training rows drawn at random", ~vulnerable),
    ):
        some, there = scores[:, mask], present[:, mask]
        found, ends, chance = auc_of(some[there], some[~there])
        groups.append(
            GroupResult(
                name=name,
                definition=told,
                members=int(there.sum()),
                controls=int((~there).sum()),
                value=found,
                interval=ends,
                p_value=chance,
            )
        )
    return AttackResult(
        key=SEEDED.key,
        title=SEEDED.title,
        threat=_INSIDER,
        statistic="AUC",
        value=value,
        interval=interval,
        baseline=None,
        control=0.5,
        p_value=p_value,
        limit=smallest_auc(int(present.sum()), int((~present).sum()), ALPHA),
        groups=tuple(groups),
        detail={
            "refits": len(scores),
            "records": int(scores.shape[1]),
            "sets_of_columns": sets,
            "roc": roc_of(scores[present], scores[~present]),
            "tpr_1": _at_rate(scores, present, 0.01),
            "tpr_01": _at_rate(scores, present, 0.001),
            "aucs": _per_record(scores, present),
            "releases_are": "refits, never the release itself",
        },
        seconds=seconds,
    )


def _per_record(scores: Floats, present: NDArray[np.bool_]) -> list[float]:
    """AUC of every record over the judged refits, largest first; no record is named."""
    found = [
        auc_of(scores[there, at], scores[~there, at])[0]
        for at, there in enumerate(present.T)
        if there.any() and not there.all()
    ]
    return sorted(found, reverse=True)


def _at_rate(scores: Floats, present: NDArray[np.bool_], rate: float) -> dict[str, Any] | None:
    """Successes at a false positive rate: threshold from one half of the judged refits."""
    half = len(scores) // 2
    outside = np.sort(scores[:half][~present[:half]])
    allowed = int(np.floor(rate * len(outside)))
    if allowed < 1:
        return None
    threshold = outside[len(outside) - 1 - allowed]
    judged, there = scores[half:], present[half:]
    hits, trials = int((judged[there] > threshold).sum()), int(there.sum())
    alarms, controls = int((judged[~there] > threshold).sum()), int((~there).sum())
    return {
        "asked": rate,
        "hits": hits,
        "trials": trials,
        "tpr": hits / trials,
        "interval": clopper_pearson(hits, trials),
        "false_alarms": alarms,
        "controls": controls,
        "fpr": alarms / controls,
        "fpr_interval": clopper_pearson(alarms, controls),
    }


def _records(
    setting: Setting, count: int, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Places of the most vulnerable members and of random others; which are vulnerable."""
    from understudy.attack.distance import as_points, scales_of
    from understudy.attack.neighbours import closest

    knows, members = setting.knowledge, setting.members
    count = min(count, members.rows // 4)
    table = members if knows.reference is None else knows.reference
    scales = scales_of(knows.columns, table.arrays)
    points, among = as_points(members.arrays, scales), as_points(table.arrays, scales)
    distances, _ = closest(points, among, nearest=6)
    own = 1 if knows.reference is None else 0
    far = np.argsort(-distances[:, own:].mean(axis=1), kind="stable")[:count]
    others = rng.permutation(np.setdiff1d(np.arange(members.rows), far))[:count]
    return np.concatenate([far, others]), np.arange(len(far) + len(others)) < len(far)


SHADOW = Attack(
    key="shadow",
    title="Shadow models of an outsider",
    threat=_OUTSIDER,
    needs=frozenset({"reference", "generator"}),
    statistic="AUC",
    reference="Stadler et al. 2022; features of Houssiau et al. 2022 and Meeus et al. 2023",
    run=_shadow,
    weight=40.0,
)

SEEDED = Attack(
    key="seeded",
    title="Refits by an insider, on the records most at risk",
    threat=_INSIDER,
    needs=frozenset({"generator"}),
    statistic="AUC",
    reference="Guépin et al. 2024 (model-seeded games); Meeus et al. 2023 (vulnerable records)",
    run=_seeded,
    weight=100.0,
    referee=referee,
)
