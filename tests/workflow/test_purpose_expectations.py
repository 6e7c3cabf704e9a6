"""What is said in public of purposes: against simulated noise, and what it does not say.

The simulations draw the noise a curator adds, so n (draws), alpha and the deviation they would
show are stated; all draws are seeded here, for no privacy rests on them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from understudy.cells.reading import Reading
from understudy.curator import LabelCells, NumberCells
from understudy.prepare.attributes import Attribute
from understudy.release.public import StatedPurpose
from understudy.schema import Kind, Storage, loads_purposes
from understudy.source import Header
from understudy.synthesize.marginal.calibrate import Potentials
from understudy.synthesize.marginal.codes import MarginalCodes
from understudy.synthesize.marginal.domain import Domain
from understudy.synthesize.marginal.model import MarkovModel
from understudy.synthesize.model import CountedPair, Model
from understudy.workflow.expectations import stated_purposes

COUNTS = np.array([[900.0, 1500.0, 700.0], [1100.0, 500.0, 1300.0]])
SIGMA = 12.0
DRAWS = 4000
CHARGE = "count of group × value"


def labels(name: str, texts: tuple[str, ...], counts: np.ndarray) -> Attribute:
    encoding = LabelCells(column=name, labels=texts)
    held = np.append(counts, 0.0)
    return Attribute(
        header=Header(name=name, storage=Storage.TEXT, arrow="string"),
        kind=Kind.CATEGORY,
        encoding=encoding,
        counts=held,
        variances=np.full(len(held), 25.0),
    )


def model(**changes: Any) -> Model:
    """Two columns with a rest code that nobody holds, counted together on their true labels."""
    group = labels("group", ("a", "b"), COUNTS.sum(axis=1))
    value = labels("value", ("1", "2", "4"), COUNTS.sum(axis=0))
    table = np.full((3, 4), 1e-9)
    table[:2, :3] = COUNTS
    domain = Domain(("group", "value"), (3, 4))
    potentials = Potentials(domain=domain, tables={("group", "value"): np.log(table)})
    markov = MarkovModel(domain=domain, total=COUNTS.sum(), potentials=potentials)
    made = Model(
        attributes=(group, value),
        codes=MarginalCodes(markov=markov),
        rows=float(COUNTS.sum()),
        synthesizer="test",
        pairs=(CountedPair(columns=("group", "value"), levels=(2, 3), sigma=SIGMA),),
    )
    return replace(made, **changes)


def stated(
    body: str, made: Model | None = None, charges: tuple[str, ...] = (CHARGE,)
) -> StatedPurpose:
    (found,) = stated_purposes(made or model(), loads_purposes(f"purposes: {{p: {body}}}"), charges)
    return found


def expected(purpose: StatedPurpose) -> float:
    value = purpose.bounds[0].expected
    assert value is not None
    return value


def noisy() -> np.ndarray:
    return COUNTS + np.random.default_rng(0).normal(0, SIGMA, (DRAWS, *COUNTS.shape))


def test_a_table_moves_as_far_as_its_noise() -> None:
    """4,000 draws: the mean is known to 0.5 %, so a formula off by 5 % fails (ten errors away)."""
    found = np.abs(noisy() - COUNTS).sum(axis=(1, 2)).mean() / 2 / COUNTS.sum()
    told = expected(stated("{kind: table, columns: [group, value], tolerance: {tvd: 0.1}}"))
    assert told == pytest.approx(found, rel=0.05)


def test_a_group_has_the_noise_of_its_cells_and_fewer_rows() -> None:
    """As above, in the smaller group: 3,100 and 2,900 rows."""
    apart = np.abs(noisy() - COUNTS).sum(axis=2) / 2 / COUNTS.sum(axis=1)
    told = expected(stated("{kind: table, columns: [value], by: [group], tolerance: {tvd: 0.1}}"))
    assert told == pytest.approx(apart.mean(axis=0).max(), rel=0.05)


def test_a_margin_sums_the_noise_of_what_was_counted_with_it() -> None:
    told = expected(stated("{kind: table, columns: [value], tolerance: {tvd: 0.1}}"))
    found = np.abs((noisy() - COUNTS).sum(axis=1)).sum(axis=1).mean() / 2 / COUNTS.sum()
    assert told == pytest.approx(found, rel=0.05)


def test_a_mean_has_twice_its_standard_deviation() -> None:
    """4,000 draws: a standard deviation is known to 1.1 %; a factor of 1.1 fails."""
    values = np.array([1.0, 2.0, 4.0])
    means = (noisy() @ values) / noisy().sum(axis=2)
    told = expected(
        stated("{kind: subgroup, variable: value, by: group, tolerance: {absolute: 1}}")
    )
    assert told == pytest.approx(2 * means.std(axis=0).max(), rel=0.06)
    share = noisy()[:, :, 1] / noisy().sum(axis=2)
    told = expected(
        stated(
            "{kind: subgroup, statistic: share, variable: value, equals: 2, by: group, "
            "tolerance: {absolute: 1}}"
        )
    )
    assert told == pytest.approx(2 * share.std(axis=0).max(), rel=0.06)


@pytest.mark.parametrize(("tolerance", "word"), [(0.2, "expected to hold"),
                                                 (1e-4, "not expected to hold")])  # fmt: skip
def test_the_word_compares_noise_with_the_tolerance(tolerance: float, word: str) -> None:
    found = stated(f"{{kind: table, columns: [group, value], tolerance: {{tvd: {tolerance}}}}}")
    assert found.verdict == word
    assert found.charges == (CHARGE,)
    assert found.basis == "noise of the counts of group × value"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("{kind: subgroup, statistic: median, variable: value, tolerance: {absolute: 1}}", "median"),
        ("{kind: regression, outcome: value, predictors: [group], tolerance: {same_conclusion: 1}}",
         "1 of 1 pairs of outcome and predictor"),
        ("{kind: classifier, target: group, tolerance: {auc_gap: 0.1}}", "1 of 1 pairs of target"),
        ("{kind: table, columns: [group, gone], tolerance: {tvd: 0.1}}", "gone is not modelled"),
        ("{kind: table, columns: [value], by: group, fewest: 9000, tolerance: {tvd: 0.1}}",
         "too few rows into every group"),
    ],
)  # fmt: skip
def test_what_does_not_follow_from_noise_is_not_assessed(body: str, why: str) -> None:
    found = stated(body)
    assert found.verdict == "not assessed"
    assert why in found.basis
    assert found.bounds[0].expected is None


def test_what_was_not_counted_or_not_paid_is_not_assessed() -> None:
    body = "{kind: table, columns: [group, value], tolerance: {tvd: 0.1}}"
    assert "was not counted together" in stated(body, model(pairs=())).basis
    assert stated(body, charges=("something else",)).verdict == "not assessed"
    single = stated(
        "{kind: table, columns: [value], tolerance: {tvd: 0.1}}",
        model(pairs=()),
        ("count of value",),
    )
    assert single.charges == ("count of value",)


def test_numbers_are_read_from_the_cells_of_the_model() -> None:
    """Cells [0, 10), [10, 20) of a number, one mark: a mean moves by the middles' distance."""
    encoding = NumberCells(
        column="value", reading=Reading(kind=Kind.NUMBER), edges=(0.0, 10.0, 20.0)
    )
    counts = np.array([1000.0, 1000.0, 0.0, 0.0])
    item = Attribute(
        header=Header(name="value", storage=Storage.FLOAT, arrow="double"),
        kind=Kind.NUMBER,
        encoding=encoding,
        counts=counts,
        variances=np.full(4, 100.0),
        ordered=True,
    )
    domain = Domain(("value",), (4,))
    potentials = Potentials(domain=domain, tables={("value",): np.log(counts + 1e-9)})
    made = Model(
        attributes=(item,),
        codes=MarginalCodes(markov=MarkovModel(domain=domain, total=2000.0, potentials=potentials)),
        rows=2000.0,
        synthesizer="test",
    )
    found = stated(
        "{kind: subgroup, variable: value, tolerance: {absolute: 1}}", made, ("count of value",)
    )
    draws = counts[:2] + np.random.default_rng(1).normal(0, 10, (DRAWS, 2))
    means = (draws @ np.array([5.0, 15.0])) / draws.sum(axis=1)
    assert expected(found) == pytest.approx(2 * means.std(), rel=0.06)
    above = stated(
        "{kind: subgroup, statistic: share, variable: value, above: 9, tolerance: {absolute: 1}}",
        made, ("count of value",),
    )  # fmt: skip
    shares = draws[:, 1] / draws.sum(axis=1)
    assert expected(above) == pytest.approx(2 * shares.std(), rel=0.06)
