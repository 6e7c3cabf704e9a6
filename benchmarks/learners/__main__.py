"""Learn one task privately in several ways, test on the other half, and write a page.

    python -m benchmarks.learners --out benchmarks/results/learners --page docs/benchmarks/learners.md

Every private arm is fitted five times, for noise has no seed. A run that is in the results already is
not made again. `--peer PYTHON` is an interpreter with diffprivlib 0.6; made on first use otherwise.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.learners import arms
from benchmarks.learners.cases import CASES, Case
from benchmarks.learners.page import write_page
from benchmarks.runs import Log

HERE = Path(__file__).resolve().parent
PEER = ("diffprivlib==0.6.6", "scikit-learn<1.6", "scipy<1.15", "numpy<2.3", "pandas<3")
"""The peer does not work with later versions of scikit-learn."""

LEAKS = HERE.parent / "drivers" / "peer_diffprivlib_leaks.py"


def environment() -> Path:
    """Python of an environment with the peer; made when it is not there."""
    place = HERE.parent / ".venvs" / "diffprivlib"
    python = place / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PEER], check=True)
    return python


def scores(truth: np.ndarray, told: np.ndarray) -> dict[str, float]:
    """Accuracy at one half, and the area under the ROC curve."""
    from sklearn.metrics import roc_auc_score

    return {
        "accuracy": float(((told > 0.5) == truth).mean()),
        "auc": float(roc_auc_score(truth, told)),
    }


def rows(
    case: Case, epsilon: float | str, run: int, arm: str, made: Callable[[], Iterator[arms.Told]]
) -> Iterator[dict[str, Any]]:
    """Figures of every model of one arm; processor seconds are of the arm's own process."""
    before = time.process_time()
    for name, told in made():
        after = time.process_time()
        yield {
            "case": case.name, "epsilon": str(epsilon), "run": run, "arm": arm, "model": name,
            **scores(case.truth, told), "cpu_s": after - before,
        }  # fmt: skip
        before = time.process_time()


def main() -> None:
    """Make the runs that are missing, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/learners"))
    parser.add_argument("--page", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--cases", nargs="+", default=list(CASES))
    parser.add_argument("--epsilons", nargs="+", type=float, default=[0.1, 1.0, 10.0])
    parser.add_argument("--peer", type=Path)
    parser.add_argument("--without-peer", action="store_true")
    asked = parser.parse_args()
    log = Log(path=asked.out / "learners.jsonl", keys=("case", "epsilon", "run", "arm", "model"))
    done = {(r["case"], r["epsilon"], r["run"], r["arm"]) for r in log.rows}
    private: dict[str, Callable[[Case, float | str], Iterator[arms.Told]]] = {
        "learner": arms.ours,
        "synthetic": arms.synthetic,
    }
    leaks = asked.out / "leaks.json"
    if not asked.without_peer:
        python = asked.peer or environment()
        private["peer"] = arms.peer(python)
        told = subprocess.run([python, LEAKS], check=True, capture_output=True, text=True)
        asked.out.mkdir(parents=True, exist_ok=True)
        leaks.write_text(told.stdout)
    for name in asked.cases:
        case = CASES[name]()
        plan: list[tuple[float | str, int, str, Callable[[], Iterator[arms.Told]]]] = [
            (arms.OPEN, 0, "learner", lambda case=case: arms.ours(case, arms.OPEN)),
            (arms.OPEN, 0, "sklearn", lambda case=case: arms.trained_on(case, case.train, "")),
        ]
        for run in range(asked.runs):
            for epsilon in asked.epsilons:
                for arm, maker in private.items():
                    plan.append(
                        (epsilon, run, arm, lambda case=case, e=epsilon, m=maker: m(case, e))
                    )
        for epsilon, run, arm, made in plan:
            if (name, str(epsilon), run, arm) not in done:
                for row in rows(case, epsilon, run, arm, made):
                    log.note(row)
    if asked.page:
        found = json.loads(leaks.read_text()) if leaks.exists() else {}
        write_page(asked.page, log.rows, found)


if __name__ == "__main__":
    main()
