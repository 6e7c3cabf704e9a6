"""Audits in public evidence: invented tables alone, and no word that its numbers do not bear out."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from understudy.audit import NEIGHBOURS
from understudy.audit.replaying import TABLES
from understudy.release.assessing import assessments_of
from understudy.release.audited import (
    REFUTED,
    InventedPair,
    InventedTable,
    OneRunAudit,
    ReplayAudit,
    StatedAudit,
    WorstCaseAudit,
)
from understudy.release.public import PublicEvidence

BOUNDS: dict[str, Any] = {
    "view": "white-box", "confidence": 0.95, "epsilon_direct": 0.3, "mu": 0.4,
    "epsilon_gaussian": 0.6, "limit_direct": 4.0, "limit_gaussian": 9.0,
    "verdict": "leak detected",
}  # fmt: skip
PAIR: dict[str, Any] = {
    **BOUNDS, "tables": "few", "fits": (60, 60), "failed": 0, "counted": 45, "rho": 0.04,
    "rho_direct": 0.01, "epsilon_zcdp": 0.5,
}  # fmt: skip


def stated(*parts: Any, **changes: Any) -> StatedAudit:
    told: dict[str, Any] = {
        "synthesizer": "mst", "implementation": "understudy.synthesize.marginal.mst:MST",
        "package": "understudy", "version": "0.1.0", "epsilon": 1.0, "delta": 1e-6,
        "parts": parts or (WorstCaseAudit(**PAIR),),
    }  # fmt: skip
    return StatedAudit(**{**told, **changes})


def test_the_list_of_tables_is_the_audit_room_s_own() -> None:
    assert set(get_args(InventedPair)) == set(NEIGHBOURS)
    assert set(get_args(InventedTable)) == {*NEIGHBOURS, *TABLES}


def test_evidence_with_audits_survives_json(fabricated: ModuleType) -> None:
    one = OneRunAudit(**BOUNDS, canaries=100, guesses=20, right=15)
    two = ReplayAudit(
        tables=("survey",), recordings=1, replays=9, findings=0, verdict="not detected"
    )
    audits = (stated(), stated(one), stated(two))
    evidence = fabricated.public_evidence(audits=audits)
    assert PublicEvidence.from_json(evidence.to_json()) == evidence
    assert [one.verdict for one in audits] == ["leak detected", "leak detected", "not detected"]


def test_a_table_of_anybody_cannot_be_named() -> None:
    with pytest.raises(ValidationError, match="tables"):
        WorstCaseAudit(**PAIR | {"tables": "adult.csv"})
    with pytest.raises(ValidationError, match="tables"):
        ReplayAudit(tables=("mine",), recordings=1, replays=1, findings=0, verdict="not detected")
    with pytest.raises(ValidationError, match="note"):
        WorstCaseAudit(**PAIR, note="row 17 is Ann")


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": "not detected"},
        {"verdict": "violated"},
        {"verdict": "not assessed"},
        {"epsilon_direct": 1.5},
        {"rho_direct": 0.05},
    ],
)
def test_a_word_follows_from_its_numbers(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="bear out"):
        stated(WorstCaseAudit(**PAIR | changes))
    with pytest.raises(ValidationError, match="one method"):
        stated(WorstCaseAudit(**PAIR), OneRunAudit(**BOUNDS, canaries=9, guesses=9, right=9))


def test_evidence_takes_audits_of_its_own_program_only(fabricated: ModuleType) -> None:
    with pytest.raises(ValidationError, match="another synthesizer"):
        fabricated.public_evidence(audits=(stated(synthesizer="aim"),))
    with pytest.raises(ValidationError, match="another version"):
        fabricated.public_evidence(audits=(stated(version="0.0.9"),))
    evidence = fabricated.public_evidence(audits=(stated(),))
    told = json.loads(evidence.to_json())
    told["audits"][0]["parts"][0]["tables"] = "adult"
    with pytest.raises(ValidationError, match="tables"):
        PublicEvidence.from_json(json.dumps(told))


def test_every_bound_says_that_its_program_was_audited(fabricated: ModuleType) -> None:
    label = fabricated.public_evidence().label
    bad = WorstCaseAudit(**PAIR | {"epsilon_direct": 2.0, "verdict": "violated"})
    nothing = dict.fromkeys(
        ("epsilon_direct", "rho_direct", "epsilon_zcdp", "mu", "epsilon_gaussian"), 0.0
    )
    few = WorstCaseAudit(**PAIR | nothing | {"verdict": "not assessed"})

    def said(*audits: StatedAudit) -> set[str | None]:
        return {one.audited for one in assessments_of(label, audits=audits)}

    assert said() == {None}
    assert said(stated(few)) == {None}
    assert said(stated(), stated(epsilon=0.7)) == {"program audited at ε = 0.7, 1"}
    assert said(stated(bad), stated()) == {REFUTED}
