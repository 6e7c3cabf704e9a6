"""`understudy purposes …`: what a release is for, checked before anything is spent.

What may not happen here: a look at rows; a header is enough.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from understudy.cli.console import facts, head, remark, shown, spell, table
from understudy.cli.endings import guarded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from understudy.release.internal import AnsweredPurpose, InternalEvidence, PurposeCriterion
    from understudy.release.public import PublicEvidence
    from understudy.source import Header

purposes = typer.Typer(
    help="What a release is for: a contract of purposes with weights and tolerances.",
    no_args_is_help=True,
)


def _check(
    file: Annotated[Path, typer.Argument(help="The purposes (YAML).")],
    source: Annotated[
        Path | None,
        typer.Argument(metavar="[INPUT]", help="The table: its header is read, no row."),
    ] = None,
    *,
    schema: Annotated[Path | None, typer.Option(help="Declared public facts (YAML).")] = None,
    delimiter: Annotated[
        str | None, typer.Option(help="Between CSV cells ('tab' too); by default as in the header.")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="Of CSV text; by default UTF-8.")] = None,
) -> None:
    """Check purposes against a table's header or a schema, and list what they rest on.

    Nothing is charged and nothing is learned. With a schema alone, its columns are taken for the
    table's.
    """
    from understudy.schema import Schema, check_against, load_purposes, load_schema
    from understudy.workflow.contract import read_purposes

    contract = load_purposes(file)
    declared = load_schema(schema) if schema is not None else Schema()
    if source is not None:
        headers = _header(source, delimiter, encoding)
        check_against(declared, headers)
    elif declared.columns:
        headers = _headers([column.name for column in declared.columns])
    else:
        remark("neither INPUT nor columns of a schema: the names of columns were not checked")
        headers = _headers(contract.columns)
    names = [header.name for header in headers]
    read_purposes(contract, headers, declared)
    head(f"{shown(file)}: {len(contract.purposes)} purposes")
    table(
        ("purpose", "asks for", "tolerance", "weight", "tables"),
        [
            (
                shown(one.name),
                shown(one.sentence),
                ", ".join(
                    _bound(measure, value) for measure, value in one.tolerance.given().items()
                ),
                f"{one.weight:g}",
                f"{sum(1 for _ in one.margins(names)):,}",
            )
            for one in contract.purposes
        ],
        right=(3, 4),
    )
    facts(
        (
            ("steer", f"{len(contract.margins(names)):,} tables by their weights"),
            ("floor", f"{contract.floor:g} for every pair of columns that no purpose names"),
        )
    )


def _header(source: Path, delimiter: str | None, encoding: str | None) -> tuple[Header, ...]:
    """The columns of a table, from its header or footer alone."""
    from understudy.cli.synthesizing import character
    from understudy.source.heading import read_heading

    return read_heading(source, delimiter=character(delimiter), encoding=encoding).headers


def _headers(names: Sequence[str]) -> tuple[Header, ...]:
    """Headers of columns of which only the names are known."""
    from understudy.schema import Storage
    from understudy.source import Header

    return tuple(Header(name=name, storage=Storage.TEXT, arrow="string") for name in names)


def _bound(measure: str, value: float) -> str:
    """A tolerance in a few words."""
    from understudy.release.wording import MEASURES

    title, sign = MEASURES[measure]
    return f"{title} {sign} {value:g}"


def purposes_table(public: PublicEvidence | None, internal: InternalEvidence | None) -> None:
    """Purposes with what may be said of them outside, and with their answers inside."""
    if public is not None and public.purposes:
        head("Purposes, from charged numbers alone")
        table(
            ("purpose", "tolerance", "noise alone", "expectation"),
            [
                (
                    shown(one.name),
                    ", ".join(_bound(bound.measure, bound.tolerance) for bound in one.bounds),
                    ", ".join(spell(bound.expected) for bound in one.bounds),
                    one.verdict,
                )
                for one in public.purposes
            ],
        )
    if internal is not None and internal.purposes:
        head("INTERNAL: purposes answered on real rows")
        table(
            ("purpose", "answer", "measure", "synthetic", "tolerance", "independent", "real rows"),
            [row for one in internal.purposes for row in _answers(one)],
            right=(3, 4, 5, 6),
        )


def _answers(one: AnsweredPurpose) -> list[tuple[str, ...]]:
    """A row for each measure of a purpose."""
    if not one.criteria:
        return [(shown(one.name), one.verdict, shown(one.reason), "", "", "", "")]
    rows = [_answer(criterion) for criterion in one.criteria]
    first = (shown(one.name), one.verdict)
    return [(*(first if not at else ("", "")), *row) for at, row in enumerate(rows)]


def _answer(one: PurposeCriterion) -> tuple[str, ...]:
    """A measure beside its tolerance and its anchors."""
    from understudy.release.wording import MEASURES

    title, sign = MEASURES[one.measure]
    value = "lost" if one.value is None else spell(one.value)
    return (title, value, f"{sign} {one.tolerance:g}", spell(one.independent), spell(one.holdout))


def require(internal: InternalEvidence | None) -> None:
    """Refuse to end well unless every purpose passes on the real rows.

    Raises
    ------
    PurposesNotMet
        One does not pass, or has no answer. What was written stays.
    """
    from understudy.errors import PurposesNotMet

    found = internal.purposes if internal is not None else ()
    unmet = [one for one in found if one.verdict != "pass"]
    if internal is None or unmet:
        told = f"not met on the real rows: {len(unmet)} of {len(found)} purposes"
        raise PurposesNotMet(
            told if found else "the purposes were not answered",
            hint="everything was written; this exit code tells about the real rows: keep it inside",
        )


purposes.command("check", epilog="Example: understudy purposes check purposes.yaml survey.csv")(
    guarded(_check)
)
