"""Independent columns and MST from rows to model: what they learn, spend and keep."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from understudy.curator import MemoryCurator
from understudy.errors import InputError
from understudy.privacy import Budget, Unit
from understudy.schema import Column, Schema
from understudy.source import SensitiveTable, from_frame
from understudy.synthesize.baseline.independent import Independent
from understudy.synthesize.marginal.aim import AIM
from understudy.synthesize.marginal.mst import MST
from understudy.synthesize.model import Model
from understudy.testing.tables import visits

GENEROUS = 40.0


def texts(**cells: list[str]) -> SensitiveTable:
    return from_frame(pa.table({name: pa.array(part, pa.string()) for name, part in cells.items()}))


def chain(rows: int = 4_000, seed: int = 0) -> SensitiveTable:
    """a → b → c, and d by itself: the tree should find the first two edges."""
    rng = np.random.default_rng(seed)
    a = rng.choice(3, rows)
    b = np.where(rng.random(rows) < 0.85, a, rng.choice(3, rows))
    c = np.where(rng.random(rows) < 0.85, b, rng.choice(3, rows))
    d = rng.choice(2, rows)
    names = np.array(["p", "q", "r"])
    return texts(a=names[a].tolist(), b=names[b].tolist(), c=names[c].tolist(), d=names[d].tolist())


def pair(table: pa.Table, first: str, second: str) -> np.ndarray:
    """Shares of a pair of three-label columns."""
    names = ["p", "q", "r"]
    found = np.zeros((3, 3))
    for x, y in zip(table[first].to_pylist(), table[second].to_pylist(), strict=True):
        if x in names and y in names:
            found[names.index(x), names.index(y)] += 1
    return found / found.sum()


@pytest.fixture(scope="module")
def fitted() -> tuple[Model, Budget]:
    budget = Budget(GENEROUS)
    return MST().fit(MemoryCurator(chain(), budget=budget), Schema()), budget


def test_mst_finds_the_edges_that_matter(fitted: tuple[Model, Budget]) -> None:
    model, _ = fitted
    cliques = [set(clique) for clique in model.codes.markov.cliques]  # type: ignore[attr-defined]
    assert any({"a", "b"} <= clique for clique in cliques)
    assert any({"b", "c"} <= clique for clique in cliques)


def test_mst_keeps_pairs_and_independent_does_not(fitted: tuple[Model, Budget]) -> None:
    real = pair(chain().rows, "a", "b")
    mst = pair(fitted[0].sample(8_000, seed=1), "a", "b")
    alone = Independent().fit(MemoryCurator(chain(), budget=Budget(GENEROUS)), Schema())
    independent = pair(alone.sample(8_000, seed=1), "a", "b")
    assert np.abs(mst - real).sum() / 2 < 0.06
    assert np.abs(independent - real).sum() / 2 > 0.3


def test_all_but_a_sliver_of_the_budget_is_spent(fitted: tuple[Model, Budget]) -> None:
    _, budget = fitted
    assert 0.9 * budget.rho < budget.spent_rho <= budget.rho
    assert budget.epsilon_spent() <= GENEROUS
    planned = sum(part.planned_rho for part in budget.shares)
    assert planned <= budget.rho * (1 + 1e-9)
    assert {part.stage for part in budget.shares} >= {
        "rows",
        "domain",
        "singles",
        "select",
        "pairs",
    }


@pytest.mark.parametrize("share", [0.001, 0.03, 0.3, 0.49])
@pytest.mark.parametrize("epsilon", [0.1, 5.0])
def test_any_share_of_selection_fits_the_budget(share: float, epsilon: float) -> None:
    budget = Budget(epsilon)
    MST(select_share=share).fit(MemoryCurator(chain(200), budget=budget), Schema())
    assert budget.epsilon_spent() <= epsilon


def test_a_tree_without_chords_has_an_edge_fewer_than_columns() -> None:
    model = MST(chords=0).fit(MemoryCurator(chain(), budget=Budget(GENEROUS)), Schema())
    cliques = [clique for clique in model.codes.markov.cliques if len(clique) == 2]  # type: ignore[attr-defined]
    assert len(cliques) == 3
    assert model.settings["chords"] == 0


@pytest.mark.parametrize(
    "settings",
    [
        {"select_share": 0.0},
        {"select_share": 0.5},
        {"fewest_levels": 1},
        {"fewest_levels": 9, "most_levels": 8},
        {"most_levels": 65},
        {"chords": -1},
        {"clique_cells": 10},
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(InputError):
        MST(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("synthesizer", [Independent(), MST(), AIM()], ids=lambda one: one.name)
@pytest.mark.parametrize("columns", [1, 2, 3])
@pytest.mark.parametrize("rows", [1, 2, 50])
def test_small_tables(synthesizer: MST, columns: int, rows: int) -> None:
    whole = chain(rows)
    table = from_frame(whole.rows.select(whole.rows.column_names[:columns]))
    model = synthesizer.fit(MemoryCurator(table, budget=Budget(1.0)), Schema())
    made = model.sample(30, seed=0)
    assert made.num_rows == 30
    assert made.column_names == table.rows.column_names
    assert model.sample(seed=0).num_rows == round(model.rows) >= 1


def test_no_rows_and_negative_rows(fitted: tuple[Model, Budget]) -> None:
    assert fitted[0].sample(0, seed=0).num_rows == 0
    with pytest.raises(InputError):
        fitted[0].sample(-1)


def test_a_dropped_column_is_not_in_the_model() -> None:
    schema = Schema(columns=(Column(name="b", action="drop"),))
    model = MST().fit(MemoryCurator(chain(300), budget=Budget(1.0)), schema)
    assert model.columns == ("a", "c", "d")


def test_people_are_bounded_and_charged_for() -> None:
    unit = Unit(column="patient", max_rows=3)
    budget = Budget(GENEROUS, unit=unit)
    table = from_frame(visits(np.random.default_rng(0)))
    model = MST().fit(MemoryCurator(table, budget=budget), Schema())
    assert all(getattr(event, "sensitivity", 3.0) == 3.0 for event in budget.events)
    assert model.rows < table.rows.num_rows


def test_progress_goes_forward_and_speaks() -> None:
    told: list[tuple[str, float]] = []
    MST().fit(
        MemoryCurator(chain(300), budget=Budget(8.0)),
        Schema(),
        progress=lambda text, done: told.append((text, done)),
    )
    done = [part for _, part in told]
    assert done == sorted(done)
    assert all(0 <= part <= 1 for part in done)
    assert all(text and text[0].islower() for text, _ in told)


@pytest.mark.slow
def test_labels_in_their_thousands_are_modelled() -> None:
    rng = np.random.default_rng(0)
    weights = 1.0 / np.arange(1, 3_001)
    cells = rng.choice(3_000, 60_000, p=weights / weights.sum())
    table = texts(a=[f"k{cell}" for cell in cells], b=[str(cell % 3) for cell in cells])
    budget = Budget(4.0)
    model = MST().fit(MemoryCurator(table, budget=budget), Schema())
    assert budget.epsilon_spent() <= 4.0
    assert model.attributes[0].encoding.size > 100
