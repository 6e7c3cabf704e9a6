"""Purposes in the evidence: answers stay inside, expectations rest on charges, the linter looks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from understudy.release.internal import AnsweredPurpose, InternalEvidence
from understudy.release.lint import lint_public
from understudy.release.public import PublicEvidence, PurposeBound, StatedPurpose
from understudy.report import render_internal, render_public

if TYPE_CHECKING:
    from types import ModuleType

BOUND = PurposeBound(measure="tvd", tolerance=0.1, expected=0.02)


def stated(**changes: object) -> StatedPurpose:
    told = {"name": "t", "kind": "table", "sentence": "table of a", "weight": 1.0, "basis": "noise",
            "bounds": (BOUND,), "verdict": "expected to hold", "charges": ("pairs",)}  # fmt: skip
    return StatedPurpose.model_validate({**told, **changes})


def test_an_answer_is_not_accepted_as_public(fabricated: ModuleType) -> None:
    answer = fabricated.answered_purposes()[0]
    body = json.loads(fabricated.public_evidence().to_json())
    for given in (answer.model_dump(), json.loads(answer.model_dump_json())):
        body["purposes"] = [given]
        with pytest.raises(ValidationError):
            PublicEvidence.model_validate(body)
        with pytest.raises(ValidationError):
            StatedPurpose.model_validate(given, from_attributes=True)
    with pytest.raises(ValidationError):
        StatedPurpose.model_validate(answer, from_attributes=True)


@pytest.mark.parametrize("word", ["pass", "fail", "not answered", "holds"])
def test_no_public_word_is_one_of_the_internal_ones(word: str) -> None:
    with pytest.raises(ValidationError):
        stated(verdict=word)


@pytest.mark.parametrize(
    "changes",
    [
        {"charges": ()},
        {"verdict": "not assessed"},
        {"bounds": (BOUND, PurposeBound(measure="cell_share", tolerance=0.1))},
        {"bounds": (PurposeBound(measure="tvd", tolerance=0.1),), "charges": ()},
        {"value": 0.01},
    ],
)
def test_an_expectation_rests_on_charges(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        stated(**changes)


def test_a_charge_that_nobody_made_is_refused(fabricated: ModuleType) -> None:
    with pytest.raises(ValidationError, match="nobody paid"):
        fabricated.public_evidence(purposes=(stated(charges=("nobody paid",)),))


def _release(folder: Path, public: PublicEvidence, page: str) -> Path:
    (folder / "evidence.json").write_text(public.to_json(), "utf-8")
    (folder / "report.html").write_text(page, "utf-8")
    return folder


def test_the_linter_finds_an_exact_answer_in_the_public_part(
    tmp_path: Path, fabricated: ModuleType
) -> None:
    internal: InternalEvidence = fabricated.internal_evidence()
    public: PublicEvidence = fabricated.public_evidence()
    page = render_public(public)
    assert not lint_public(_release(tmp_path, public, page), internal)
    answer = internal.purposes[0]
    criterion = answer.criteria[0]
    exact = [criterion.value, criterion.holdout, criterion.independent, answer.lines[1].cells[2]]
    for number in exact:
        assert isinstance(number, float)
        leak = public.model_copy(update={"purposes": (stated(
            bounds=(PurposeBound(measure="tvd", tolerance=0.5, expected=number),)),)})  # fmt: skip
        assert lint_public(_release(tmp_path, leak, page), internal)
        assert lint_public(
            _release(tmp_path, public, page.replace("</main>", f"{number}</main>")), internal
        )
    section = render_internal(public, internal)
    assert lint_public(_release(tmp_path, public, section), internal)


def test_both_pages_speak_of_purposes(fabricated: ModuleType) -> None:
    public, internal = fabricated.public_evidence(), fabricated.internal_evidence()
    outside, inside = render_public(public), render_internal(public, internal)
    for word in ("expected to hold", "not assessed", "TVD ≤ 0.05", "about 0.031"):
        assert word in outside
    for word in ("1 of 3 purposes within tolerance, 1 not, 1 not answered", "0.0714", "≤ 0.05",
                 "Real holdout of 4,812 rows: would pass", "where it holds and where not"):  # fmt: skip
        assert word in inside
        assert word not in outside.replace("TVD ≤ 0.05", "")
    for none in (fabricated.public_evidence(purposes=(), steering=None),):
        assert 'id="purposes"' not in render_public(none)
    bare = fabricated.internal_evidence(purposes=())
    assert 'id="purposes"' not in render_internal(None, bare)


def test_an_answer_survives_json(fabricated: ModuleType) -> None:
    for answer in fabricated.answered_purposes():
        assert AnsweredPurpose.model_validate_json(answer.model_dump_json()) == answer
