"""The committed results: the page is made of them, and the literature's findings are tested on them.

The findings are those that `understudy.release.study_summary` computes. What is asserted here is
what these results say; a new run that says otherwise turns these tests red, and the page with them.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.studies.__main__ import COMMANDS, RESULTS, page

import understudy as us
from understudy.release.study_summary import Summary

ROOT = Path(__file__).parents[2]
FILES = sorted(RESULTS.glob("*.parquet"))
STUDIES = {file.stem: Summary(us.StudyResults.read(file)) for file in FILES}


def test_the_page_is_what_the_results_make() -> None:
    order = list(COMMANDS)
    files = sorted(FILES, key=lambda file: order.index(file.stem))
    made = page([(file.stem, us.StudyResults.read(file)) for file in files])
    assert (ROOT / "docs" / "results.md").read_text("utf-8") == made, (
        "run python -m benchmarks.studies"
    )


@pytest.mark.parametrize("name", sorted(STUDIES))
def test_results_are_of_the_study_that_is_here(name: str) -> None:
    assert STUDIES[name].about.plan == (ROOT / "studies" / f"{name}.yaml").read_text("utf-8")


def test_usefulness_grows_with_epsilon() -> None:
    assert word("thesis", "growth") == "holds"


def test_attacks_do_not_succeed_at_small_epsilon() -> None:
    assert word("thesis", "attacks") == "holds"


def test_a_gap_is_only_told_where_there_is_one() -> None:
    summary = STUDIES["thesis"]
    assert (word("thesis", "gap") == "holds") == bool(summary.gaps)
    for gap in summary.gaps:
        assert gap.trtr - gap.tsts <= 0.03
        assert gap.trtr - gap.tstr > 0.05


def word(name: str, key: str) -> str:
    return next(one.word for one in STUDIES[name].findings if one.key == key)
