"""The audit as a job: choose the method, run it, keep what it found as a file and a page.

Every table is invented in the audit room. What may not happen here: a row of anybody, or a word
about a release that was not audited.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from understudy import __version__
from understudy.audit import (
    NEIGHBOURS,
    AuditResult,
    OneRunResult,
    ReplayResult,
    Word,
    as_generator,
    audit_black_box,
    audit_by_replay,
    audit_one_run,
    audit_synthesizer,
)
from understudy.audit.generators import (
    can_be_listened_to,
    learns_through_a_curator,
)
from understudy.audit.keeping import write_whole
from understudy.errors import InputError, OutputError
from understudy.schema import did_you_mean
from understudy.synthesize.commanded import TIME_LIMIT
from understudy.synthesize.protocol import Progress, silent
from understudy.workflow.audited import FILE, LAYOUT, program_of, released
from understudy.workflow.named import named_synthesizer

Method = Literal["worst-case", "one-run", "replay"]
View = Literal["white-box", "black-box"]
Result = AuditResult | OneRunResult | ReplayResult

METHODS: tuple[str, ...] = get_args(Method)
WHITE_BOX_PAIRS = ("narrow", "repeated", "outlier", "few", "slim", "undeclared")
BLACK_BOX_PAIRS = ("unseen",)
WHITE_BOX_RUNS, BLACK_BOX_RUNS, REPLAY_RUNS = 2_000, 500, 2


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What an audit found.

    Parameters
    ----------
    method
        How it was made.
    epsilon, delta
        The claim.
    results
        One per pair of neighbours, or one in all.
    program
        Class, package and version of a synthesizer of ours; None of anything else.
    """

    method: Method
    epsilon: float
    delta: float
    results: tuple[Result, ...]
    program: dict[str, str] | None = None

    @property
    def worst(self) -> Result:
        """The result that speaks loudest against the claim."""
        order = {word: rank for rank, word in enumerate(get_args(Word))}
        return min(
            self.results,
            key=lambda result: (order[result.word], -getattr(result, "epsilon_lower", 0.0)),
        )

    @property
    def word(self) -> Word:
        """The verdict: violated, leak detected, not detected, not assessed."""
        return self.worst.word

    @property
    def text(self) -> str:
        """The verdict in a sentence."""
        return self.worst.text

    def to_json(self) -> dict[str, Any]:
        """Everything, for machines; infinity is null."""
        from understudy.release.label import AttackBound

        worst = self.worst
        lower = getattr(worst, "epsilon_lower", 0.0)
        claim = AttackBound.of(self.epsilon, self.delta)
        told: dict[str, Any] = {
            "layout": LAYOUT,
            "understudy": __version__,
            "program": self.program,
            "method": self.method,
            "synthesizer": worst.synthesizer,
            "claim": {
                "epsilon": self.epsilon,
                "delta": self.delta,
                "in_words": claim.sentence,
                "curve": [list(point) for point in claim.curve],
            },
            "verdict": {"word": self.word, "text": self.text},
            "shown": None,
            "results": [result.to_json() for result in self.results],
        }
        if lower > 0 and not math.isinf(lower):
            shown = AttackBound.of(lower, self.delta)
            told["shown"] = {
                "epsilon": lower,
                "in_words": words_of(lower, self.delta),
                "curve": [list(point) for point in shown.curve],
            }
        return told

    def to_html(self) -> str:
        """A page that opens offline."""
        from understudy.report.render import render_audit

        return render_audit(self.to_json())

    def save(self, folder: str | Path) -> None:
        """Write `audit.json` and `audit.html`.

        Raises
        ------
        OutputError
            The folder cannot be written.
        """
        place = Path(folder)
        try:
            place.mkdir(parents=True, exist_ok=True)
            told = json.dumps(self.to_json(), indent=1, ensure_ascii=False, allow_nan=False)
            write_whole(place / FILE, told + "\n")
            write_whole(place / "audit.html", self.to_html())
        except OSError as problem:
            raise OutputError(
                "the folder of the audit cannot be written", folder=str(place)
            ) from problem

    def __repr__(self) -> str:
        return f"Audit({self.method}, {self.text})"


def audit(
    synthesizer: Any = None,
    *,
    command: str | None = None,
    release: str | Path | None = None,
    epsilon: float | None = None,
    delta: float | None = None,
    method: Method = "worst-case",
    view: View | None = None,
    neighbours: Sequence[str] | None = None,
    runs: int | None = None,
    canaries: int = 1_000,
    rows: int | None = None,
    workers: int = 1,
    limit: float = TIME_LIMIT,
    out: str | Path | None = None,
    progress: Progress = silent,
) -> Audit:
    """Bound from below what a synthesizer gives away, on invented tables.

    Parameters
    ----------
    synthesizer
        The name of one of ours, its object, an object with `fit(frame)` and `sample(rows)`, or a
        callable that makes one.
    command
        Instead of it a command line with `{input}` and `{output}`, for a generator in another
        environment; `{epsilon}`, `{delta}`, `{rows}` and `{seed}` may occur too.
    release
        Instead of both a release of ours, whose synthesizer, settings, ε and δ are audited, on
        invented tables as ever: nothing of it but its model's public facts is read.
    epsilon, delta
        The claim; an object or a command has to be set up for it. δ is 10⁻⁶ by default, 0 is
        pure. Of a release both are its own.
    method
        "worst-case": many fits on tiny tables with and without one row; "one-run": one fit with
        many canaries; "replay": recorded fits on altered tables, for ours only.
    view
        What the attacker of a worst case sees: noisy answers ("white-box", ours only and usual
        for them) or synthetic rows ("black-box").
    neighbours
        Pairs of tables, by name; "all" for every one.
    runs
        Fits per table of a worst case, or recordings per table of a replay.
    canaries
        Of a one-run audit.
    rows
        Synthetic rows that a black box draws each time.
    workers
        Fits at once, through joblib: `joblib.parallel_config` names another backend.
    limit
        Seconds for one run of a command.
    out
        Folder for scores, which an interrupted audit takes up again, and for the results.
    progress
        Told a sentence and the fraction done.

    Returns
    -------
    Audit
        Holds nothing about anybody: it may be published.

    Raises
    ------
    InputError
        An argument cannot be used.
    GeneratorError
        What is audited keeps failing; finished runs are kept in `out`.
    """
    _check(method, view, synthesizer, command, release)
    made = named_synthesizer(synthesizer) if isinstance(synthesizer, str) else synthesizer
    if release is not None:
        made, promised, failing = released(release)
        epsilon = promised if epsilon is None else epsilon
        delta = failing if delta is None else delta
    if epsilon is None:
        raise InputError("an audit needs the epsilon that is claimed", hint="epsilon=1.0")
    if runs is not None and runs < 1:
        raise InputError(
            "an audit needs at least one run", hint="leave runs out for the usual number"
        )
    delta = 1e-6 if delta is None else delta
    ours = command is None and learns_through_a_curator(made)
    folder = None if out is None else Path(out)
    _refuse_other_results(folder, method, epsilon, delta)
    told: dict[str, Any] = {"epsilon": epsilon, "delta": delta, "progress": progress}
    results: tuple[Result, ...]
    if method == "replay":
        if not ours:
            raise InputError(
                "replay needs the curator's questions, which only a synthesizer of ours asks",
                hint="use the method worst-case or one-run",
            )
        results = (audit_by_replay(made, runs=runs or REPLAY_RUNS, **told),)
    elif method == "one-run":
        generator = as_generator(command or made, limit=limit)
        results = (audit_one_run(generator, canaries=canaries, rows=rows, **told),)
    elif ours and can_be_listened_to(made) and view != "black-box":
        results = audit_synthesizer(
            made,
            runs=runs or WHITE_BOX_RUNS,
            workers=workers,
            out=folder,
            neighbours=_pairs(neighbours, WHITE_BOX_PAIRS),
            **told,
        )
    else:
        if view == "white-box":
            raise InputError(
                "noisy answers can be seen of a synthesizer of ours only, one that takes no rows",
                hint="leave view out, or say black-box",
            )
        results = _black_box(
            as_generator(command or made, limit=limit),
            _pairs(neighbours, BLACK_BOX_PAIRS),
            folder,
            told,
            {"runs": runs or BLACK_BOX_RUNS, "workers": workers} | ({"rows": rows} if rows else {}),
        )
    found = Audit(
        method=method,
        epsilon=epsilon,
        delta=delta,
        results=results,
        program=program_of(made) if ours else None,
    )
    if folder is not None:
        found.save(folder)
    return found


def _refuse_other_results(folder: Path | None, method: str, epsilon: float, delta: float) -> None:
    """Refuse a folder that holds what another method, or an audit of another claim, found."""
    if folder is None or not (folder / FILE).exists():
        return
    try:
        there = json.loads((folder / FILE).read_text(encoding="utf-8"))
        same = there["method"] == method and there["claim"]["epsilon"] == epsilon
        same = same and there["claim"]["delta"] == delta
    except (OSError, ValueError, KeyError, TypeError):
        same = False
    if not same:
        raise InputError(
            "the folder holds the results of another audit",
            hint="give each method and each claim a folder of its own",
            folder=str(folder),
        )


def words_of(lower: float, delta: float) -> str:
    """What a lower bound on ε means for any claim.

    Parameters
    ----------
    lower
        The bound, above 0.
    delta
        δ of the claim.

    >>> words_of(1.0, 0.0)
    'Whatever is claimed has to allow an attacker 2.7 % of the members at 1 % false positives.'
    """
    from understudy.release.label import caught_at_most

    share = f"{100 * caught_at_most(lower, delta, 0.01):.2g}"
    return (
        f"Whatever is claimed has to allow an attacker {share} % of the members at 1 % false "
        "positives."
    )


def _check(method: str, view: str | None, *audited: Any) -> None:
    """Refuse what cannot be meant: one of a synthesizer, a command and a release is audited."""
    if sum(one is not None for one in audited) != 1:
        raise InputError(
            "an audit needs a synthesizer, a command or a release, and one of them only",
            hint="synthesizer='mst', an object that fits and samples, or command='… {input} {output}'",
        )
    for name, given, known in (
        ("method", method, METHODS),
        ("view", view or "white-box", get_args(View)),
    ):
        if given not in known:
            raise InputError(
                f"there is no {name} {given!r}", hint=did_you_mean(given, known), known=known
            )


def _pairs(wanted: Sequence[str] | None, usual: tuple[str, ...]) -> tuple[str, ...]:
    """Names of pairs of tables."""
    if wanted is None:
        return usual
    names = (wanted,) if isinstance(wanted, str) else tuple(wanted)
    return tuple(NEIGHBOURS) if "all" in names else names


def _black_box(
    generator: Any,
    pairs: Sequence[str],
    folder: Path | None,
    told: dict[str, Any],
    settings: dict[str, Any],
) -> tuple[AuditResult, ...]:
    """Audit from synthetic rows, pair by pair."""
    unknown = [name for name in pairs if name not in NEIGHBOURS]
    if unknown:
        raise InputError("no such neighbours", unknown=unknown, known=tuple(NEIGHBOURS))
    tell: Progress = told["progress"]
    results = []
    for place, name in enumerate(pairs):

        def part(text: str, done: float, place: int = place, name: str = name) -> None:
            tell(f"{name}: {text}", (place + done) / len(pairs))

        results.append(
            audit_black_box(
                generator,
                NEIGHBOURS[name],
                out=None if folder is None else folder / f"{name}-black-box.jsonl",
                **{**told, "progress": part},
                **settings,
            )
        )
    return tuple(results)
