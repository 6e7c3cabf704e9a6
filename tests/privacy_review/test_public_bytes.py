"""Whole releases on neighbouring tables, the noisy answers frozen: every public byte is the same.

Record/replay of `understudy.testing` stops at the model. Here the tables go through files and
frames as a steward's would, and everything a release hands on is compared: the synthetic table,
the model's files, evidence, report and manifest, with the internal evidence computed beside them.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from understudy.curator import MemoryCurator
from understudy.curator.protocol import add_noise
from understudy.curator.questions import Question, identity
from understudy.privacy.unit import Unit
from understudy.testing.replay import change_of
from understudy.workflow import dossier, main_job, synthesize

CELLS: dict[str, tuple[str | None, ...]] = {
    "CSV": (
        "-99999999999999",
        "never seen",
        "",
        "   ",
        '"quoted", with\nnew line',
        "1e400",
        "é" * 999,
    ),
    "typed": (None,),
}
Answers = list[tuple[str, Any, Any]]


class _Moment(dt.datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> _Moment:
        return cls(2024, 1, 1, tzinfo=tz)


@pytest.fixture(autouse=True)
def _quiet(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.getbasetemp() / "config"))
    monkeypatch.setattr(dossier, "dt", SimpleNamespace(datetime=_Moment, UTC=dt.UTC))


def release_of(
    data: object, folder: Path, kept: Answers, monkeypatch: pytest.MonkeyPatch, **settings: Any
) -> dict[str, str]:
    """Hashes of the public files; answers are recorded into `kept`, or replayed from it."""
    place = itertools.count()
    replaying = bool(kept)

    def frozen(question: Question, exact: Any, unit: Unit) -> Any:
        if not replaying:
            kept.append((identity(question), exact, add_noise(question, exact, unit)))
            return kept[-1][2]
        asked, then, answer = kept[next(place)]
        assert asked == identity(question), "a question depends on the rows"
        assert not change_of(question, then, exact, unit)[1]
        return answer

    def curator(table: Any, **more: Any) -> MemoryCurator:
        return MemoryCurator(table, release=frozen, **more)

    monkeypatch.setattr(main_job, "curator_over", curator)
    run = synthesize(data, epsilon=3.0, holdout=0, seed=1, **settings)
    run.save(folder)
    if replaying:
        assert next(place) == len(kept), "fewer questions are asked"
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "internal" not in path.parts
    }


def survey(rows: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 90, rows).astype(str),
            "pay": [f"{value:.2f}" for value in rng.gamma(2, 900, rows)],
            "town": rng.choice(["Aa", "Bergen", "Cork"], rows),
            "seen": [f"2021-{m:02d}-{d:02d}" for m, d in rng.integers(1, 13, (rows, 2))],
            "code": [f"k{place:05d}" for place in range(rows)],
        }
    )


def csv_bytes(frame: pd.DataFrame, row: list[str]) -> bytes:
    return (
        pd.concat([frame, pd.DataFrame([row], columns=frame.columns)]).to_csv(index=False).encode()
    )


@pytest.mark.parametrize("maker", ["aim", "mst", "independent"])
@pytest.mark.parametrize("evaluate", [True, False])
def test_of_csv_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, maker: str, evaluate: bool
) -> None:
    kept: Answers = []
    frame = survey()
    path = tmp_path / "people.csv"
    path.write_bytes(frame.to_csv(index=False).encode())
    settings = {"synthesizer": maker, "evaluate": evaluate, "target": "town"}
    first = release_of(path, tmp_path / "first", kept, monkeypatch, **settings)
    for number, cell in enumerate(CELLS["CSV"]):
        path.write_bytes(csv_bytes(frame, [cell] * 5))  # type: ignore[list-item]
        again = release_of(path, tmp_path / str(number), kept, monkeypatch, **settings)
        assert again == first


def typed_frame(rows: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(6)
    frame = pd.DataFrame(
        {
            "whole": pd.array(rng.integers(0, 9, rows), dtype="Int64"),
            "real": rng.normal(0, 1, rows).round(1),
            "label": pd.Categorical(rng.choice([f"c{i}" for i in range(126)], rows)),
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 10**6, rows), "s"),
            "flag": pd.array(rng.random(rows) < 0.5, dtype="boolean"),
            "text": pd.Series(rng.choice(["x", "y"], rows), dtype=object),
        }
    )
    frame["label"] = pd.Categorical(frame["label"], categories=[f"c{i}" for i in range(126)])
    return frame


def odd_rows() -> list[dict[str, Any]]:
    return [
        {"whole": 2**63 - 1, "real": 1.7e308, "when": pd.Timestamp.max, "flag": True},
        {"whole": pd.NA, "real": float("nan"), "when": pd.NaT, "flag": pd.NA, "text": None},
        {"whole": -(2**63), "real": float("-inf"), "text": "a new one", "label": "new"},
    ]


def grown(frame: pd.DataFrame, row: dict[str, Any]) -> pd.DataFrame:
    more = {name: row.get(name, frame[name].iloc[0]) for name in frame.columns}
    wide = frame.copy()
    labels = list(frame["label"].cat.categories)
    if more["label"] not in labels:
        labels += ["new", "newer", "newest"]
    wide["label"] = wide["label"].astype(object)
    wide = pd.concat([wide, pd.DataFrame([more])], ignore_index=True)
    wide["label"] = pd.Categorical(wide["label"], categories=labels)
    return wide.astype({name: dtype for name, dtype in frame.dtypes.items() if name != "label"})


@pytest.mark.parametrize("container", ["frame", "parquet"])
def test_of_typed_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, container: str) -> None:
    def given(frame: pd.DataFrame) -> object:
        if container == "frame":
            return frame
        frame.to_parquet(tmp_path / "people.parquet")
        return tmp_path / "people.parquet"

    kept: Answers = []
    frame = typed_frame()
    first = release_of(given(frame), tmp_path / "first", kept, monkeypatch)
    for number, row in enumerate(odd_rows()):
        again = release_of(given(grown(frame, row)), tmp_path / str(number), kept, monkeypatch)
        assert again == first


def test_of_persons_with_more_rows_than_the_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: Answers = []
    people = [f"p{place // 2}" for place in range(300)]
    frame = survey().assign(who=people)
    settings: dict[str, Any] = {"unit_column": "who", "max_rows_per_unit": 3, "evaluate": False}
    path = tmp_path / "people.csv"
    path.write_bytes(frame.to_csv(index=False).encode())
    first = release_of(path, tmp_path / "first", kept, monkeypatch, **settings)
    added = pd.DataFrame(
        [["1", "x", "y", "z", str(i), "new"] for i in range(40)], columns=frame.columns
    )
    path.write_bytes(pd.concat([frame, added]).to_csv(index=False).encode())
    assert release_of(path, tmp_path / "again", kept, monkeypatch, **settings) == first
