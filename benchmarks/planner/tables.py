"""Which tables take part, and what a codebook would declare of them.

Half of the tables are `fit`: the coefficients in the package were found on them. The others are
held out: nothing was ever tuned on them, and the goal counts there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from understudy.cells.classes import MARKS
from understudy.schema import Column, Schema

MOST_LABELS, FEWEST_NUMBERS = 60, 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One table: its file, and whether coefficients were found on it."""

    name: str
    path: str
    fit: bool


TABLES = (
    Case(name="heart_303", path="heart/heart_cleveland_303.csv", fit=True),
    Case(name="pums_1000", path="pums_ca_1000/PUMS.csv", fit=False),
    Case(name="pima", path="pima/pima.csv", fit=False),
    Case(name="titanic", path="titanic/titanic.csv", fit=True),
    Case(name="heart_918", path="heart/heart_918.csv", fit=False),
    Case(name="insurance", path="insurance/insurance.csv", fit=True),
    Case(name="german", path="german_credit/german.csv", fit=True),
    Case(name="wdbc", path="breast_cancer/wdbc.csv", fit=False),
    Case(name="pbcseq", path="pbcseq/pbcseq.csv", fit=True),
    Case(name="stock", path="stock/timegan_stock_data.csv", fit=False),
    Case(name="stroke", path="stroke/healthcare-dataset-stroke-data.csv", fit=False),
    Case(name="mushroom", path="mushroom/mushrooms.csv", fit=True),
    Case(name="acs_2018", path="nist_acs_ma/ma2018.csv", fit=False),
    Case(name="bank_churn", path="bank_churn/Churn_Modelling.csv", fit=True),
    Case(name="nltcs", path="dp_discrete/nltcs.csv", fit=True),
    Case(name="telco", path="telco_churn/Telco-Customer-Churn.csv", fit=False),
    Case(name="sd2011", path="sd2011/SD2011.csv", fit=True),
    Case(name="magic", path="magic/magic04.csv", fit=False),
    Case(name="adult_test", path="adult/adult_test.csv", fit=True),
    Case(name="adult_binned", path="adult/adult_binned_private_pgm.csv", fit=False),
    Case(name="beijing", path="beijing_pm25/PRSA_data.csv", fit=True),
    Case(name="clothing", path="clothing_reviews/womens_clothing_reviews.parquet", fit=False),
    Case(name="paysim", path="paysim_sample/paysim_sample.csv", fit=True),
    Case(name="salary", path="dp_discrete/salary.csv", fit=False),
    Case(name="credit", path="credit_default/creditcard_default.csv", fit=False),
)


def data_folder() -> Path:
    """Folder of real tables: $UNDERSTUDY_BENCH_DATA, else ../shared/data beside the checkout."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    return Path(os.environ.get("UNDERSTUDY_BENCH_DATA", beside))


def codebook(table: Any) -> Schema:
    """What a published codebook would declare: kinds, bounds, decimals, short lists of labels.

    The tables are public, so that their values stand in for a codebook's; a steward's own schema
    comes from elsewhere than the rows.
    """
    return Schema(columns=tuple(_declared(table)))


def _declared(table: Any) -> Iterator[Column]:
    """Columns with what can be declared of them; the others are left to be learned."""
    for name in table.column_names:
        cells = table.column(name).to_pandas().astype(object)
        text = cells.map(lambda cell: "" if pd.isna(cell) else str(cell))
        marks = tuple(sorted({mark for mark in MARKS if mark} & set(text.unique())))
        empty = ("",) if (text == "").any() and pd.api.types.is_string_dtype(cells) else ()
        known = text[~text.isin([*marks, ""])]
        numbers = pd.to_numeric(known, errors="coerce")
        labels = sorted(known.unique())
        nulls = (*empty, *marks)
        if len(known) and not numbers.isna().any() and len(labels) >= FEWEST_NUMBERS:
            low, high = float(numbers.min()), float(numbers.max())
            places = known.str.extract(r"\.(\d*[1-9])0*$")[0].str.len().max()
            decimals = 0 if pd.isna(places) else min(int(places), 9)
            if low < high:
                yield Column(name=name, minimum=low, maximum=high, decimals=decimals, nulls=nulls)
        elif 1 <= len(labels) <= MOST_LABELS and all(labels):
            yield Column(name=name, categories=tuple(labels), nulls=nulls)
