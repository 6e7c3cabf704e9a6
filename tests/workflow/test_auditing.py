"""`us.audit` and what it leaves: every method, every kind of generator, a page, refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import understudy as us
from understudy.audit import NEIGHBOURS, keeping
from understudy.audit.blackbox import audit_black_box
from understudy.audit.generators import as_generator
from understudy.errors import InputError
from understudy.synthesize.baseline.independent import Independent
from understudy.workflow.auditing import Audit, words_of

GENTLE: dict[str, Any] = {"runs": 44, "neighbours": ["few"]}


class Constant:
    """Always the same rows."""

    def fit(self, frame: Any) -> None:
        pass

    def sample(self, rows: int) -> pa.Table:
        return NEIGHBOURS["few"].frames[0]


def test_one_of_ours_by_name(tmp_path: Path) -> None:
    heard: list[str] = []
    found = us.audit(
        "independent",
        epsilon=4.0,
        out=tmp_path,
        progress=lambda text, _done: heard.append(text),
        **GENTLE,
    )
    assert found.word in ("leak detected", "not detected")
    assert found.worst.view == "white-box"
    assert any("left" in text for text in heard)
    told = json.loads((tmp_path / "audit.json").read_text())
    assert told["verdict"]["word"] == found.word
    assert told["claim"]["in_words"].startswith("At 1")
    page = (tmp_path / "audit.html").read_text()
    assert "independent" in page
    assert "<script" not in page
    assert "Largest that could be shown" in page
    again = us.audit("independent", epsilon=4.0, out=tmp_path, **GENTLE)
    assert again.worst.epsilon_lower == found.worst.epsilon_lower


def test_every_method_leaves_a_page(tmp_path: Path) -> None:
    one = us.audit(Independent(), epsilon=8.0, method="one-run", canaries=200, out=tmp_path / "1")
    assert one.method == "one-run"
    assert "thrown away" in (tmp_path / "1" / "audit.html").read_text()
    two = us.audit(Independent(), epsilon=8.0, method="replay", runs=1, out=tmp_path / "2")
    assert two.word == "not detected"
    assert "replayed" in (tmp_path / "2" / "audit.html").read_text()
    three = us.audit(Constant, epsilon=1.0, runs=44, out=tmp_path / "3")
    assert three.word == "not detected"
    assert three.worst.view == "black-box"
    for found in (one, two, three):
        assert json.loads(json.dumps(found.to_json(), allow_nan=False))["understudy"]


def test_a_folder_is_of_one_method_and_one_claim(tmp_path: Path) -> None:
    us.audit("independent", epsilon=1.0, method="replay", runs=1, out=tmp_path)
    kept = (tmp_path / "audit.json").read_bytes()
    for how in ({"method": "one-run", "epsilon": 1.0}, {"method": "replay", "epsilon": 2.0}):
        with pytest.raises(InputError, match="another audit"):
            us.audit("independent", out=tmp_path, **how)  # type: ignore[arg-type]
    assert (tmp_path / "audit.json").read_bytes() == kept
    us.audit("independent", epsilon=1.0, method="replay", runs=1, out=tmp_path)


def test_a_replay_that_finds_something_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    from understudy.synthesize.model import Model

    ours, count = Model.to_json, iter(range(10_000))
    monkeypatch.setattr(
        Model, "to_json", lambda self: ({**ours(self)[0], "n": next(count)}, ours(self)[1])
    )
    found = us.audit(Independent(), epsilon=8.0, method="replay", runs=1)
    assert found.word == "violated"
    assert "another model" in found.text
    assert "Findings" in found.to_html()


def test_an_audit_on_other_backends_takes_the_same_calls() -> None:
    """What Dask's and Ray's backends take: plain calls of an importable function."""
    import joblib

    with joblib.parallel_config(backend="threading"):
        found = audit_black_box(as_generator(Constant), epsilon=1.0, runs=6, workers=2)
    assert found.runs == (6, 6)


def test_pieces_run_alone_first_and_then_in_rounds() -> None:
    work = [(place,) for place in range(23)]
    done = list(keeping.spread(work, _echo, 2))
    assert sorted(line["place"] for piece in done for line in piece) == list(range(23))
    assert done[0] == [{"place": 0}]


def _echo(place: int) -> list[dict[str, int]]:
    return [{"place": place}]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({}, "one of them only"),
        ({"synthesizer": "mst", "command": "a {input} {output}"}, "one of them only"),
        ({"synthesizer": "mts"}, "mst"),
        ({"synthesizer": "mst", "method": "best"}, "no method"),
        ({"synthesizer": "mst", "view": "grey"}, "no view"),
        ({"synthesizer": Constant, "view": "white-box"}, "ours only"),
        ({"synthesizer": Constant, "method": "replay"}, "replay"),
        ({"synthesizer": "mst", "neighbours": ["mine"]}, "neighbours"),
        ({"synthesizer": Constant, "neighbours": ["mine"]}, "neighbours"),
        ({"synthesizer": "mst", "epsilon": 0.0}, "epsilon"),
        ({"synthesizer": "mst", "runs": -3}, "runs"),
        ({"command": "make it"}, "{input}"),
        ({"command": "/no/such/program {input} {output}"}, "cannot be started"),
        ({"synthesizer": "mst", "method": "one-run", "canaries": 3}, "canaries"),
    ],
)
def test_what_cannot_be_meant_is_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told.replace("{", r"\{")):
        us.audit(**{"epsilon": 1.0, **wrong})


def test_a_synthesizer_without_privacy_is_caught_from_its_rows() -> None:
    """What may only run without noise is run so, and refutes the claim it is audited against.

    A tree on a hundred rows reproduces the one odd row in every hundredth row drawn, with it and
    never without; 48 runs per table tell that apart without a mistake.
    """
    found = us.audit("cart", epsilon=1.0, runs=48, rows=1_000)
    assert found.worst.view == "black-box"
    assert found.word == "violated", found.text


def test_lower_bounds_in_words() -> None:
    assert "20 %" in words_of(3.0, 0.0)
    assert Audit(method="replay", epsilon=1.0, delta=0.0, results=()).results == ()
