"""Audits that go with a release: of its very program, counted anew, and refused before a charge."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import understudy as us
from understudy.audit import AuditResult, OneRunResult
from understudy.audit.onerun import conclude_one_run
from understudy.audit.results import conclude
from understudy.audit.whitebox import ClaimedBudget
from understudy.errors import InputError
from understudy.synthesize.baseline.independent import Independent
from understudy.synthesize.marginal.mst import MST
from understudy.synthesize.marginal.workload import Workload
from understudy.workflow.audited import program_of, released, settings_of, stated_audits
from understudy.workflow.auditing import Audit

EPSILON, DELTA = 4.0, 1e-6


def result(*, shift: float = 1.0, synthesizer: Any = None, **facts: Any) -> AuditResult:
    """A result of scores that were drawn here: no fit is needed to speak of counts."""
    made = synthesizer or Independent()
    rng = np.random.default_rng(5)
    white = facts.get("view", "white-box") == "white-box"
    told = {"synthesizer": made.name, "settings": settings_of(made), "neighbours": "slim",
            "failed": 0, "seconds": 1.0, **facts}  # fmt: skip
    return conclude(
        rng.normal(-shift / 2, 1, 200),
        rng.normal(shift / 2, 1, 200),
        epsilon=EPSILON,
        delta=DELTA,
        rho=ClaimedBudget(EPSILON, DELTA, selection_share=0.0).rho
        if white
        else ClaimedBudget(EPSILON, DELTA).rho,
        centre=0.0 if white else None,
        facts=told,
    )


def audit(*results: Any, synthesizer: Any = None, method: Any = "worst-case") -> Audit:
    made = synthesizer or Independent()
    return Audit(
        method=method,
        epsilon=EPSILON,
        delta=DELTA,
        results=results or (result(synthesizer=made),),
        program=program_of(made),
    )


def one_run(right: int = 50) -> OneRunResult:
    facts = {"synthesizer": "independent", "settings": settings_of(Independent()),
             "view": "white-box", "seconds": 1.0}  # fmt: skip
    return conclude_one_run(300, 60, right, epsilon=EPSILON, delta=DELTA, facts=facts)


def saved(
    folder: Path, change: Callable[[dict[str, Any]], None], found: Audit | None = None
) -> Path:
    """An audit on disk after somebody changed its file."""
    told = json.loads(json.dumps((found or audit()).to_json()))
    change(told)
    folder.mkdir(exist_ok=True)
    (folder / "audit.json").write_text(json.dumps(told))
    return folder


def test_what_an_audit_found_is_stated_in_numbers(tmp_path: Path) -> None:
    found = audit(result(), result(neighbours="unseen", view="black-box", shift=0.0))
    found.save(tmp_path)
    for given in (found, tmp_path, tmp_path / "audit.json"):
        (one,) = stated_audits([given], Independent())
        assert (one.epsilon, one.verdict) == (EPSILON, found.word)
        assert one.worst.lower == pytest.approx(found.worst.epsilon_lower)
        assert [part.verdict for part in one.parts] == [part.word for part in found.results]
        assert one.version == us.__version__
    (other,) = stated_audits(audit(one_run(), method="one-run"), Independent())
    assert other.verdict == one_run().word


def test_a_program_that_leaks_is_stated_as_violated() -> None:
    (one,) = stated_audits([audit(result(shift=30.0))], Independent())
    assert one.verdict == "violated"


def test_another_program_version_or_setting_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="another synthesizer than mst"):
        stated_audits([audit()], MST())
    old = saved(tmp_path, lambda told: told["program"].update(version="0.0.9"))
    with pytest.raises(InputError, match="another version"):
        stated_audits([old], Independent())
    with pytest.raises(InputError, match="other settings") as refused:
        stated_audits([audit()], Independent(uniform_bins=8))
    assert refused.value.facts["differ"] == ["uniform_bins"]
    foreign = replace(audit(), program=None)
    with pytest.raises(InputError, match="another synthesizer"):
        stated_audits([foreign], Independent())

    @dataclass(frozen=True)
    class Mine:
        name: str = "independent"
        uniform_bins: int | None = None

    with pytest.raises(InputError, match="another synthesizer"):
        stated_audits([audit(synthesizer=Mine())], Independent())
    with pytest.raises(InputError, match="makes no claim"):
        stated_audits([audit()], Independent(), private=False)


def test_a_workload_names_columns_and_is_said_not_to_be_covered() -> None:
    found = audit(synthesizer=MST())
    (one,) = stated_audits([found], MST(workload=Workload.of({("a", "b"): 1.0})))
    assert one.not_covered == ("workload",)


def _word(told: dict[str, Any]) -> None:
    told["results"][0]["word"] = "not detected"


def _bound(told: dict[str, Any]) -> None:
    told["results"][0]["epsilon_gaussian"] /= 2


def _mistakes(told: dict[str, Any]) -> None:
    told["results"][0]["readings"]["middle"]["misses"] += 9


def _budget(told: dict[str, Any]) -> None:
    told["results"][0]["rho"] = 50.0


def _fits(told: dict[str, Any]) -> None:
    told["results"][0]["runs"] = [5_000, 5_000]


def _claim(told: dict[str, Any]) -> None:
    told["claim"]["epsilon"] = 1.0


def _table(told: dict[str, Any]) -> None:
    told["results"][0]["neighbours"] = "adult.csv"


def _nothing(told: dict[str, Any]) -> None:
    told["results"] = []


def _layout(told: dict[str, Any]) -> None:
    told["layout"] = 1


def _missing(told: dict[str, Any]) -> None:
    del told["results"][0]["readings"]


@pytest.mark.parametrize(
    "change",
    [_word, _bound, _mistakes, _budget, _fits, _claim, _table, _nothing, _layout, _missing],
)
def test_a_file_that_was_changed_is_refused(
    change: Callable[[dict[str, Any]], None], tmp_path: Path
) -> None:
    with pytest.raises(InputError):
        stated_audits([saved(tmp_path, change)], Independent())
    stated_audits([saved(tmp_path, lambda _told: None)], Independent())


def test_a_changed_one_run_or_replay_is_refused(tmp_path: Path) -> None:
    def wrong(told: dict[str, Any]) -> None:
        told["results"][0]["right"] -= 20

    with pytest.raises(InputError, match="do not follow"):
        stated_audits([saved(tmp_path, wrong, audit(one_run(), method="one-run"))], Independent())
    replayed = us.audit(Independent(), epsilon=EPSILON, method="replay", runs=1)

    def found(told: dict[str, Any]) -> None:
        told["results"][0]["findings"] = [["survey", "empty", "another model"]]

    with pytest.raises(InputError, match="do not follow"):
        stated_audits([saved(tmp_path, found, replayed)], Independent())
    (one,) = stated_audits([replayed], Independent())
    assert one.verdict == "not detected"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"layout": 2}', '{"layout": 2, "program": 1}'])
def test_what_is_no_audit_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no finished audit"):
        stated_audits([tmp_path], Independent())
    (tmp_path / "audit.json").write_text(text)
    with pytest.raises(InputError):
        stated_audits([tmp_path], Independent())


@pytest.fixture
def table() -> pa.Table:
    rng = np.random.default_rng(3)
    return pa.table({"a": rng.integers(0, 5, 400), "b": rng.choice(["x", "y"], 400)})


def test_a_release_carries_its_audits_and_can_be_audited(table: pa.Table, tmp_path: Path) -> None:
    run = us.synthesize(
        table, epsilon=1.0, synthesizer=Independent(uniform_bins=6),
        audits=[audit(synthesizer=Independent(uniform_bins=6))],
    )  # fmt: skip
    run.save(tmp_path / "r")
    told = json.loads((tmp_path / "r" / "evidence.json").read_text())
    assert told["audits"][0]["epsilon"] == EPSILON
    checked = us.verify(tmp_path / "r")
    assert checked.ok
    assert checked.predicate["audits"][0]["verdict"] == run.evidence.audits[0].verdict
    for page in ("report.html", "internal/report.html"):
        assert "Audits of the program" in (tmp_path / "r" / page).read_text()
    made, epsilon, delta = released(tmp_path / "r")
    assert (made, epsilon, delta) == (Independent(uniform_bins=6), 1.0, 1e-6)
    again = us.audit(release=tmp_path / "r", runs=40, neighbours=["few"])
    assert (again.epsilon, again.worst.settings["uniform_bins"]) == (1.0, 6)
    assert stated_audits([again], made)[0].epsilon == 1.0


def test_a_refused_audit_spends_nothing(table: pa.Table, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="another synthesizer"):
        us.synthesize(table, epsilon=1.0, synthesizer="mst", ledger=tmp_path / "l", asset="a",
                      audits=[audit()])  # fmt: skip
    assert not us.Ledger(tmp_path / "l").show("a").runs


def test_a_release_that_cannot_be_audited_says_why(table: pa.Table, tmp_path: Path) -> None:
    us.synthesize(table, epsilon=1.0, synthesizer="independent", evaluate=False).save(
        tmp_path / "r"
    )
    with pytest.raises(InputError, match="one of them only"):
        us.audit("mst", release=tmp_path / "r")
    with pytest.raises(us.UnderstudyError, match="model"):
        us.audit(release=tmp_path)
    evidence = tmp_path / "r" / "evidence.json"
    told = json.loads(evidence.read_text())
    old = copy.deepcopy(told)
    next(one for one in old["software"] if one["name"] == "understudy")["version"] = "0.0.9"
    evidence.write_text(json.dumps(old))
    with pytest.raises(InputError, match="another version"):
        us.audit(release=tmp_path / "r")
    us.synthesize(table, epsilon=us.NON_PRIVATE, synthesizer="cart", evaluate=False, rows=50).save(
        tmp_path / "n"
    )
    with pytest.raises(InputError, match="promises nothing"):
        us.audit(release=tmp_path / "n")
