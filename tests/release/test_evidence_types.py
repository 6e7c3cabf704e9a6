"""Public and internal evidence: closed types, paid numbers, no way from one to the other."""

from __future__ import annotations

import ast
import inspect
import itertools
import json
import math
from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel, ValidationError

import understudy.release.label
import understudy.release.public
from understudy.release import charged, compared
from understudy.release.internal import InternalEvidence
from understudy.release.label import AttackBound, caught_at_most
from understudy.release.public import Fact, PublicEvidence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType


def test_json_returns_equal_evidence(fabricated: ModuleType) -> None:
    public, internal = fabricated.public_evidence(), fabricated.internal_evidence()
    assert PublicEvidence.from_json(public.to_json()) == public
    assert InternalEvidence.from_json(internal.to_json()) == internal
    assert public.to_json() == PublicEvidence.from_json(public.to_json()).to_json()


def test_infinite_epsilon_survives_json_that_any_reader_accepts(fabricated: ModuleType) -> None:
    public = fabricated.public_evidence(epsilon=math.inf)

    def refuse(name: str) -> None:
        raise AssertionError(name)

    body = json.loads(public.to_json(), parse_constant=refuse)
    assert body["label"]["epsilon"] == "Infinity"
    assert PublicEvidence.from_json(public.to_json()).label.epsilon == math.inf


@pytest.mark.parametrize(
    "path",
    [(), ("label",), ("label", "charges", 0), ("measured", 0), ("learned", 0, "facts", 0),
     ("free", "columns", 0), ("pairs", 0), ("synthesizer",)],
)  # fmt: skip
def test_a_field_that_is_not_named_is_refused_at_every_depth(
    fabricated: ModuleType, path: tuple[str | int, ...]
) -> None:
    body = json.loads(fabricated.public_evidence().to_json())
    place = body
    for step in path:
        place = place[step]
    place["tvd_1way"] = 0.011
    with pytest.raises(ValidationError, match="tvd_1way"):
        PublicEvidence.model_validate(body)


def test_internal_evidence_is_not_accepted_as_public(fabricated: ModuleType) -> None:
    internal = fabricated.internal_evidence()
    for given in (internal, internal.model_dump(), json.loads(internal.to_json())):
        with pytest.raises(ValidationError):
            PublicEvidence.model_validate(given)
        with pytest.raises(ValidationError):
            PublicEvidence.model_validate(given, from_attributes=True)


@pytest.mark.parametrize("module", [understudy.release.public, understudy.release.label])
def test_public_modules_do_not_know_the_internal_type(module: ModuleType) -> None:
    tree = ast.parse(inspect.getsource(module))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not any("internal" in (name or "") or "evaluate" in (name or "") for name in imported)


def test_no_public_field_is_an_open_dictionary_or_any() -> None:
    """A dictionary would let an unnamed number in."""
    seen, waiting = set(), [PublicEvidence]
    while waiting:
        model = waiting.pop()
        if model in seen:
            continue
        seen.add(model)
        assert model.model_config["extra"] == "forbid", model
        assert model.model_config["frozen"], model
        for name, field in model.model_fields.items():
            text = str(field.annotation)
            assert "dict" not in text.lower(), (model, name)
            assert "Any" not in text, (model, name)
            waiting += _models_in(field.annotation)
    assert len(seen) > 15


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _models_in(part)


def test_a_learned_fact_names_its_charge() -> None:
    with pytest.raises(ValidationError, match="charge"):
        Fact(name="minimum", value=3, source="learned")
    assert Fact(name="minimum", value=3, source="declared").paid_by is None


def test_a_number_whose_charge_is_not_on_the_label_is_refused(fabricated: ModuleType) -> None:
    body = json.loads(fabricated.public_evidence().to_json())
    body["measured"][0]["charge"] = "nobody paid"
    with pytest.raises(ValidationError, match="nobody paid"):
        PublicEvidence.model_validate(body)


def test_a_label_may_not_claim_less_than_was_spent(fabricated: ModuleType) -> None:
    body = json.loads(fabricated.label().model_dump_json())
    body["epsilon"] = 0.5
    with pytest.raises(ValidationError, match="smaller epsilon"):
        understudy.release.label.DpLabel.model_validate(body)


@pytest.mark.parametrize(
    ("epsilon", "percent"), [(0.5, 1.65), (1.0, 2.72), (3.0, 20.09), (8.0, 99.97)]
)
def test_epsilon_in_words_is_the_textbook_bound(epsilon: float, percent: float) -> None:
    """min(e^eps 1 % + delta, 1 - e^-eps (1 - delta - 1 %)): Kairouz et al. 2015, theorem 2.1."""
    assert 100 * caught_at_most(epsilon, 0.0, 0.01) == pytest.approx(percent, abs=0.006)


def test_the_bound_is_a_concave_increasing_curve_from_delta_to_one() -> None:
    curve = AttackBound.of(1.5, 1e-3).curve
    assert curve[0] == (0.0, pytest.approx(1e-3))
    assert curve[-1] == (1.0, 1.0)
    slopes = [
        (after[1] - before[1]) / (after[0] - before[0])
        for before, after in itertools.pairwise(curve)
    ]
    assert slopes == sorted(slopes, reverse=True)
    assert all(slope > 0 for slope in slopes)


def test_the_label_of_a_budget_lists_every_charge() -> None:
    from understudy.privacy.budget import Budget
    from understudy.privacy.events import Exponential, Gaussian
    from understudy.privacy.unit import Unit

    budget = Budget(1.0, 1e-6, Unit(column="person", max_rows=3))
    budget.plan({"domain": 0.25, "measure": 0.75})
    budget.charge(Gaussian(label="rows", stage="domain", sigma=80.0))
    for _ in range(3):
        budget.charge(Exponential(label="edge", stage="measure", epsilon=0.02, columns=("a", "b")))
    label = charged.label_of(budget)
    assert [(one.label, one.count) for one in label.charges] == [("rows", 1), ("edge", 3)]
    assert sum(one.rho for one in label.charges) == pytest.approx(budget.spent_rho)
    assert sum(one.spent for one in label.stages) == pytest.approx(budget.spent_rho / budget.rho)
    assert [one.planned for one in label.stages] == pytest.approx([0.25, 0.75])
    assert sum(part.delta for part in label.delta_split) == pytest.approx(1e-6)
    assert label.epsilon_spent <= label.epsilon == 1.0
    assert (label.unit_column, label.max_rows_per_unit) == ("person", 3)


def test_internal_evidence_from_an_evaluation(fabricated: ModuleType) -> None:
    import pyarrow as pa

    from understudy.evaluate import evaluate

    train = pa.table({"a": [1.5, 2.5, 3.5, 4.5] * 20, "b": ["x", "y", "x", "z"] * 20})
    found = evaluate(train, train, train)
    internal = compared.internal_of(found, created=fabricated.WHEN)
    assert {figure.key for figure in internal.figures} == {figure.key for figure in found.figures}
    assert [column.name for column in internal.columns] == ["a", "b"]
    assert internal.pairs is not None
    assert InternalEvidence.from_json(internal.to_json()) == internal
