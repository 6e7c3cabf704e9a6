"""What an evaluation hands over, and the folder it is written to.

Handle as personal data. What may not happen here: a look at rows.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from understudy.evaluate import ComparedFigures, InternalFigures
    from understudy.release.internal import InternalEvidence
    from understudy.release.judged import EvaluationEvidence

EVIDENCE, REPORT, FIGURES = "evidence.json", "report.html", "figures.csv"


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """What an evaluation found: handle as personal data.

    Parameters
    ----------
    compared
        Figures of every synthetic table and those across tables.
    judged
        The same as evidence, which the report shows.
    title
        What the report calls it.
    """

    compared: ComparedFigures = field(repr=False)
    judged: EvaluationEvidence = field(repr=False)
    title: str

    @property
    def tables(self) -> Mapping[str, InternalFigures]:
        """Figures by the name of the synthetic table."""
        return self.compared.tables

    @property
    def figures(self) -> InternalFigures:
        """Figures of the first synthetic table: `figures.figure("tvd_2way")` and the like."""
        return next(iter(self.compared.tables.values()))

    @property
    def evidence(self) -> InternalEvidence:
        """Evidence of the first synthetic table."""
        return self.judged.tables[0].evidence

    def save(self, folder: str | Path) -> Path:
        """Write `evidence.json`, `figures.csv` and `report.html`, readable by the owner only.

        Parameters
        ----------
        folder
            Must not exist or be empty; it appears when all files are complete.

        Raises
        ------
        OutputError
            The folder is in use, the disk full or read-only; nothing is left behind.
        """
        from understudy.release.tidy import tidy
        from understudy.report import render_evaluation

        return write_findings(
            folder,
            evidence=self.judged.to_json(),
            figures=tidy(self.judged),
            report=render_evaluation(self.judged),
        )


def write_findings(folder: str | Path, *, evidence: str, figures: str, report: str) -> Path:
    """Write evidence, figures and report into a folder that appears when all are complete.

    They are the owner's to read.

    Raises
    ------
    OutputError
        The folder is in use, the disk full or read-only; nothing is left behind.
    """
    files = {EVIDENCE: evidence, FIGURES: figures, REPORT: report}
    place = Path(folder).expanduser().resolve()
    free_folder(place)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}."))
    except OSError as problem:
        raise _unwritable(place, problem) from None
    try:
        for name, text in files.items():
            (draft / name).write_text(text, "utf-8")
            (draft / name).chmod(0o600)
        draft.rename(place)
    except OSError as problem:
        raise _unwritable(place, problem) from None
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(draft)
    return place


def free_folder(place: Path) -> None:
    """Refuse a folder that holds something.

    Raises
    ------
    OutputError
        It is a file, or not empty.
    """
    if place.is_dir() and not any(place.iterdir()):
        return
    if place.exists():
        raise OutputError(f"{place} exists and is not empty", hint="choose another folder")


def _unwritable(place: Path, problem: OSError) -> OutputError:
    """A folder that cannot be written, in our words."""
    return OutputError(f"{place} cannot be written: {os.strerror(problem.errno or 0)}")
