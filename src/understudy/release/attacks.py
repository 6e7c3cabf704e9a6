"""Evidence of attacks on a release: computed on real rows, internal by type.

Every attack keeps its threat model, its controls and its failure. What may not happen here: a way
into public evidence, a word outside the four, or a result without its controls.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import ConfigDict, Field

from understudy.release.value import Share, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from understudy.attack.battery import Battery, Outcome
    from understudy.attack.protocol import AttackResult

AttackWord = Literal["leak detected", "not detected", "not assessed"]

ARTICLE_29 = ("singling out", "linkability", "inference")
"""The three questions of the Art. 29 Working Party's opinion on anonymisation."""

NO_LIMIT = "no limit of detection is known"


class AttackThreat(Value):
    """What the attacker knows and wants."""

    model_config = ConfigDict(from_attributes=True)

    knows_data: str
    knows_generator: str
    goal: str


class LowRate(Value):
    """Members recognised at a low false positive rate, at a threshold chosen on other rows."""

    asked: Share
    hits: int
    trials: int
    tpr: Share
    interval: tuple[float, float]
    fpr: Share
    fpr_interval: tuple[float, float]


class AttackedGroup(Value):
    """The attack among outliers or a declared minority."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    definition: str
    members: int
    controls: int
    value: float | None = None
    interval: tuple[float, float] | None = None
    p_value: float | None = None


class LeakyControl(Value):
    """How often the attack caught a release with this share of leaked rows."""

    model_config = ConfigDict(from_attributes=True)

    share: Share
    times: int
    of: int
    value: float


class AttackFigure(Value):
    """One attack with its controls and its word.

    `value` is the statistic on the release, `control` what it is without a leak, `baseline` what
    an attacker reaches who never sees the release. `negative` is the statistic on a release that
    cannot leak, `positives` on releases that do, and `limit` the smallest share caught.
    """

    key: str
    title: str
    threat: AttackThreat
    statistic: str
    value: float
    interval: tuple[float, float]
    baseline: float | None
    control: float
    p_value: Share
    adjusted: Share
    smallest: float | None
    rates: tuple[LowRate, ...] = ()
    roc: tuple[tuple[float, float], ...] = ()
    groups: tuple[AttackedGroup, ...] = ()
    negative: float
    negative_adjusted: Share
    positives: tuple[LeakyControl, ...] = ()
    word: AttackWord
    text: str
    reason: str
    limit: Share | None = None
    reference: str = ""
    seconds: float = Field(default=0.0, ge=0)
    detail: dict[str, Any] = Field(default_factory=dict)


class AttackNotRun(Value):
    """An attack that was not run, or failed, and why."""

    model_config = ConfigDict(from_attributes=True)

    key: str
    title: str
    reason: str
    seconds: float = 0.0


class Blind(Value):
    """The baseline that never sees the release; if it succeeds, no attack means anything."""

    value: float
    interval: tuple[float, float]
    p_value: Share


class AttackAnnex(Value):
    """All attacks on one release: the machine-readable annex of the dossier. Internal.

    `epsilon` and `delta` are the claim of the release, where its model was given.
    """

    created: dt.datetime
    level: str
    seed: int
    alpha: Share
    word: AttackWord
    text: str
    reason: str
    limit: Share | None = None
    attacks: tuple[AttackFigure, ...] = ()
    not_run: tuple[AttackNotRun, ...] = ()
    blind: Blind
    rows: tuple[tuple[str, int], ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    estimated: float = Field(default=0.0, ge=0)
    seconds: float = Field(default=0.0, ge=0)
    epsilon: float | None = None
    delta: float | None = None

    def of_goal(self, goal: str) -> tuple[AttackFigure, ...]:
        """Attacks with this goal."""
        return tuple(one for one in self.attacks if one.threat.goal == goal)

    def to_json(self) -> str:
        """Write as indented JSON text that ends in a newline."""
        return self.model_dump_json(indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read JSON text, refusing fields that are not part of the type."""
        return cls.model_validate_json(text)


def annex_of(
    battery: Battery,
    *,
    created: dt.datetime,
    references: dict[str, str] | None = None,
    epsilon: float | None = None,
    delta: float | None = None,
) -> AttackAnnex:
    """Make the annex from what a battery found.

    Parameters
    ----------
    battery
        Results, computed on real rows.
    created
        When, with a time zone.
    references
        Where each attack's definition comes from, by its key.
    epsilon, delta
        The claim, where it is known.
    """
    blind = battery.blind
    return AttackAnnex(
        created=created,
        level=battery.level,
        seed=battery.seed,
        alpha=battery.alpha,
        word=battery.word,
        text=battery.text,
        reason=battery.reason,
        limit=battery.limit,
        attacks=tuple(_figure(one, references or {}) for one in battery.outcomes),
        not_run=tuple(AttackNotRun.model_validate(one) for one in battery.not_run),
        blind=Blind(value=blind.value, interval=blind.interval, p_value=blind.p_value),
        rows=tuple(battery.rows.items()),
        left_out=battery.left_out,
        estimated=battery.estimated,
        seconds=battery.seconds,
        epsilon=epsilon,
        delta=delta,
    )


def _figure(outcome: Outcome, references: dict[str, str]) -> AttackFigure:
    """One outcome as evidence."""
    result = outcome.result
    told = result.to_json()
    detail = dict(told["detail"])
    roc = detail.pop("roc", None) or ()
    return AttackFigure(
        key=result.key,
        title=result.title,
        threat=AttackThreat.model_validate(result.threat),
        statistic=result.statistic,
        value=result.value,
        interval=result.interval,
        baseline=result.baseline,
        control=result.control,
        p_value=result.p_value,
        adjusted=outcome.adjusted,
        smallest=result.limit,
        rates=tuple(_rates(result)),
        roc=tuple((point[0], point[1]) for point in roc),
        groups=tuple(AttackedGroup.model_validate(group) for group in result.groups),
        negative=outcome.negative.value,
        negative_adjusted=outcome.negative_adjusted,
        positives=tuple(LeakyControl.model_validate(one) for one in outcome.positives),
        word=outcome.word,
        text=outcome.text,
        reason=outcome.reason,
        limit=outcome.limit,
        reference=references.get(result.key, ""),
        seconds=result.seconds,
        detail=detail,
    )


def _rates(result: AttackResult) -> Iterator[LowRate]:
    """Successes at low false positive rates, where an attack counts them."""
    for name in ("tpr_1", "tpr_01"):
        found = result.detail.get(name)
        if found:
            yield LowRate(
                **{field: found[field] for field in LowRate.model_fields if field != "asked"},
                asked=found["asked"],
            )


def tidy_attacks(annex: AttackAnnex) -> str:
    """Every figure as a line of CSV, for a table program or a statistician.

    The columns are attack, goal, release (`release`, `harmless`, `leaky`), share, group,
    statistic, value, low, high, p_value, adjusted, word.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ("attack", "goal", "release", "share", "group", "statistic", "value", "low", "high",
         "p_value", "adjusted", "word")
    )  # fmt: skip
    for one in annex.attacks:
        writer.writerows(_lines(one))
    for skipped in annex.not_run:
        writer.writerow((skipped.key, "", "release", "", "", "", "", "", "", "", "", "not run"))
    return out.getvalue()


def _lines(one: AttackFigure) -> Iterable[tuple[Any, ...]]:
    """The lines of one attack."""
    goal = one.threat.goal
    yield (
        one.key, goal, "release", "", "all", one.statistic, one.value, *one.interval, one.p_value,
        one.adjusted, one.word,
    )  # fmt: skip
    for rate in one.rates:
        name = f"TPR at {rate.asked:g} FPR"
        yield (
            one.key, goal, "release", "", "all", name, rate.tpr, *rate.interval, "", "", "",
        )  # fmt: skip
        yield (
            one.key, goal, "release", "", "all", f"FPR at {rate.asked:g}", rate.fpr,
            *rate.fpr_interval, "", "", "",
        )  # fmt: skip
    if "risk" in one.detail:
        yield (
            one.key, goal, "release", "", "all", "risk", one.detail["risk"],
            *one.detail["risk_interval"], "", "", "",
        )  # fmt: skip
    for secret in one.detail.get("secrets", ()):
        about = f"secret {secret['secret']}"
        for name, whose in (("attack rate", "attack"), ("control rate", "control")):
            yield (
                one.key, goal, "release", "", about, name, secret[whose]["rate"],
                *secret[whose]["interval"], "", "", "",
            )  # fmt: skip
        yield (
            one.key, goal, "release", "", about, "risk", secret["risk"],
            *secret["risk_interval"], secret["p_value"], "", "",
        )  # fmt: skip
    for group in one.groups:
        low, high = group.interval or ("", "")
        yield (
            one.key, goal, "release", "", group.name, one.statistic,
            "" if group.value is None else group.value, low, high,
            "" if group.p_value is None else group.p_value, "", "",
        )  # fmt: skip
    yield (
        one.key, goal, "harmless", 0.0, "all", one.statistic, one.negative, "", "", "",
        one.negative_adjusted, "",
    )  # fmt: skip
    for leaky in one.positives:
        yield (
            one.key, goal, "leaky", leaky.share, "all", one.statistic, leaky.value, "", "", "", "",
            f"{leaky.times} of {leaky.of} caught",
        )  # fmt: skip
