"""What a person is told before a budget is spent: promise, knowledge, plan, history of the asset.

What may not happen here: a charge, or a look at rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from understudy.cli.console import facts, head, percent, shown, size_of, spell, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from understudy.privacy import Ledger
    from understudy.workflow import Job, Plan

_BYTES_A_CELL = 8
_COPIED = "copied for the session as it is now; usefulness is judged on a sample of its rows"
_STREAMED = "read in batches, pass by pass; usefulness is judged on a sample of its rows"


def _method(name: str, references: Mapping[str, str]) -> str:
    """A synthesizer's name, and where it is described when it is built in."""
    return f"{name}: {references[name]}" if name in references else name


def announce(job: Job, ledger: Ledger, source: str, *, evaluate: bool) -> None:
    """Say what will happen before anything is spent."""
    from understudy.release.label import AttackBound
    from understudy.workflow import plan_of
    from understudy.workflow.dossier import REFERENCES
    from understudy.workflow.places import asset_of, at_once, container_of, size_on_disk

    columns, size = len(job.table.headers), size_on_disk(source)
    container = container_of(job.table)
    named, told, likely = asset_of(job.table), f"{container}, {columns} columns", None
    if size is not None:
        plain = size if container in ("CSV", "TSV") else 4 * size
        likely = max(plain / (_BYTES_A_CELL * columns), 1.0)
        named, told = source, f"{told}, {size_of(size)}"
    planned = plan_of(job, likely_rows=likely, evaluate=evaluate) if job.is_private else None
    head("Before")
    facts(
        (
            ("input", f"{shown(named)}: {told}"),
            *([("", _STREAMED if size is not None else _COPIED)] if at_once(job.table) else []),
            ("protects", _protects(job)),
            ("promise", _promised(job)),
            ("", AttackBound.of(job.epsilon, job.delta).sentence),
            *_knowledge(job),
            *_purposes(job),
            ("model", _method(job.synthesizer.name, REFERENCES)),
            *_audited(job),
            ("ledger", f"{shown(ledger.path)}"),
            ("", _history(job, ledger)),
            *(_expectations(planned) if planned else []),
        )
    )
    if planned and planned.stages:
        head("Plan: shares of the budget, exact once the rows are counted (with noise)")
        table(
            ("stage", "pays for", "share"),
            [(stage.stage, stage.note, percent(stage.low, stage.high)) for stage in planned.stages],
            right=(2,),
        )


def _expectations(planned: Plan) -> list[tuple[str, str]]:
    """How long it takes; expected errors when they are known and the rows are declared."""
    takes = ("takes", f"about {spell(planned.seconds.low)} to {spell(planned.seconds.high)} s")
    if planned.pair_mean is None or not planned.rows_declared:
        return [takes]
    low, high = planned.pair_mean.low, planned.pair_mean.high
    told = f"pairs of columns off by {percent(low, high)} of the rows on average"
    return [("expect", f"{told} (more: understudy plan)"), takes]


def _purposes(job: Job) -> list[tuple[str, str]]:
    """What the release is for, and whether that steers."""
    if job.purposes is None:
        return []
    count = len(job.purposes.purposes)
    told = f"{count} declared {'purpose' if count == 1 else 'purposes'}"
    return [("serves", told), ("", job.steering or "")]


def _audited(job: Job) -> list[tuple[str, str]]:
    """Audits that go into the evidence, with their words."""
    told = [f"{one.method} at ε = {one.epsilon:g}: {one.verdict}" for one in job.audits]
    return [("audited" if place == 0 else "", text) for place, text in enumerate(told)]


def _promised(job: Job) -> str:
    """The promise in figures, or that there is none."""
    if not job.is_private:
        return "NONE: non-private, ε = ∞"
    return f"ε = {job.epsilon:g}, δ = {job.delta:g}"


def _protects(job: Job) -> str:
    """Whom the promise protects."""
    if job.unit.column is None:
        return "one row (if a person can have several rows, name them with --unit-column)"
    return f"one {shown(job.unit.column)!r}: at most {job.unit.max_rows} rows of each are used"


def _knowledge(job: Job) -> list[tuple[str, str]]:
    """What is declared and what is learned privately, in words."""
    from understudy.workflow import known_facts

    known = known_facts(job.table.headers, job.schema)
    told = [("declared", _names(known.declared) if known.declared else "nothing (no schema)")]
    if known.kinds_learned:
        count = len(known.kinds_learned)
        what = "ranges, labels, null rates and the row count"
        told.append(
            ("learned", f"{what}; of {count} columns also what they hold (CSV has no types)")
        )
    else:
        told.append(("learned", "ranges, labels, null rates and the row count"))
    if known.identifiers:
        told.append(("replaced", f"{_names(known.identifiers)}: direct identifiers"))
    if known.dropped:
        told.append(("dropped", _names(known.dropped)))
    return told


def _names(names: tuple[str, ...], most: int = 8) -> str:
    """Some names and how many more."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(shown(name) for name in names[:most]) + more


def _history(job: Job, ledger: Ledger) -> str:
    """What the asset has spent so far and may spend."""
    record = ledger.show(job.asset or "")
    runs = [run for run in record.runs if run.charges]
    limit = record.policy
    told = f"limit ε = {limit.epsilon:g}, δ = {limit.delta:g}" if limit else "no limit is set"
    if not runs:
        return f"nothing was spent on this asset before; {told}"
    delta = limit.delta if limit else sum(run.delta for run in runs)
    spent = record.epsilon(delta)
    return (
        f"{len(runs)} {'run' if len(runs) == 1 else 'runs'} before on this asset, "
        f"ε {spent:.3g} together at δ {delta:.2g}; {told}"
    )
