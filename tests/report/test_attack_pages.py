"""Pages of attacks: every question of the matrix answered, words and controls as in the evidence."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from understudy.release.attacks import (
    AttackAnnex,
    AttackedGroup,
    AttackFigure,
    AttackNotRun,
    AttackThreat,
    Blind,
    LeakyControl,
    LowRate,
    tidy_attacks,
)
from understudy.release.internal import InternalEvidence
from understudy.report import render_attacks, render_internal

WHEN = dt.datetime(2031, 5, 4, 9, 30, tzinfo=dt.UTC)


def figure(goal: str, word: str, **more: object) -> AttackFigure:
    told = {"not detected": "not detected, limit of detection 5 % leaked rows"}.get(word, word)
    content: dict[str, object] = {
        "key": f"{goal}_attack".replace(" ", "_"),
        "title": f"Invented attack: {goal}",
        "threat": AttackThreat(knows_data="<all> values", knows_generator="nothing", goal=goal),
        "statistic": "AUC", "value": 0.5173, "interval": (0.501, 0.534), "baseline": 0.498,
        "control": 0.5, "p_value": 0.02, "adjusted": 0.06, "smallest": 0.53,
        "rates": (LowRate(asked=0.01, hits=12, trials=600, tpr=0.02, interval=(0.01, 0.035),
                          fpr=0.012, fpr_interval=(0.005, 0.024)),),
        "roc": ((0.0, 0.0), (0.01, 0.02), (0.1, 0.15), (1.0, 1.0)),
        "groups": (AttackedGroup(name="outliers", definition="far ones", members=60, controls=66,
                                 value=0.61, interval=(0.52, 0.7), p_value=0.01),
                   AttackedGroup(name="few", definition="rare ones", members=3, controls=2)),
        "negative": 0.49, "negative_adjusted": 1.0,
        "positives": (LeakyControl(share=0.2, times=1, of=1, value=0.6),),
        "word": word, "text": told, "reason": "an invented reason",
        "limit": 0.05 if word == "not detected" else None,
    }  # fmt: skip
    return AttackFigure.model_validate({**content, **more})


def annex(*attacks: AttackFigure, word: str = "not detected", **more: object) -> AttackAnnex:
    content: dict[str, object] = {
        "created": WHEN, "level": "quick", "seed": 0, "alpha": 0.01, "word": word,
        "text": f"{word}, limit of detection 5 % leaked rows", "reason": "an invented verdict",
        "attacks": attacks,
        "not_run": (AttackNotRun(key="n", title="Needy attack", reason="needs a generator"),),
        "blind": Blind(value=0.498, interval=(0.48, 0.52), p_value=0.6),
        "rows": (("train", 24_421),), "epsilon": 1.0, "delta": 1e-6,
    }  # fmt: skip
    return AttackAnnex.model_validate({**content, **more})


def rows_of(page: str, caption: str) -> list[str]:
    """Rows of the table with this caption, as texts."""
    table = page.split(f"<caption>{caption}", 1)[1].split("</table>", 1)[0]
    return [re.sub(r"<[^>]+>", "|", row) for row in table.split("<tr>")[2:]]


def test_every_question_has_an_answer() -> None:
    page = render_attacks(
        annex(figure("membership", "leak detected"), figure("linkability", "not detected"),
              figure("inference", "not assessed")),
        title="Invented",
    )  # fmt: skip
    matrix = rows_of(page, "The questions of the Art. 29")
    told = {row.split(":")[0].strip("|"): row for row in matrix}
    assert "no attack with this goal was run" in told["Singling out"]
    assert "limit of detection 5\u202f%" in told["Linkability"]
    assert "passed its controls" in told["Inference"]
    assert "leak detected" in told["Membership"]
    assert "an invented verdict" not in told["Inference"]


def test_no_verdict_over_all_is_no_verdict_on_a_question() -> None:
    page = render_attacks(
        annex(figure("membership", "leak detected"), word="not assessed", text="not assessed"),
        title="Invented",
    )
    row = next(r for r in rows_of(page, "The questions of the Art. 29") if "Membership" in r)
    assert "leak detected" not in row
    assert "an invented verdict" in row


@pytest.mark.parametrize(
    ("epsilon", "told"), [(1.0, "bounded by"), (None, "unknown"), (float("inf"), "none: the")]
)
def test_the_formal_bound_is_what_the_release_claims(epsilon: float | None, told: str) -> None:
    made = annex(figure("membership", "not detected"), epsilon=epsilon)
    page = render_attacks(made, title="Invented")
    assert all(told in row for row in rows_of(page, "The questions of the Art. 29"))


def test_a_page_escapes_and_is_marked_internal() -> None:
    page = render_attacks(annex(figure("membership", "not detected")), title="<Invented>")
    assert "<Invented>" not in page
    assert "&lt;all&gt; values" in page
    assert page.count("Handle as personal data") >= 3
    assert "too few to say" in page
    assert "needs a generator" in page
    assert "attack-curve" in page


def test_the_section_is_in_the_internal_report() -> None:
    evidence = InternalEvidence(created=WHEN, attacks=annex(figure("membership", "not detected")))
    page = render_internal(None, evidence)
    assert 'href="#attacks"' in page
    assert 'id="attacks"' in page
    assert InternalEvidence.from_json(evidence.to_json()) == evidence
    assert 'id="attacks"' not in render_internal(None, InternalEvidence(created=WHEN))


def test_figures_are_tidy() -> None:
    lines = tidy_attacks(annex(figure("membership", "not detected"))).splitlines()
    assert {len(line.split(",")) for line in lines} <= {12, 13}
    assert any(",TPR at 0.01 FPR,0.02," in line for line in lines)
    assert any(line.startswith("n,") and line.endswith("not run") for line in lines)
