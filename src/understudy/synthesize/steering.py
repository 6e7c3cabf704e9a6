"""From purposes to a workload: what a release is for decides what is counted.

The tables that purposes rest on become weighted marginals; every other pair of columns keeps a
floor. Purposes are declared before anything is learned, so a workload made of them is a public
choice and costs nothing. What may not happen here: a question to a curator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from understudy.schema import Purposes
from understudy.synthesize.marginal.workload import Workload
from understudy.synthesize.protocol import Synthesizer

STEERED = (
    "The purposes steered which tables were counted; columns that no purpose names were given less."
)
NOT_STEERED = "This synthesizer has no workload: the purposes did not steer what was counted."
OWN_WORKLOAD = (
    "The synthesizer was given a workload of its own: the purposes did not steer what was counted."
)
NO_WEIGHT = "No purpose has a weight above 0: they did not steer what was counted."


@dataclass(frozen=True, kw_only=True)
class Steered:
    """A synthesizer that knows the purposes, and a sentence that says whether it does."""

    synthesizer: Synthesizer
    statement: str


def workload_of(
    purposes: Purposes, names: Sequence[str], target: str | None = None
) -> Workload | None:
    """The weighted marginals that purposes rest on, and every other pair at the floor.

    Parameters
    ----------
    purposes
        What the release is for.
    names
        Columns that may be modelled.
    target
        A column the recipient wants to predict, if one is named: its pairs get three floors.

    Returns
    -------
    Workload or None
        None when no purpose has a weight. Only ratios of weights matter: with a floor above 0, a
        pair weighs 1 and a table of a purpose its weight divided by the floor.

    >>> from understudy.schema import loads_purposes
    >>> purposes = loads_purposes('''
    ... floor: 0.25
    ... purposes:
    ...   t: {kind: table, columns: [a, b], tolerance: {tvd: 0.05}, weight: 2}
    ... ''')
    >>> workload_of(purposes, "abc").resolve("abc")
    {('a', 'b'): 9.0, ('a', 'c'): 1.0, ('b', 'c'): 1.0}
    """
    margins = purposes.margins(names)
    if not margins:
        return None
    if not purposes.floor or len(names) < 2:
        return replace(Workload.of(margins), contained=True)
    entries = tuple((clique, weight / purposes.floor) for clique, weight in margins.items())
    if target is None:
        return Workload(entries=entries, every=2, contained=True)
    return Workload(
        entries=entries,
        every=2,
        target=target,
        target_ways=2,
        target_weight=2.0,
        contained=True,
    )


def steer(
    synthesizer: Synthesizer,
    purposes: Purposes,
    names: Sequence[str],
    target: str | None = None,
) -> Steered:
    """Give a synthesizer the workload of purposes, where it can use one and has none.

    Parameters
    ----------
    synthesizer
        Steered when it is a dataclass with a setting `workload` that is None.
    purposes
        What the release is for.
    names
        Columns that may be modelled.
    target
        A column the recipient wants to predict, if one is named.
    """
    known = getattr(synthesizer, "__dataclass_fields__", {})
    if "workload" not in known:
        return Steered(synthesizer=synthesizer, statement=NOT_STEERED)
    if getattr(synthesizer, "workload", None) is not None:
        return Steered(synthesizer=synthesizer, statement=OWN_WORKLOAD)
    workload = workload_of(purposes, names, target)
    if workload is None:
        return Steered(synthesizer=synthesizer, statement=NO_WEIGHT)
    made = replace(cast("Any", synthesizer), workload=workload)
    return Steered(synthesizer=made, statement=STEERED)
