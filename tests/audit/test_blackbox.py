"""Audits of anything that makes rows: what they catch, and how they stop and go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from understudy.audit import NEIGHBOURS, AuditResult, as_generator, audit_black_box, audit_one_run
from understudy.audit.blackbox import FEATURES, look, scores_of
from understudy.audit.generators import FittedGenerator
from understudy.audit.onerun import OneRunResult
from understudy.curator import Count
from understudy.curator.protocol import add_noise
from understudy.errors import GeneratorError, InputError
from understudy.schema import Schema
from understudy.synthesize.baseline.independent import Independent
from understudy.synthesize.commanded import CommandGenerator

RUNS = 48


class Copying:
    """Draws rows of the table itself."""

    def fit(self, frame: Any) -> None:
        self.frame = frame

    def sample(self, rows: int) -> Any:
        return self.frame.sample(rows, replace=True)


class Constant:
    """Always the same rows, whatever it is fitted on."""

    def fit(self, frame: Any) -> None:
        pass

    def sample(self, rows: int) -> Any:
        return {"one": pa.table({"colour": ["red"], "shape": ["round"], "size": [3]})}


class Laplace:
    """A pure mechanism: noise on whether the combination occurs; `scale` 1/ε is right."""

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def fit(self, frame: Any) -> None:
        found = int(((frame["colour"] == "red") & (frame["shape"] == "square")).sum())
        self.count = found + np.random.default_rng().laplace(0, self.scale)

    def sample(self, rows: int) -> pa.Table:
        hits = int(np.clip(rows / 2 + 10 * self.count, 0, rows))
        shape = ["square"] * hits + ["round"] * (rows - hits)
        return pa.table({"colour": ["red"] * rows, "shape": shape, "size": [12] * rows})


def test_a_copier_violates_every_claim_and_a_constant_none() -> None:
    caught = audit_black_box(as_generator(Copying()), epsilon=1.0, runs=RUNS)
    assert caught.word == "violated"
    assert caught.synthesizer == "Copying"
    assert caught.view == "black-box"
    free = audit_black_box(as_generator(Constant()), epsilon=1.0, runs=RUNS)
    assert free.word == "not detected"
    assert free.limit_direct > 1.5
    assert "limit of detection" in free.text
    assert AuditResult.from_json(json.loads(json.dumps(caught.to_json()))) == caught


def test_noise_too_small_is_found_from_rows_and_the_right_noise_is_not() -> None:
    """A quarter of the noise at a claim of ε = 1: the truth is 4.

    300 runs per table, 225 counted: the bound is 2.47 ± 0.26 (400 simulated audits, the smallest
    1.74), so that 1 is 5.7 standard deviations away. With the right noise a bound above 1 has
    probability below 1e-7 at this confidence.
    """
    wrong = audit_black_box(as_generator(lambda: Laplace(0.25)), epsilon=1.0, delta=0.0, runs=300)
    assert wrong.word == "violated", wrong.text
    right = audit_black_box(
        as_generator(lambda: Laplace(1.0)), epsilon=1.0, delta=0.0, runs=300, confidence=1 - 1e-7
    )
    assert right.word != "violated", right.text


def test_one_of_ours_is_audited_from_rows_alone() -> None:
    result = audit_black_box(as_generator(Independent()), epsilon=1.0, runs=RUNS, rows=50)
    assert result.word in ("not detected", "leak detected")
    assert result.rho < 1
    assert result.identity is None


def test_what_is_looked_at() -> None:
    pair = NEIGHBOURS["unseen"]
    seen = look(pair.frames[1], pair)
    assert len(seen) == len(FEATURES)
    assert seen[0] == pytest.approx(1 / 101)
    assert seen[FEATURES.index("synthetic rows")] == 101
    text = pa.table({"colour": ["red", None], "shape": ["square", "x"], "size": ["12.2", "no"]})
    assert look(text, pair)[0] == 0.5
    with pytest.raises(GeneratorError, match="lack a column"):
        look(text.drop_columns(["size"]), pair)


def test_a_constant_feature_is_a_coin() -> None:
    flat = [[1.0, 2.0]] * 50
    without, present, _ = scores_of(flat, flat)
    assert np.array_equal(without, present)


def test_what_cannot_be_audited_is_refused() -> None:
    for wrong in (3, object(), type("NoSample", (), {"fit": lambda self, frame: None})()):
        with pytest.raises(InputError):
            as_generator(wrong)
    for text in ("make {input}", "make {input} {output} {age}", "make {input} {output} 'x"):
        with pytest.raises(InputError):
            CommandGenerator(template=text)
    for counts in ({"runs": 0}, {"workers": 0}, {"rows": 1}, {"epsilon": -1.0}, {"delta": 0.7}):
        with pytest.raises(InputError):
            audit_black_box(as_generator(Constant()), **{"epsilon": 1.0, "runs": 5, **counts})


def script(folder: Path, body: str) -> str:
    """A command that runs a Python program on the paths of input and output, and the seed."""
    place = folder / "make.py"
    place.write_text(f"import sys, time, os\ngiven, made, seed = sys.argv[1:4]\n{body}\n")
    return f"{sys.executable} {place} {{input}} {{output}} {{seed}}"


COPY = "open(made, 'w').write(open(given).read())"


def test_a_command_is_audited_and_goes_on(tmp_path: Path) -> None:
    command = as_generator(script(tmp_path, COPY))
    out = tmp_path / "scores.jsonl"
    heard: list[str] = []
    first = audit_black_box(
        command, epsilon=1.0, runs=4, out=out, progress=lambda text, _done: heard.append(text)
    )
    assert first.word == "not assessed"
    assert "left" in heard[0]
    before = out.read_text()
    audit_black_box(command, epsilon=1.0, runs=6, out=out)
    assert out.read_text().startswith(before)
    assert len(out.read_text().splitlines()) == 13
    with pytest.raises(InputError, match="another audit"):
        audit_black_box(command, epsilon=2.0, runs=6, out=out)


def test_a_command_that_fails_in_the_middle_keeps_what_was_done(tmp_path: Path) -> None:
    flag = tmp_path / "broken"
    body = f"if os.path.exists({str(flag)!r}): sys.exit('out of licence')\n{COPY}"
    command, out = as_generator(script(tmp_path, body)), tmp_path / "scores.jsonl"
    audit_black_box(command, epsilon=1.0, runs=3, out=out)
    flag.touch()
    with pytest.raises(GeneratorError, match="out of licence") as stopped:
        audit_black_box(command, epsilon=1.0, runs=20, out=out)
    assert stopped.value.exit_code == 10
    assert len(out.read_text().splitlines()) == 7
    flag.unlink()
    result = audit_black_box(command, epsilon=1.0, runs=5, out=out)
    assert result.runs == (5, 5)
    assert result.failed == 0


def test_a_run_that_fails_only_with_the_canary_is_an_observation() -> None:
    rest = [0.5] * (len(FEATURES) - 1)
    without, present, attacker = scores_of([[*rest, 0.0]] * 60, [[*rest, 1.0]] * 60)
    assert attacker == "the run failed"
    assert present.min() > without.max()


def test_a_command_has_a_time_limit_and_its_children_end_too(tmp_path: Path) -> None:
    mark = tmp_path / "child"
    body = (
        "import subprocess\n"
        f"child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(mark)!r}, 'w').write(str(child.pid))\ntime.sleep(60)"
    )
    command = as_generator(script(tmp_path, body), limit=1.5)
    began = time.monotonic()
    with pytest.raises(GeneratorError, match="too long"):
        audit_black_box(command, epsilon=1.0, runs=2)
    assert time.monotonic() - began < 30
    status = Path(f"/proc/{mark.read_text()}/stat")
    time.sleep(0.2)
    assert not status.exists() or status.read_text().split()[2] == "Z"


def test_an_audit_that_is_killed_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "few.jsonl"
    program = (
        "from pathlib import Path\nfrom understudy.audit import NEIGHBOURS, audit\n"
        "from understudy.synthesize.baseline.independent import Independent\n"
        f"audit(Independent(), NEIGHBOURS['few'], epsilon=1.0, runs=100_000, out=Path({str(out)!r}))"
    )
    process = subprocess.Popen([sys.executable, "-c", program])
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and (not out.exists() or out.stat().st_size < 4_000):
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    done = len(out.read_text().splitlines()) - 1
    assert done > 10
    from understudy.audit import audit

    result = audit(Independent(), NEIGHBOURS["few"], epsilon=1.0, runs=done // 2 + 5, out=out)
    assert result.runs == (done // 2 + 5,) * 2


def test_one_run_catches_a_copier_and_not_a_constant() -> None:
    # 30,000 draws of some 1,150 rows leave none of 150 canaries out, but with probability 1e-9.
    caught = audit_one_run(as_generator(Copying()), epsilon=1.0, canaries=300, rows=30_000)
    assert caught.word == "violated"
    assert caught.right == caught.guesses == 60
    assert OneRunResult.from_json(json.loads(json.dumps(caught.to_json()))) == caught

    class Fixed(Constant):
        def sample(self, rows: int) -> Any:
            return pa.table({"mark": ["usual"], "shape": ["round"], "size": [3]})

    free = audit_one_run(as_generator(Fixed()), epsilon=1.0, canaries=300, confidence=1 - 1e-7)
    assert free.word == "not detected"
    assert "limit of detection" in free.text


def test_one_run_listens_to_ours() -> None:
    """At ε = 8 independent shows about 180 of 200 guesses; at 120 the bound on μ is above zero.

    With μ of 1.8 per canary fewer than 130 of 200 have probability below 1e-7.
    """

    def exact(question: Any, answer: Any, unit: Any) -> Any:
        if isinstance(question, Count):
            return np.asarray(answer, dtype=float)
        return add_noise(question, answer, unit)

    sound = audit_one_run(as_generator(Independent()), epsilon=8.0)
    assert sound.word == "leak detected"
    assert 1.0 < sound.epsilon_lower < 8.0
    broken = audit_one_run(as_generator(Independent()), epsilon=1.0, release=exact)
    assert broken.word == "violated"


@pytest.mark.parametrize("wrong", [{"canaries": 10}, {"guesses": 1}, {"guesses": 2_000}])
def test_impossible_one_run_audits_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        audit_one_run(as_generator(Independent()), **{"epsilon": 1.0, **wrong})


def test_objects_and_factories_are_told_apart() -> None:
    assert isinstance(as_generator(Copying), FittedGenerator)
    assert as_generator(Copying).name == "Copying"
    assert as_generator(Independent()).name == "independent"
    drawn = as_generator(Copying()).make(
        NEIGHBOURS["few"].frames[0], Schema(), epsilon=1.0, delta=0.0, rows=7, seed=1
    )
    assert drawn.num_rows == 7
