"""What both pages show about declared purposes.

The public rows come from public evidence alone, the internal rows from internal evidence alone.
What may not happen here: a word of one page on the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from understudy.release.wording import MEASURES
from understudy.report.spelling import spell_number
from understudy.report.tolerances import draw_tolerance

if TYPE_CHECKING:
    from understudy.release.internal import AnsweredPurpose, InternalEvidence, PurposeCriterion
    from understudy.release.public import PublicEvidence, PurposeBound, StatedPurpose

_MINUS = "\u2212"


def public_purposes(evidence: PublicEvidence) -> dict[str, Any]:
    """Rows of the public purposes section."""
    return {"purpose_rows": tuple(_stated(one) for one in evidence.purposes)}


def internal_purposes(internal: InternalEvidence) -> dict[str, Any]:
    """Rows of the internal purposes section, failures first, then by weight."""
    order = {"fail": 0, "not answered": 1, "pass": 2}
    found = sorted(internal.purposes, key=lambda one: (order[one.verdict], -one.weight))
    counts = {word: sum(one.verdict == word for one in found) for word in ("pass", "fail")}
    return {
        "purposes": tuple(_answered(one) for one in found),
        "purposes_line": _line(counts["pass"], counts["fail"], len(found)),
    }


def _line(passed: int, failed: int, count: int) -> str:
    """How many purposes are served, in words."""
    told = f"{passed} of {count} {'purpose' if count == 1 else 'purposes'} within tolerance"
    rest = count - passed - failed
    return told + (f", {failed} not" if failed else "") + (f", {rest} not answered" if rest else "")


def _stated(one: StatedPurpose) -> dict[str, Any]:
    """A purpose on the public page."""
    return {
        "name": one.name,
        "sentence": one.sentence,
        "note": one.note,
        "weight": spell_number(one.weight),
        "bounds": tuple(_bound(bound) for bound in one.bounds),
        "verdict": _mark(one.verdict, bad=one.verdict == "not expected to hold"),
        "basis": one.basis,
    }


def _bound(bound: PurposeBound) -> tuple[str, str]:
    """A tolerance and the expected error."""
    title, sign = MEASURES.get(bound.measure, (bound.measure, "≤"))
    expected = "" if bound.expected is None else f"about {spell_number(bound.expected, 2)}"
    return f"{title} {sign} {spell_number(bound.tolerance)}", expected


def _answered(one: AnsweredPurpose) -> dict[str, Any]:
    """A purpose on the internal page."""
    return {
        "name": one.name,
        "sentence": one.sentence,
        "note": one.note,
        "weight": spell_number(one.weight),
        "verdict": _mark(one.verdict, bad=one.verdict == "fail"),
        "criteria": tuple(_criterion(criterion) for criterion in one.criteria),
        "anchor": _anchors(one),
        "reason": one.reason,
        "heads": one.heads,
        "lines": tuple(tuple(_cell(cell) for cell in line.cells) for line in one.lines),
        "numeric": tuple(
            at
            for at in range(len(one.heads))
            if any(isinstance(line.cells[at], float) for line in one.lines)
        ),
        "left_out": one.lines_left_out,
    }


def _criterion(one: PurposeCriterion) -> dict[str, Any]:
    """A measure as a row."""
    title, sign = MEASURES.get(one.measure, (one.measure, "≤"))
    return {
        "title": title,
        "track": draw_tolerance(one, title),
        "tolerance": f"{sign} {_cell(one.tolerance)}",
        "value": "not defined" if one.value is None else _cell(one.value),
        "holds": one.holds,
        "independent": "" if one.independent is None else _cell(one.independent),
        "holdout": "" if one.holdout is None else _cell(one.holdout),
    }


def _anchors(one: AnsweredPurpose) -> str:
    """Whether real rows and independent columns would have passed."""
    told = []
    if one.holdout_passes is not None and one.anchor:
        told.append(f"{one.anchor}: would {'pass' if one.holdout_passes else 'not pass'}")
    if one.independent_passes is not None:
        told.append(
            f"independent columns: would {'pass' if one.independent_passes else 'not pass'}"
        )
    text = "; ".join(told)
    return text[:1].upper() + text[1:]


def _cell(value: str | float | None) -> str:
    """A cell of a breakdown."""
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    return f"{value:.3g}".replace("-", _MINUS) if abs(value) < 1000 else spell_number(value, 4)


def _mark(text: str, *, bad: bool) -> Markup:
    """A verdict with a mark that does not rely on colour."""
    good = text in ("pass", "expected to hold")
    kind = "mark bad" if bad else "mark paid" if good else "mark"
    return Markup('<span class="{}">{}</span>').format(kind, text)
