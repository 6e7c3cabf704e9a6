"""The page and the CSV tell guesses beside controls, for every secret."""

from __future__ import annotations

import csv
import io

from tests.report.test_attack_pages import annex, figure, rows_of

from understudy.attack.success import Excess, Successes
from understudy.release.attacks import tidy_attacks
from understudy.report import render_attacks


def told(right: int, controls: int) -> dict[str, object]:
    """Rates of a hundred guesses each."""
    return Excess(
        attack=Successes(hits=right, trials=100),
        control=Successes(hits=controls, trials=100),
        baseline=Successes(hits=10, trials=100),
    ).told()


def test_a_risk_stands_beside_its_control() -> None:
    secrets = [{"secret": "<job>", **told(60, 20)}, {"secret": "income", **told(90, 89)}]
    detail = {**told(60, 20), "secret": "<job>", "secrets": secrets}
    made = annex(figure("inference", "leak detected", detail=detail))
    page = render_attacks(made, title="Invented")
    assert "<job>" not in page
    (row,) = rows_of(page, "Guesses about people")
    assert "0.488" in row
    first, second = rows_of(page, "Secrets that were guessed")
    assert "job" in first
    assert "income" in second
    assert "risk 0.488" in page
    lines = list(csv.DictReader(io.StringIO(tidy_attacks(made))))
    risks = {line["group"]: line["value"] for line in lines if line["statistic"] == "risk"}
    assert set(risks) == {"all", "secret <job>", "secret income"}
    assert float(risks["all"]) > 5 * float(risks["secret income"])


def test_an_attack_that_guesses_nothing_has_no_such_table() -> None:
    page = render_attacks(annex(figure("membership", "not detected")), title="Invented")
    assert "Guesses about people" not in page
