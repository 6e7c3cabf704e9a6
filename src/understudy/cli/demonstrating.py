"""`understudy demo`: the main job on a real survey, told as a short story.

The survey of 1974 that statsmodels ships as `fair` is written to a CSV in a temporary folder,
and from there on it is the same path as `understudy synthesize`.
"""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from understudy.cli.console import facts, head, percent, say, table
from understudy.cli.synthesizing import synthesize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from understudy.release.internal import ComparedColumn, InternalEvidence

_WORK = ("student", "semi-skilled", "white-collar", "skilled", "managerial", "professional")
_NAMES = (
    "marriage_rating", "age", "years_married", "children", "religious", "years_of_education",
    "occupation", "husband_occupation", "affair",
)  # fmt: skip


def demo(
    *,
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the release.")] = Path(
        "demo-release"
    ),
    epsilon: Annotated[float, typer.Option(help="The privacy loss ε, above 0.")] = 1.0,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the release in the folder.")
    ] = False,
) -> None:
    """Do the main job on a real survey: 6,366 people and a sensitive question."""
    say("A magazine asked 6,366 married women in 1974 about their marriage, and about affairs.")
    say("Nobody should be able to learn what one of them answered. Their table stays here;")
    say(f"{out}/ will hold a synthetic one that may be handed on, and the evidence for it.")
    with tempfile.TemporaryDirectory(prefix="understudy-demo-") as folder:
        survey = Path(folder) / "survey.csv"
        _write(survey)
        synthesize(
            source=str(survey),
            out=out,
            epsilon=epsilon,
            target="affair",
            asset="demo survey (statsmodels fair)",
            title="A survey of marriage, 1974",
            purpose="demonstration",
            force=force,
            yes=True,
        )
    _compare(out)


def _write(survey: Path) -> None:
    """Write the survey as a CSV with names and labels a person can read."""
    from understudy.errors import InputError

    try:
        from statsmodels.datasets import fair
    except ImportError:
        raise InputError(
            "the demo needs its survey, which statsmodels ships",
            hint="pip install 'understudy[demo]'",
        ) from None
    with survey.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_NAMES)
        writer.writerows(_answers(fair.load_pandas().data))


def _answers(data: Any) -> Iterator[tuple[str, ...]]:
    """Each person's answers as text."""
    for rate, age, years, children, religious, school, job, husband, affairs in data.itertuples(
        index=False
    ):
        yield (
            f"{rate:.0f}", f"{age:.1f}", f"{years:.1f}", f"{children:.1f}", f"{religious:.0f}",
            f"{school:.0f}", _WORK[int(job) - 1], _WORK[int(husband) - 1],
            "yes" if affairs > 0 else "no",
        )  # fmt: skip


def _compare(out: Path) -> None:
    """Real beside synthetic for two questions, out of the internal evidence."""
    from understudy.release import InternalEvidence

    path = out / "internal" / "evidence.json"
    if path.is_file():
        internal = InternalEvidence.from_json(path.read_text("utf-8"))
        head("INTERNAL: real answers beside synthetic ones (such a table stays with the data)")
        table(("question", "answer", "real", "synthetic"), _rows(internal), right=(2, 3))
    head("Then")
    facts(
        (
            ("check it", f"understudy verify {out}"),
            ("more rows", f"understudy sample {out}/model -n 100000 -o more.csv"),
            ("what it holds", f"understudy inspect {out}/model"),
            ("your own", "understudy synthesize YOUR.csv -o release --epsilon 1"),
        )
    )


def _rows(internal: InternalEvidence) -> Iterator[tuple[str, str, str, str]]:
    """Shares of every answer to two questions."""
    for name in ("affair", "marriage_rating"):
        for column in internal.columns:
            if column.name == name:
                yield from _answers_of(column)


def _answers_of(column: ComparedColumn) -> Iterator[tuple[str, str, str, str]]:
    """Shares of the answers to one question, in order."""
    shares = zip(column.labels or (), column.real, column.synthetic, strict=False)
    for place, (label, real, synthetic) in enumerate(sorted(shares)):
        yield ("" if place else column.name, label, percent(real), percent(synthetic))
