"""The base of every evidence value: frozen, closed, and the same after a trip through JSON.

What may not happen here: an open dictionary. A field that is not named in a type cannot be
written, which is what makes the types an allow-list.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict


class Value(BaseModel):
    """A frozen value that refuses fields it does not know; infinities survive JSON as text."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


def _as_plain(given: object) -> object:
    """Spell tuples, dates and enumerations as text; leave JSON scalars alone."""
    if given is None or isinstance(given, bool | int | float):
        return given
    if isinstance(given, dt.date | dt.datetime | dt.time):
        return given.isoformat()
    if isinstance(given, list | tuple | set | frozenset):
        return ", ".join(str(_as_plain(part)) for part in given)
    return str(given)


Plain = Annotated[str | int | float | bool | None, BeforeValidator(_as_plain)]
"""A JSON scalar; tuples, dates and enumerations become readable text on the way in."""

Share = float
"""A part of a whole, 0 to 1; a noisy one may lie a little outside."""

Verdict = Literal["violated", "leak detected", "not detected", "not assessed"]
"""The only words an assessment may end with."""
