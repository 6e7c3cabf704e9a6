"""Calibration, marginals, conditioning, entropy and saving against enumeration."""

from __future__ import annotations

import io
import itertools
import json
from typing import Any

import numpy as np
import pytest

from understudy.errors import InputError, ModelError
from understudy.synthesize.marginal import Domain, MarkovModel, Potentials

DOMAIN = Domain(("a", "b", "c", "d", "e"), (2, 5, 1, 4, 3))
CLIQUES: dict[str, list[tuple[str, ...]]] = {
    "nothing": [],
    "single": [("a",)],
    "ring": [("a", "b"), ("b", "d"), ("d", "e"), ("a", "e")],
    "triples": [("a", "b", "d"), ("b", "d", "e"), ("a",)],
    "disconnected": [("a", "b"), ("d", "e")],
    "nested": [("b", "c", "d"), ("b", "d"), ("d",)],
    "everything": [("a", "b", "c", "d", "e")],
}
CLASSES: dict[str, dict[str, Any]] = {
    "levels": {},
    "classes": {"b": np.array([0, 1, 0, 2, 1]), "d": np.array([0, 0, 1, 1])},
    "one class": {"b": np.zeros(5, dtype=int)},
}
VALUES = ("mild", "zeros", "extreme")


def build(cliques: str, classes: str, values: str) -> MarkovModel:
    """A model with random potentials, some of them awkward."""
    generator = np.random.default_rng([len(cliques), len(classes), len(values)])
    given = CLASSES[classes]
    tables = {}
    for clique in CLIQUES[cliques]:
        shape = [
            int(given[n].max()) + 1 if n in given and len(clique) > 1 else DOMAIN[n] for n in clique
        ]
        table = generator.normal(0, 3, shape)
        if values == "zeros":
            gone = generator.random(shape) < 0.3
            gone.flat[0] = False
            table[gone] = -np.inf
        tables[clique] = table * (400 if values == "extreme" else 1)
    tables[("b",)] = generator.normal(0, 2, 5)
    return MarkovModel(
        domain=DOMAIN,
        total=100.0,
        potentials=Potentials(domain=DOMAIN, tables=tables, classes=given),
    )


@pytest.fixture(params=itertools.product(CLIQUES, CLASSES, VALUES), ids="-".join)
def model(request: pytest.FixtureRequest) -> MarkovModel:
    """Every clique set with every kind of classes and values."""
    return build(*request.param)


def test_every_marginal_in_every_order(model: MarkovModel, enumerate_joint: Any) -> None:
    joint = enumerate_joint(model.potentials)
    for size in range(6):
        for names in itertools.permutations(DOMAIN.attributes, size):
            np.testing.assert_allclose(
                model.marginal(names).values, 100 * joint.project(names).values, atol=1e-8
            )


def test_entropy(model: MarkovModel, enumerate_joint: Any) -> None:
    cells = enumerate_joint(model.potentials).values
    cells = cells[cells > 0]
    assert model.entropy == pytest.approx(-float((cells * np.log(cells)).sum()), abs=1e-9)


def test_conditioning_is_exact(model: MarkovModel, enumerate_joint: Any) -> None:
    weights = np.array([1, 0, 0.5, 1, 1])
    joint = enumerate_joint(model.potentials)
    kept = joint.condition({"b": weights, "e": np.array([0, 1, 0])})
    share = float(kept.values.sum())
    evidence = {"b": weights, "e": 1}
    assert model.probability(evidence) == pytest.approx(share, abs=1e-9)
    if share > 1e-12:
        made = model.condition(evidence)
        assert made.total == pytest.approx(100 * share)
        np.testing.assert_allclose(
            made.marginal(DOMAIN.attributes).values, 100 * kept.values, atol=1e-7
        )


def test_saving_and_loading(model: MarkovModel) -> None:
    facts, arrays = model.to_arrays()
    file = io.BytesIO()
    np.savez(file, **arrays)
    file.seek(0)
    with np.load(file, allow_pickle=False) as stored:
        again = MarkovModel.from_arrays(json.loads(json.dumps(facts)), stored)
    for names in (("a", "d"), ("b", "e", "c")):
        np.testing.assert_array_equal(again.marginal(names).values, model.marginal(names).values)


def test_underflow_of_a_separator_is_survived(enumerate_joint: Any) -> None:
    domain = Domain(("a", "b", "c"), (2, 2, 2))
    tables = {
        ("a", "b"): np.array([[0.0, -2000.0], [-1.0, -2001.0]]),
        ("b", "c"): np.array([[-4000.0, -4001.0], [0.0, -1.0]]),
    }
    potentials = Potentials(domain=domain, tables=tables)
    made = MarkovModel(domain=domain, total=1.0, potentials=potentials)
    np.testing.assert_allclose(
        made.marginal(("a", "b", "c")).values, enumerate_joint(potentials).values, atol=1e-12
    )
    assert made.marginal(("b",)).values[1] == pytest.approx(1.0)


def test_evidence_that_cannot_be_is_refused() -> None:
    model = build("single", "levels", "mild")
    for evidence in ({"a": np.zeros(2)}, {"a": 2}, {"a": np.ones(3)}, {"a": np.array([-1.0, 1.0])}):
        with pytest.raises(InputError):
            model.condition(evidence)


def test_tables_too_large_are_refused_before_they_are_made() -> None:
    names = tuple(f"x{i}" for i in range(12))
    model = MarkovModel(domain=Domain(names, (20,) * 12), total=1.0)
    with pytest.raises(InputError):
        model.marginal(names)


def test_a_marginal_along_a_long_chain() -> None:
    names = tuple(f"x{i}" for i in range(60))
    domain = Domain(names, (8,) * 60)
    generator = np.random.default_rng(5)
    steps = [generator.dirichlet(np.ones(8) * 9, size=8) for _ in range(59)]
    tables = {(names[i], names[i + 1]): np.log(step) for i, step in enumerate(steps)}
    model = MarkovModel(
        domain=domain, total=1.0, potentials=Potentials(domain=domain, tables=tables)
    )
    expected = np.eye(8) / 8
    for step in steps:
        expected = expected @ step
    np.testing.assert_allclose(model.marginal((names[0], names[-1])).values, expected, atol=1e-12)


def test_damaged_files_are_refused() -> None:
    facts, arrays = build("ring", "classes", "mild").to_arrays()
    for broken in (
        {**facts, "levels": [2, 5]},
        {**facts, "cliques": [["a", "zzz"]]},
        {key: value for key, value in facts.items() if key != "total"},
        {**facts, "total": -1},
    ):
        with pytest.raises(ModelError):
            MarkovModel.from_arrays(broken, arrays)
    with pytest.raises(ModelError):
        MarkovModel.from_arrays(facts, {})


def test_a_model_refuses_potentials_that_do_not_fit() -> None:
    with pytest.raises(InputError):
        Potentials(domain=DOMAIN, tables={("b", "a"): np.zeros((5, 2))})
    with pytest.raises(InputError):
        Potentials(domain=DOMAIN, tables={("a",): np.zeros(3)})
    with pytest.raises(InputError):
        Potentials(domain=DOMAIN, classes={"b": np.array([0, 2, 2, 2, 2])})
    with pytest.raises(InputError):
        MarkovModel(domain=DOMAIN, total=float("nan"))
    with pytest.raises(InputError):
        MarkovModel(
            domain=DOMAIN,
            total=1.0,
            potentials=Potentials(domain=DOMAIN, tables={("a",): np.full(2, -np.inf)}),
        )
