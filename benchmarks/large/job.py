"""One run of the main job on a Parquet file, and what it took.

python -m benchmarks.large.job people.parquet out 1000000
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import understudy as us

from .engines import peak_mib

MOST_DRAWN = 10_000_000


def main() -> None:
    """Fit, draw, release; print one JSON object."""
    path, out, rows = sys.argv[1:]
    os.environ["XDG_CONFIG_HOME"] = str(Path(out).parent)
    began, busy = time.perf_counter(), time.process_time()
    run = us.synthesize(
        path,
        epsilon=1.0,
        synthesizer="mst",
        stream=True,
        rows=min(int(rows), MOST_DRAWN),
        holdout=0.2,
    )
    fitted = next(time_ for time_ in run.internal.timings if time_.name == "learn")
    made = time.perf_counter(), time.process_time()
    run.save(Path(out), force=True)
    ended = time.perf_counter(), time.process_time()
    took = {
        "learn_s": fitted.seconds,
        "s": made[0] - began, "cpu_s": made[1] - busy,
        "save_s": ended[0] - made[0], "save_cpu_s": ended[1] - made[1],
        "mib": peak_mib(),
        "drawn": run.drawn,
        "tvd2": next(one.value for one in run.internal.figures if one.key == "tvd_2way"),
    }  # fmt: skip
    sys.stdout.write(json.dumps(took))


if __name__ == "__main__":
    main()
