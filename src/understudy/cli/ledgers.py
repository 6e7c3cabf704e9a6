"""`understudy ledger …`: what was spent on an asset, by whom, when; and its limit.

What may not happen here: a charge that is hidden, or one that is changed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from understudy.cli.console import facts, head, say, shown, table
from understudy.cli.endings import guarded

if TYPE_CHECKING:
    from understudy.privacy import AssetRecord, Ledger

ledger = typer.Typer(
    help="What was spent on an asset, by whom and when, and the most that may be spent.",
    no_args_is_help=True,
)

_File = Annotated[
    Path | None, typer.Option("--ledger", help="The ledger's file; by default this user's own.")
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def _show(
    asset: Annotated[
        str | None,
        typer.Argument(metavar="[ASSET]", help="An asset's name, or the path of its file."),
    ] = None,
    *,
    path: _File = None,
    as_json: _Json = False,
) -> None:
    """Show what was spent: by asset, or every run and charge of one asset."""
    book = _open(path)
    if asset is None:
        _print_assets(book, as_json=as_json)
        return
    record = book.show(_named(book, asset))
    if as_json:
        typer.echo(json.dumps(_plain(record), indent=1, ensure_ascii=False))
        return
    _print_record(record)


def _policy(
    asset: Annotated[str, typer.Argument(help="An asset's name, or the path of its file.")],
    epsilon: Annotated[float, typer.Option(help="The most ε, all runs together.")],
    delta: Annotated[float, typer.Option(help="The most δ, all runs together.")],
    *,
    path: _File = None,
) -> None:
    """Set the most that may ever be spent on an asset; runs beyond it are refused."""
    book = _open(path, make=True)
    name = str(Path(asset).resolve()) if Path(asset).exists() else asset
    made = book.set_policy(name, epsilon, delta)
    say(
        f"{shown(made.asset)}: at most ε = {made.epsilon:g} at δ = {made.delta:g}, all runs together"
    )
    spent = book.show(name).epsilon(delta)
    say(f"spent so far: ε {spent:.3g} at δ = {delta:g}")


def _assets(*, path: _File = None, as_json: _Json = False) -> None:
    """List the assets the ledger knows."""
    _print_assets(_open(path), as_json=as_json)


ledger.command("show", epilog="Example: understudy ledger show survey.csv")(guarded(_show))
ledger.command(
    "policy", epilog="Example: understudy ledger policy survey.csv --epsilon 5 --delta 1e-5"
)(guarded(_policy))
ledger.command("assets", epilog="Example: understudy ledger assets --json")(guarded(_assets))


def _open(path: Path | None, *, make: bool = False) -> Ledger:
    """The ledger; one that is only read is not made by asking for it."""
    from understudy.errors import LedgerError
    from understudy.privacy import Ledger, default_path

    place = path or default_path()
    if not make and not place.exists():
        raise LedgerError(
            f"there is no ledger at {place}",
            hint="it is made by the first run, or by 'understudy ledger policy'",
        )
    return Ledger(place)


def _named(book: Ledger, asset: str) -> str:
    """The asset as the ledger calls it: by its name, or by the path of its file."""
    from understudy.errors import InputError
    from understudy.schema import did_you_mean

    known = book.assets()
    for name in (asset, str(Path(asset).resolve())):
        if name in known:
            return name
    ending = [name for name in known if Path(name).name == Path(asset).name]
    if len(ending) == 1:
        return ending[0]
    raise InputError(
        f"the ledger knows no asset {shown(asset)!r}",
        hint=did_you_mean(asset, known) if known else "it is empty",
    )


def _delta(record: AssetRecord) -> float:
    """The δ at which an asset's total is told: its policy's, else the sum of its runs'."""
    if record.policy is not None:
        return record.policy.delta
    used = [run.delta for run in record.runs if run.charges]
    return min(sum(used), 0.01) if used else 1e-6


def _print_assets(book: Ledger, *, as_json: bool) -> None:
    """One line for each asset."""
    records = [book.show(name) for name in book.assets()]
    if as_json:
        told = [{k: v for k, v in _plain(r).items() if k != "charges"} for r in records]
        typer.echo(json.dumps(told, indent=1, ensure_ascii=False))
        return
    if not records:
        say(f"{book.path}: nothing was spent and no limit is set")
        return
    table(
        ("asset", "runs", "ε spent", "at δ", "limit ε"),
        [
            (
                shown(record.asset),
                str(sum(run.charges > 0 for run in record.runs)),
                f"{record.epsilon(_delta(record)):.3g}",
                f"{_delta(record):.2g}",
                f"{record.policy.epsilon:g}" if record.policy else "none",
            )
            for record in records
        ],
        right=(1, 2, 3, 4),
    )


def _print_record(record: AssetRecord) -> None:
    """Limit, total, runs, and what each run paid for."""
    delta = _delta(record)
    policy = record.policy
    limit = (
        f"ε = {policy.epsilon:g}, δ = {policy.delta:g} (set by {shown(policy.who)}, {policy.at})"
        if policy
        else "none; set one with 'understudy ledger policy'"
    )
    told = [("asset", shown(record.asset)), ("limit", limit)]
    told.append(("spent", f"ε {record.epsilon(delta):.3g} at δ = {delta:.2g}, all runs together"))
    told += [("unit", shown(total.unit)) for total in record.totals]
    facts(told)
    if record.runs:
        head("Runs")
        table(
            ("run", "when (UTC)", "who", "purpose", "asked ε", "asked δ", "charges", "ρ spent"),
            [
                (
                    run.id[:12],
                    run.opened.replace("T", " ").rstrip("Z"),
                    shown(run.who),
                    shown(run.purpose or "–"),
                    f"{run.epsilon:g}",
                    f"{run.delta:g}",
                    str(run.charges),
                    f"{run.spent_rho:.3g}",
                )
                for run in record.runs
            ],
            right=(4, 5, 6, 7),
        )
    if record.charges:
        head("Charges, by run and stage")
        table(("run", "stage", "charges", "ρ", "δ"), _by_stage(record), right=(2, 3, 4))


def _by_stage(record: AssetRecord) -> list[tuple[str, ...]]:
    """Charges summed by run and stage, in the order they were made."""
    sums: dict[tuple[str, str], list[float]] = {}
    for charge in record.charges:
        held = sums.setdefault((charge.run[:12], charge.event.stage), [0, 0.0, 0.0])
        held[0] += 1
        held[1] += charge.event.rho or 0.0
        held[2] += charge.event.delta
    return [
        (run, stage or "–", f"{count:.0f}", f"{rho:.3g}", f"{delta:.2g}")
        for (run, stage), (count, rho, delta) in sums.items()
    ]


def _plain(record: AssetRecord) -> dict[str, Any]:
    """An asset's record in JSON's types."""
    delta = _delta(record)
    policy = record.policy
    return {
        "asset": record.asset,
        "policy": None
        if policy is None
        else {"epsilon": policy.epsilon, "delta": policy.delta, "who": policy.who, "at": policy.at},
        "spent": {"epsilon": record.epsilon(delta), "delta": delta},
        "units": [total.unit for total in record.totals],
        "runs": [
            {
                "run": run.id,
                "opened": run.opened,
                "who": run.who,
                "purpose": run.purpose,
                "epsilon": run.epsilon,
                "delta": run.delta,
                "charges": run.charges,
                "rho": run.spent_rho,
            }
            for run in record.runs
        ],
        "charges": [
            {"number": charge.number, "run": charge.run, "at": charge.at, "who": charge.who,
             **charge.event.to_json()}
            for charge in record.charges
        ],
    }  # fmt: skip
