"""What a page shows of attacks, as rows of text and drawings.

What may not happen here: a word that the evidence does not hold, a result without its controls,
and a score over all attacks.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from understudy.release.label import AttackBound
from understudy.release.wording import ATTACKS_CLEAR_NOTHING, HANDLE_AS_PERSONAL
from understudy.report.spelling import spell_number, spell_share, unbroken
from understudy.report.svg import draw, line, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from markupsafe import Markup

    from understudy.release.attacks import AttackAnnex, AttackFigure

_GOALS = {
    "singling out": "Singling out: picking one person's row",
    "linkability": "Linkability: joining two records of one person",
    "inference": "Inference: a secret value of a person",
    "membership": "Membership: whether a person's row was learned from",
    "reconstruction": "Reconstruction of rare rows",
}
_FORMAL = "bounded by (ε, δ) for every attacker, see the privacy label"
_LOW = 1e-3
_CURVES = 3


def attack_view(annex: AttackAnnex | None) -> dict[str, Any]:
    """Everything the section on attacks needs; nothing without attacks."""
    if annex is None:
        return {"attacks": None}
    leaking = {one.key for one in annex.attacks if one.word == "leak detected"}
    return {
        "attacks": annex,
        "attack_wording": ATTACKS_CLEAR_NOTHING,
        "attack_matrix": tuple(_matrix(annex)),
        "attack_rows": tuple(
            (
                one.title,
                f"{one.statistic} {_range(one.value, one.interval)}",
                _fixed(one.control),
                _fixed(one.baseline),
                _small(one.adjusted),
                unbroken(one.text),
            )
            for one in annex.attacks
        ),
        "rate_rows": tuple(_rates(annex)),
        "risk_rows": tuple(_risks(annex)),
        "secret_rows": tuple(_secrets(annex)),
        "group_rows": tuple(_groups(annex)),
        "control_rows": tuple(_controls(annex)),
        "threat_rows": tuple(
            (one.title, one.threat.knows_data, one.threat.knows_generator, one.reference)
            for one in annex.attacks
        ),
        "not_run_rows": tuple((one.title, one.reason) for one in annex.not_run),
        "attack_curve": draw_curves(annex),
        "attack_blind": _range(annex.blind.value, annex.blind.interval),
        "attack_counts": tuple((name, spell_number(count, 6)) for name, count in annex.rows),
        "attack_left_out": annex.left_out,
        "attack_words": _in_words(annex),
        "attack_leaking": bool(leaking),
    }


def attack_page(annex: AttackAnnex) -> dict[str, Any]:
    """The section and what stands around it on a page of its own."""
    return {"handling": HANDLE_AS_PERSONAL, **attack_view(annex)}


def _matrix(annex: AttackAnnex) -> Iterator[tuple[str, str, str, str]]:
    """A row per question: the formal bound, what was tested, the limit of detection."""
    for goal, title in _GOALS.items():
        tried = annex.of_goal(goal)
        formal = _FORMAL
        if annex.epsilon is None:
            formal = "unknown: no model was given"
        elif math.isinf(annex.epsilon):
            formal = "none: the release was made without differential privacy"
        if not tried:
            yield title, formal, "not assessed", "no attack with this goal was run"
            continue
        leaks = [one for one in tried if one.word == "leak detected"]
        quiet = [one for one in tried if one.word == "not detected"]
        if annex.word == "not assessed" or not (leaks or quiet):
            reason = "no attack with this goal passed its controls"
            if annex.word == "not assessed":
                reason = annex.reason
            yield title, formal, "not assessed", reason
        elif leaks:
            worst = min(leaks, key=lambda one: one.adjusted)
            yield (
                title, formal, "leak detected",
                _told(worst),
            )  # fmt: skip
        else:
            best = min(quiet, key=lambda one: one.limit or 1.0)
            yield (
                title,
                formal,
                unbroken(best.text),
                f"{len(quiet)} of {len(tried)} attacks passed controls",
            )


def _told(one: AttackFigure) -> str:
    """The result of one attack in a line."""
    found = f"{one.title}: {one.statistic} {_range(one.value, one.interval)}"
    found = f"{found}, control {_fixed(one.control)}"
    return found if "risk" not in one.detail else f"{found}, risk {_risk(one.detail)}"


def _rates(annex: AttackAnnex) -> Iterator[tuple[str, ...]]:
    """Members recognised at low false positive rates."""
    for one in annex.attacks:
        for rate in one.rates:
            yield (
                one.title,
                spell_share(rate.asked),
                _shares(rate.tpr, rate.interval),
                _shares(rate.fpr, rate.fpr_interval),
            )


def _risks(annex: AttackAnnex) -> Iterator[tuple[str, ...]]:
    """Attacks that guess: right on members, on controls, blindly, and the risk between."""
    for one in annex.attacks:
        if "risk" in one.detail:
            about = one.detail.get("secret")
            title = one.title if about is None else f"{one.title}: {about}"
            yield title, *_guesses(one.detail), _risk(one.detail)


def _secrets(annex: AttackAnnex) -> Iterator[tuple[str, ...]]:
    """Every secret of every attack that infers one, the riskiest first."""
    for one in annex.attacks:
        secrets = sorted(one.detail.get("secrets", ()), key=lambda found: -found["risk"])
        for found in secrets:
            yield (
                one.title,
                found["secret"],
                *_guesses(found),
                _risk(found),
                _small(min(1.0, found["p_value"] * len(secrets))),
            )


def _guesses(found: Mapping[str, Any]) -> tuple[str, str, str]:
    """Rates of right guesses: members, controls, blind."""
    return (
        spell_share(found["attack"]["rate"]),
        spell_share(found["control"]["rate"]),
        spell_share(found["baseline"]["rate"]),
    )


def _risk(found: Mapping[str, Any]) -> str:
    """The risk with its interval."""
    low, high = found["risk_interval"]
    return _range(found["risk"], (low, high))


def _groups(annex: AttackAnnex) -> Iterator[tuple[str, ...]]:
    """The attacks among outliers and minorities."""
    for one in annex.attacks:
        for group in one.groups:
            if group.value is None or group.interval is None:
                told, p_value = "too few to say", "–"
            else:
                told = _range(group.value, group.interval)
                p_value = _small(group.p_value)
            yield group.name, one.title, told, p_value, f"{group.members:,} / {group.controls:,}"


def _controls(annex: AttackAnnex) -> Iterator[tuple[str, ...]]:
    """What each attack did before a release that cannot leak and before leaky ones."""
    for one in annex.attacks:
        caught = ", ".join(
            f"{spell_share(leaky.share)}: {leaky.times} of {leaky.of}" for leaky in one.positives
        )
        quiet = "quiet" if one.negative_adjusted >= annex.alpha else "cried"
        yield one.title, f"{_fixed(one.negative)}, {quiet}", caught or "–", one.reason


def _in_words(annex: AttackAnnex) -> str | None:
    """ε as a bound on any attacker, where the claim is known."""
    if annex.epsilon is None:
        return None
    return AttackBound.of(annex.epsilon, annex.delta or 0.0).sentence


def draw_curves(annex: AttackAnnex) -> Markup | None:
    """False alarms against recognised members on log axes: the strongest attacks, the bound."""
    shown = [one for one in annex.attacks if one.threat.goal == "membership" and one.roc]
    shown = sorted(shown, key=lambda one: one.p_value)[:_CURVES]
    if not shown:
        return None
    left, top, size = 52.0, 24.0, 300.0
    decades, below = -math.log10(_LOW), top + size + 48.0

    def at(false: float, true: float) -> tuple[float, float]:
        across = (math.log10(max(false, _LOW)) + decades) / decades
        up = (math.log10(max(true, _LOW)) + decades) / decades
        return left + size * across, top + size * (1.0 - up)

    parts = [line([at(_LOW, _LOW), at(_LOW, 1), at(1, 1), at(1, _LOW)], kind="frame", closed=True)]
    if annex.epsilon is not None and math.isfinite(annex.epsilon):
        grown, extra = math.exp(annex.epsilon), annex.delta or 0.0
        rates = [_LOW * 10 ** (decades * step / 60) for step in range(61)]
        bound = [
            (rate, min(1.0, grown * rate + extra, 1.0 - (1.0 - extra - rate) / grown))
            for rate in rates
        ]
        region = [at(*point) for point in bound]
        parts.append(line([*region, at(1, _LOW), at(_LOW, _LOW)], kind="region", closed=True))
        parts.append(line(region, kind="bound-edge"))
    parts.append(line([at(_LOW, _LOW), at(1, 1)], kind="guess"))
    for place, one in enumerate(shown):
        curve = [at(false, true) for false, true in one.roc if false >= _LOW and true > 0]
        parts.append(line(curve, kind=f"attacker-{place}"))
        parts.append(
            line(
                [(left, below + 18 * place), (left + 22, below + 18 * place)],
                kind=f"attacker-{place}",
            )
        )
        parts.append(words(left + 30, below + 4 + 18 * place, one.title, kind="quiet"))
    for rate, text in ((1e-3, "0.1 %"), (1e-2, "1 %"), (1e-1, "10 %"), (1.0, "100 %")):
        x, y = at(rate, _LOW)
        parts.append(words(x, y + 15, text, kind="quiet", anchor="end" if rate == 1 else "middle"))
        x, y = at(_LOW, rate)
        parts.append(words(x - 6, y + 4, text, kind="quiet", anchor="end"))
    parts.append(words(left + size, top + size + 31, "false alarms →", kind="quiet", anchor="end"))
    parts.append(words(left - 44, top - 10, "↑ members recognised", kind="quiet"))
    label = "Members recognised against false alarms, both on logarithmic axes"
    height = below + 18.0 * len(shown)
    return draw(left + size + 90, height, parts, label=label, kind="attack-curve", widest=520)


def strongest(annex: AttackAnnex) -> AttackFigure | None:
    """The attack with the smallest p-value, or None."""
    return min(annex.attacks, key=lambda one: one.adjusted, default=None)


def _fixed(value: float | None) -> str:
    """A statistic with three decimals."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.3f}".replace("-", "\u2212")


def _range(value: float, interval: tuple[float, float]) -> str:
    """A statistic with its interval."""
    return f"{_fixed(value)} ({_fixed(interval[0])} to {_fixed(interval[1])})"


def _shares(value: float, interval: tuple[float, float]) -> str:
    """A share with its interval."""
    return f"{spell_share(value)} ({spell_share(interval[0])} to {spell_share(interval[1])})"


def _small(value: float | None) -> str:
    """A p-value."""
    if value is None:
        return "–"
    return "< 0.0001" if value < 1e-4 else f"{value:.2g}"
