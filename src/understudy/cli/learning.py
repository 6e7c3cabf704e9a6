"""`understudy learn` and `understudy predict`: a private classifier, and what it says of rows.

What may not happen here: a figure computed on the rows that were learned from.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from understudy.cli.console import facts, head, progress_bar, remark, say, shown, table

if TYPE_CHECKING:
    from understudy.learn import Predictor

_MOST = 12


def learn(
    source: Annotated[
        str, typer.Argument(metavar="INPUT", help="CSV, TSV, Parquet or a database's table.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the learner; a new one.")],
    target: Annotated[str, typer.Option(help="The column that is predicted: its classes.")],
    epsilon: Annotated[float | None, typer.Option(help="The privacy loss ε.")] = None,
    *,
    non_private: Annotated[
        bool, typer.Option("--non-private", help="Instead of --epsilon: promise nothing.")
    ] = False,
    delta: Annotated[float, typer.Option(help="The δ of the guarantee.")] = 1e-6,
    learner: Annotated[
        str, typer.Option(help="logistic, gaussian_nb or histogram_nb.")
    ] = "logistic",
    schema: Annotated[Path | None, typer.Option(help="Declared public facts (YAML).")] = None,
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
    purpose: Annotated[str | None, typer.Option(help="What for; the ledger says so.")] = None,
    delimiter: Annotated[
        str | None, typer.Option(help="Between CSV cells ('tab' too); by default as in the header.")
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
    force: Annotated[bool, typer.Option("--force", help="Replace what is in the folder.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Learn to predict a column under differential privacy: a classifier, and no synthetic table.

    For one task this costs less than a synthetic table and mostly predicts better. The folder then
    holds scores per column, from which `understudy predict` works without the data, and the
    statement of what was spent.
    """
    from understudy.cli.synthesizing import character
    from understudy.errors import InputError, OutputError
    from understudy.privacy import NON_PRIVATE, Ledger, check_privacy
    from understudy.workflow.learning import learn as fit
    from understudy.workflow.places import as_place, asset_of

    if non_private == (epsilon is not None):
        raise InputError(
            "give --epsilon or --non-private, one of them",
            hint="--epsilon 1 is usual; --non-private promises nothing to anybody",
        )
    if out.exists() and not force:
        raise OutputError(f"{out} exists", hint="choose another folder, or --force to replace it")
    for text in () if epsilon is None else check_privacy(epsilon, delta):
        remark(text)
    held = as_place(source, stream=stream, delimiter=character(delimiter), encoding=encoding)
    with progress_bar(quiet=quiet) as tell:
        made = fit(
            held,
            target=target,
            epsilon=NON_PRIVATE if epsilon is None else epsilon,
            delta=delta,
            schema=schema,
            learner=learner,
            unit_column=unit_column,
            max_rows_per_unit=max_rows_per_unit,
            ledger=Ledger(ledger),
            asset=asset or asset_of(held, source),
            purpose=purpose,
            progress=tell,
        )
    made.save(out)
    if non_private:
        remark("nothing is promised: this learner may tell of single people")
    if not quiet:
        _told(made, out)


def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A folder that `learn` wrote.")],
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help="Rows to predict: CSV, TSV or Parquet.")
    ],
    out: Annotated[
        Path,
        typer.Option("-o", "--out", help="The file: .csv, .tsv or .parquet; .gz and .zst too."),
    ],
    *,
    keep: Annotated[
        list[str] | None, typer.Option(help="A column of INPUT to carry over; repeatable.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Predict rows with a learner: the class, and the probability of every class.

    Rows come out in their order. What was learned says nothing new about those it was learned from;
    what is predicted here is about the rows of INPUT, and theirs alone.
    """
    from understudy.errors import OutputError
    from understudy.learn import Predictor
    from understudy.source import FileFormat, write_table
    from understudy.workflow.learning import predictions

    if out.exists() and not force:
        raise OutputError(f"{out} exists", hint="choose another name, or --force to replace it")
    style = FileFormat.for_path(out)
    made = predictions(Predictor.load(model), source, keep=keep or ())
    write_table(made, out, style)
    if not quiet:
        say(f"{made.num_rows:,} predictions in {shown(out)}")


def _told(made: Predictor, out: Path) -> None:
    """What was learned, in words and the strongest columns."""
    privacy = made.privacy
    head(f"Learned to predict {shown(made.target)}")
    facts(
        (
            ("classes", ", ".join(shown(label) for label in made.labels)),
            ("from", f"{len(made.columns)} columns, about {made.rows:,.0f} rows"),
            ("by", made.learner),
            (
                "spent",
                (
                    f"ε = {privacy['epsilon_spent']:.4g} of {privacy['epsilon']:g}, "
                    f"δ = {privacy['delta']:g}: {privacy['unit']}"
                ),
            ),
        )
    )
    head("What speaks most for and against")
    last = made.labels[-1]
    lines = [line for line in made.scorecard() if line["class"] == last]
    lines.sort(key=lambda line: -abs(line["score"]))
    table(
        ("column", "cell", f"for {shown(last)}"),
        [
            (shown(line["column"]), shown(line["cell"]), f"{line['score']:+.2f}")
            for line in lines[:_MOST]
        ],
        right=(2,),
    )
    say(
        f"The learner is in {shown(out)}. Next: understudy predict {shown(out)} NEW.csv -o told.csv"
    )
