"""`understudy synthesize`: the main job, with what a person wants to know before and after.

What may not happen here: a figure computed on real rows that is not called internal.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from understudy.cli.attacking import Levels
from understudy.cli.console import (
    facts,
    head,
    is_interactive,
    percent,
    progress_bar,
    remark,
    say,
    shown,
    size_of,
    spell,
    table,
)
from understudy.cli.headlines import headline_table

_BYTES_A_CELL = 8

NON_PRIVATE_REMARK = (
    "non-private: epsilon is infinite. Nothing limits what the synthetic table and the model tell "
    "about a person; handle both as the data itself"
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from understudy.attack.protocol import Level
    from understudy.privacy import Budget, Ledger
    from understudy.release import Draft
    from understudy.release.label import DpLabel, Stage
    from understudy.workflow import Job, Plan, Run

_COPIED = "copied for the session as it is now; usefulness is judged on a sample of its rows"
_STREAMED = "read in batches, pass by pass; usefulness is judged on a sample of its rows"


def synthesize(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="CSV, TSV or Parquet, gzip and zstd too; or the address of a database's table.",
        ),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the release.")],
    epsilon: Annotated[
        float | None, typer.Option(help="The privacy loss ε, above 0; 1 is usual.")
    ] = None,
    *,
    non_private: Annotated[
        bool,
        typer.Option(
            "--non-private",
            help="Instead of --epsilon: promise nothing, for a synthesizer that has such a form.",
        ),
    ] = False,
    delta: Annotated[float, typer.Option(help="The δ of the guarantee.")] = 1e-6,
    schema: Annotated[Path | None, typer.Option(help="Declared public facts (YAML).")] = None,
    synthesizer: Annotated[
        str,
        typer.Option(
            help="aim, mst, residual, privbayes, independent, argn, vae, gan, ctgan, pategan, "
            "patectgan, cart (only with --non-private), or one of another package; auto: aim, or "
            "residual for a wide table."
        ),
    ] = "auto",
    plan: Annotated[
        Path | None, typer.Option(help="A saved plan: refuse when the job is not what was planned.")
    ] = None,
    uniform_bins: Annotated[
        int | None,
        typer.Option(help="Cut numbers into so many equal bins; by default where rows are."),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="Networks: a folder from which an interrupted run goes on; --holdout 0."),
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="A column the recipient wants to predict.")
    ] = None,
    rows: Annotated[
        int | None,
        typer.Option(
            help="Rows to generate; by default the schema's, or a noisy count of the real ones."
        ),
    ] = None,
    holdout: Annotated[
        float, typer.Option(help="Share of the rows kept from learning, for evaluation; 0: none.")
    ] = 0.2,
    unit_column: Annotated[
        str | None, typer.Option(help="The column that names a person; by default a row is one.")
    ] = None,
    max_rows_per_unit: Annotated[
        int | None, typer.Option(help="Rows of one person that are used; others are left out.")
    ] = None,
    ledger: Annotated[
        Path | None, typer.Option(help="The ledger's file; by default this user's own.")
    ] = None,
    asset: Annotated[
        str | None, typer.Option(help="Name in the ledger; by default INPUT's absolute path.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="For sampling and evaluation; noise is never seeded.")
    ] = None,
    delimiter: Annotated[
        str | None,
        typer.Option(help="Between CSV cells ('tab' too); by default as the header has it."),
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="Of CSV text; by default UTF-8.")] = None,
    stream: Annotated[
        bool | None,
        typer.Option(
            "--stream/--in-memory",
            help="Read INPUT in batches, or as a whole; by default by its size.",
            show_default=False,
        ),
    ] = None,
    purposes: Annotated[
        Path | None, typer.Option(help="What the release is for (YAML): steers and is answered.")
    ] = None,
    require_purposes: Annotated[
        bool, typer.Option("--require-purposes", help="Exit with 9 unless every purpose is met.")
    ] = False,
    title: Annotated[str | None, typer.Option(help="Title of the report.")] = None,
    purpose: Annotated[
        str | None, typer.Option(help="What the release is for; report and ledger say so.")
    ] = None,
    recipient: Annotated[str | None, typer.Option(help="Who gets it; the report says so.")] = None,
    key: Annotated[
        Path | None, typer.Option(help="Signing key (PEM, Ed25519); by default this user's own.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the release in the folder.")
    ] = False,
    no_evaluate: Annotated[
        bool, typer.Option("--no-evaluate", help="Do not measure usefulness on the real rows.")
    ] = False,
    attack: Annotated[
        Levels | None,
        typer.Option(help="Attack the release, the holdout as control: quick, release, certify."),
    ] = None,
    audit: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of an audit of this synthesizer, to go into the evidence; repeatable."
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")] = False,
) -> None:
    """Make a differentially private synthetic table, and the evidence for it.

    Says beforehand what is promised and how the budget will be spent. The folder then holds the
    synthetic table, a model that samples without the data, the public report and evidence, an
    internal part with figures computed on real rows, and a signed manifest.
    """
    from understudy.cli.purposing import require
    from understudy.errors import InputError
    from understudy.privacy import Ledger, Promise, check_privacy
    from understudy.release import stage
    from understudy.workflow import as_place, named_synthesizer, prepare_job, room_to_release
    from understudy.workflow.attacking import refuse_attack
    from understudy.workflow.main_job import AUTO
    from understudy.workflow.places import asset_of, is_streamed, size_on_disk
    from understudy.workflow.planning.choice import USUAL

    if require_purposes and (purposes is None or no_evaluate):
        raise InputError(
            "purposes can be required when they are given and evaluated",
            hint="give --purposes, and leave out --no-evaluate",
        )
    promise = _promise(epsilon, non_private=non_private)
    nothing = isinstance(promise, Promise)
    remarks = (NON_PRIVATE_REMARK,) if nothing else check_privacy(promise, delta)
    maker: Any = synthesizer
    if synthesizer != AUTO or uniform_bins is not None:
        name = USUAL if synthesizer == AUTO else synthesizer
        maker = named_synthesizer(name, uniform_bins=uniform_bins)
    maker = _keeping(maker, checkpoint)
    book = Ledger(ledger)
    with stage(out, force=force, key=key) as draft:
        batches = is_streamed(source, stream=stream)
        with progress_bar(quiet=quiet or not batches) as tell:
            held = as_place(
                source,
                stream=batches,
                delimiter=character(delimiter),
                encoding=encoding,
                progress=tell,
            )
        job = prepare_job(
            held,
            epsilon=promise,
            delta=delta,
            schema=schema,
            synthesizer=maker,
            target=target,
            rows=rows,
            holdout=holdout,
            unit_column=unit_column,
            max_rows_per_unit=max_rows_per_unit,
            ledger=book,
            asset=asset or asset_of(held, source),
            seed=seed,
            title=title,
            purpose=purpose,
            recipient=recipient,
            purposes=purposes,
            plan=plan,
            audits=audit or (),
        )
        columns = len(held.headers)
        room_to_release(out, size=size_on_disk(source) or 0, columns=columns, rows=rows)
        evaluate = not no_evaluate
        refuse_attack(attack, evaluate=evaluate, holdout=job.holdout)
        if not quiet:
            _announce(job, book, source, evaluate=evaluate)
        for text in (*held.warnings, *remarks, *_refuted(job)):
            remark(text)
        if is_interactive() and not (yes or quiet):
            _ask(job, book, weak=bool(remarks or _refuted(job)))
        level: Level | None = attack.value if attack else None
        run = perform(job, draft, evaluate=evaluate, attack=level, quiet=quiet)
    if evaluate and run.internal is None:
        remark("usefulness could not be measured on the real rows: there is no internal part")
    if not quiet:
        conclude(run, draft, out)
    if require_purposes:
        require(run.internal)


def _promise(epsilon: float | None, *, non_private: bool) -> Any:
    """What is promised: an ε, or in so many words nothing."""
    from understudy.errors import InputError
    from understudy.privacy import NON_PRIVATE

    if non_private == (epsilon is not None):
        raise InputError(
            "give --epsilon or --non-private, one of them",
            hint="--epsilon 1 is usual; --non-private promises nothing to anybody",
        )
    return NON_PRIVATE if non_private else epsilon


def _keeping(maker: Any, checkpoint: Path | None) -> Any:
    """A synthesizer that keeps its training in a folder, when one is given."""
    from dataclasses import replace

    from understudy.errors import InputError

    if checkpoint is None:
        return maker
    if not hasattr(maker, "checkpoint"):
        raise InputError("only networks keep a training", hint="such as --synthesizer argn")
    return replace(maker, checkpoint=checkpoint)


def perform(
    job: Job,
    draft: Draft,
    *,
    evaluate: bool = True,
    attack: Level | None = None,
    quiet: bool = False,
) -> Run:
    """Spend the budget under a progress bar; an interruption says what the ledger holds."""
    from understudy.errors import SourceError
    from understudy.workflow import open_budget, run_job, write_release

    budget = open_budget(job)
    try:
        with progress_bar(quiet=quiet) as tell:
            run = run_job(job, budget=budget, evaluate=evaluate, attack=attack, progress=tell)
            tell("writing the release", 1.0)
            write_release(run, draft)
    except KeyboardInterrupt as stopped:
        stopped.add_note(f"nothing was written; {_charged(job, budget)}")
        raise
    except SourceError as lost:
        lost.hint = f"nothing was written; {_charged(job, budget)}"
        raise
    return run


def _charged(job: Job, budget: Budget) -> str:
    """What the ledger holds of a run that did not finish."""
    if job.ledger is None or job.asset is None:
        return f"{len(budget.events)} charges were made"
    record = job.ledger.show(job.asset)
    charges = sum(charge.run == budget.run for charge in record.charges)
    if not charges:
        return "the ledger holds no charge of this run"
    return (
        f"the ledger holds what was charged: {charges} charges of run {budget.run[:12]}, "
        f"ε {budget.epsilon_spent():.3g} of {budget.epsilon:g}"
    )


def character(delimiter: str | None) -> str | None:
    """A delimiter as a person types it."""
    return "\t" if delimiter in ("\\t", "tab", "TAB") else delimiter


def _method(name: str, references: Mapping[str, str]) -> str:
    """A synthesizer's name, and where it is described when it is built in."""
    return f"{name}: {references[name]}" if name in references else name


def _announce(job: Job, ledger: Ledger, source: str, *, evaluate: bool) -> None:
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


def _refuted(job: Job) -> tuple[str, ...]:
    """A remark before the budget is spent with a program that an audit refutes."""
    if all(one.verdict != "violated" for one in job.audits):
        return ()
    told = (
        "an audit refutes what this program claims: the release will say so on its first page. "
        "Do not spend the budget on it"
    )
    return (told,)


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


def _ask(job: Job, ledger: Ledger, *, weak: bool) -> None:
    """Ask before a weak promise, or before spending again on the same asset."""
    again = any(run.charges for run in ledger.show(job.asset or "").runs)
    if (weak or again) and not typer.confirm("Spend this budget?", default=True, err=True):
        say("Nothing was spent and nothing was written.")
        raise typer.Exit(0)


def conclude(run: Run, draft: Draft, out: Path) -> None:
    """Say what was spent, what was written, how good it looks inside, and what to do next."""
    from understudy.cli.purposing import purposes_table

    label = run.evidence.label
    charges = sum(charge.count for charge in label.charges)
    head("After: shares of the budget" if label.is_private else "After")
    if label.stages:
        spent_table(label.stages)
    facts(
        (
            ("spent", _spent(label, charges)),
            ("rows", f"{run.drawn:,} synthetic"),
        )
    )
    if run.internal is not None:
        headline_table(run.internal)
    purposes_table(run.evidence, run.internal)
    head(f"Wrote {out}/")
    facts((str(path.relative_to(out)), size_of(path.stat().st_size)) for path in _files(out))
    facts((("signed by", _signature(draft)),))
    _next(out, internal=run.internal is not None, private=label.is_private)


def _spent(label: DpLabel, charges: int) -> str:
    """What was spent, in figures."""
    if not label.is_private:
        return f"ε = ∞: no privacy, {charges} accesses to the rows"
    return f"ε {label.epsilon_spent:.4g} of {label.epsilon:g} in {charges} charges"


def spent_table(stages: tuple[Stage, ...]) -> None:
    """Planned and spent shares by stage."""
    table(
        ("stage", "pays for", "planned", "spent"),
        [
            (stage.name, stage.note or "", _planned(stage), percent(stage.spent))
            for stage in stages
            if stage.spent or stage.planned
        ],
        right=(2, 3),
    )


def _planned(stage: Stage) -> str:
    """A planned share, or a dash for what a synthesizer plans as it goes."""
    return percent(stage.planned) if stage.planned else "the rest"


def _files(out: Path) -> list[Path]:
    """The files of a release, public ones first."""
    found = [path for path in out.rglob("*") if path.is_file()]
    return sorted(found, key=lambda path: ("internal" in path.parts, str(path)))


def _signature(draft: Draft) -> str:
    """The key's fingerprint and where the key lies."""
    made = ", made now" if draft.key.created else ""
    return f"{draft.key.public.fingerprint} ({shown(draft.key.source)}{made})"


def _next(out: Path, *, internal: bool, private: bool) -> None:
    """The one next thing to do."""
    head("Next")
    if not private:
        say(
            f"{out}/ promises no privacy: let it go nowhere the data itself may not go. "
            f"Look at {out}/{'internal/report.html' if internal else 'report.html'}."
        )
        return
    if internal:
        say(
            f"Open {out}/internal/report.html and decide whether it is good enough. "
            f"Then hand on {out}/ without internal/."
        )
    else:
        say(f"Open {out}/report.html, then hand on {out}/.")
