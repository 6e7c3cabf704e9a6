"""Fairness gaps by hand and on tables whose groups are served unequally on purpose."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from understudy.evaluate import InternalFigures, evaluate
from understudy.evaluate.columns import Column
from understudy.evaluate.groups import members_of
from understudy.evaluate.task.fairness import FAIRNESS, odds_gap, parity_gap


def test_gaps_by_hand() -> None:
    """Group 0: chosen 3 of 4, TPR 1, FPR 1/2; group 1: chosen 1 of 4, TPR 1/2, FPR 0."""
    member = np.array([0, 0, 0, 0, 1, 1, 1, 1, -1])
    truth = np.array([1, 1, 0, 0, 1, 1, 0, 0, 1]) > 0
    chosen = np.array([1, 1, 1, 0, 1, 0, 0, 0, 0]) > 0
    assert parity_gap(chosen, member, 2)[0] == pytest.approx(0.5)
    assert odds_gap(chosen, truth, member, 2)[0] == pytest.approx(0.5)
    weights = np.array([[1.0, 1, 1, 1, 2, 0, 1, 1, 5], np.ones(9)])
    assert parity_gap(chosen, member, 2, weights).tolist() == pytest.approx([0.25, 0.5])


def test_gaps_are_rates_counted_one_by_one() -> None:
    rng = np.random.default_rng(0)
    member, truth, chosen = (rng.integers(0, top, 300) for top in (4, 2, 2))
    true = [chosen[(member == g) & (truth == 1)].mean() for g in range(4)]
    false = [chosen[(member == g) & (truth == 0)].mean() for g in range(4)]
    shares = [chosen[member == g].mean() for g in range(4)]
    assert parity_gap(chosen > 0, member, 4)[0] == pytest.approx(max(shares) - min(shares))
    found = odds_gap(chosen > 0, truth > 0, member, 4)[0]
    assert found == pytest.approx(max(max(true) - min(true), max(false) - min(false)))


def people(seed: int, *, blind: bool = False, rows: int = 600) -> pa.Table:
    """Two groups and a rare third; `blind` breaks the signal in group b."""
    rng = np.random.default_rng(seed)
    group = rng.choice(["a", "b", "c"], rows, p=[0.7, 0.27, 0.03])
    x, noise = rng.normal(size=(2, rows))
    # The signal turns its sign with the group: what a says of x is the reverse of what b says.
    label = np.where(group == "b", -x, x) + noise / 3 + np.where(group == "a", 0.5, 0.0) > 0.3
    if blind:
        label = np.where(group == "b", rng.permutation(label), label)
    return pa.table(
        {"x": x, "group": group.tolist(), "rich": np.where(label, "yes", "no").tolist()}
    )


def fairness(synthetic: pa.Table, **how: object) -> InternalFigures:
    settings: dict[str, object] = {"target": "rich", "subgroups": ("group",), **how}
    return evaluate(people(0), people(1), synthetic, metrics=(FAIRNESS,), quick=True, **settings)  # type: ignore[arg-type]


def test_the_group_that_the_synthetic_table_forgot_is_named() -> None:
    found = fairness(people(2, blind=True))
    worst = found.figure("worst_subgroup_auc")
    assert worst is not None
    assert worst.detail["worst"] == "b"
    assert worst.anchors.holdout is not None
    assert worst.anchors.holdout - worst.value > 0.15
    assert worst.detail["lost"]["interval"][0] > 0.05
    assert worst.detail["groups_left_out"] == 1
    odds = found.figure("odds_gap")
    assert odds is not None
    assert odds.target == odds.anchors.holdout
    assert odds.interval is not None
    assert odds.value - (odds.target or 0) > 0.1


@pytest.mark.slow
def test_another_real_table_serves_alike() -> None:
    found = fairness(people(3))
    worst = found.figure("worst_subgroup_auc")
    assert worst is not None
    assert abs((worst.anchors.holdout or 0) - worst.value) < 0.08
    parity = found.figure("parity_gap")
    assert parity is not None
    assert abs(parity.value - (parity.target or 0)) < 0.12


def test_what_cannot_be_told_has_a_reason() -> None:
    found = fairness(people(2), subgroups=("absent", "rich"))
    reasons = [one.reason for one in found.skipped]
    assert "not among the compared columns" in reasons[0]
    assert "the target itself" in reasons[1]
    assert "absent" not in " ".join(figure.key for figure in found.figures)
    assert "not among the comparable" in fairness(people(2), target="absent").skipped[0].reason


def test_a_number_as_the_target_has_scores_but_no_gaps() -> None:
    found = fairness(people(2), target="x")
    assert "the target is a number" in found.skipped[0].reason
    assert [figure.key for figure in found.figures] == ["worst_subgroup_r2"]


def test_numbers_are_cut_into_quarters_of_the_real_ones() -> None:
    train = np.array([0.0, 1.0, 2.0, 3.0, np.nan])
    column = Column(name="x", kind="numeric", train=train, holdout=None, synthetic=train)
    member, labels = members_of(column, np.array([-5.0, 0.75, 1.0, 2.0, 9.0, np.nan]))
    assert member.tolist() == [0, 0, 1, 2, 3, -1]
    assert labels[3] == "highest part"


def test_without_columns_of_groups_nothing_is_told() -> None:
    found = fairness(people(2), subgroups=())
    assert not found.figures
    assert not found.skipped
