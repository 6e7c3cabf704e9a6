"""Kinds are decided from noisy counts as a person would, and no single cell decides."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pytest

from understudy.cells.classes import CLASSES, FLOAT_CLASSES, classify, classify_floats
from understudy.prepare.kinds import Decision, decide, decide_floats
from understudy.schema import Column, IdentifierKind, Kind

SIGMA = 20.0
NUMBER, CATEGORY, BOOLEAN = Kind.NUMBER, Kind.CATEGORY, Kind.BOOLEAN
DATE, DATETIME, IDENTIFIER = Kind.DATE, Kind.DATETIME, Kind.IDENTIFIER

# file -> kinds in column order; a letter each: n c b d t i x (number, category, boolean, date,
# datetime, identifier, text). Age and fare of 891 passengers lose their rare decimals to the noise.
KINDS = {
    "adult/adult_train.csv": "ncncnccccc" + "nnncc",
    "adult/adult_test.csv": "ncncnccccc" + "nnncc",
    "bank_churn/Churn_Modelling.csv": "iiinccnnnnnnnn",
    "baseball/players.csv": "icddiinncc",
    "beijing_pm25/PRSA_data.csv": "innnnnnnncnnn",
    "breast_cancer/wdbc.csv": "n" * 31,
    "cdnow/purchases.csv": "idnn",
    "credit_default/creditcard_default.csv": "n" * 24,
    "dp_discrete/nltcs.csv": "n" * 16,
    "german_credit/german.csv": "cnccnccnccncnccncnccn",
    "heart/heart_918.csv": "ncnnncnbnn",
    "heart/heart_cleveland_303.csv": "nccnnbnbb",
    "insurance/insurance.csv": "ncnnbcn",
    "magic/magic04.csv": "nnnnnnnnnnc",
    "mimic3_demo/PRESCRIPTIONS.csv": "iiiittcccc" + "cccc" + "ncncc",
    "mushroom/mushrooms.csv": "cccc" + "b" + "c" * 18,
    "nist_acs_ma/ma2018.csv": "c" + "n" * 16 + "c" + "n" * 6,
    "nist_acs_ma/ma2019.csv": "c" + "n" * 16 + "c" + "n" * 6,
    "paysim_sample/paysim_sample.csv": "ncncnncnnnn",
    "pbcseq/pbcseq.csv": "innnncnnnnnnnnnnnnn",
    "pima/pima.csv": "n" * 9,
    "pums_ca_1000/PUMS.csv": "n" * 6,
    "sd2011/SD2011.csv": "cnccccccnncnnnncncccbnbnbbbnccccnnn",
    "stock/gafa_stock.csv": "cdnnnnnn",
    "stroke/healthcare-dataset-stroke-data.csv": "icnnnbccnncn",
    "telco_churn/Telco-Customer-Churn.csv": "icnbbnbcccccccccbcnnb",
    "titanic/titanic.csv": "nncnnnnc",
    "titanic/titanic_train.csv": "innicnnncncc",
    "sms_spam/smsspamcollection.tsv": "cinn",
    "banking77/train.csv": "xc",
}
LETTER = {
    NUMBER: "n", CATEGORY: "c", BOOLEAN: "b", DATE: "d", DATETIME: "t", IDENTIFIER: "i",
    Kind.TEXT: "x",
}  # fmt: skip


def _table(path: Path) -> pa.Table:
    tab = "\t" if path.suffix == ".tsv" else ","
    with path.open(encoding="utf-8", errors="replace") as file:
        names = next(csv.reader([file.readline()], delimiter=tab))
    return pyarrow.csv.read_csv(
        path,
        parse_options=pyarrow.csv.ParseOptions(delimiter=tab, newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
        ),
    )


def _decided(cells: pa.ChunkedArray | pa.Array, name: str, seed: int) -> Decision:
    rng = np.random.default_rng(seed)
    counts = np.bincount(classify(cells), minlength=len(CLASSES))
    return decide(counts + np.rint(rng.normal(0, SIGMA, len(CLASSES))), SIGMA, Column(name=name))


@pytest.mark.parametrize("name", KINDS)
def test_real_columns_get_the_kind_a_person_would_say(shared_data: Path, name: str) -> None:
    """With noise of 20 cells, every column of every table, under three draws of the noise.

    A class that is no fact is called present with probability 2·10⁻⁶ (4.5 σ); the smallest share
    a kind hangs on in these tables is 6 σ above its threshold.
    """
    path = shared_data / name
    if not path.exists():
        pytest.skip("this data set is absent")
    table = _table(path)
    for seed in range(3):
        decided = [_decided(table[column], column, seed) for column in table.column_names]
        got = "".join(LETTER[decision.kind] for decision in decided)
        wrong = [
            f"{column}: {letter} for {hoped}"
            for column, letter, hoped in zip(table.column_names, got, KINDS[name], strict=True)
            if letter != hoped
        ]
        assert not wrong


EXACT = {
    "adult/adult_train.csv": 1.0,
    "bank_churn/Churn_Modelling.csv": 1.0,
    "baseball/players.csv": 1.0,
    "beijing_pm25/PRSA_data.csv": 0.9998,
    "cdnow/purchases.csv": 1.0,
    "credit_default/creditcard_default.csv": 0.999,
    "heart/heart_918.csv": 1.0,
    "insurance/insurance.csv": 0.999,
    "magic/magic04.csv": 0.9999,
    "nist_acs_ma/ma2018.csv": 1.0,
    "paysim_sample/paysim_sample.csv": 1.0,
    "pima/pima.csv": 0.99,
    "sd2011/SD2011.csv": 1.0,
    "stock/gafa_stock.csv": 0.999,
    "stroke/healthcare-dataset-stroke-data.csv": 0.97,
    "telco_churn/Telco-Customer-Churn.csv": 0.99,
}


@pytest.mark.parametrize("name", EXACT)
def test_real_cells_are_written_as_they_were_read(shared_data: Path, name: str) -> None:
    """Every readable cell comes back letter by letter, but for spellings hidden in the noise."""
    path = shared_data / name
    if not path.exists():
        pytest.skip("this data set is absent")
    table = _table(path)
    for column in table.column_names:
        decision = _decided(table[column], column, 0)
        if decision.reading is None:
            continue
        numbers, readable = decision.reading.numbers(table[column])
        back = decision.reading.render(numbers)
        same = np.asarray(pa.compute.equal(table[column], pa.chunked_array([back])))
        assert same[readable].mean() >= EXACT[name], column
        assert readable.mean() > 0.1


def _counts(**held: float) -> np.ndarray:
    counts = np.zeros(len(CLASSES))
    for name, count in held.items():
        counts[CLASSES.index(name)] = count
    return counts


def _of(cells: list[str | None], sigma: float = 1.0, **declared: object) -> Decision:
    counts = np.bincount(classify(pa.array(cells, pa.string())), minlength=len(CLASSES))
    return decide(counts.astype(float), sigma, Column(name="column", **declared))  # type: ignore[arg-type]


def test_one_odd_cell_neither_flips_a_column_nor_shows() -> None:
    """With hardly any noise, adding any one cell to any clean column changes nothing."""
    columns = [
        ["12"] * 400,
        ["1.5"] * 400,
        ["2020-01-02"] * 400,
        ["Yes", "No"] * 200,
        ["red"] * 400,
    ]
    odd = [
        "",
        "?",
        "x",
        "12",
        "0.123456789",
        "2020-01-02",
        "007",
        "Yes",
        "a@b.org",
        "1,234",
        "é" * 99,
    ]
    for column in columns:
        clean = _of(column, 0.01)
        for cell in odd:
            assert _of([*column, cell], 0.01) == clean


def test_the_decision_does_not_move_with_one_count() -> None:
    """Negative counts and the sign of noise are fine; hopeless noise gives a category."""
    assert decide(np.full(len(CLASSES), -5.0), 20.0, Column(name="x")).kind is CATEGORY
    hopeless = decide(_counts(integer=30.0), 20.0, Column(name="x"))
    assert hopeless.kind is CATEGORY
    assert "too few" in hopeless.why
    assert not hopeless.marks


def test_labels_among_numbers_are_odd_and_codes_are_not_numbers() -> None:
    points = _of(["7"] * 880 + ["none"] * 20 + ["left"] * 100)
    assert points.kind is NUMBER
    assert points.odd_share == pytest.approx(0.12)
    lettered = _of(["7"] * 880 + ["N"] * 120)
    assert lettered.kind is NUMBER
    assert lettered.odd_share == pytest.approx(0.0)
    assert lettered.marks == ("N",)
    assert _of(["7"] * 880 + ["N"] * 120, nulls=()).odd_share == pytest.approx(0.12)
    assert _of(["4019"] * 800 + ["V5861"] * 200).kind is CATEGORY
    assert _of(["4019"] * 900 + ["0389"] * 100).kind is CATEGORY
    assert _of(["0389"] * 1000).kind is CATEGORY
    assert _of(["0389"] * 1000, width=4).reading.width == 4
    assert _of(["1234567890123456"] * 1000).kind is CATEGORY
    assert _of(["7"] * 300 + ["N"] * 700).kind is CATEGORY


@pytest.mark.parametrize(
    ("cells", "form"),
    [
        (["31/12/2020", "01/02/2020"], "%d/%m/%Y"),
        (["12/31/2020", "01/02/2020"], "%m/%d/%Y"),
        (["1/31/2020", "1/2/2020", "12/31/2020"], "%-m/%-d/%Y"),
        (["01/02/2020"], "%m/%d/%Y"),
        (["31.12.2020", "01.02.2020"], "%d.%m.%Y"),
        (["20200131", "19991231"], "%Y%m%d"),
        (["05-Jan-2020"], "%d-%b-%Y"),
    ],
)
def test_date_formats(cells: list[str], form: str) -> None:
    decision = _of(cells * 300)
    assert decision.kind is DATE
    assert decision.reading is not None
    assert decision.reading.format == form
    assert (
        decision.reading.render(decision.reading.numbers(pa.array(cells))[0]).to_pylist() == cells
    )


@pytest.mark.parametrize(
    ("cells", "form"),
    [
        (["2020-01-02 00:00:00"], "%Y-%m-%d 00:00:00"),
        (["2020-01-02 00:00:00", "2020-01-02 10:00:00"], "%Y-%m-%d %H:%M:%S"),
        (["2020-01-02T10:00:00.123Z"], "%Y-%m-%dT%H:%M:%S.%3fZ"),
        (["2020-01-02 10:00:00+00:00"], "%Y-%m-%d %H:%M:%S%:z"),
        (["12/13/2010 8:26", "12/1/2010 18:26"], "%-m/%-d/%Y %-H:%M"),
    ],
)
def test_datetime_formats(cells: list[str], form: str) -> None:
    decision = _of(cells * 300)
    assert decision.kind is DATETIME
    assert decision.reading is not None
    assert decision.reading.format == form
    assert (
        decision.reading.render(decision.reading.numbers(pa.array(cells))[0]).to_pylist() == cells
    )


@pytest.mark.parametrize(
    "cells",
    [
        ["1,234", "999", "12,345"],
        ["1,234.50", "999.00", "12,345.67"],
        ["0,5", "12,3", "7,1"],
        ["1.234,56", "99,99"],
        ["12%", "7%"],
        ["$5.00", "$1,234.50"],
        [" 42", " 7"],
        ["18.00", "9.80", "7.75"],
        ["5.0", "5.25", "7.5"],
        ["5", "5.25", "7.5"],
        ["27.68166089965398", "3.5"],
    ],
    ids=lambda cells: cells[0],
)
def test_number_styles_come_back(cells: list[str]) -> None:
    decision = _of(cells * 1000)
    assert decision.kind is NUMBER
    assert decision.reading is not None
    numbers, readable = decision.reading.numbers(pa.array(cells))
    assert readable.all()
    assert decision.odd_share == 0
    assert decision.reading.render(numbers).to_pylist() == cells


def test_booleans_keep_their_spelling_and_lone_letters_are_labels() -> None:
    for true, false in (("Yes", "No"), ("TRUE", "FALSE"), ("Y", "N"), ("t", "f"), ("on", "off")):
        decision = _of([true, false, ""] * 200)
        assert decision.kind is BOOLEAN
        assert decision.reading is not None
        assert (decision.reading.true, decision.reading.false) == (true, false)
        assert decision.marks == ("",)
    assert _of(["F"] * 500).kind is CATEGORY
    assert _of(["F", "M"] * 300).kind is CATEGORY
    assert _of(["Yes", "No", "No service"] * 200).kind is CATEGORY


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        ("maria@example.org", IdentifierKind.EMAIL),
        ("+1 (212) 555-0100", IdentifierKind.PHONE),
        ("550e8400-e29b-41d4-a716-446655440000", IdentifierKind.UUID),
        ("192.0.2.77", IdentifierKind.IP),
        ("https://example.org/a", IdentifierKind.URL),
        ("078-05-1120", IdentifierKind.NATIONAL_ID),
        ("DE89370400440532013000", IdentifierKind.NATIONAL_ID),
    ],
)
def test_identifiers_by_their_cells(cell: str, kind: IdentifierKind) -> None:
    decision = _of([cell] * 500 + [""] * 100)
    assert decision.kind is IDENTIFIER
    assert decision.identifier is kind
    assert _of([cell] * 500, action="keep", kind="category").kind is CATEGORY


def test_names_identify_unless_the_cells_speak_against_it() -> None:
    def of(name: str, cell: str) -> Decision:
        counts = np.bincount(classify(pa.array([cell] * 1000)), minlength=len(CLASSES))
        return decide(counts.astype(float), 2.0, Column(name=name))

    assert of("surname", "Smith").identifier is IdentifierKind.LAST_NAME
    assert of("phone", "5550100123").identifier is IdentifierKind.PHONE
    assert of("phone", "1").kind is NUMBER
    assert of("email", "Yes").kind is BOOLEAN
    assert of("first_name", "12").kind is NUMBER
    assert of("id", "12").identifier is IdentifierKind.KEY
    assert of("message", "Call me when you are there, will you please?").kind is IDENTIFIER


def test_everything_declared_is_kept() -> None:
    cells = ["1.50"] * 400 + ["?"] * 100
    assert _of(cells, kind="category").kind is CATEGORY
    assert _of(cells, nulls=()).marks == ()
    assert _of(cells, nulls=("n.a.",)).marks == ("n.a.",)
    decided = _of(cells, decimals=3).reading
    assert decided is not None
    assert decided.decimals == 3
    flags = _of(["1"] * 200 + ["0"] * 200, kind="boolean").reading
    assert flags is not None
    assert (flags.true, flags.false) == ("1", "0")
    spelled = _of(["x"] * 200, true="x", false="o").reading
    assert spelled is not None
    assert (spelled.true, spelled.false) == ("x", "o")
    dated = _of(["01022020"] * 400, format="%d%m%Y")
    assert dated.kind is DATE
    assert dated.reading is not None
    assert dated.odd_share == 0
    zoned = _of(["2020-01-01T00:00:00+01:00"] * 400, zone="Europe/Paris").reading
    assert zoned is not None
    assert zoned.zone == "Europe/Paris"
    assert _of(["abc"] * 400, identifier="email").identifier is IdentifierKind.EMAIL
    assert _of(["Yes", "No"] * 200, kind="number").kind is NUMBER
    assert _of([], kind="date").kind is DATE


def test_floats() -> None:
    def of(values: list[float | None], sigma: float = 2.0, **declared: object) -> Decision:
        codes = classify_floats(pa.array(values, pa.float64()))
        counts = np.bincount(codes, minlength=len(FLOAT_CLASSES)).astype(float)
        return decide_floats(counts, sigma, Column(name="x", **declared))  # type: ignore[arg-type]

    price = of([1.25, 2.5, None] * 300 + [1 / 3])
    assert price.reading is not None
    assert price.reading.decimals == 2
    assert price.missing
    third = of([1 / 3, 2 / 7] * 300).reading
    assert third is not None
    assert third.unit is None
    none = of([1.0] * 5, sigma=20.0).reading
    assert none is not None
    assert none.unit is None
    declared = of([1 / 3] * 300, decimals=1).reading
    assert declared is not None
    assert declared.decimals == 1
    assert of([float("nan"), 1.0] * 300).marks == ("nan",)
