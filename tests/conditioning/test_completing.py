"""Given tables filled in: given cells untouched, the rest from the exact conditional law."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.conditioning.conftest import build, labels, number

from understudy.errors import InputError
from understudy.synthesize.conditioning.completing import complete
from understudy.synthesize.conditioning.filling import fill
from understudy.synthesize.marginal import Domain, MarkovModel, Potentials
from understudy.synthesize.model import Model

CASES = {
    "chain": [("a", "b"), ("b", "c"), ("c", "d"), ("d", "e")],
    "star": [("c", x) for x in "abde"],
    "cycle": [("a", "b"), ("b", "c"), ("c", "d"), ("d", "e"), ("a", "e")],
    "triples": [("a", "b", "c"), ("b", "c", "d"), ("c", "e")],
    "apart": [("a", "b"), ("d", "e")],
}


def markov(cliques: list[tuple[str, ...]], seed: int, classes: Any = None) -> MarkovModel:
    rng = np.random.default_rng(seed)
    domain = Domain(tuple("abcde"), (2, 3, 4, 2, 3))
    coarse = Potentials(domain=domain, classes=classes or {}).coarse
    tables: dict[tuple[str, ...], Any] = {}
    for clique in cliques:
        names = domain.canonical(clique)
        tables[names] = rng.normal(size=coarse.project(names).shape)
    tables[("c",)] = rng.normal(size=4)
    return MarkovModel(
        domain=domain,
        total=1.0,
        potentials=Potentials(domain=domain, tables=tables, classes=classes or {}),
    )


@pytest.mark.parametrize(
    "classes", [None, {"c": np.array([0, 1, 1, 0])}], ids=["levels", "classes"]
)
@pytest.mark.parametrize("case", CASES)
def test_every_pattern_follows_the_exact_conditional(case: str, classes: Any) -> None:
    """Each of the 31 patterns with 6,000 rows: χ² of the filled cells, α = 1e-9 a pattern.

    Rows are dealt with low variance, so the statistic is below that of independent rows; a shift
    of 4 % between two cells is found with power above 0.99.
    """
    from scipy.stats import chi2

    model = markov(CASES[case], 3, classes)
    joint = model.distribution("abcde").values
    rng = np.random.default_rng(11)
    known, patterns = [], []
    for pattern in range(31):
        cell = np.unravel_index(rng.integers(joint.size), joint.shape)
        row = [int(cell[i]) if pattern >> i & 1 else -1 for i in range(5)]
        known.append(np.tile(row, (6_000, 1)))
        patterns.append(row)
    table = np.concatenate(known)
    order = rng.permutation(len(table))
    given = {name: table[order, i] for i, name in enumerate("abcde")}
    made, impossible = fill([(1.0, model)], given, rng)
    assert not impossible.any()
    filled = np.stack([made[name] for name in "abcde"], axis=1)
    back = np.empty_like(filled)
    back[order] = filled
    for place, row in enumerate(patterns):
        mine = back[6_000 * place : 6_000 * (place + 1)]
        at = tuple(slice(None) if v < 0 else v for v in row)
        law = joint[at] / joint[at].sum()
        free = [i for i, v in enumerate(row) if v < 0]
        for i, v in enumerate(row):
            if v >= 0:
                assert (mine[:, i] == v).all()
        index = np.ravel_multi_index(mine[:, free].T, law.shape)
        counts = np.bincount(index, minlength=law.size)
        expected = 6_000 * law.ravel()
        big = expected > 3
        statistic = ((counts - expected)[big] ** 2 / expected[big]).sum()
        assert statistic < chi2.isf(1e-9, max(int(big.sum()) - 1, 1)), (place, row)


def test_distinct_evidence_in_every_row_follows_the_law() -> None:
    """A chain with 400-level ends: nearly every row its own evidence; the middle's mean is exact.

    n = 40,000 rows of distinct (a, c); the middle is binary, and the sum of its deviations from
    its conditional probability stays within 6 standard deviations (α = 2e-9).
    """
    rng = np.random.default_rng(5)
    domain = Domain(("a", "b", "c"), (400, 2, 400))
    tables = {("a", "b"): rng.normal(size=(400, 2)), ("b", "c"): rng.normal(size=(2, 400))}
    model = MarkovModel(
        domain=domain, total=1.0, potentials=Potentials(domain=domain, tables=tables)
    )
    a, c = rng.integers(400, size=40_000), rng.integers(400, size=40_000)
    logs = tables[("a", "b")][a] + tables[("b", "c")].T[c]
    p = 1 / (1 + np.exp(logs[:, 0] - logs[:, 1]))
    made, _ = fill([(1.0, model)], {"a": a, "b": np.full(40_000, -1), "c": c}, rng)
    for part in (p < 0.3, (p >= 0.3) & (p < 0.7), p >= 0.7):
        deviation = (made["b"][part] - p[part]).sum()
        assert abs(deviation) < 6 * np.sqrt((p * (1 - p))[part].sum())


def test_a_mixture_is_weighed_row_by_row(model: Model) -> None:
    """n = 4,000 women and 4,000 men under an `or`: ages follow each one's own law (6 σ)."""
    made = model.condition("sex = 'F' and age < 15 or sex = 'M' and married")
    given = pa.table({"sex": ["F"] * 4_000 + ["M"] * 4_000})
    table = made.complete(given, seed=2)
    ages = np.array([float(x) if x is not None else np.nan for x in table["age"].to_pylist()])
    assert (ages[:4_000] < 15).all()
    assert set(table["married"].to_pylist()[4_000:]) == {"yes"}
    p = model.condition("sex = 'M' and married").condition("age >= 18").derived[1].probability
    assert abs((ages[4_000:] >= 18).mean() - p) < 6 * np.sqrt(p * (1 - p) / 4_000)


def test_rows_that_cannot_be_are_completed_and_counted() -> None:
    model = markov(CASES["chain"], 1)
    tables = dict(model.potentials.tables)
    tables[("a", "b")] = np.where(np.eye(2, 3) > 0, -np.inf, 0.0)
    odd = MarkovModel(
        domain=model.domain, total=1.0, potentials=Potentials(domain=model.domain, tables=tables)
    )
    given = {n: np.full(50, -1) for n in "abcde"}
    given["a"][:25], given["b"][:25] = 1, 1
    made, impossible = fill([(1.0, odd)], given, np.random.default_rng(0))
    assert impossible[:25].all()
    assert not impossible[25:].any()
    assert (made["a"][:25] == 1).all()
    assert all((codes >= 0).all() for codes in made.values())


def table_of(model: Model, rows: int, seed: int, keep: float) -> tuple[pa.Table, pa.Table]:
    """A drawn table, and the same with holes."""
    whole = model.sample(rows, seed=seed)
    rng = np.random.default_rng(seed)
    holes = {
        name: pa.array(
            [c if rng.random() < keep else None for c in whole[name].to_pylist()], pa.string()
        )
        for name in whole.column_names
    }
    return whole, pa.table(holes)


def test_given_cells_are_untouched(model: Model) -> None:
    whole, holes = table_of(model, 500, 3, 0.5)
    made = complete(model, holes, seed=1)
    assert made.table.column_names == list(model.columns)
    for name in holes.column_names:
        for before, after in zip(
            holes[name].to_pylist(), made.table[name].to_pylist(), strict=True
        ):
            assert before in (None, after)
    assert sum(made.filled.values()) == sum(holes[name].null_count for name in holes.column_names)
    assert complete(model, holes, seed=1).table.equals(made.table)
    assert complete(model, whole).table["sex"].to_pylist().count("F") >= whole[
        "sex"
    ].to_pylist().count("F")


def test_what_the_model_does_not_know_is_kept(model: Model) -> None:
    given = pa.table({"age": ["5", "200", "-3", " ", "soon"], "sex": ["F", "X", "M", "", "F"]})
    made = complete(model, given, seed=0)
    assert made.table["age"].to_pylist()[:3] == ["5", "200", "-3"]
    assert made.table["age"].to_pylist()[4] == "soon"
    assert made.table["sex"].to_pylist()[:3] == ["F", "X", "M"]
    assert made.unknown == {"age": 1, "sex": 1}
    assert made.filled == {"age": 1, "sex": 1, "married": 5, "hours": 5}


def test_types_of_the_given_table_stay(model: Model) -> None:
    import pandas as pd

    given = pd.DataFrame({"age": [5.0, np.nan, 33.0], "sex": pd.Categorical(["F", None, "M"])})
    table = model.complete(given, seed=0)
    assert table.schema.field("age").type == pa.float64()
    assert pa.types.is_dictionary(table.schema.field("sex").type)
    assert table["age"].to_pylist()[0] == 5.0
    assert table["sex"].to_pylist()[2] == "M"
    whole = model.complete(pa.table({"age": pa.array([5, 6], pa.int32())}))
    assert whole.schema.field("age").type == pa.int32()


def test_edges(model: Model) -> None:
    assert model.complete(pa.table({"age": pa.array([], pa.string())})).num_rows == 0
    assert model.complete(pa.table({"age": pa.nulls(20)})).num_rows == 20
    full = model.sample(10, seed=0)
    assert (
        complete(model, pa.table({"married": full["married"]})).table["married"] == full["married"]
    )
    with pytest.raises(InputError, match="no column 'agee'"):
        model.complete(pa.table({"agee": ["1"]}))
    with pytest.raises(InputError, match="twice"):
        model.complete(pa.Table.from_arrays([pa.array(["1"])] * 2, names=["age", "age"]))
    with pytest.raises(InputError, match="no table"):
        model.complete(3)


def test_nothing_of_the_given_table_is_kept(model: Model) -> None:
    before = model.to_json()[0]
    model.complete(pa.table({"sex": ["a-very-odd-cell"] * 3}))
    assert model.to_json()[0] == before


def test_a_hundred_thousand_rows_in_seconds() -> None:
    """Twelve columns of 20 levels, half of the cells given at random: under 30 processor seconds."""
    names = [f"x{i:02d}" for i in range(12)]
    columns = [labels(name, [f"v{j}" for j in range(20)]) for name in names[:6]]
    columns += [number(name, list(range(0, 42, 2))) for name in names[6:]]
    cliques = [(names[i - 1], names[i]) for i in range(1, 12)] + [("x00", "x02"), ("x05", "x07")]
    model = build(columns, cliques, {}, seed=2)
    whole = model.sample(100_000, seed=1)
    rng = np.random.default_rng(0)
    cells = {name: np.array(whole[name].to_pylist(), dtype=object) for name in names}
    holes = pa.table(
        {
            name: pa.array(np.where(rng.random(100_000) < 0.5, None, held), pa.string())
            for name, held in cells.items()
        }
    )
    started = time.process_time()
    made = model.complete(holes, seed=1)
    assert time.process_time() - started < 30
    assert made.num_rows == 100_000
