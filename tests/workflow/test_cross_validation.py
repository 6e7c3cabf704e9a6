"""The generator refitted in every fold: what is kept, refused, resumed and said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import understudy as us
from understudy.errors import GeneratorError, InputError
from understudy.evaluate import read_tables
from understudy.workflow import cross_validation

SECRET = "CANARY-4711"


def people(rows: int = 80, seed: int = 0, **more: Any) -> pa.Table:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    label = np.where(x + rng.normal(size=rows) / 3 > 0, "yes", "no").tolist()
    return pa.table({"x": x, "rich": label, **more})


class Copier:
    """Gives its rows back; a class counts how often it was fitted."""

    fits: list[int] = []  # noqa: RUF012 - counted over all copies
    name = "copier"

    def fit(self, frame: Any) -> None:
        self.frame = frame
        Copier.fits.append(len(frame))

    def sample(self, rows: int) -> Any:
        return self.frame.head(rows)


class Failing:
    """Fails in its second fit with a message that holds a value."""

    def __init__(self) -> None:
        self.done: list[int] = []

    def __deepcopy__(self, _memo: Any) -> Failing:
        return self

    def fit(self, frame: Any) -> None:
        self.done.append(1)
        if len(self.done) == 2:
            raise ValueError(f"cannot read {SECRET}")
        self.frame = frame

    def sample(self, rows: int) -> Any:
        return self.frame.head(rows)


@pytest.fixture(autouse=True)
def _fresh() -> None:
    Copier.fits.clear()


def test_the_judging_fold_teaches_nobody_and_every_row_judges_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A column that numbers the rows shows who taught and who judged."""
    seen: list[tuple[set[float], set[float]]] = []
    real = read_tables

    def watched(train: pa.Table, judges: pa.Table | None, made: pa.Table, **how: Any) -> Any:
        if judges is not None:
            seen.append((set(train["n"].to_pylist()), set(judges["n"].to_pylist())))
            assert set(made["n"].to_pylist()) <= seen[-1][0]
        return real(train, judges, made, **how)

    monkeypatch.setattr(cross_validation, "read_tables", watched)
    table = people(n=(np.arange(80) / 7).tolist())
    found = us.cross_validate(table, synthesizer=Copier(), target="rich", folds=2)
    assert len(seen) == 2
    for taught, judged in seen:
        assert not taught & judged
        assert len(taught | judged) == 80
    assert len(seen[0][1] | seen[1][1]) == 80
    figure = found.figures.figure("tstr_auc")
    assert figure is not None
    assert figure.value == pytest.approx(figure.anchors.holdout)
    assert figure.detail["gap"]["interval"] == pytest.approx((0.0, 0.0))


@pytest.mark.slow
def test_rows_of_a_person_stay_in_one_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    real = read_tables

    def watched(train: pa.Table, judges: pa.Table | None, made: pa.Table, **how: Any) -> Any:
        if judges is not None:
            assert not set(train["who"].to_pylist()) & set(judges["who"].to_pylist())
        return real(train, judges, made, **how)

    monkeypatch.setattr(cross_validation, "read_tables", watched)
    table = people(120, who=[f"p{row // 3}" for row in range(120)])
    us.cross_validate(table, synthesizer=Copier(), target="rich", folds=2, unit_column="who")
    assert len(Copier.fits) == 2


def test_an_interrupted_run_goes_on_and_says_nothing_of_values(tmp_path: Path) -> None:
    kept = tmp_path / "rounds.jsonl"
    how: dict[str, Any] = {"target": "rich", "folds": 2, "rounds": kept}
    failing = Failing()
    with pytest.raises(GeneratorError) as caught:
        us.cross_validate(people(), synthesizer=failing, **how)
    assert SECRET not in str(caught.value)
    assert "ValueError" in str(caught.value)
    assert caught.value.__cause__ is None
    assert len(kept.read_text().splitlines()) == 2
    assert kept.stat().st_mode & 0o077 == 0
    found = us.cross_validate(people(), synthesizer=failing, **how)
    assert len(failing.done) == 3
    assert found.figures.figure("tstr_auc") is not None
    again = us.cross_validate(people(), synthesizer=failing, **how)
    assert len(failing.done) == 3
    assert again.figures.figures == found.figures.figures
    held = [json.loads(line) for line in kept.read_text().splitlines()]
    assert {"round", "values", "rows"} == set(held[1])
    with pytest.raises(InputError, match="another experiment"):
        us.cross_validate(people(seed=1), synthesizer=failing, **how)


def test_ours_learn_through_a_budget_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = tmp_path / "ledger.sqlite"
    monkeypatch.setenv("UNDERSTUDY_LEDGER", str(ledger))
    found = us.cross_validate(
        people(200), synthesizer="independent", epsilon=1.0, target="rich", folds=2
    )
    assert not ledger.exists()
    notes = " ".join(found.evidence.notes)
    assert "every row taught 1 of them" in notes
    assert "charged no ledger" in notes
    assert "once more than the privacy statement" in notes
    figure = found.figures.figure("tstr_auc")
    assert figure is not None
    assert figure.interval is not None
    assert "Nadeau" in figure.reference
    place = found.save(tmp_path / "folds")
    assert {path.name for path in place.iterdir()} == {
        "evidence.json", "figures.csv", "report.html",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"folds": 1}, "at least 2 folds"),
        ({"repeats": 0}, "1 repetition"),
        ({"target": "poor"}, "no column 'poor'"),
        ({"folds": 20}, "fewer than 200 rows"),
        ({"synthesizer": "mst"}, "needs an epsilon"),
        ({"synthesizer": "mts", "epsilon": 1.0}, "no synthesizer 'mts'"),
        ({"epsilon": 1.0}, "given no epsilon by us"),
        ({"synthesizer": 3}, "has no fit"),
        ({"table": people(rich=["no"] * 80)}, "single value"),
        ({"table": people(rich=[f"n{row}" for row in range(80)])}, "identifies rows"),
    ],
)
def test_bad_input_is_refused_before_a_fit(change: dict[str, Any], expected: str) -> None:
    how: dict[str, Any] = {"synthesizer": Copier(), "target": "rich", "folds": 2, **change}
    with pytest.raises(InputError, match=expected):
        us.cross_validate(how.pop("table", people()), **how)
    assert not Copier.fits


def test_rounds_without_a_usable_row_are_said() -> None:
    class Strange(Copier):
        def sample(self, rows: int) -> Any:
            frame = self.frame.head(rows).copy()
            frame["rich"] = "perhaps"
            return frame

    found = us.cross_validate(people(), synthesizer=Strange(), target="rich", folds=2)
    assert found.figures.skipped[0].title == "2 of 2 rounds"
    assert "no synthetic row" in found.figures.skipped[0].reason
