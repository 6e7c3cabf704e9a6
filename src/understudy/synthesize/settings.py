"""Settings of a synthesizer as plain facts, and a synthesizer made again from them.

What may not happen here: a setting that decides what is learned and is not told.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass, replace
from typing import Any, TypeVar, cast

from understudy.errors import InputError

OF_COLUMNS = ("workload",)
"""Settings that name columns of a table."""

OF_PLACE = ("checkpoint", "device", "cores", "microbatch")
"""Settings that say where, and how fast, a fit is computed, and not what it learns."""

Made = TypeVar("Made")


def flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as JSON with dotted names for settings within settings; none that is of a place.

    >>> flat({"private": {"steps": 3}, "sizes": (2, 2), "device": "cpu"})
    {'private.steps': 3, 'sizes': [2, 2]}
    """
    told: dict[str, Any] = {}
    for name, value in json.loads(json.dumps(dict(settings), default=str)).items():
        if name in OF_PLACE:
            continue
        if isinstance(value, dict) and name not in OF_COLUMNS:
            told |= {f"{name}.{inner}": one for inner, one in value.items()}
        else:
            told[name] = value
    return told


def settings_told(synthesizer: object, *, private: bool = True) -> dict[str, Any]:
    """The settings that take part in a fit, flat.

    Parameters
    ----------
    synthesizer
        A frozen set of settings; its `open_only`, if it has any, names those that take no part
        under a promise, and those named `private` take none without one.
    private
        Whether there is a promise.
    """
    if not is_dataclass(synthesizer) or isinstance(synthesizer, type):
        return {}
    return taking_part(asdict(synthesizer), synthesizer, private=private)


def taking_part(
    settings: Mapping[str, Any], synthesizer: object, *, private: bool = True
) -> dict[str, Any]:
    """Of settings that are told, those that take part in a fit of such a synthesizer; flat."""
    unused = tuple(getattr(synthesizer, "open_only", ())) if private else ("private",)
    return {
        name: value for name, value in flat(settings).items() if name.split(".")[0] not in unused
    }


def with_settings(synthesizer: Made, told: Mapping[str, Any]) -> Made:
    """A synthesizer with other settings, given as `settings_told` returns them.

    Raises
    ------
    InputError
        There is no such setting, or a value is out of its range.
    """
    made: Any = synthesizer
    direct: dict[str, Any] = {}
    within: dict[str, dict[str, Any]] = {}
    for name, value in told.items():
        first, _, rest = name.partition(".")
        if not hasattr(made, first):
            raise InputError(f"{getattr(made, 'name', 'this')} has no such setting", setting=first)
        if rest:
            within.setdefault(first, {})[rest] = value
        else:
            direct[first] = _as(getattr(made, first), value)
    inner = {name: with_settings(getattr(made, name), part) for name, part in within.items()}
    return cast("Made", replace(made, **direct, **inner))


def _as(usual: Any, value: Any) -> Any:
    """A value from JSON in the type of the usual one."""
    return tuple(value) if isinstance(usual, tuple) and isinstance(value, list) else value


def require_training(settings: Any) -> None:
    """Refuse epochs, rows per step, patience, a step size or a decay that cannot be.

    Raises
    ------
    InputError
        `epochs`, `batch` or `patience` below 1, `rate` outside (0, 10), `decay` outside [0, 10).
    """
    for name in ("epochs", "batch", "patience"):
        if getattr(settings, name) < 1:
            raise InputError(f"{name} must be 1 or more", given=getattr(settings, name))
    if not 0 < settings.rate < 10:
        raise InputError("rate must lie in (0, 10)", rate=settings.rate)
    if not 0 <= settings.decay < 10:
        raise InputError("decay must lie in [0, 10)", decay=settings.decay)
