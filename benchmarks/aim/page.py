"""The page docs/benchmarks/aim.md, written from the rows of recorded runs and from nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from benchmarks.adult_half.table import MEASURES as RAW
from benchmarks.adult_half.table import TITLES as RAW_TITLES
from benchmarks.tables import Measure, header, line, losses, ratios

from .cases import CASES, Case
from .contestants import MEGABYTES, TITLES
from .nist import MEASURES as NIST
from .nist import SAME_NOISE
from .nist import TITLES as NIST_TITLES

CODED = (
    Measure(figure="fit_cpu_s", heading="fit CPU s", form="{:.1f}"),
    Measure(figure="fit_s", heading="fit s", form="{:.1f}"),
    Measure(figure="fit_rss_mib", heading="MiB", form="{:.0f}"),
    Measure(figure="sample_cpu_s", heading="sample CPU s", form="{:.2f}"),
    Measure(figure="tvd1", heading="1-way", form="{:.4f}"),
    Measure(figure="tvd2", heading="2-way", form="{:.4f}"),
    Measure(figure="tvd3", heading="3-way", form="{:.4f}"),
)
ASKED = "ours-aim"
Rows = Sequence[dict[str, Any]]


def page(coded: Rows, raw: Rows, nist: Rows) -> str:
    """The whole page."""
    parts = [_head(coded), _asked(coded, raw, nist)]
    parts += [_case(case, pd.DataFrame(coded)) for case in CASES]
    parts.append(_raw(raw))
    parts.append(_nist(nist))
    return "\n".join(part for part in parts if part).rstrip() + "\n"


def _head(coded: Rows) -> str:
    """What was run, and how honest it is."""
    days = sorted({row["day"] for row in coded if "day" in row})
    when = days[0] if len(set(days)) == 1 else f"{days[0]} to {days[-1]}"
    stopped = sum(1 for row in coded if row.get("stopped"))
    counts = pd.Series([row["name"] for row in coded if row["name"] in TITLES]).value_counts()
    runs = ", ".join(
        f"{counts[name]} of {title}" for name, title in TITLES.items() if name in counts
    )
    return f"""# AIM beside its public implementations

Measured on {when}, two cores, 24 GiB, no accelerator, Python 3.11; the command is
`make benchmark-aim`, and this page is written by it from the recorded runs. Everybody gets the same
codes with their domain for free, all pairs as the workload and {MEGABYTES:g} MB of eight-byte cells as
the limit of the model's size. The error is the mean total variation distance of all pairs and all
triples of columns, on the table's own codes, drawn rows against all real rows.

Runs on codes: {runs}{f", {stopped} of them stopped before their end" if stopped else ""}.
A cell with a range has several runs; a cell without has one. **The machine was shared with other
programs, so wall seconds wander: compare processor seconds** (user and system, of the whole process
tree, from a table in memory to a model), which a busy machine stretches too. Peers ran at the lowest priority.
Ours is the code of that day, some rows a few commits older than others.

What ran, exactly:

- *Understudy*: `AIM(workload=Workload.all(2))` with the size limit, every column's labels declared,
  so that nothing about columns is learned; the number of rows is still paid for. Its limit counts the
  merged levels that it fits on; the peers' counts the table's own levels.
- *OpenDP*: `dp.mbi.AIM(queries=2, max_size={MEGABYTES:g})` of `opendp[mbi]==0.16.0`, otherwise its
  defaults (half of ρ for single columns), keys given for all columns.
- *AIM on mbi*: `mbi==2.0.0` holds inference and no mechanism, so this is the paper's pseudo code
  ([driver](../../benchmarks/drivers/peer_mbi_aim.py)) with the constants of its authors' script:
  16 rounds a column to begin with, 0.9 of ρ for measuring, 1,000 warm-started steps of mirror descent
  a round and 1,000 more at the end.
- *dpmm*: `dpmm==0.1.9`, `AIMPipeline` without its binning, size limit as above, otherwise its
  defaults (it merges rare levels).

{_gaps(coded)}
"""


def _gaps(coded: Rows) -> str:
    """Fits of a peer that nobody has run, or that did not end."""
    ended = {(row["case"], row["epsilon"], row["name"]) for row in coded if not row.get("stopped")}
    gaps = []
    for name, title in TITLES.items():
        at = [
            f"{case.name} at ε = {epsilon:g}" if len(case.epsilons) > 1 else case.name
            for case in CASES
            for epsilon in case.epsilons
            if (case.name, epsilon, name) not in ended
        ]
        if at:
            gaps.append(f"{title}: {', '.join(at)}")
    if not gaps:
        return "Every fit of the plan was run to its end."
    return "Without a finished run: " + "; ".join(gaps) + "."


def _asked(coded: Rows, raw: Rows, nist: Rows) -> str:
    """The figures that were asked for, and what came out."""
    lines = ["## Asked and measured", "", "| | asked | measured | |", "|---|---|---|---|"]
    frame = pd.DataFrame(coded)
    ours = _runs(frame, case="adult", epsilon=1.0, name=ASKED)
    if len(ours):
        for figure, heading, most in (
            ("fit_cpu_s", "Adult, ε = 1: fit, CPU s", 25.0),
            ("tvd2", "Adult, ε = 1: all pairs", 0.038),
            ("tvd3", "Adult, ε = 1: all triples", 0.086),
        ):
            lines.append(_verdict(heading, f"≤ {most:g}", ours[figure].mean(), most, "{:.4g}"))
        lines += _speeds(frame)
    halves = pd.DataFrame(raw)
    ours = _runs(halves, epsilon=1.0, name=ASKED)
    if len(ours):
        for figure, heading, most in (
            ("tvd2", "half of raw Adult, ε = 1: 2-way", 0.042),
            ("tvd3", "half of raw Adult, ε = 1: 3-way", 0.090),
        ):
            lines.append(_verdict(heading, f"≤ {most:g}", ours[figure].mean(), most, "{:.4f}"))
        value = ours["tstr"].mean()
        lines.append(_verdict("half of raw Adult, ε = 1: TSTR", "≥ 0.85", -value, -0.85, "{:.3f}"))
    ours = _runs(pd.DataFrame(nist), epsilon=1.0, name=ASKED)
    for k in (2, 3):
        if len(ours):
            value = ours[f"k{k}"].mean()
            title = f"NIST k-marginal, ε = 1, k = {k}"
            lines.append(_verdict(title, "≥ 976", -value, -976, "{:.0f}"))
    return "\n".join([*lines, ""])


def _verdict(title: str, asked: str, value: float, most: float, form: str) -> str:
    """One line: reached or missed (for figures where more is better both are negated)."""
    shown = form.format(abs(value))
    return f"| {title} | {asked} | {shown} | {'reached' if value <= most else '**missed**'} |"


def _speeds(frame: pd.DataFrame) -> list[str]:
    """How many times faster than every peer, and whether at least as accurate, at every ε."""
    lines = []
    for case in CASES:
        for epsilon in case.epsilons:
            ours = _runs(frame, case=case.name, epsilon=epsilon, name=ASKED)
            for name, title in TITLES.items():
                peer = _runs(frame, case=case.name, epsilon=epsilon, name=name)
                if name.startswith("ours") or not len(ours) or not len(peer):
                    continue
                stopped = peer["fit_cpu_s"].isna().all()
                spent = peer["stopped"].mean() if stopped else peer["fit_cpu_s"].mean()
                faster = spent / ours["fit_cpu_s"].mean()
                what = f"{case.name}, ε = {epsilon:g}: faster than {title}, CPU"
                more = "more than " if stopped else ""
                mark = "reached" if faster >= 20 else "not shown" if stopped else "**missed**"
                lines.append(f"| {what} | ≥ ×20 | {more}×{faster:.0f} | {mark} |")
                if not stopped:
                    most = peer["tvd3"].mean()
                    what = f"{case.name}, ε = {epsilon:g}: 3-way error beside {title}"
                    asked, value = f"≤ {most:.4f}", ours["tvd3"].mean()
                    lines.append(_verdict(what, asked, value, most, "{:.4f}"))
    return lines


def _case(case: Case, frame: pd.DataFrame) -> str:
    """The tables of one coded table."""
    lines = [f"## {case.title}", ""]
    for epsilon in case.epsilons:
        at = {name: _runs(frame, case=case.name, epsilon=epsilon, name=name) for name in TITLES}
        if not any(len(runs) for runs in at.values()):
            continue
        lines += [f"### ε = {epsilon:g}, δ = {case.delta:g}", "", *header(CODED)]
        anchors = frame[(frame["case"] == case.name) & frame["epsilon"].isna()]
        lines += [line(str(name), runs, CODED) for name, runs in anchors.groupby("name")]
        lines += _contestants(at, TITLES, CODED)
    return "\n".join([*lines, ""]) if len(lines) > 2 else ""


def _contestants(
    at: Mapping[str, pd.DataFrame], titles: Mapping[str, str], measures: Sequence[Measure]
) -> list[str]:
    """A line for every contestant, the ratios of the peers, and where we lose."""
    lines = []
    finished: dict[str, pd.DataFrame] = {}
    for name, title in titles.items():
        runs = at.get(name, pd.DataFrame())
        if not len(runs):
            continue
        stopped = (
            runs["stopped"].notna()
            if "stopped" in runs
            else pd.Series(data=False, index=runs.index)
        )
        if (~stopped).any():
            finished[name] = runs[~stopped]
            lines.append(line(title, finished[name], measures))
        if stopped.any():
            spent = runs.loc[stopped, "stopped"].max()
            told = f"{title}, stopped after {spent:.0f} CPU s"
            lines.append(line(told, runs[stopped].drop(columns=["stopped"]), measures))
    if ASKED in finished:
        ours = finished.pop(ASKED)
        lines += [
            ratios(titles[name], runs, ours, measures)
            for name, runs in finished.items()
            if not name.startswith("ours")
        ]
        others = {titles[name]: runs for name, runs in finished.items()}
        if others:
            lines += ["", losses(others, ours, measures)]
    return [*lines, ""]


def _raw(raw: Rows) -> str:
    """Half of raw Adult, as the older benchmark measures it, for AIM."""
    frame = pd.DataFrame(raw)
    if not len(frame):
        return ""
    titles = {n: t for n, t in RAW_TITLES.items() if n.endswith("-aim") or n == "ours"}
    lines = [
        "## Half of raw Adult (24,421 × 15)",
        "",
        "δ = 10⁻⁶ for everybody. Understudy gets a CSV and no schema and pays for everything; the",
        "peers get their domain for free, OpenDP and mbi their bins too. Distances are those of",
        "[the older benchmark](adult_half.md): 32 quantile bins, 500 sampled triples; TSTR is the mean",
        "AUC of six classifiers trained on drawn rows, no target named. Where the error comes from,",
        "stage by stage, and what no choice of ours can take away: [decision",
        "28](../adr/0028-tables-by-their-own-risk.md).",
        "",
    ]
    peers = {name for name in frame["name"] if name in titles and not name.startswith("ours")}
    if not peers:
        lines += [
            "No peer's AIM has been run on this table: one fit takes it from ten minutes to hours. What",
            "their MST reaches on it stands in [the older benchmark](adult_half.md).",
            "",
        ]
    for epsilon in sorted(frame["epsilon"].dropna().unique()):
        at = {name: _runs(frame, epsilon=epsilon, name=name) for name in titles}
        if not len(at[ASKED]):
            continue
        lines += [f"### ε = {epsilon:g}", "", *header(RAW)]
        anchors = frame[frame["epsilon"].isna()]
        lines += [line(str(name), runs, RAW) for name, runs in anchors.groupby("name")]
        lines += _contestants(at, titles, RAW)
    return "\n".join(lines)


def _nist(rows: Rows) -> str:
    """The k-marginal score."""
    frame = pd.DataFrame(rows)
    if not len(frame):
        return ""
    lines = [
        "## NIST's k-marginal score",
        "",
        "Ten features of the 2019 excerpt for Massachusetts (7,634 rows), ε = 1, δ = 10⁻⁶, from the",
        "CSV without a schema: everything about columns is paid for. 1,000 is identical; age is cut",
        "into twentieths of the real ranks, everything else is a level, as in NIST's report. That",
        "report averages pairs of features within every area; the ten features name no area, so",
        "k = 2 is what its tool computes on them and k = 3 what its text speaks of. NIST's published",
        "sample reports are on the national excerpt, with 27,253 rows: AIM 976, MST 958.",
        "",
        *_ceiling(frame),
        *header(NIST),
    ]
    anchors = frame[frame["epsilon"].isna()]
    lines += [line(str(name), runs, NIST) for name, runs in anchors.groupby("name")]
    at = {name: _runs(frame, epsilon=1.0, name=name) for name in NIST_TITLES}
    same = _runs(frame, epsilon=SAME_NOISE, name=ASKED)
    if len(same):
        told = f"Understudy AIM at ε = {SAME_NOISE:g}: noise a row as of 27,253 rows at ε = 1"
        lines.append(line(told, same, NIST))
    lines += _contestants(at, NIST_TITLES, NIST)
    return "\n".join(lines)


def _ceiling(frame: pd.DataFrame) -> list[str]:
    """What 976 means on a table of this size, from the rows that were measured."""
    drawn = _runs(frame, name="as many real rows, drawn with replacement")
    halves = _runs(frame, name="two real halves")
    same = _runs(frame, epsilon=SAME_NOISE, name=ASKED)
    if not len(drawn) or not len(halves):
        return []
    said = (
        f"What 976 would mean here: a perfect model of this very table, from which as many rows are "
        f"drawn, scores {drawn['k2'].mean():.0f} (k = 2) and {drawn['k3'].mean():.0f} (k = 3), and two "
        f"real halves of it {halves['k2'].mean():.0f} and {halves['k3'].mean():.0f}. So 976 lies above "
        f"what real data of half the size reaches, and at k = 3 above what the perfect model does."
    )
    if len(same):
        said += (
            f" At ε = {SAME_NOISE:g}, where a row bears the noise that it bears in the national excerpt at "
            f"ε = 1, Understudy scores {same['k2'].mean():.0f} and {same['k3'].mean():.0f}: what is missing "
            f"at ε = 1 is rows, 7,634 instead of 27,253."
        )
    return [said, ""]


def _runs(frame: pd.DataFrame, **which: Any) -> pd.DataFrame:
    """Rows of a contestant."""
    if not len(frame):
        return frame
    kept = pd.Series(data=True, index=frame.index)
    for name, value in which.items():
        kept &= frame[name] == value
    return frame[kept]
