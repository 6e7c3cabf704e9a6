"""Every real table reads, and what is written back is the file again, byte by byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from understudy.schema import Storage, identifier_by_name
from understudy.source import from_frame, read_table, write_table

if TYPE_CHECKING:
    from pathlib import Path

_FILES = """
adult/adult_binned_private_pgm.csv adult/adult_test.csv adult/adult_train.csv
bank_churn/Churn_Modelling.csv banking77/test.csv banking77/train.csv beijing_pm25/PRSA_data.csv
breast_cancer/wdbc.csv cdnow/purchases.csv cdnow/users.csv clothing_reviews/womens_clothing_reviews.parquet
credit_default/creditcard_default.csv creditcard_fraud_sample/creditcard_sample.parquet
dp_discrete/nltcs.csv dp_discrete/salary.csv dp_discrete/titanic.csv german_credit/german.csv
heart/heart_918.csv heart/heart_cleveland_303.csv insurance/insurance.csv
kddcup99_10pct/kddcup.parquet magic/magic04.csv mushroom/mushrooms.csv nist_acs_ma/ma2018.csv
nist_acs_ma/ma2019.csv paysim_sample/paysim_sample.csv pbcseq/pbcseq.csv pima/pima.csv
pums_ca_1000/PUMS.csv pums_ca_1000/PUMS_dup.csv pums_ca_1000/PUMS_null.csv
pums_ca_1000/PUMS_pid.csv sd2011/SD2011.csv sms_spam/smsspamcollection.tsv stock/gafa_stock.csv
stock/timegan_stock_data.csv stroke/healthcare-dataset-stroke-data.csv
telco_churn/Telco-Customer-Churn.csv titanic/titanic.csv titanic/titanic_train.csv
chinook/Customer.csv chinook/Track.csv northwind/orders.csv northwind/suppliers.csv
mimic3_demo/ADMISSIONS.csv mimic3_demo/PRESCRIPTIONS.csv baseball/players.csv
baseball/batting.parquet
"""
SINGLE = _FILES.split()
QUOTED_WITHOUT_NEED = {"northwind/orders.csv", "northwind/suppliers.csv", "sd2011/SD2011.csv"}


@pytest.mark.parametrize("name", SINGLE)
def test_it_reads_and_is_written_back_the_same(
    shared_data: Path, tmp_path: Path, name: str
) -> None:
    path = shared_data / name
    table = read_table(path)
    again = tmp_path / f"t{table.format.suffix}"
    write_table(table.rows, again, table.format)
    assert read_table(again).rows.equals(table.rows)
    assert table.warnings == ()
    if table.format.container == "csv":
        assert {header.storage for header in table.headers} == {Storage.TEXT}
        assert not any(column.null_count for column in table.rows.columns)
    if table.format.container == "csv" and name not in QUOTED_WITHOUT_NEED:
        source = path.read_bytes()
        end = table.format.line_end.encode()
        assert again.read_bytes() == (source if source.endswith(end) else source + end)


def test_a_file_without_a_header_line_is_warned_about(shared_data: Path) -> None:
    assert read_table(shared_data / "email_eu_core" / "email-Eu-core.txt").warnings


@pytest.mark.parametrize(
    ("name", "identifiers"),
    [
        ("bank_churn/Churn_Modelling.csv", {"RowNumber", "CustomerId", "Surname"}),
        ("telco_churn/Telco-Customer-Churn.csv", {"customerID"}),
        ("stroke/healthcare-dataset-stroke-data.csv", {"id"}),
        ("beijing_pm25/PRSA_data.csv", {"No"}),
        ("titanic/titanic_train.csv", {"PassengerId", "Name"}),
        ("adult/adult_train.csv", set()),
        ("german_credit/german.csv", set()),
        ("sd2011/SD2011.csv", set()),
        ("nist_acs_ma/ma2019.csv", set()),
        ("kddcup99_10pct/kddcup.parquet", set()),
        ("mushroom/mushrooms.csv", set()),
        ("breast_cancer/wdbc.csv", set()),
    ],
)
def test_identifiers_by_name(shared_data: Path, name: str, identifiers: set[str]) -> None:
    names = read_table(shared_data / name).column_names
    assert {column for column in names if identifier_by_name(column)} == identifiers


def test_adult_is_read_lean(shared_data: Path) -> None:
    path = shared_data / "adult" / "adult_train.csv"
    before = pa.total_allocated_bytes()
    table = read_table(path)
    held = pa.total_allocated_bytes() - before
    assert held < 3 * path.stat().st_size
    assert table.rows.num_rows == 32_561


def test_a_frame_of_a_real_table_comes_back(shared_data: Path) -> None:
    table = read_table(shared_data / "titanic" / "titanic.csv")
    frame = table.rows.to_pandas()
    taken = from_frame(frame)
    assert taken.give_back(taken.rows).equals(frame)
