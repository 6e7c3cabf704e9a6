"""What a piece of work costs: processor seconds, seconds by the clock, most memory.

What may not happen here: knowing what the work is.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """Processor seconds, wall seconds, and the process's most resident MiB (None if unknown)."""

    cpu: float
    wall: float
    peak: float | None


class Meter:
    """Runs from its making until it is read; on Linux it resets the process's peak of memory."""

    def __init__(self) -> None:
        with contextlib.suppress(OSError):
            _CLEAR.write_text("5", "ascii")
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def read(self) -> Cost:
        """What it cost so far."""
        return Cost(
            cpu=time.process_time() - self._cpu,
            wall=time.perf_counter() - self._wall,
            peak=_peak(),
        )


def _peak() -> float | None:
    """Most resident memory since the reset, in MiB."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in _STATUS.read_text("ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return None
