"""One synthesizer of a comparison: its driver, its environment, and how it is run."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .stopwatch import processor_seconds

HERE = Path(__file__).resolve().parent
VENVS = HERE / ".venvs"
ENDED = (signal.SIGXCPU, signal.SIGKILL, signal.SIGTERM)


class StoppedError(Exception):
    """A driver was stopped, at its limit of processor time or by hand."""

    def __init__(self, cpu_seconds: float) -> None:
        super().__init__()
        self.cpu_seconds = cpu_seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Contestant:
    """One synthesizer: its driver, the environment it runs in, and what it is given.

    `given` is "nothing" (a raw table), "domain" (bounds and labels of a raw table), "grid" or
    "gift" (a raw table's codes, see `adult_half.prepare`), or "codes" (the case's own codes).
    """

    name: str
    title: str
    driver: str
    given: str
    requirements: tuple[str, ...] = ()
    environment: str = ""
    synthesizer: str | None = None
    megabytes: float | None = None

    def interpreter(self, given: Mapping[str, Path]) -> Path:
        """Return the interpreter of its environment, building it when it is not there."""
        if not self.requirements:
            return Path(sys.executable)
        if self.environment in given:
            return given[self.environment]
        folder = VENVS / self.environment
        python = folder / "bin" / "python"
        built = folder / ".built"
        if not built.exists():
            sys.stderr.write(f"building {folder} with {', '.join(self.requirements)}\n")
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            install: list[str | Path] = [python, "-m", "pip", "install", "-q", *self.requirements]
            subprocess.run(install, check=True)
            built.touch()
        return python

    def drive(
        self,
        python: Path,
        *,
        source: Path,
        domain: Path | None,
        epsilon: float,
        delta: float,
        seed: int,
        out: Path,
        cpu_seconds: int | None = None,
    ) -> dict[str, Any]:
        """Run the driver in a process of its own; what it took, as it noted it.

        A folder in which a driver has left its note is that run, finished before.

        Raises
        ------
        StoppedError
            It used `cpu_seconds` of processor time, or was ended by hand.
        """
        note = out / "took.json"
        if note.exists():
            earlier: dict[str, Any] = json.loads(note.read_text())
            return earlier
        out.mkdir(parents=True, exist_ok=True)
        command: list[str | Path] = [python, HERE / "drivers" / self.driver, "--input", source]
        command += ["--epsilon", str(epsilon), "--delta", str(delta), "--seed", str(seed)]
        command += ["--out", out, *_options(self, domain)]
        # A peer's interpreter reads the shared modules from here, and ours the package too.
        paths = [str(HERE.parent), os.environ.get("PYTHONPATH", "")]
        around = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        before = processor_seconds()
        with (out / "log.txt").open("w") as log:
            ended = subprocess.run(
                command,
                check=False,
                stdout=log,
                stderr=log,
                env=around,
                preexec_fn=None if cpu_seconds is None else lambda: _allow(cpu_seconds),
            )
        if -ended.returncode in ENDED:
            raise StoppedError(processor_seconds() - before)
        ended.check_returncode()
        noted: dict[str, Any] = json.loads(note.read_text())
        return noted


def _options(contestant: Contestant, domain: Path | None) -> Sequence[str | Path]:
    """What only some drivers are told."""
    options: list[str | Path] = []
    if domain is not None:
        options += ["--domain", domain]
    if contestant.given == "codes":
        options.append("--codes")
    if contestant.synthesizer is not None:
        options += ["--synthesizer", contestant.synthesizer]
    if contestant.megabytes is not None:
        options += ["--megabytes", str(contestant.megabytes)]
    return options


def _allow(cpu_seconds: int) -> None:
    """Let this process end after so much processor time."""
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
