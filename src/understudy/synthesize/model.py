"""A fitted model: columns that can be decoded, and a generator of their codes.

A model is free of rows. It is saved as `model.json` and `arrays.safetensors` (no pickle), holds only
what was paid for or declared, and samples without the data, as many rows as asked.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import pyarrow as pa

from understudy.errors import InputError, ModelError
from understudy.prepare.attributes import Attribute
from understudy.source import FileFormat
from understudy.synthesize.protocol import Codes
from understudy.synthesize.tensors import from_bytes, to_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from understudy.synthesize.conditioning.queries import Estimate, Marginal

FORMAT_VERSION = 3
"""Version of the model files this code writes; older ones are read."""

JSON_NAME, ARRAYS_NAME = "model.json", "arrays.safetensors"
OLD_ARRAYS_NAME = "arrays.npz"
"""What versions before 3 wrote."""

_CHUNK = 1_000_000


@dataclass(frozen=True, kw_only=True)
class CountedPair:
    """Columns (mostly two) that were counted together: levels of each, noise on every cell.

    `departure` is how far, as a share of rows, the counts departed from what the model expected
    when they were chosen, with what the choice itself may have missed; None where that was not
    recorded.
    """

    columns: tuple[str, ...]
    levels: tuple[int, ...]
    sigma: float
    departure: float | None = None


@dataclass(frozen=True, kw_only=True)
class Derivation:
    """How a model was made from a fitted one: a condition, or other shares of a column.

    Parameters
    ----------
    kind
        `where` or `rebalance`.
    text
        What was asked for, as it was written.
    probability
        Share of the modelled rows that meet a condition; 1 for other shares.
    """

    kind: Literal["where", "rebalance"]
    text: str
    probability: float = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """What a synthesizer leaves: enough to sample, nothing about a person that was not paid for.

    Parameters
    ----------
    attributes
        Modelled columns, in the order of the table.
    codes
        Generator of the attributes' codes.
    rows
        Noisy number of rows of the sensitive table.
    synthesizer, settings
        What made the model.
    pairs
        Columns that were counted together: names, merged levels and noise of each.
    privacy
        The statement of what was promised and spent.
    format
        How the synthetic file is to be written.
    derived
        What was done to the fitted model, in order; when there is anything, it is not a model of
        the sensitive table's population any more.
    """

    attributes: tuple[Attribute, ...]
    codes: Codes
    rows: float
    synthesizer: str
    settings: dict[str, Any] = field(default_factory=dict)
    pairs: tuple[CountedPair, ...] = ()
    privacy: dict[str, Any] = field(default_factory=dict)
    format: FileFormat = field(default_factory=lambda: FileFormat(container="frame"))
    derived: tuple[Derivation, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the synthetic columns."""
        return tuple(attribute.name for attribute in self.attributes)

    def sample(self, rows: int | None = None, *, seed: int | None = None) -> pa.Table:
        """Draw synthetic rows.

        Parameters
        ----------
        rows
            How many, 0 or more; by default the noisy number of rows of the sensitive table.
        seed
            Makes the draw reproducible; it governs sampling only, never privacy noise.

        Returns
        -------
        pyarrow.Table
            Columns in the table's order and storage types, rows in random order.

        Raises
        ------
        InputError
            `rows` is negative.
        """
        count = round(self.rows) if rows is None else rows
        if count < 0:
            raise InputError("the number of rows must be 0 or more", rows=rows)
        generator = np.random.default_rng(seed)
        codes = self.codes.draw(count, generator)
        arrays = [
            attribute.decode(codes[attribute.name], generator) for attribute in self.attributes
        ]
        return pa.Table.from_arrays(arrays, names=list(self.columns))

    def condition(self, where: str | Mapping[str, Any]) -> Model:
        """The model of the rows that meet a condition, exactly, at no privacy cost.

        Parameters
        ----------
        where
            An expression in the language of the schema's rules, such as
            `"age >= 65 and sex = 'F'"`, or fixed values by column, such as `{"sex": "F"}`.

        Returns
        -------
        Model
            Its `rows` are those expected to meet the condition; `derived` says what was done.

        Raises
        ------
        InputError
            The condition is malformed, names an unknown column or label, is impossible under the
            model, or falls into too many parts; or the generator cannot be conditioned.
        """
        from understudy.synthesize.conditioning.where import condition

        return condition(self, where)

    def rebalance(self, column: str, shares: Mapping[str | None, float]) -> Model:
        """A model in which a column has other shares and all else follows from it.

        Parameters
        ----------
        column
            The column that is changed.
        shares
            Share (0 to 1) of each group: a label; for numbers and dates a value, a comparison
            (`"<30"`) or a range with both ends (`"30 to 64"`); None for missing. What is left
            of 1 is spread over what is not named, in the proportions it has.

        Returns
        -------
        Model
            As many rows; `derived` says what was done. Not the population's distribution.

        Raises
        ------
        InputError
            A name or a share cannot be, groups overlap, or the model has nothing in a group.
        """
        from understudy.synthesize.conditioning.rebalancing import rebalance

        return rebalance(self, column, shares)

    def complete(self, given: Any, *, seed: int | None = None) -> pa.Table:
        """Fill in a partly given table: given cells stay, empty ones are drawn given them.

        Parameters
        ----------
        given
            Arrow table or frame with some of the model's columns. Empty are null, NaN and blank
            text; a column that is absent is empty in every row. Nothing of it is kept.
        seed
            Makes the draw reproducible.

        Returns
        -------
        pyarrow.Table
            The model's columns; those that were given keep their type and their cells.

        Raises
        ------
        InputError
            The table has a column the model does not have.
        """
        from understudy.synthesize.conditioning.completing import complete

        return complete(self, given, seed=seed).table

    def probability(
        self,
        where: str | Mapping[str, Any],
        *,
        given: str | Mapping[str, Any] | None = None,
        level: float = 0.9,
        population: bool = False,
    ) -> Estimate:
        """Share of rows that meet a condition, with an interval, at no privacy cost.

        Parameters
        ----------
        where, given
            Conditions as in `condition`; with `given` the share among the rows that meet it.
        level
            Share of intervals that are to hold the table's own share, in (0, 1).
        population
            Whether the interval also covers that the table is a sample of a population.

        Returns
        -------
        Estimate
            `value`, `low`, `high`, and in `covers` what the interval covers.

        Raises
        ------
        InputError
            As in `condition`; a share of zero is no error.
        """
        from understudy.synthesize.conditioning.queries import probability

        return probability(self, where, given=given, level=level, population=population)

    def marginal(
        self,
        columns: Sequence[str],
        *,
        cuts: Mapping[str, Sequence[Any]] | None = None,
        groups: int | None = None,
        level: float = 0.9,
        population: bool = False,
    ) -> Marginal:
        """A table over columns in closed form, with an interval per cell, at no privacy cost.

        Parameters
        ----------
        columns
            Names, each once.
        cuts
            Per number or date column the values at which groups begin.
        groups
            About how many groups a number column without cuts is shown in.
        level, population
            As in `probability`.

        Returns
        -------
        Marginal
            Labels, shares, intervals; `to_arrow`, `to_pandas`, `to_json`.

        Raises
        ------
        InputError
            A column is unknown or cannot be cut, or the table would be too large.
        """
        from understudy.synthesize.conditioning.queries import marginal

        return marginal(self, columns, cuts=cuts, groups=groups, level=level, population=population)

    def save(self, folder: str | Path) -> Path:
        """Write the model into a folder (made when absent) and return it."""
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        facts, arrays = self.to_json()
        (place / JSON_NAME).write_text(json.dumps(facts, indent=1, ensure_ascii=False), "utf-8")
        (place / ARRAYS_NAME).write_bytes(to_bytes(arrays))
        (place / OLD_ARRAYS_NAME).unlink(missing_ok=True)
        return place

    def to_json(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Everything the model holds: JSON facts, and arrays by name."""
        columns: list[dict[str, Any]] = []
        arrays: dict[str, np.ndarray] = {}
        for index, attribute in enumerate(self.attributes):
            told, held = attribute.to_json()
            columns.append(told)
            arrays |= {f"column_{index}.{name}": array for name, array in held.items()}
        facts, held = self.codes.to_arrays()
        arrays |= {f"codes.{name}": array for name, array in held.items()}
        return {
            "understudy_model": FORMAT_VERSION,
            "synthesizer": self.synthesizer,
            "settings": self.settings,
            "privacy": self.privacy,
            "rows": self.rows,
            "pairs": [asdict(pair) for pair in self.pairs],
            "format": self.format.to_json(),
            "columns": columns,
            "codes": {"kind": self.codes.kind, **facts},
            **({"derived": [asdict(step) for step in self.derived]} if self.derived else {}),
        }, arrays

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a model that `save` wrote.

        Raises
        ------
        ModelError
            The files are missing, damaged, foreign or written by a newer version.
        """
        place = Path(folder)
        facts, arrays = read_files(place)
        version = facts.get("understudy_model")
        if not isinstance(version, int):
            raise ModelError("this is not an Understudy model", folder=str(place))
        if version > FORMAT_VERSION:
            raise ModelError(
                "the model was written by a newer version",
                hint="upgrade understudy",
                version=version,
                newest_known=FORMAT_VERSION,
            )
        try:
            attributes = tuple(
                Attribute.from_json(told, _under(arrays, f"column_{index}."))
                for index, told in enumerate(facts["columns"])
            )
            codes = _codes(facts["codes"], _under(arrays, "codes."))
            return cls(
                attributes=attributes,
                codes=codes,
                rows=float(facts["rows"]),
                synthesizer=str(facts["synthesizer"]),
                settings=dict(facts["settings"]),
                pairs=tuple(_pair(told) for told in facts["pairs"]),
                privacy=dict(facts["privacy"]),
                format=FileFormat.from_json(facts["format"]),
                derived=tuple(Derivation(**told) for told in facts.get("derived", ())),
            )
        except (KeyError, TypeError, ValueError, IndexError) as damage:
            raise ModelError(
                "the model file is damaged", folder=str(place), part=type(damage).__name__
            ) from None


def read_files(folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Facts and arrays of a model folder, as stored."""
    try:
        facts = json.loads((folder / JSON_NAME).read_text("utf-8"))
        arrays = _arrays(folder)
    except FileNotFoundError as absent:
        raise ModelError(
            "no model here",
            hint=f"a model is a folder with {JSON_NAME} and {ARRAYS_NAME}",
            folder=str(folder),
        ) from absent
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as damage:
        raise ModelError("the model file is damaged", folder=str(folder)) from damage
    if not isinstance(facts, dict):
        raise ModelError("this is not an Understudy model", folder=str(folder))
    return facts, arrays


def _arrays(folder: Path) -> dict[str, np.ndarray]:
    """The arrays of a model folder, in the form of its version."""
    old = folder / OLD_ARRAYS_NAME
    if not old.exists():
        return from_bytes((folder / ARRAYS_NAME).read_bytes())
    if (folder / ARRAYS_NAME).exists():
        raise ValueError("arrays stand in two files")
    with np.load(old, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _under(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """The arrays of one part, by their names inside it."""
    return {name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)}


def _pair(told: Mapping[str, Any]) -> CountedPair:
    """A counted pair as stored."""
    columns = tuple(str(name) for name in told["columns"])
    levels = tuple(int(level) for level in told["levels"])
    if len(columns) != len(levels):
        raise ValueError
    departure = told.get("departure")
    return CountedPair(
        columns=columns,
        levels=levels,
        sigma=float(told["sigma"]),
        departure=None if departure is None else float(departure),
    )


def _codes(facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Codes:
    """The code generator a model file names."""
    from understudy.synthesize.conditioning.mixture import MixtureCodes
    from understudy.synthesize.marginal.codes import MarginalCodes
    from understudy.synthesize.marginal.network import NetworkCodes
    from understudy.synthesize.neural.codes import AutoregressiveCodes
    from understudy.synthesize.neural.latent import LatentCodes
    from understudy.synthesize.neural.layers_codes import LayersCodes
    from understudy.synthesize.tree.codes import TreeCodes

    kinds = (
        MarginalCodes, MixtureCodes, NetworkCodes, TreeCodes, AutoregressiveCodes, LayersCodes,
        LatentCodes,
    )  # fmt: skip
    known = {kind.kind: kind for kind in kinds}
    if facts["kind"] not in known:
        raise ModelError("the model has a generator this version does not know", kind=facts["kind"])
    made: Codes = known[facts["kind"]].from_arrays(facts, arrays)
    return made
