"""Record/replay over the whole fit on the first rows of real tables, where they are at hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.traps.house import replays

from understudy.source import read_table


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "adult/adult_train.csv",
        "heart/heart_cleveland_303.csv",
        "pums_ca_1000/PUMS_null.csv",
        "titanic/titanic_train.csv",
        "clothing_reviews/womens_clothing_reviews.parquet",
        "stock/gafa_stock.csv",
    ],
)
def test_a_fit_on_a_real_table_asks_the_same_of_its_neighbours(
    shared_data: Path, name: str
) -> None:
    path = shared_data / name
    if not path.exists():
        pytest.skip("this table is not at hand")
    table = read_table(path)
    replays(table=table.with_rows(table.rows.slice(0, 800)))
