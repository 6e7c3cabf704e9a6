"""What a driver notes: seconds, processor seconds and memory of a fit, its own and its children's.

Drivers are run by other interpreters, so this module needs the standard library alone.
"""

from __future__ import annotations

import json
import resource
import time
from pathlib import Path
from typing import Any


def processor_seconds() -> float:
    """User and system seconds of this process, its threads and its finished children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def peak_mib() -> float:
    """Largest resident memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Stopwatch:
    """Started when the table is in memory; told when the model is there, and the rows."""

    def __init__(self) -> None:
        self._at, self._busy = time.perf_counter(), processor_seconds()
        self._took: dict[str, Any] = {}

    def fitted(self) -> None:
        """Note the model."""
        now, busy = time.perf_counter(), processor_seconds()
        self._took |= {"fit_s": now - self._at, "fit_cpu_s": busy - self._busy}
        self._took["fit_rss_mib"] = peak_mib()
        self._at, self._busy = now, busy

    def sampled(self) -> None:
        """Note the rows."""
        now, busy = time.perf_counter(), processor_seconds()
        self._took |= {"sample_s": now - self._at, "sample_cpu_s": busy - self._busy}
        self._took["rss_mib"] = peak_mib()

    def write(self, folder: Path, **also: Any) -> None:
        """Leave took.json."""
        (folder / "took.json").write_text(json.dumps({**self._took, **also}))
