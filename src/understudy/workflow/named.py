"""Synthesizers by name, and what they are refused for before anything is spent.

What may not happen here: a fit.
"""

from __future__ import annotations

from understudy.errors import InputError
from understudy.schema import did_you_mean
from understudy.synthesize import SYNTHESIZERS
from understudy.synthesize.protocol import Synthesizer, forms_of

AUTO = "auto"
"""The synthesizer that public facts choose."""


def require_form(synthesizer: Synthesizer, *, private: bool, holdout: float = 0.0) -> None:
    """Refuse a promise that a synthesizer cannot keep, and a holdout a checkpoint cannot keep.

    Raises
    ------
    InputError
        The synthesizer has no such form.
    """
    forms = forms_of(synthesizer)
    if private and "private" not in forms:
        raise InputError(
            f"{synthesizer.name} has no private form: no epsilon can be promised for it",
            hint="take aim, or another with a guarantee; or, where that is allowed, say that the "
            "release is non-private (`--non-private`, `epsilon=us.NON_PRIVATE`) and leave epsilon out",
        )
    if not private and "non-private" not in forms:
        raise InputError(
            f"{synthesizer.name} has no form without privacy",
            hint="give an epsilon, or take cart",
        )
    if holdout and getattr(synthesizer, "checkpoint", None) is not None:
        raise InputError(
            "a run that can go on later keeps no holdout: it would be another one then",
            hint="give holdout=0 (`--holdout 0`) with a checkpoint",
        )


def named_synthesizer(which: Synthesizer | str, *, uniform_bins: int | None = None) -> Synthesizer:
    """A synthesizer by name or as it is; bins of equal width where they are asked for."""
    if not isinstance(which, str):
        return which
    names = {maker.name: maker for maker in SYNTHESIZERS()}
    if which not in names:
        raise InputError(
            f"there is no synthesizer {which!r}",
            hint=did_you_mean(which, names),
        )
    settings = {} if uniform_bins is None else {"uniform_bins": uniform_bins}
    try:
        made: Synthesizer = names[which](**settings)
    except TypeError:
        raise InputError(f"{which!r} has no bins of equal width to choose") from None
    return made


def interrupted(synthesizer: Synthesizer) -> str | None:
    """The run that a synthesizer's checkpoint goes on with, if it keeps one."""
    folder = getattr(synthesizer, "checkpoint", None)
    if folder is None:
        return None
    from understudy.synthesize.neural.checkpoint import saved_run

    return saved_run(folder)
