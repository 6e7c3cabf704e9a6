"""What the page of a plan shows: expected errors as marks with their range, and a heat map.

What may not happen here: arithmetic on the figures. A plan brings its numbers as plain JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from markupsafe import Markup

from understudy import __version__
from understudy.report.matrix import draw_triangle
from understudy.report.spelling import spell_number, spell_share
from understudy.report.svg import Box, boxes, dot, draw, line

STEPS = (0.4, 0.3, 0.2, 0.1, 0.05, 0.02)
"""Errors between which the heat map changes its colour, from poor to good."""

_WIDE, _HIGH = 220.0, 16.0
_MOST_ROWS, _MOST_ADVISED = 200, 8


def plan_view(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Everything the template needs besides the plan itself."""
    modelled = [column for column in plan["columns"] if column["error"] is not None]
    names = [column["name"] for column in modelled]
    most = max((column["error"]["high"] for column in modelled), default=1.0)
    worst = sorted(plan["pairs"], key=lambda pair: -pair["error"]["value"])[:12]
    widest = max((pair["error"]["high"] for pair in worst), default=1.0)
    return {
        "heads": _heads(plan),
        "stages": [
            (stage["stage"], stage["note"], f"{stage['expected'] * 100:.4g}", _share(stage))
            for stage in plan["stages"]
        ],
        "columns": list(_columns(modelled, most)),
        "matrix": _matrix(names, plan["pairs"]),
        "matrix_width": max(22, min(60, 2 * len(names))),
        "steps": [f"under {step:g}" for step in STEPS],
        "worst": [
            (
                " × ".join(pair["columns"]),
                spell_number(pair["error"]["value"]),
                _range(pair["error"]),
                spell_number(pair["counted"]),
                spell_number(pair["uncounted"]),
                _draw_range(pair["error"], widest),
            )
            for pair in worst
        ],
        "advice": [(_about(advice), advice["why"], advice["what"]) for advice in plan["advice"]],
        "reach": _reach(plan["reach"]),
        "others": [
            (column["name"], column["known"]) for column in plan["columns"] if not column["error"]
        ],
        "version": __version__,
    }


def _heads(plan: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The figures at the top: name, value, and what it goes with."""
    basis = plan["basis"]
    rows = "declared" if plan["rows_declared"] else "assumed: none were declared"
    told = [
        ("Privacy loss", f"ε = {spell_number(basis['epsilon'])}", f"δ = {basis['delta']:g}"),
        ("Rows to learn from", spell_number(plan["rows"]), rows),
        ("Synthesizer", plan["synthesizer"], ""),
    ]
    for name, key in (("Columns off by", "column_mean"), ("Pairs off by", "pair_mean")):
        if plan[key] is not None:
            told.append((name, spell_share(plan[key]["value"]), f"{_range(plan[key])} of the rows"))
    told.append(
        ("Takes", f"{spell_number(plan['seconds']['value'], 2)} s", _range(plan["seconds"], " s"))
    )
    told.append(
        ("Memory", f"{spell_number(plan['memory']['value'])} MiB", _range(plan["memory"], " MiB"))
    )
    return told


def _columns(
    modelled: Iterable[Mapping[str, Any]], most: float
) -> Iterable[tuple[str, str, str, str, str, str, Markup]]:
    """Rows of the table of columns; neighbours of which the same is known share one."""
    alike = groupby(modelled, key=lambda column: (column["known"], tuple(column["error"].values())))
    for place, (_, group) in enumerate(alike):
        members = list(group)
        first = members[0]
        if place < _MOST_ROWS:
            yield (
                _named([member["name"] for member in members]),
                first["known"],
                spell_number(first["levels"]),
                spell_number(first["sigma"]),
                spell_number(first["error"]["value"]),
                _range(first["error"]),
                _draw_range(first["error"], most),
            )


def _matrix(names: list[str], pairs: Iterable[Mapping[str, Any]]) -> Markup:
    """The heat map: the smaller the error, the nearer to the good end."""
    errors = {frozenset(pair["columns"]): pair["error"]["value"] for pair in pairs}
    values = [
        [
            None if (error := errors.get(frozenset((row, column)))) is None else -error
            for column in names
        ]
        for row in names
    ]
    label = f"Expected errors of the pairs of {len(names)} columns."
    return draw_triangle(names, values, [-step for step in STEPS], label=label)


def _draw_range(error: Mapping[str, float], most: float) -> Markup:
    """A track from 0, the range as a band, the expectation as a dot."""
    scale = (_WIDE - 12.0) / max(most, 1e-9)
    x, low, high = (6.0 + scale * error[name] for name in ("value", "low", "high"))
    middle = _HIGH / 2
    parts = [
        line([(6.0, middle), (_WIDE - 6.0, middle)], kind="track"),
        boxes([Box(x=low, y=middle - 3, width=max(high - low, 1.0), height=6)], kind="band"),
        dot(x, middle, 4.5, kind="mark"),
    ]
    label = f"{error['value']:.3g}, from {error['low']:.3g} to {error['high']:.3g}"
    return draw(_WIDE, _HIGH, parts, label=label, kind="marks")


def _range(error: Mapping[str, float], unit: str = "") -> str:
    """The range of an estimate in words."""
    return f"{spell_number(error['low'], 2)} to {spell_number(error['high'], 2)}{unit}"


def _share(stage: Mapping[str, Any]) -> str:
    """A stage's share of the budget."""
    return spell_share(stage["expected"])


def _about(advice: Mapping[str, Any]) -> str:
    """Whom advice is about."""
    return _named(list(advice["columns"])) if advice["columns"] else "The table"


def _named(names: list[str]) -> str:
    """Some names and how many more."""
    more = f" and {len(names) - _MOST_ADVISED} more" if len(names) > _MOST_ADVISED else ""
    return ", ".join(names[:_MOST_ADVISED]) + more


def _reach(reach: Mapping[str, Any] | None) -> tuple[str, str] | None:
    """What a target error needs: a heading and a sentence."""
    if reach is None:
        return None
    heading = f"For pairs off by {spell_number(reach['error'])} on average"
    alone = f"Sampling alone makes about {spell_number(reach['sampling'])} of it, whatever ε is."
    if reach["epsilon"] is None:
        return heading, f"It cannot be reached: {reach['why']}. {alone}"
    low = "less" if reach["low"] is None else spell_number(reach["low"])
    high = "more than 100" if reach["high"] is None else spell_number(reach["high"])
    told = f"An ε of about {spell_number(reach['epsilon'])} is needed ({low} to {high})."
    return heading, f"{told} {alone}"
