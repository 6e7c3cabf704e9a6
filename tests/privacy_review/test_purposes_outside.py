"""What the public part says of purposes depends on noisy answers alone, whatever the rows say.

A release is made with the noisy answers recorded, then made again with those answers frozen while
the answers on real rows are turned around, and on neighbouring tables: every public byte is the
same, and the internal part is not.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
from tests.traps.house import caught, replays

from understudy.curator import MemoryCurator
from understudy.curator.protocol import add_noise
from understudy.curator.questions import Question, identity
from understudy.evaluate import purposes_metric
from understudy.evaluate.figure import Measured, Metric
from understudy.privacy.unit import Unit
from understudy.schema import Purposes, loads_purposes
from understudy.source import from_frame
from understudy.synthesize.marginal.aim import AIM
from understudy.synthesize.marginal.mst import MST
from understudy.synthesize.marginal.workload import pair_weights
from understudy.synthesize.steering import steer
from understudy.testing.replay import change_of
from understudy.workflow import dossier, evaluation, main_job, synthesize

CONTRACT = loads_purposes("""
purposes:
  table: {kind: table, columns: [town], by: [works], tolerance: {tvd: 0.02, cell_share: 0.5}}
  wages: {kind: regression, outcome: pay, predictors: [age], tolerance: {same_conclusion: 1}}
  who: {kind: classifier, target: works, models: [GaussianNB], tolerance: {auc_gap: 0.2}}
  pay: {kind: subgroup, statistic: mean, variable: pay, by: [works], tolerance: {relative: 0.5}}
""")
Answers = list[tuple[str, Any, Any]]


class _Moment(dt.datetime):
    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> _Moment:
        return cls(2024, 1, 1, tzinfo=tz)


@pytest.fixture(autouse=True)
def _still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(dossier, "dt", SimpleNamespace(datetime=_Moment, UTC=dt.UTC))


def survey(rows: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    works = rng.random(rows) < 0.6
    return pd.DataFrame(
        {
            "age": rng.integers(18, 90, rows),
            "pay": (rng.gamma(2, 900, rows) * (1 + works)).round(0),
            "town": rng.choice(["Aa", "Bergen", "Cork"], rows),
            "works": np.where(works, "yes", "no"),
        }
    )


def release(
    data: pd.DataFrame, folder: Path, kept: Answers, monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[str, bytes], list[str]]:
    """Public files by name, and the internal verdicts; answers are recorded or replayed."""
    place, replaying = itertools.count(), bool(kept)

    def frozen(question: Question, exact: Any, unit: Unit) -> Any:
        if not replaying:
            kept.append((identity(question), exact, add_noise(question, exact, unit)))
            return kept[-1][2]
        asked, then, answer = kept[next(place)]
        assert asked == identity(question), "a question depends on the rows"
        assert not change_of(question, then, exact, unit)[1]
        return answer

    def curator(table: Any, *, budget: Any, unit: Unit) -> MemoryCurator:
        return MemoryCurator(table, budget=budget, unit=unit, release=frozen)

    monkeypatch.setattr(main_job, "curator_over", curator)
    run = synthesize(data, epsilon=3.0, holdout=0, seed=1, purposes=CONTRACT)
    run.save(folder)
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "internal" not in path.parts
    }
    assert run.internal is not None
    return files, [one.verdict for one in run.internal.purposes]


def turned(purposes: Purposes) -> Metric:
    """A metric that answers everything the other way round."""
    metric = purposes_metric(purposes)

    def measure(*given: Any) -> Measured:
        found = metric.measure(*given)
        other: dict[str, Literal["pass", "fail"]] = {"pass": "fail", "fail": "pass"}
        answers = tuple(
            replace(
                one,
                verdict=other.get(one.verdict, "fail"),
                criteria=tuple(replace(c, value=0.987654321987) for c in one.criteria),
            )
            for one in found.answers
        )
        return replace(found, answers=answers)

    return replace(metric, measure=measure)


def test_every_public_byte_is_the_same_when_only_the_answers_on_rows_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: Answers = []
    first, inside = release(survey(), tmp_path / "first", kept, monkeypatch)
    monkeypatch.setattr(evaluation, "purposes_metric", turned)
    again, other = release(survey(), tmp_path / "again", kept, monkeypatch)
    assert again == first
    assert other != inside
    told = json.loads(first["evidence.json"])["purposes"]
    assert [one["name"] for one in told] == ["table", "wages", "who", "pay"]


def test_every_public_byte_is_the_same_on_neighbours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: Answers = []
    frame = survey()
    first, _ = release(frame, tmp_path / "first", kept, monkeypatch)
    odd = pd.DataFrame([{"age": 2**40, "pay": -1e300, "town": "elsewhere", "works": "maybe"}])
    for number, other in enumerate((pd.concat([frame, odd]), frame.iloc[1:])):
        assert release(other, tmp_path / str(number), kept, monkeypatch)[0] == first


@pytest.mark.parametrize("plain", [MST(), AIM()], ids=lambda one: one.name)
def test_replay_passes_with_purposes(plain: MST | AIM) -> None:
    frame = survey(200)
    maker = steer(plain, CONTRACT, list(frame.columns)).synthesizer
    assert isinstance(maker, MST | AIM)
    assert maker.workload is not None
    replays(maker, from_frame(frame))


def test_replay_catches_a_workload_that_depends_on_the_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The mistake put in: a weight is taken from the last exact answers."""
    from understudy.synthesize.marginal import mst

    frame = survey(200)

    def peeking(workload: Any) -> dict[tuple[str, str], float]:
        return pair_weights(workload) | {("age", "pay"): 1.0 + seen[0] % 10}

    seen = [0.0]
    held = MemoryCurator.exact_all

    def watching(self: MemoryCurator, questions: Any) -> Any:
        answers = held(self, questions)
        seen[0] = float(sum(np.sum(answer) for answer in answers if isinstance(answer, np.ndarray)))
        return answers

    monkeypatch.setattr(MemoryCurator, "exact_all", watching)
    monkeypatch.setattr(mst, "pair_weights", peeking)
    maker = steer(MST(), CONTRACT, list(frame.columns)).synthesizer
    assert "not the recorded one" in caught(lambda: replays(maker, from_frame(frame)))
