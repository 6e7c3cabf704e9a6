"""Spelling help for messages about schemas; pure text, no data.

What may not happen here: a suggestion made of a cell. Choices are field names, kinds, and
column names, all of them public.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """Return the choice most like `word`, ignoring case, or None when nothing is near.

    >>> nearest("Maximun", ["minimum", "maximum"])
    'maximum'
    """
    by_folded = {choice.casefold(): choice for choice in choices}
    found = get_close_matches(word.casefold(), list(by_folded), n=1, cutoff=0.6)
    return by_folded[found[0]] if found else None


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return "did you mean 'x'?" or, when nothing is near, the first choices.

    Parameters
    ----------
    word
        What was written.
    choices
        What could have been written; only the first twelve are listed.

    Returns
    -------
    str
        A hint for an error message.

    >>> did_you_mean("katgory", ["category", "number"])
    "did you mean 'category'? Allowed: category, number"
    >>> did_you_mean("zz", ["category", "number"])
    'Allowed: category, number'
    """
    allowed = list(choices)
    shown = ", ".join(allowed[:12]) + (", …" if len(allowed) > 12 else "")
    near = nearest(word, allowed)
    return f"did you mean {near!r}? Allowed: {shown}" if near else f"Allowed: {shown}"
