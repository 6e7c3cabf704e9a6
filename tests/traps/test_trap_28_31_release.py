"""Traps 28 to 31: what leaves the house besides the synthetic table."""

from __future__ import annotations

import json
import logging
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ConfigDict, ValidationError
from tests import fabricated
from tests.traps.house import EPSILON, Leak, caught, narrow, replays

import understudy.prepare.learn
import understudy.release.lint
import understudy.synthesize.marginal.mst
from understudy.curator import Count, Curator, MemoryCurator
from understudy.errors import InternalError, UnderstudyError
from understudy.privacy import Budget
from understudy.release import lint_public
from understudy.release.public import PublicEvidence
from understudy.schema import Column, Schema
from understudy.synthesize.baseline.independent import Independent
from understudy.synthesize.marginal.codes import MarginalCodes
from understudy.synthesize.marginal.mst import MST
from understudy.testing import check_model_file
from understudy.testing.conformance import CANARY, check_fields
from understudy.testing.neighbours import with_cells
from understudy.testing.tables import Example


def internal_numbers_are_refused(public: type[PublicEvidence]) -> None:
    """No figure computed on real rows can be put into public evidence."""
    body = fabricated.public_evidence().model_dump()
    for extra in ({"figures": [0.0112]}, {"tvd_1way": 0.0112}, {"real": [0.5]}):
        try:
            public.model_validate({**body, **extra})
        except ValidationError:
            continue
        raise AssertionError("public evidence took an internal number")


def the_linter_finds_what_was_slipped_in(folder: Path) -> None:
    """A number written into the public file behind the type's back is found."""
    body = json.loads(fabricated.public_evidence().to_json())
    (folder / "evidence.json").write_text(json.dumps({**body, "tstr_auc": 0.83}))
    found = [finding.path for finding in lint_public(folder)]
    assert "evidence.json" in found, "a number that was slipped in is not found"


def test_trap_28_public_evidence_takes_no_internal_number(tmp_path: Path) -> None:
    internal_numbers_are_refused(PublicEvidence)
    the_linter_finds_what_was_slipped_in(tmp_path)
    with pytest.raises(ValidationError):
        PublicEvidence.model_validate(fabricated.internal_evidence(), from_attributes=True)


def test_trap_28_put_back_evidence_that_takes_anything() -> None:
    class Open(PublicEvidence):
        model_config = ConfigDict(extra="allow")

    assert "took an internal" in caught(lambda: internal_numbers_are_refused(Open))


def test_trap_28_put_back_a_linter_that_does_not_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(understudy.release.lint, "_evidence", lambda *_: [])
    assert "not found" in caught(lambda: the_linter_finds_what_was_slipped_in(tmp_path))


EXAMPLE = Example(name="narrow", table=narrow())


def test_trap_29_a_model_file_holds_no_row() -> None:
    check_model_file(MST(), EXAMPLE)


def test_trap_29_put_back_a_row_in_the_settings(
    leak: Leak, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = MST.fit

    def bug(self: MST, *args: Any, **named: Any) -> Any:
        model = ours(self, *args, **named)
        return replace(model, settings={**model.settings, "example": leak.cells("age")[-1]})

    monkeypatch.setattr(MST, "fit", bug)
    assert "is in the model file" in caught(lambda: check_model_file(MST(), EXAMPLE))


@pytest.mark.parametrize("kind", ["rows", "objects"])
def test_trap_29_put_back_rows_among_the_arrays(
    kind: str, leak: Leak, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = MarginalCodes.to_arrays

    def bug(self: MarginalCodes) -> Any:
        facts, arrays = ours(self)
        if kind == "objects":
            return facts, {**arrays, "table_0": np.array([{"a": 1}], dtype=object)}
        return facts, {**arrays, "training": leak.numbers("age")}

    monkeypatch.setattr(MarginalCodes, "to_arrays", bug)
    model = MST().fit(MemoryCurator(narrow(), budget=Budget(EPSILON)), Schema())
    assert "array" in caught(lambda: check_fields(model))


def nothing_is_told(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    """Neither output, logs, progress, warnings nor errors of a fit hold a cell."""
    table = narrow()
    told: list[str] = []
    with caplog.at_level(logging.DEBUG), warnings.catch_warnings():
        warnings.simplefilter("error")
        for flavour in ("high", "odd 2", "odd 5", "new"):
            odd = with_cells(table, [flavour], np.random.default_rng(3))
            curator = MemoryCurator(odd, budget=Budget(EPSILON))
            model = MST().fit(curator, Schema(), progress=lambda text, _done: told.append(text))
            model.sample(50, seed=1)
    out = capsys.readouterr()
    heard = "\n".join([out.out, out.err, caplog.text, *told])
    assert "a rare place" not in heard, "a cell was told"
    assert not out.out, "a fit prints"
    assert not out.err, "a fit prints"


def errors_are_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever fails inside the door, its message does not pass."""

    def fail(self: MemoryCurator, question: Any) -> Any:
        raise ValueError(f"cannot parse {CANARY}")

    with monkeypatch.context() as patch:
        patch.setattr(MemoryCurator, "exact", fail)
        curator = MemoryCurator(narrow(), budget=Budget(1.0))
        try:
            curator.ask([Count(encodings=(), sigma=50.0, stage="t")])
        except (InternalError, ValueError) as problem:
            chain = [problem, problem.__cause__, problem.__context__]
            assert not any(CANARY in str(link) for link in chain), "an error tells a cell"


def test_trap_30_a_fit_tells_nothing(
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nothing_is_told(capsys, caplog)
    errors_are_silent(monkeypatch)


def test_trap_30_put_back_a_log_line_with_a_cell(
    leak: Leak,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours = understudy.prepare.learn.learn_domains

    def bug(*args: Any, **named: Any) -> Any:
        logging.getLogger("understudy").debug("towns: %s", leak.cells("town")[:3])
        return ours(*args, **named)

    monkeypatch.setattr(understudy.prepare.learn, "learn_domains", bug)
    assert "was told" in caught(lambda: nothing_is_told(capsys, caplog))


def test_trap_30_put_back_errors_that_pass_the_door(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        Curator, "_counted", lambda self, questions: (self.exact_all(questions), None)
    )
    assert "tells a cell" in caught(lambda: errors_are_silent(monkeypatch))


def test_trap_31_what_is_exact_was_declared_and_is_listed() -> None:
    labels = ("Aa", "Bergen", "Cork")
    schema = Schema(
        columns=(Column(name="town", categories=labels, nulls=(), note="the form"),), rows=240
    )
    listed = {path: value for path, value, _ in schema.declared_public()}
    assert listed["columns.town.categories"] == labels
    assert listed["rows"] == 240
    model = Independent().fit(MemoryCurator(narrow(), budget=Budget(EPSILON)), schema)
    town = next(item for item in model.attributes if item.name == "town")
    assert town.paid["labels"] == "declared"
    replays(schema=schema)


def test_trap_31_put_back_structural_zeros_from_the_rows(
    leak: Leak, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = understudy.synthesize.marginal.mst
    ours = module.denoised

    def bug(pair: Any, first: Any, second: Any) -> np.ndarray:
        question = Count(encodings=(first.encoding, second.encoding), sigma=1.0, stage="t")
        return np.where(leak.curator.exact(question) == 0, 0.0, ours(pair, first, second))

    monkeypatch.setattr(module, "denoised", bug)
    assert "another model" in caught(replays)


def test_no_error_of_a_bad_schema_names_a_cell_or_costs_anything() -> None:
    table = narrow()
    schema = Schema(columns=tuple(Column(name=n, action="drop") for n in table.column_names))
    curator = MemoryCurator(table, budget=Budget(1.0))
    with pytest.raises(UnderstudyError) as problem:
        MST().fit(curator, schema)
    assert "a rare place" not in str(problem.value)
    assert curator.budget.events == ()
