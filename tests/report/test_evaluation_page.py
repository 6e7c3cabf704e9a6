"""The page of an evaluation: a first screen in words, figures side by side, charts by form."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import pytest

from understudy.evaluate.chart import intervals, lines, ranking
from understudy.release.internal import InternalAnchors, InternalFigure, SkippedFigure
from understudy.release.judged import EvaluationEvidence, JudgedTable
from understudy.release.questions import QUESTIONS, lead_of, standing
from understudy.report import render_evaluation
from understudy.report.charts import draw_charts
from understudy.report.standing import bars_of, sentences

if TYPE_CHECKING:
    from types import ModuleType

EVIL = "<script>alert('x')</script>\"&"
ROC = lines(
    title="ROC", group="task", x="false alarms", y="found", diagonal=True,
    series={
        "real": {"x": [0, 0.1, 1], "y": [0, 0.8, 1]},
        "synthetic": {"x": [0, 0.2, 1], "y": [0, 0.7, 1], "low": [0, 0.6, 1], "high": [0, 0.8, 1]},
    },
)  # fmt: skip
FOREST = intervals(
    title="Coefficients", group="statistics", zero=0.0,
    rows=[(EVIL, {"real": (1.0, 0.5, 1.5), "synthetic": (0.8, None, None)}), ("b", {})],
)  # fmt: skip
ORDER = ranking(title="Order", group="rankings", rows=[("A", 0.9, 0.7), ("B", 0.8, 0.75)])


def judged(fabricated: ModuleType, *names: str, **changes: Any) -> EvaluationEvidence:
    """An invented evaluation of tables of these names."""
    internal = fabricated.internal_evidence()
    novel = InternalFigure(
        key="novel", title="A new figure", group="something_new", value=0.7, better="higher",
        explanation="Explains itself.", reference="nobody",
        anchors=InternalAnchors(holdout=0.9, independent=0.4, subsample=0.25),
    )  # fmt: skip
    more = {
        "figures": (*internal.figures, novel),
        "charts": {"roc": ROC, "forest": FOREST, "order": ORDER, "odd": {"form": "cake"}},
        "skipped": (SkippedFigure(key="s", title="Left", group="task", reason="the reason why"),),
        **changes,
    }
    table = internal.model_copy(update=more)
    return EvaluationEvidence(
        created=internal.created,
        title=" and ".join(names),
        tables=tuple(JudgedTable(name=name, evidence=table) for name in names),
        seconds=12.0,
    )


@pytest.mark.parametrize("names", [("one",), ("one", "two", EVIL)])
def test_the_page_is_self_contained_escaped_and_named(
    fabricated: ModuleType, names: tuple[str, ...]
) -> None:
    page = render_evaluation(judged(fabricated, *names))
    assert "<script" not in page
    assert not re.search(r"(src|href)=\"(?!#)", page)
    assert "default-src 'none'" in page
    assert page.count("<h1>") == 1
    pictures = re.findall(r"<svg[^>]*>", page)
    assert pictures
    assert all('role="img"' in one and re.search(r'aria-label="[^"]+"', one) for one in pictures)
    assert page.count("<caption") == page.count("<table") - page.count(
        "<summary>Numbers</summary><table>"
    )
    assert "Explains itself." in page, "a group nobody knows is shown"
    assert "Something new" in page
    assert "the reason why" in page
    assert page.index("of the way") < page.index('id="statistician"')


def test_numbers_stand_beneath_charts(fabricated: ModuleType) -> None:
    page = render_evaluation(judged(fabricated, "one"))
    for words in ("ROC", "Coefficients", "1 (0.5 to 1.5)", "Order"):
        assert words in page


def test_three_sentences_name_what_came_out(fabricated: ModuleType) -> None:
    evidence = judged(fabricated, "one", "two")
    told = sentences(evidence, bars_of(evidence))
    assert len(told) == 3
    assert "2 synthetic tables" in told[0]
    assert "one in" in told[1]
    assert "two in" in told[1]
    assert "private" in told[2]
    assert not re.search(r"\b(excellent|safe|anonymous|great)\b", " ".join(told))


def figure(value: float, better: str, **more: Any) -> InternalFigure:
    """A figure with anchors."""
    anchors = InternalAnchors(
        holdout=more.pop("holdout", None), independent=more.pop("independent", None)
    )
    return InternalFigure(
        key=more.pop("key", "k"), title="t", group=more.pop("group", "g"), value=value,
        better=better, anchors=anchors, **more,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("one", "part"),
    [
        (figure(0.7, "higher", holdout=0.9, independent=0.5), 0.5),
        (figure(0.3, "lower", holdout=0.1, independent=0.5), 0.5),
        (figure(0.95, "higher", holdout=0.9, independent=0.5), 1.125),
        (figure(0.4, "higher", holdout=0.9, independent=0.5), -0.25),
        (figure(3.0, "near", target=1.0, holdout=1.0, independent=5.0), 0.5),
        (figure(0.5, "near", target=1.0, holdout=1.0, independent=2.0), 0.5),
        (figure(0.25, "lower", target=0.0, independent=0.5), 0.5),
    ],
)
def test_the_way_from_the_floor_to_the_ceiling(one: InternalFigure, part: float) -> None:
    way = standing(one)
    assert way is not None
    assert math.isclose(way[0], part)


@pytest.mark.parametrize(
    "one",
    [
        figure(0.7, "higher", holdout=0.9),
        figure(0.7, "higher", independent=0.9),
        figure(0.7, "higher", holdout=0.9, independent=1.0),
        figure(0.7, "higher", holdout=0.9, independent=0.899),
    ],
)
def test_no_way_where_the_floor_reaches_the_ceiling(one: InternalFigure) -> None:
    assert standing(one) is None


def test_a_question_is_led_by_its_first_figure_with_a_way() -> None:
    (pairs,) = [question for question in QUESTIONS if question.key == "pairs"]
    first = figure(0.7, "higher", key="tvd_2way", holdout=0.9)
    second = figure(0.7, "higher", key="pair_trends", holdout=0.9, independent=0.1)
    assert lead_of(pairs, (first, second)) == [second]
    assert lead_of(pairs, (first,)) == [first]
    assert lead_of(pairs, ()) == []


def test_unfit_material_is_drawn_without_its_holes() -> None:
    empty = {
        "a": lines(title="a", group="g", x="x", y="y", series={}),
        "b": lines(title="b", group="g", x="x", y="y",
                   series={"s": {"x": [None, 1], "y": [1, None]}}),
        "c": intervals(title="c", group="g", rows=[]),
        "d": ranking(title="d", group="g", rows=[]),
        "e": intervals(title="e", group="g", rows=[(str(i), {"s": (i, None, None)})
                                                   for i in range(100)]),
    }  # fmt: skip
    drawn = draw_charts(empty)
    assert [chart.title for chart in drawn] == ["a", "b", "c", "d", "e"]
    assert all("nan" not in str(chart.picture).lower() for chart in drawn)
    assert drawn[-1].left_out == 60
