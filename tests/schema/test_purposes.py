"""Purposes: read as spelled, errors with line and field, written so that they read back."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from understudy.errors import SchemaError
from understudy.schema import (
    Column,
    Purposes,
    Schema,
    Storage,
    check_purposes,
    dump_purposes,
    dumps_purposes,
    load_purposes,
    loads_purposes,
)

WHOLE = """
# what the ministry asked for
floor: 0.05
purposes:
  income by sex:
    kind: table
    columns: [income]
    by: [sex, region]
    tolerance: {tvd: 0.03, cell_share: 0.02}
    weight: 3
    note: "Table 3: the yearly report"
  margins:
    kind: table
    columns: [sex, region, age, income]
    ways: 2
    cuts: {age: [18, 30, 65]}
    tolerance: {tvd: 0.05}
  wages:
    kind: regression
    outcome: income
    equals: yes
    model: logistic
    predictors: [age, sex]
    tolerance: {interval_overlap: 0.5, same_conclusion: 0.8, coefficient_difference: 0.2}
  who:
    kind: classifier
    target: income
    models: [LogisticRegression]
    tolerance: {auc_gap: 0.03}
  hours:
    kind: subgroup
    statistic: median
    variable: hours
    by: sex
    tolerance: {absolute: 1}
"""
NAMES = ("age", "sex", "region", "income", "hours", "null")


def headers(*names: str) -> list[SimpleNamespace]:
    return [SimpleNamespace(name=name, storage=Storage.TEXT) for name in names or NAMES]


def test_purposes_are_read_as_spelled() -> None:
    told = loads_purposes(WHOLE)
    table, margins, wages, _who, hours = told.purposes
    assert told.floor == 0.05
    assert table.weight == 3
    assert table.note == "Table 3: the yearly report"
    assert table.columns_named == ("income", "sex", "region")
    assert wages.equals == "yes"  # type: ignore[union-attr]
    assert hours.by == ("sex",)  # type: ignore[union-attr]
    assert margins.edges("age") == (18, 30, 65)  # type: ignore[union-attr]
    assert [p.sentence for p in told.purposes] == [
        "table of income, by sex × region",
        "table of every 2 of sex, region, age, income",
        "logistic regression: income = yes ~ age + sex",
        "classifiers of income from all other columns",
        "median of hours by sex",
    ]
    assert told.columns == ("income", "sex", "region", "age", "hours")
    assert loads_purposes(dumps_purposes(told)) == told
    check_purposes(told, headers())
    with pytest.raises(ValidationError):
        told.floor = 0.5  # type: ignore[misc]


def test_a_purpose_names_the_tables_it_rests_on() -> None:
    found = loads_purposes(WHOLE).margins(NAMES)
    assert found["sex", "region", "income"] == 3
    assert found["age", "income"] == pytest.approx(1 + 1 + 1)  # margins, wages, who
    assert ("age", "sex", "income") not in found
    assert found["income", "null"] == 1
    assert ("sex", "hours") in found
    assert all(name in NAMES for clique in found for name in clique)
    assert set(loads_purposes(WHOLE).margins(("age", "sex"))) == {("age", "sex")}


def test_a_weight_of_nought_is_answered_and_does_not_steer() -> None:
    told = loads_purposes(
        "purposes: {t: {kind: table, columns: [a], weight: 0, tolerance: {tvd: 0.1}}}"
    )
    assert told.margins(["a"]) == {}


LABEL = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)


@given(
    names=st.lists(LABEL, min_size=1, max_size=8, unique=True),
    title=LABEL,
    note=LABEL,
    label=LABEL,
    weight=st.floats(0, 1000),
    bound=st.floats(0.001, 1),
)
def test_any_text_reads_back(  # noqa: PLR0917
    names: list[str], title: str, note: str, label: str, weight: float, bound: float
) -> None:
    told = Purposes.model_validate(
        {
            "purposes": [
                {"name": title, "kind": "table", "columns": names, "note": note, "weight": weight,
                 "tolerance": {"tvd": bound}},
                {"name": title + "2", "kind": "subgroup", "statistic": "share", "equals": label,
                 "variable": names[0], "by": names[1:5], "tolerance": {"relative": bound}},
            ]
        }
    )  # fmt: skip
    assert loads_purposes(dumps_purposes(told)) == told


def test_files(tmp_path: Path) -> None:
    told = loads_purposes(WHOLE)
    dump_purposes(told, tmp_path / "p.yaml")
    assert load_purposes(tmp_path / "p.yaml") == told
    with pytest.raises(SchemaError, match="there is no purposes file"):
        load_purposes(tmp_path / "absent.yaml")
    with pytest.raises(SchemaError, match="is a folder"):
        load_purposes(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"purposes: \xe9\xff")
    with pytest.raises(SchemaError, match="not UTF-8"):
        load_purposes(tmp_path / "latin.yaml")


T = "  t:\n    kind: table\n    columns: [a, b]\n    tolerance: {tvd: 0.1}\n"
R = "  r:\n    kind: regression\n    outcome: a\n    predictors: [b]\n"
S = "  s:\n    kind: subgroup\n    variable: a\n    tolerance: {absolute: 1}\n"
C = "  c:\n    kind: classifier\n    target: a\n    tolerance: {auc_gap: 0.1}\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no purposes"),
        ("# nothing\n", "no purposes"),
        ("purposes:\n", "no purposes"),
        ("purposes: {}\n", "no purposes"),
        ("purposes: []\n", "no purposes"),
        ("- a\n", "a mapping"),
        ("purposes: [\n", "line 2: not valid YAML"),
        ("purposes:\n  t: table\n", "line 2: purposes.t"),
        ("purpose:\n" + T, "no purposes"),
        ("floors: 1\npurposes:\n" + T, "line 1: .*unknown field 'floors'. did you mean 'floor'"),
        ("floor: 2\npurposes:\n" + T, "line 1: floor"),
        ("floor: nan\npurposes:\n" + T, "line 1: floor"),
        ("purposes:\n" + T + T, "given twice"),
        ("purposes:\n  t: {columns: [a]}\n", "line 2: purposes.t.kind is missing"),
        ("purposes:\n" + T.replace("table", "tabel"), "line 3: .*kind is not known. did you mean"),
        ("purposes:\n" + T + "    weight: -1\n", "line 6: purposes.t.weight"),
        ("purposes:\n" + T + "    weight: inf\n", "line 6: purposes.t.weight"),
        ("purposes:\n" + T + "    weight: many\n", "line 6: purposes.t.weight"),
        ("purposes:\n" + T + "    wieght: 1\n", "line 6: .*'wieght'. did you mean 'weight'"),
        ("purposes:\n" + T.replace("0.1", "0"), "line 5: purposes.t.tolerance.tvd"),
        ("purposes:\n" + T.replace("0.1", "1.5"), "line 5: purposes.t.tolerance.tvd"),
        ("purposes:\n" + T.replace("0.1", "nan"), "line 5: purposes.t.tolerance.tvd"),
        ("purposes:\n" + T.replace("tvd", "tdv"), "line 5: .*did you mean 'tvd'"),
        ("purposes:\n" + T.replace("tvd: 0.1", ""), "line 5: .*at least one of tvd, cell_share"),
        ("purposes:\n" + T.replace("[a, b]", "[a, a]"), "named twice"),
        ("purposes:\n" + T.replace("[a, b]", "[]"), "line 4: purposes.t.columns"),
        ("purposes:\n" + T + "    ways: 3\n", "ways is 3"),
        ("purposes:\n" + T.replace("[a, b]", "[a,b,c,d,e,f,g,h,i]"), "at most 8"),
        ("purposes:\n" + T + "    cuts: {c: [1]}\n", "cuts are given once, for columns"),
        ("purposes:\n" + T + "    cuts: {a: [2, 1]}\n", "cuts ascend"),
        ("purposes:\n" + T + "    bins: 1\n", "line 6: purposes.t.bins"),
        ("purposes:\n" + T + "    fewest: 0\n", "line 6: purposes.t.fewest"),
        ("purposes:\n" + R + "    tolerance: {interval_overlap: 2}\n", "interval_overlap"),
        ("purposes:\n" + R + "    model: logistic\n    tolerance: {interval_overlap: 0.5}\n",
         "`equals` or `above`"),
        ("purposes:\n" + R + "    model: probit\n    tolerance: {interval_overlap: 0.5}\n",
         "model is not known"),
        ("purposes:\n" + R + "    above: 1\n    tolerance: {interval_overlap: 0.5}\n", "belong to"),
        ("purposes:\n" + R.replace("[b]", "[a]") + "    tolerance: {interval_overlap: 0.5}\n",
         "different columns"),
        ("purposes:\n" + S + "    statistic: mode\n", "statistic is not known"),
        ("purposes:\n" + S + "    statistic: share\n", "a share needs"),
        ("purposes:\n" + S + "    equals: x\n", "belong to the statistic"),
        ("purposes:\n" + S + "    statistic: share\n    equals: x\n    above: 1\n", "not both"),
        ("purposes:\n" + S + "    by: [a]\n", "named twice"),
        ("purposes:\n" + C.replace("0.1", "0.7"), "auc_gap"),
        ("purposes:\n" + C + "    models: [Forest]\n", "models.* is not known"),
        ("purposes:\n" + C + "    models: []\n", "models"),
        ("purposes:\n" + C.replace("tolerance: {auc_gap: 0.1}", ""), "tolerance is missing"),
        ("purposes: !!python/object:os.system {}\n", "no purposes"),
    ],
)  # fmt: skip
def test_bad_purposes_name_line_and_field(text: str, told: str) -> None:
    with pytest.raises(SchemaError, match=told):
        loads_purposes(text, origin="p.yaml")


@pytest.mark.parametrize(
    ("text", "schema", "told"),
    [
        (T.replace("[a, b]", "[incone]"), Schema(), "did you mean 'income'"),
        (C.replace("target: a", "target: ages"), Schema(), "did you mean 'age'"),
        (T.replace("[a, b]", "[age]"), Schema(columns=(Column(name="age", action="drop"),)),
         "the schema drops"),
        (T.replace("[a, b]", "[age]"), Schema(columns=(Column(name="age", identifier="key"),)),
         "direct identifier"),
        (S.replace("variable: a", "variable: age"), Schema(columns=(Column(name="age", kind="category"),)),
         "it needs a number"),
        (S.replace("variable: a", "variable: sex") + "    statistic: share\n    equals: femal\n",
         Schema(columns=(Column(name="sex", categories=("female", "male")),)), "did you mean 'female'"),
        (T.replace("[a, b]", "[age]") + "    cuts: {age: [1]}\n",
         Schema(columns=(Column(name="age", kind="category"),)), "cuts need a number"),
    ],
)  # fmt: skip
def test_purposes_that_a_table_cannot_serve(text: str, schema: Schema, told: str) -> None:
    with pytest.raises(SchemaError, match=told):
        check_purposes(loads_purposes("purposes:\n" + text), headers(), schema)
