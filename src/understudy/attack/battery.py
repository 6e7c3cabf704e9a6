"""All attacks on one release, with the controls without which none of them says anything.

Every attack faces a harmless release (it must stay quiet), releases with ever fewer leaked rows
(the smallest share it catches is its limit of detection) and the release itself. p-values are
corrected for the number of attacks by Holm's procedure. What may not happen here: a verdict from
an attack that missed the leaky release or cried at the harmless one, and a word that clears.

Reference: S. Holm, A simple sequentially rejective multiple test procedure, 1979.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from understudy.attack.distance import as_points, scales_of
from understudy.attack.game import Effort, Game
from understudy.attack.leaks import harmless, leaky
from understudy.attack.neighbours import closest
from understudy.attack.protocol import (
    ALPHA,
    Attack,
    AttackResult,
    NotRun,
    Refereed,
    Setting,
)
from understudy.errors import UnderstudyError

Word = Literal["leak detected", "not detected", "not assessed"]
"""What an attack may say; `violated` is for bounds on ε, which no attack here gives."""

Tell = Callable[[str, float], None]

LEAK = "training rows in the release, half of them unchanged and half with small noise"
"""What the limit of detection is a share of."""

START = 0.2
"""Share of leaked rows that is tried first."""

UNEASY = 0.05
"""p-value on the release, before the correction, below which no limit of detection is claimed."""

_PROBE = 64
_LEARNING = 0.35
_ROWS = 25_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Caught:
    """How an attack did on releases with a stated share of leaked rows.

    Parameters
    ----------
    share
        Of the release's rows, 0 to 1.
    times, of
        How many of the leaky releases raised the alarm at the corrected level.
    value
        Mean of the attack's statistic.
    """

    share: float
    times: int
    of: int
    value: float

    @property
    def always(self) -> bool:
        """Whether all of them did."""
        return self.times == self.of


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """One attack with its controls and its word.

    Parameters
    ----------
    result
        On the release.
    adjusted
        Holm's p-value over the battery.
    negative
        On the harmless release.
    negative_adjusted
        Holm's p-value there; below the level the attack is not believed.
    positives
        On leaky releases, largest share first.
    word, reason
        The verdict, and why, in a sentence.
    limit
        Smallest share of leaked rows that was caught every time; None when not assessed.
    """

    result: AttackResult
    adjusted: float
    negative: AttackResult
    negative_adjusted: float
    positives: tuple[Caught, ...]
    word: Word
    reason: str
    limit: float | None

    @property
    def text(self) -> str:
        """The verdict as it is printed."""
        return told(self.word, self.limit)


@dataclass(frozen=True, kw_only=True, slots=True)
class Battery:
    """What a battery of attacks found on one release: internal.

    Parameters
    ----------
    outcomes
        Attacks that ran, with their words.
    not_run
        Attacks that did not, and why.
    blind
        The baseline that never sees the release.
    word, reason, limit
        The verdict over all attacks, and the smallest limit among those that were assessed.
    alpha
        Chance of one false alarm or more.
    level, seed
        As asked.
    rows
        Rows of the tables, and of candidates and reference as they were used.
    left_out
        (column, reason) of columns no attack looked at.
    estimated, seconds
        Seconds expected beforehand, and processor seconds used.
    """

    outcomes: tuple[Outcome, ...]
    not_run: tuple[NotRun, ...]
    blind: AttackResult
    word: Word
    reason: str
    limit: float | None
    alpha: float
    level: str
    seed: int
    rows: Mapping[str, int]
    left_out: tuple[tuple[str, str], ...]
    estimated: float
    seconds: float
    notes: tuple[str, ...] = ()
    detail: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def text(self) -> str:
        """The verdict as it is printed."""
        return told(self.word, self.limit)

    def outcome(self, key: str) -> Outcome | None:
        """The outcome of one attack, or None."""
        return next((one for one in self.outcomes if one.result.key == key), None)


def told(word: Word, limit: float | None) -> str:
    """A verdict as it is printed; what was not detected has its limit.

    >>> told("not detected", 0.05)
    'not detected, limit of detection 5 % leaked rows'
    """
    if word != "not detected" or limit is None:
        return word
    return f"{word}, limit of detection {100 * limit:g} % leaked rows"


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the order given.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda at: p_values[at])
    adjusted, largest = [0.0] * len(p_values), 0.0
    for turn, at in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - turn) * p_values[at]))
        adjusted[at] = largest
    return adjusted


def run_battery(
    game: Game,
    attacks: Sequence[Attack],
    *,
    blind: Attack,
    seed: int = 0,
    alpha: float = ALPHA,
    progress: Tell | None = None,
) -> Battery:
    """Run attacks on a release and on its controls.

    Parameters
    ----------
    game
        What is played, and the training rows for leaky releases.
    attacks
        What to run; one that lacks what it needs, or fails with an error of ours, is reported.
    blind
        The attacker who never sees the release.
    seed
        Of everything drawn here.
    alpha
        Chance of one false alarm or more over the battery.
    progress
        Told what is done and the share of it.

    Returns
    -------
    Battery
        Computed on real rows: internal.
    """
    run = _Run(game=game, seed=seed, tell=progress or _quiet)
    began = time.process_time()
    estimated = estimate_seconds(game, attacks)
    base = run.one(blind, game.setting, "blind")
    if isinstance(base, NotRun):
        raise UnderstudyError(base.reason)
    able = [attack for attack in attacks if attack.missing(game.setting) is None]
    not_run = [
        NotRun(key=attack.key, title=attack.title, reason=reason)
        for attack in attacks
        if (reason := attack.missing(game.setting)) is not None
    ]
    alone = [attack for attack in able if attack.referee is not None]
    able = [attack for attack in able if attack.referee is None]
    quiet = game.setting.facing(harmless(game.setting.knowledge, run.generator("harmless", 0)))
    run.plan(len(able), game.effort)
    negatives = run.all(able, quiet, "a harmless release", not_run)
    del quiet
    able = [attack for attack in able if attack.key in negatives]
    results = run.all(able, game.setting, "the release", not_run)
    able = [attack for attack in able if attack.key in results]
    level = alpha / max(1, len(able) + len(alone))
    caught = _caught(run, able, level, not_run)
    for attack in alone:
        found = run.refereed(attack)
        if isinstance(found, NotRun):
            not_run.append(found)
            continue
        results[attack.key], negatives[attack.key] = found.result, found.negative
        caught[attack.key] = tuple(
            Caught(share=share, times=int(one.p_value < level), of=1, value=one.value)
            for share, one in found.positives
        )
    outcomes = _judged(results, negatives, caught, base, alpha)
    word, reason, limit = _verdict(outcomes, base, alpha)
    knows = game.setting.knowledge
    run.tell("Done", 1.0)
    return Battery(
        outcomes=tuple(outcomes),
        not_run=tuple(not_run),
        blind=base,
        word=word,
        reason=reason,
        limit=limit,
        alpha=alpha,
        level=game.setting.level,
        seed=seed,
        rows={
            **game.rows,
            "members tried": game.setting.members.rows,
            "controls tried": game.setting.controls.rows,
            "reference used": knows.reference.rows if knows.reference else 0,
            "synthetic used": knows.synthetic.rows,
        },
        left_out=game.left_out,
        estimated=estimated,
        seconds=time.process_time() - began,
    )


def estimate_seconds(game: Game, attacks: Sequence[Attack]) -> float:
    """Processor seconds a battery will take, from a probe of the distances: within a factor of two.

    Parameters
    ----------
    game, attacks
        As for `run_battery`.
    """
    setting, knows = game.setting, game.setting.knowledge
    scales = scales_of(knows.columns, knows.synthetic.arrays)
    probe = as_points(setting.members.at(slice(0, _PROBE)).arrays, scales)
    made = as_points(knows.synthetic.arrays, scales)
    began = time.process_time()
    closest(probe, made, nearest=10)
    each = (time.process_time() - began) / max(1, probe.rows)
    candidates = setting.members.rows + setting.controls.rows
    able = [attack for attack in attacks if attack.missing(setting) is None]
    learning = _LEARNING * sum(attack.weight for attack in able) * knows.synthetic.rows / _ROWS
    releases = 2 + 0.7 * game.effort.repeats * len(game.effort.shares)
    return float(releases * (2.0 * each * candidates + learning))


@dataclass(kw_only=True)
class _Run:
    """Runs attacks on releases, with a generator for each and progress over all."""

    game: Game
    seed: int
    tell: Tell
    done: int = 0
    total: int = 1

    def plan(self, attacks: int, effort: Effort) -> None:
        """How many runs there will be at most."""
        self.total = attacks * (2 + effort.repeats * len(effort.shares))

    def generator(self, key: str, turn: int) -> np.random.Generator:
        """A generator of its own for each attack and release."""
        return np.random.default_rng([self.seed, zlib.crc32(key.encode()), turn])

    def one(
        self, attack: Attack, setting: Setting, key: str, turn: int = 0
    ) -> AttackResult | NotRun:
        """One attack on one release; a failure of ours is a result too."""
        began = time.process_time()
        try:
            return attack.run(setting, self.generator(f"{attack.key} {key}", turn))
        except (UnderstudyError, ValueError, ArithmeticError) as failure:
            return _failed(attack, failure, began)

    def refereed(self, attack: Attack) -> Refereed | NotRun:
        """An attack that makes releases of its own, with its controls."""
        self.tell(f"{attack.title}: refits", min(0.99, self.done / self.total))
        began = time.process_time()
        assert attack.referee is not None
        try:
            return attack.referee(
                self.game.setting, self.game.effort.shares, self.generator(attack.key, 0)
            )
        except (UnderstudyError, ValueError, ArithmeticError) as failure:
            return _failed(attack, failure, began)

    def all(
        self,
        attacks: Sequence[Attack],
        setting: Setting,
        what: str,
        not_run: list[NotRun],
        turn: int = 0,
    ) -> dict[str, AttackResult]:
        """Attacks on one release; those that failed are noted."""
        found = {}
        for attack in attacks:
            self.tell(f"{attack.title}: {what}", min(0.99, self.done / self.total))
            result = self.one(attack, setting, what, turn)
            self.done += 1
            if isinstance(result, NotRun):
                not_run.append(replace(result, reason=f"{result.reason} (on {what})"))
            else:
                found[attack.key] = result
        return found


def _failed(attack: Attack, failure: Exception, began: float) -> NotRun:
    """A failure of ours as a result."""
    told = None
    if isinstance(failure, UnderstudyError):
        told = f"{failure.message}: {failure.hint}" if failure.hint else failure.message
    return NotRun(
        key=attack.key,
        title=attack.title,
        reason=told or f"failed with {type(failure).__name__}",
        seconds=time.process_time() - began,
    )


def _caught(
    run: _Run, attacks: Sequence[Attack], level: float, not_run: list[NotRun]
) -> dict[str, tuple[Caught, ...]]:
    """Leaky releases, fewer leaked rows each time until one is missed, more if the first was."""
    shares = run.game.effort.shares
    found: dict[str, list[Caught]] = {attack.key: [] for attack in attacks}
    active = list(attacks)
    for share in (share for share in shares if share <= START):
        for key, one in _at_share(run, active, share, level, not_run):
            found[key].append(one)
        active = [a for a in active if found[a.key] and found[a.key][-1].always]
    missed = [a for a in attacks if not any(one.always for one in found[a.key])]
    for share in sorted(share for share in shares if share > START):
        for key, one in _at_share(run, missed, share, level, not_run):
            found[key].insert(0, one)
        missed = [a for a in missed if not any(one.always for one in found[a.key])]
    return {key: tuple(kept) for key, kept in found.items()}


def _at_share(
    run: _Run, attacks: Sequence[Attack], share: float, level: float, not_run: list[NotRun]
) -> Iterator[tuple[str, Caught]]:
    """Attacks on a few releases with one share of leaked rows."""
    game = run.game
    if not attacks:
        return
    results: dict[str, list[AttackResult]] = {attack.key: [] for attack in attacks}
    for turn in range(game.effort.repeats):
        rng = run.generator(f"leaky {share:g}", turn)
        release = leaky(game.setting.knowledge.synthetic, game.train, share, rng)
        what = f"{100 * share:g} % leaked rows"
        facing = game.setting.facing(release)
        for key, result in run.all(attacks, facing, what, not_run, turn).items():
            results[key].append(result)
    for key, kept in results.items():
        if kept:
            yield (
                key,
                Caught(
                    share=share,
                    times=sum(result.p_value < level for result in kept),
                    of=game.effort.repeats,
                    value=float(np.mean([result.value for result in kept])),
                ),
            )


def _judged(
    results: Mapping[str, AttackResult],
    negatives: Mapping[str, AttackResult],
    caught: Mapping[str, tuple[Caught, ...]],
    blind: AttackResult,
    alpha: float,
) -> list[Outcome]:
    """Every attack with its word."""
    keys = list(results)
    adjusted = holm([results[key].p_value for key in keys])
    quiet = holm([negatives[key].p_value for key in keys])
    outcomes = []
    for key, p_value, negative in zip(keys, adjusted, quiet, strict=True):
        result = results[key]
        if result.threat.goal == "membership" and result.baseline is None:
            result = replace(result, baseline=blind.value)
        limit = min((one.share for one in caught[key] if one.always), default=None)
        word, reason = _word(p_value, result.p_value, negative, limit, alpha)
        outcomes.append(
            Outcome(
                result=result,
                adjusted=p_value,
                negative=negatives[key],
                negative_adjusted=negative,
                positives=caught[key],
                word=word,
                reason=reason,
                limit=limit if word == "not detected" else None,
            )
        )
    return outcomes


def _word(
    p_value: float, alone: float, negative: float, limit: float | None, alpha: float
) -> tuple[Word, str]:
    """The word of one attack.

    Leaked rows are added to the release itself. Where the attack is close to an alarm without them
    (`alone`, its p-value before the correction), catching a few more proves little.
    """
    if negative < alpha:
        return "not assessed", "it raised the alarm at a release that cannot leak"
    if limit is None:
        return "not assessed", "it missed the release that leaks on purpose"
    if p_value < alpha:
        return "leak detected", "it tells training rows from others beyond chance"
    if alone < UNEASY:
        return "not assessed", "it comes close to an alarm, so what was leaked on top proves little"
    return "not detected", "it found nothing, and finds this much when it is there"


def _verdict(
    outcomes: Sequence[Outcome], blind: AttackResult, alpha: float
) -> tuple[Word, str, float | None]:
    """The word over all attacks."""
    if blind.p_value < alpha:
        reason = (
            "training rows can be told from the holdout without the release: they are not parts of "
            "one random split"
        )
        return "not assessed", reason, None
    assessed = [one for one in outcomes if one.word != "not assessed"]
    if not assessed:
        return "not assessed", "no attack passed its controls", None
    leaking = [one for one in assessed if one.word == "leak detected"]
    if leaking:
        names = ", ".join(one.result.title for one in leaking[:3])
        more = f" and {len(leaking) - 3} more" if len(leaking) > 3 else ""
        return "leak detected", f"{names}{more}: training rows beyond chance", None
    limit = min(one.limit for one in assessed if one.limit is not None)
    reason = (
        f"{len(assessed)} attacks found nothing; another attack may. The limit is the smallest "
        f"share of {LEAK} that was caught"
    )
    return "not detected", reason, limit


def _quiet(_stage: str, _share: float) -> None:
    """Tell nobody."""
