"""The page: figures of both side by side, how far they are apart, and seconds."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any

from .releases import RELEASES

Found = Mapping[str, Any]

HEAD = """# Singling out, linkability and inference beside Anonymeter

Half of raw Adult (24,421 rows) is what a release was made from, the other half is the control.
The releases leak on purpose, so that there is something to find. 500 guesses for
singling out, 2,000 targets for linkability (columns 1 to 7 against 8 to 15), 1,000 targets for each
of 15 secrets, all other columns known. Anonymeter 1.1.0 runs in its own environment, one process
after the other, each attack once on few targets beforehand so that nothing is compiled while the
clock runs; reading files is not timed. The command is
`python -m benchmarks.anonymeter --page docs/benchmarks/anonymeter.md`.

*Right* counts right guesses of members, of controls, and of blind ones. Both draw guesses and targets
at random, so that counts differ by chance; *apart* is the
difference of the two risks in its standard errors (over 18 lines, one above 3 would be a surprise).
Seconds are processor seconds on a busy machine of two cores: read the ratios.
"""

TAIL = """
## What is not the same

- The package corrects the control for a different number of rows by fitting a curve to sub-samples;
  we count both tables at the size of the smaller one, exactly (hypergeometric thinning), so no curve
  is fitted. Adult's halves differ by a few duplicates only.
- Our singling out includes a test that deals members and controls out anew up to 5,000 times; our
  inference and linkability include exact tests and limits of detection. Their seconds are in ours.
- The blind baseline of inference cannot be compared: 1.1.0 aligns the guesses of random rows with
  its targets by row number and keeps the few that coincide, so it reports almost none.
- Missing numbers: two missing numbers are one apart in the package and equal in ours. Adult has none.
- Moments are compared as numbers by us, as text by the package's predicates. Adult has none.
- We lose nothing on this page. What the package has and this comparison does not: a predictor of
  one's own for inference, and links with more than one neighbour in its command.
"""


def apart(ours: Found, theirs: Found) -> float:
    """Difference of two risks in standard errors."""
    halves = [(one["interval"][1] - one["interval"][0]) / 2 for one in (ours, theirs)]
    error = math.hypot(*halves) / 1.96
    return abs(ours["risk"] - theirs["risk"]) / error if error else 0.0


def page(found: Mapping[str, tuple[Found, Found]]) -> str:
    """Write the page."""
    today = dt.datetime.now(tz=dt.UTC).date().strftime("%-d %B %Y")
    lines = [HEAD, f"Measured on {today}.\n"]
    for name, (ours, theirs) in found.items():
        lines += [
            f"## `{name}`\n",
            f"{RELEASES[name].__doc__}\n",
            "| attack | right: theirs | right: ours | risk: theirs | risk: ours | apart |",
            "|---|---|---|---|---|---|",
        ]
        lines += [
            f"| {attack} | {_counts(theirs[attack])} | {_counts(ours[attack])} "
            f"| {_risk(theirs[attack])} | {_risk(ours[attack])} "
            f"| {apart(ours[attack], theirs[attack]):.1f} |"
            for attack in theirs
        ]
        lines += ["", "| attack | theirs, s | ours, s | ratio |", "|---|---|---|---|"]
        for attack in ("univariate", "multivariate", "linkability", "inference"):
            slow = sum(one["cpu_seconds"] for key, one in theirs.items() if key.startswith(attack))
            fast = ours[attack]["cpu_seconds"]
            lines.append(f"| {_TITLES[attack]} | {slow:.2f} | {fast:.2f} | ×{slow / fast:.0f} |")
        lines.append("")
    return "\n".join(lines) + TAIL


_TITLES = {
    "univariate": "singling out, one value, 500 guesses",
    "multivariate": "singling out, three values, 500 guesses",
    "linkability": "linkability, 2,000 targets",
    "inference": "inference, 15 secrets, 1,000 targets each",
}


def _counts(one: Found) -> str:
    """Successes of the three guesses."""
    return ", ".join(f"{one[name]:.0f}" for name in ("attack", "control", "baseline"))


def _risk(one: Found) -> str:
    """Risk with its interval."""
    low, high = one["interval"]
    return f"{one['risk']:.3f} ({low:.3f}–{high:.3f})"
