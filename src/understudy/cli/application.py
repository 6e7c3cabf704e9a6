"""All commands under one name.

What may not happen here: an import that takes longer than a person waits for `--help`.
"""

from __future__ import annotations

from typing import Annotated

import typer

from understudy import __version__
from understudy.cli.attacking import attack
from understudy.cli.auditing import audit
from understudy.cli.choosing import choose
from understudy.cli.cross_validating import cross_validate
from understudy.cli.demonstrating import demo
from understudy.cli.drafting import schema
from understudy.cli.endings import guarded
from understudy.cli.evaluating import evaluate
from understudy.cli.frontiering import frontier
from understudy.cli.inspecting import inspect
from understudy.cli.learning import learn, predict
from understudy.cli.ledgers import ledger
from understudy.cli.planning import plan
from understudy.cli.purposing import purposes
from understudy.cli.querying import query
from understudy.cli.sampling import sample
from understudy.cli.spreading import Spreading
from understudy.cli.studying import study
from understudy.cli.synthesizing import synthesize
from understudy.cli.verifying import verify

app = typer.Typer(
    name="understudy",
    help="A sensitive table in, a differentially private synthetic table out, with its evidence.",
    epilog="Begin with: understudy demo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:  # noqa: FBT001 - called by typer
    """Print the version and leave."""
    if wanted:
        typer.echo(f"understudy {__version__}")
        raise typer.Exit


@app.callback()
def _understudy(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """Options before any command."""


_KINDS: dict[object, type[Spreading]] = {evaluate: Spreading}
"""Commands whose repeatable options take several values in a row."""

_COMMANDS = (
    (demo, "understudy demo -o demo-release"),
    (synthesize, "understudy synthesize survey.csv -o release --epsilon 1 --target income"),
    (plan, "understudy plan survey.csv --epsilon 1 --rows-magnitude 1e5 --html plan.html"),
    (choose, "understudy choose survey.csv --target income --rows-magnitude 1e5"),
    (schema, "understudy schema survey.csv -o schema.yaml"),
    (sample, "understudy sample release/model -n 1000000 -o more.csv --seed 7"),
    (query, "understudy query release/model --probability \"age >= 65 and sex = 'F'\""),
    (
        evaluate,
        "understudy evaluate --train real.csv --holdout unseen.csv --synthetic made.csv -o figures",
    ),
    (
        attack,
        "understudy attack --train real.csv --holdout unseen.csv --synthetic made.csv -o attacks",
    ),
    (
        cross_validate,
        "understudy cross-validate survey.csv --synthesizer mst --epsilon 1 --target income -o folds",
    ),
    (audit, "understudy audit --synthesizer mst --epsilon 1 --runs 500 --workers 2 -o audit"),
    (frontier, "understudy frontier survey.csv --epsilons 0.5,1,2 --target income -o frontier"),
    (study, "understudy study studies/thesis.yaml -o study --workers 2"),
    (learn, "understudy learn survey.csv --target income --epsilon 1 -o income-learner"),
    (predict, "understudy predict income-learner new.csv -o told.csv --keep id"),
    (inspect, "understudy inspect release/model --column age"),
    (verify, "understudy verify release --key sender.pem"),
)
for _command, _example in _COMMANDS:
    app.command(cls=_KINDS.get(_command), epilog=f"Example: {_example}")(guarded(_command))
app.add_typer(ledger, name="ledger")
app.add_typer(purposes, name="purposes")
