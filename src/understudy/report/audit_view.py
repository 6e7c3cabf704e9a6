"""What the page of an audit shows: the verdict, the claim as a curve, what was counted.

What may not happen here: arithmetic on the figures. An audit brings its numbers as plain JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from understudy import __version__
from understudy.report.curves import draw_audit
from understudy.report.spelling import spell_delta, spell_number, spell_share

METHODS = {
    "worst-case": "Worst case: many fits on tiny invented tables, with and without one row",
    "one-run": "One run: a fit with many canaries, each included by a coin",
    "replay": "Replay: recorded fits on invented tables, replayed on altered ones",
}

WORDS = {
    "violated": "The claim is refuted.",
    "leak detected": "Something is given away, and no bound that assumes nothing exceeds the claim: "
    "the expected outcome of a program that spends what it charges.",
    "not detected": "Nothing was found; what lies below the limit of detection could not have been.",
    "not assessed": "Too little was run to say anything.",
}


def audit_view(audit: Mapping[str, Any]) -> dict[str, Any]:
    """Everything the template needs besides the audit itself."""
    results = audit["results"]
    return {
        "method": METHODS[audit["method"]],
        "meaning": _meaning(audit),
        "bad": audit["verdict"]["word"] == "violated",
        "heads": _heads(audit),
        "curve": None if audit["method"] == "replay" else _draw(audit),
        "pairs": [_pair(result) for result in results] if audit["method"] == "worst-case" else [],
        "canaries": _canaries(results[0]) if audit["method"] == "one-run" else [],
        "findings": results[0]["findings"][:40] if audit["method"] == "replay" else [],
        "replays": results[0] if audit["method"] == "replay" else None,
        "version": __version__,
    }


def _meaning(audit: Mapping[str, Any]) -> str:
    """What the verdict means, by its word; a replay has no limit of detection."""
    word: str = audit["verdict"]["word"]
    if audit["method"] == "replay" and word == "not detected":
        return "On these tables nothing but noisy answers reached the model."
    return WORDS[word]


def _heads(audit: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The figures at the top: name, value, and what it goes with."""
    claim = audit["claim"]
    told = [
        ("Claimed", f"ε = {spell_number(claim['epsilon'])}", f"δ = {spell_delta(claim['delta'])}")
    ]
    shown = audit["shown"]
    if audit["method"] != "replay":
        told.append(
            ("Shown, at least", f"ε = {spell_number(shown['epsilon'])}" if shown else "–", "")
        )
        told.append(_limit(audit["results"]))
    seconds = sum(result["seconds"] for result in audit["results"])
    told.append(("Took", f"{spell_number(seconds)} s", "summed over workers"))
    return told


def _limit(results: Sequence[Mapping[str, Any]]) -> tuple[str, str, str]:
    """The largest ε that could have been shown, under no assumption and under the usual one."""
    direct = max(result["limit_direct"] or 0.0 for result in results)
    widest = max(result["limit_gaussian"] or 0.0 for result in results)
    named = "Largest that could be shown"
    if all(result.get("view") == "white-box" for result in results) and widest > direct:
        note = f"{spell_number(direct)} without assuming a Gaussian curve"
        return named, f"ε = {spell_number(widest)}", note
    return named, f"ε = {spell_number(direct)}", "without assumptions"


def _draw(audit: Mapping[str, Any]) -> Any:
    """The claim's curve, what was shown, and the attackers' rates."""
    points = [
        (
            reading["false_alarms"] / result["counted"],
            1.0 - reading["misses"] / result["counted"],
            result["neighbours"],
        )
        for result in audit["results"]
        for name, reading in result.get("readings", {}).items()
        if name != "middle" and result["counted"]
    ]
    return draw_audit(
        [tuple(point) for point in audit["claim"]["curve"]],
        [tuple(point) for point in (audit["shown"] or {}).get("curve", ())],
        points,
        label=f"Claim and finding: {audit['verdict']['text']}",
    )


def _pair(result: Mapping[str, Any]) -> tuple[str, ...]:
    """One row of the table of worst-case pairs."""
    infinite = result["rho"] is None
    return (
        result["neighbours"],
        result["view"],
        f"{result['runs'][0]} + {result['runs'][1]}",
        str(result["failed"]),
        spell_number(result["epsilon_direct"]),
        "–" if infinite else spell_number(result["epsilon_zcdp"]),
        spell_number(result["epsilon_gaussian"]),
        spell_number(result["limit_direct"]),
        result["word"],
    )


def _canaries(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What one run showed."""
    return [
        ("Seen", "noisy answers" if result["view"] == "white-box" else "synthetic rows"),
        ("Canaries", f"{result['canaries']}, of which {result['guesses']} guessed"),
        ("Right", f"{result['right']} ({spell_share(result['right'] / result['guesses'])})"),
        ("ε, assuming nothing", f"at least {spell_number(result['epsilon_direct'])}"),
        ("ε, of a Gaussian curve", f"at least {spell_number(result['epsilon_gaussian'])}"),
        ("μ, of a Gaussian curve", f"at least {spell_number(result['mu'])}"),
    ]
