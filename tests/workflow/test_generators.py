"""Generators that attackers fit again: ours by name, any command, and what is refused."""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from understudy.errors import InputError
from understudy.workflow.attacking import attack
from understudy.workflow.generators import generator_of


def people(rows: int, seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    return pa.table(
        {
            "age": rng.integers(18, 80, rows),
            "town": np.array(["n", "s", "e", "w"])[rng.integers(0, 4, rows)],
            "job": np.array(["a", "b", "c"])[rng.integers(0, 3, rows)],
        }
    )


def test_ours_fits_and_draws_as_many_rows() -> None:
    made = generator_of(synthesizer="independent", epsilon=1.0)
    assert made is not None
    again = copy.deepcopy(made)
    drawn = again(people(300, 0), 7)
    assert drawn.num_rows == 300
    assert drawn.column_names == ["age", "town", "job"]


def test_a_command_is_run_on_files(tmp_path: Path) -> None:
    script = tmp_path / "copy.py"
    script.write_text("import shutil, sys; shutil.copy(sys.argv[1], sys.argv[2])")
    made = generator_of(command=f"{sys.executable} {script} {{input}} {{output}}")
    assert made is not None
    assert made(people(50, 0), 1).num_rows == 50


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({"synthesizer": "mst"}, "need their budget"),
        ({"synthesizer": "msst", "epsilon": 1.0}, "no synthesizer"),
        ({"synthesizer": "mst", "command": "x {input} {output}", "epsilon": 1.0}, "not both"),
        ({"epsilon": 1.0}, "without a generator"),
        ({"synthesizer": "mst", "epsilon": -1.0}, "epsilon"),
        ({"command": "make it"}, "placeholder"),
        ({"command": "make {input} {output} --eps={epsilon}"}, "names {epsilon}"),
    ],
)
def test_what_cannot_be_refitted_is_refused(named: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        generator_of(**named)  # type: ignore[arg-type]


def test_nothing_named_is_no_generator() -> None:
    assert generator_of() is None


def test_refits_join_the_battery(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a generator the two attacks are reported as not run; with one they have a word."""
    from understudy.attack import shadow

    few = shadow.Shadows(outsider=8, insider=40, records=10)
    monkeypatch.setattr(shadow, "EFFORT", dict.fromkeys(("quick", "release", "certify"), few))
    monkeypatch.setattr(shadow, "workers", lambda: 1)
    rng = np.random.default_rng(3)

    def copying(table: pa.Table, seed: int) -> pa.Table:
        return table.take(np.random.default_rng(seed).integers(0, table.num_rows, table.num_rows))

    train, holdout = people(600, 1), people(600, 2)
    release = train.take(rng.integers(0, 600, 600))
    without = attack(train, holdout, release, attacks=("shadow", "seeded"))
    assert {one.key for one in without.battery.not_run} == {"shadow", "seeded"}
    found = attack(train, holdout, release, generator=copying, attacks=("shadow", "seeded"))
    seeded = found.battery.outcome("seeded")
    assert seeded is not None
    assert seeded.word == "leak detected"
    assert seeded.negative.p_value > 1e-7
    assert seeded.positives[0].value > 0.5
