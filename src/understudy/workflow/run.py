"""What a run of the main job leaves in the hands of the person who ran it.

What may not happen here: asking the curator, or a figure computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from understudy.release.bundle import stage
from understudy.release.internal import InternalEvidence
from understudy.release.public import FileHash, PublicEvidence
from understudy.source import FileFormat, write_tables
from understudy.synthesize.drawing import draw_chunks
from understudy.synthesize.model import Model
from understudy.workflow.places import Place


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """A finished run.

    Parameters
    ----------
    model
        The fitted model: samples without the data.
    table
        The synthetic rows as an Arrow table; the first million when the input was a stream.
    internal
        Figures computed on real rows, or None when nothing was evaluated. Handle as personal
        data.
    drawn
        Synthetic rows of the release.
    seed
        Of their draw.
    """

    model: Model
    table: pa.Table
    internal: InternalEvidence | None
    drawn: int
    seed: int | None = None
    _source: Place = field(repr=False)
    _evidence: Callable[[tuple[FileHash, ...]], PublicEvidence] = field(repr=False)

    @property
    def synthetic(self) -> Any:
        """The synthetic table in the input's own kind (pandas, polars, Arrow)."""
        return self._source.give_back(self.table)

    @property
    def evidence(self) -> PublicEvidence:
        """What may be said in public about this run."""
        return self._evidence(())

    def sample(self, rows: int | None = None, *, seed: int | None = None) -> Any:
        """More synthetic rows from the model, in the input's own kind."""
        return self._source.give_back(self.model.sample(rows, seed=seed))

    def chunks(self) -> Iterator[pa.Table]:
        """The synthetic rows of the release, a part in memory at a time; `table` is the first."""
        yield self.table
        held = self.table.num_rows
        if self.drawn > held:
            yield from draw_chunks(
                self.model, self.drawn, at_once=held, seed=self.seed, leave_out=1
            )

    def save(
        self, folder: str | Path, *, key: str | Path | None = None, force: bool = False
    ) -> Path:
        """Write the signed release: table, model, evidence, reports, manifest.

        Parameters
        ----------
        folder
            Must not exist or be empty, unless `force`.
        key
            Ed25519 private key (PEM); by default the user's own, made on first use.

        Raises
        ------
        OutputError
            The folder is in use, the disk full or read-only; nothing is left behind.
        """
        with stage(folder, force=force, key=Path(key) if key else None) as draft:
            write_release(self, draft)
        return Path(folder)


def write_release(run: Run, draft: Any) -> None:
    """Fill a draft with everything a run has, and seal it."""
    from understudy.report import render_internal, render_public

    written = file_format(run.model.format)
    times = -(-run.drawn // max(run.table.num_rows, 1))
    write_tables(run.chunks(), draft.synthetic(written.suffix), written, times=max(times, 1))
    run.model.save(draft.model)
    public = run._evidence(draft.hashes())  # noqa: SLF001 - the same room
    draft.write_public(public, render_public(public))
    if run.internal is not None:
        draft.write_internal(run.internal, render_internal(public, run.internal))
    draft.seal()


def file_format(of_input: FileFormat) -> FileFormat:
    """How a synthetic table is written: as the input was, a DataFrame as Parquet."""
    return FileFormat(container="parquet") if of_input.container == "frame" else of_input
