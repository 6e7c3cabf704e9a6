"""`understudy synthesize`: the main job, with what a person wants to know before and after.

What may not happen here: a figure computed on real rows that is not called internal.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from understudy.cli.announcing import announce
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
    table,
)
from understudy.cli.headlines import headline_table

NON_PRIVATE_REMARK = (
    "non-private: epsilon is infinite. Nothing limits what the synthetic table and the model tell "
    "about a person; handle both as the data itself"
)

if TYPE_CHECKING:
    from understudy.attack.protocol import Level
    from understudy.privacy import Budget, Ledger
    from understudy.release import Draft
    from understudy.release.label import DpLabel, Stage
    from understudy.workflow import Job, Run


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
    from understudy.workflow.named import AUTO
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
            announce(job, book, source, evaluate=evaluate)
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


def _refuted(job: Job) -> tuple[str, ...]:
    """A remark before the budget is spent with a program that an audit refutes."""
    if all(one.verdict != "violated" for one in job.audits):
        return ()
    told = (
        "an audit refutes what this program claims: the release will say so on its first page. "
        "Do not spend the budget on it"
    )
    return (told,)


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
