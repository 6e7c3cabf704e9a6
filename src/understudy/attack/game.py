"""Setting up a game: who is a candidate, what the attacker gets, who counts as an outlier.

Members and controls come from one random split, which is checked as far as it can be: rows of the
holdout that are training rows too are counted against the twins the training table has by nature.
What may not happen here: a label among what the attacker gets, or an outlier chosen by looking at
the release.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from understudy.attack.distance import as_points, scales_of
from understudy.attack.neighbours import closest
from understudy.attack.protocol import (
    Generator,
    Group,
    Knowledge,
    Level,
    Mask,
    Records,
    Setting,
)
from understudy.errors import InputError
from understudy.evaluate.columns import Column, Tables, read_tables
from understudy.schema import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from understudy.synthesize.model import Model

CALIBRATION = 1.0 / 3.0
"""Share of candidates that choose thresholds; results rest on the others."""

REFERENCE_PART = 1.0 / 3.0
"""Share of the holdout that the attacker gets when there is no reference file."""

OUTLIERS = 0.1
"""Share of candidates that are called outliers."""

_NEIGHBOURS = 5
_TWINS_P = 1e-3
_SMALLEST_LEVEL = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Effort:
    """How much a level asks for.

    Parameters
    ----------
    candidates
        Most members, and most controls.
    reference, synthetic, train
        Most rows of each table.
    smallest
        Fewest controls (calibration and evaluated together).
    repeats
        Leaky releases per share, each of which must be caught.
    shares
        Shares of leaked rows, largest first.
    """

    candidates: int
    reference: int
    synthetic: int
    train: int
    smallest: int
    repeats: int
    shares: tuple[float, ...]


EFFORTS: Mapping[Level, Effort] = {
    "quick": Effort(
        candidates=3_000, reference=4_000, synthetic=50_000, train=200_000, smallest=150,
        repeats=1, shares=(1.0, 0.5, 0.2, 0.1, 0.05, 0.02),
    ),
    "release": Effort(
        candidates=20_000, reference=20_000, synthetic=200_000, train=1_000_000, smallest=3_000,
        repeats=2, shares=(1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005),
    ),
    "certify": Effort(
        candidates=200_000, reference=100_000, synthetic=1_000_000, train=2_000_000,
        smallest=6_000, repeats=10,
        shares=(1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001),
    ),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Game:
    """A setting, and what only the referee has.

    Parameters
    ----------
    setting
        What is played.
    train
        Training rows, for leaky releases that an attack must catch.
    rows
        Rows of each table before any sampling.
    left_out
        (column, reason) of columns that attacks do not look at.
    """

    setting: Setting
    train: Records = field(repr=False)
    rows: Mapping[str, int]
    left_out: tuple[tuple[str, str], ...] = ()

    @property
    def effort(self) -> Effort:
        """What its level asks for."""
        return EFFORTS[self.setting.level]


def make_game(
    train: pa.Table,
    holdout: pa.Table,
    synthetic: pa.Table,
    *,
    rng: np.random.Generator,
    reference: pa.Table | None = None,
    level: Level = "quick",
    known: Sequence[str] = (),
    secrets: Sequence[str] = (),
    subgroups: Sequence[str] = (),
    model: Model | None = None,
    generator: Generator | None = None,
    kinds: Mapping[str, str] | None = None,
    nulls: Mapping[str, Sequence[str]] | None = None,
) -> Game:
    """Read the tables and draw candidates.

    Parameters
    ----------
    train, holdout
        The two parts of a random split; the generator learned from the first alone.
    synthetic
        The release.
    rng
        Draws candidates and samples.
    reference
        Other real rows of the same population, for the attacker. Without them a third of the
        holdout is set apart for that.
    level
        How much is asked.
    known, secrets
        Columns the attacker knows of a target, and those to be inferred.
    subgroups
        Columns whose levels are minorities to look at apart.
    model, generator
        For attackers who have them.
    kinds, nulls
        Of columns, as in `evaluate`.

    Raises
    ------
    InputError
        The schemas differ, the holdout overlaps the training table, there are too few controls,
        or a known column is a secret.
    """
    effort = EFFORTS[level]
    _refuse_schemas(train, holdout, synthetic, reference)
    refuse_overlap(train, holdout, "holdout")
    if reference is not None:
        refuse_overlap(train, reference, "reference")
        refuse_overlap(holdout, reference, "reference", of="holdout")
    apart = 0
    if reference is None:
        apart = min(round(REFERENCE_PART * holdout.num_rows), effort.reference)
    _refuse_few(holdout.num_rows, holdout.num_rows - apart, effort, level, given=reference)
    real = holdout if reference is None else _together(holdout, reference)
    tables = read_tables(train, real, synthetic, kinds=kinds, nulls=nulls, rng=rng, row_cap=1 << 62)
    if not tables.columns:
        raise InputError("no column can be compared", hint="identifiers are not attacked")
    _refuse_columns(known, secrets, subgroups, tables)
    learned, held, made = _records(tables.columns)
    shuffled = rng.permutation(holdout.num_rows)
    if reference is None:
        theirs = held.at(shuffled[:apart])
    else:
        theirs = held.at(slice(holdout.num_rows, None))
    all_controls = held.at(shuffled[apart:])
    all_members = learned.at(rng.permutation(learned.rows))
    controls = all_controls.at(slice(effort.candidates))
    members = all_members.at(slice(effort.candidates))
    knowledge = Knowledge(
        columns=tables.columns,
        synthetic=_at_most(made, effort.synthetic, rng),
        reference=_at_most(theirs, effort.reference, rng),
        train_rows=train.num_rows,
        known=_positions(known, tables),
        secrets=_positions(secrets, tables),
        model=model,
        generator=generator,
    )
    setting = Setting(
        knowledge=knowledge,
        members=members,
        controls=controls,
        members_evaluated=_evaluated(members.rows, rng),
        controls_evaluated=_evaluated(controls.rows, rng),
        groups=(
            outliers_of(knowledge, members, controls),
            *_minorities(knowledge, members, controls, subgroups),
        ),
        level=level,
        all_members=all_members,
        all_controls=all_controls,
    )
    return Game(
        setting=setting,
        train=_at_most(learned, effort.train, rng),
        rows={
            "train": train.num_rows,
            "holdout": holdout.num_rows,
            "synthetic": synthetic.num_rows,
            "reference": 0 if reference is None else reference.num_rows,
        },
        left_out=tables.left_out,
    )


def refuse_overlap(table: pa.Table, other: pa.Table, name: str, *, of: str = "training") -> None:
    """Refuse a part that shares more rows with another than twins explain.

    In a random split a row of one part has a twin in the other about as often as a row of the
    other has a twin in its own part. Matches beyond that (one-sided Fisher test, 0.001) are
    rows that are in both.

    Raises
    ------
    InputError
        With how many rows are in both.
    """
    found = overlap(table, other)
    if found is not None:
        matches, expected = found
        raise InputError(
            f"{matches:,} rows of the {name} table are rows of the {of} table too "
            f"(twins would explain about {expected:,})",
            hint="split the rows at random into parts that share none, before fitting",
        )


def overlap(table: pa.Table, other: pa.Table) -> tuple[int, int] | None:
    """How many rows of the other are in the table, and how many of them twins would explain.

    None where twins explain them all (the test of `refuse_overlap`) or no column is shared.

    >>> import pyarrow as pa
    >>> whole = pa.table({"a": range(100)})
    >>> overlap(whole, whole.slice(60)), overlap(whole.slice(0, 60), whole.slice(60))
    ((40, 0), None)
    """
    from scipy.stats import fisher_exact

    shared = [column for column in table.column_names if column in other.column_names]
    if not shared:
        return None
    ours, theirs = _fingerprints(table, other, shared)
    _, places, counts = np.unique(ours, return_inverse=True, return_counts=True)
    twins = int((counts[places] > 1).sum())
    matches = int(np.isin(theirs, ours).sum())
    p_value = fisher_exact(
        [[matches, len(theirs) - matches], [twins, len(ours) - twins]], alternative="greater"
    )[1]
    if not matches or p_value >= _TWINS_P:
        return None
    return matches, round(twins / len(ours) * len(theirs))


def outliers_of(knowledge: Knowledge, members: Records, controls: Records) -> Group:
    """The tenth of all candidates that lie farthest from the reference: mean distance to five.

    The release is not looked at. Without a reference, distances are to the other controls.
    """
    reference = knowledge.reference
    table = controls if reference is None else reference
    scales = scales_of(knowledge.columns, table.arrays)
    points = as_points(table.arrays, scales)
    both = members.joined(controls)
    skipped = 1 if reference is None else 0
    distances, _ = closest(as_points(both.arrays, scales), points, nearest=_NEIGHBOURS + skipped)
    mean = distances[:, skipped:].mean(axis=1) if points.rows > skipped else distances.mean(axis=1)
    far = mean >= np.quantile(mean, 1.0 - OUTLIERS)
    return Group(
        name="outliers",
        definition=(
            f"the {OUTLIERS:.0%} of candidates with the largest mean distance to their "
            f"{_NEIGHBOURS} nearest reference rows".replace("%", " %")
        ),
        members=far[: members.rows],
        controls=far[members.rows :],
    )


def _minorities(
    knowledge: Knowledge, members: Records, controls: Records, columns: Sequence[str]
) -> list[Group]:
    """The rarest levels of declared columns that have rows enough to say something."""
    groups = []
    for at, column in enumerate(knowledge.columns):
        if column.name not in columns:
            continue
        ours, theirs = members.arrays[at], controls.arrays[at]
        counts = np.bincount(theirs[theirs >= 0], minlength=len(column.levels))
        kept = [code for code in np.argsort(counts) if counts[code] >= _SMALLEST_LEVEL][:8]
        groups += [
            Group(
                name=f"{column.name} = {column.levels[code]}",
                definition=f"a level of the declared column {column.name}",
                members=ours == code,
                controls=theirs == code,
            )
            for code in kept
        ]
    return groups


def _records(columns: Sequence[Column]) -> tuple[Records, Records, Records]:
    """The three tables as records."""
    held = [column.holdout for column in columns if column.holdout is not None]
    return (
        Records(arrays=tuple(column.train for column in columns)),
        Records(arrays=tuple(held)),
        Records(arrays=tuple(column.synthetic for column in columns)),
    )


def _at_most(records: Records, most: int, rng: np.random.Generator) -> Records:
    """A random part of the records when there are too many."""
    if records.rows <= most:
        return records
    return records.at(np.sort(rng.choice(records.rows, most, replace=False)))


def _evaluated(rows: int, rng: np.random.Generator) -> Mask:
    """A random mask of the rows that results rest on."""
    mask = np.ones(rows, dtype=bool)
    mask[rng.permutation(rows)[: round(CALIBRATION * rows)]] = False
    return mask


def _positions(names: Sequence[str], tables: Tables) -> tuple[int, ...]:
    """Where columns stand among those that can be attacked."""
    there = [column.name for column in tables.columns]
    return tuple(there.index(name) for name in names)


def _fingerprints(
    table: pa.Table, other: pa.Table, columns: Sequence[str]
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """A 64-bit fingerprint of every row's spelled cells, alike for alike rows of both tables."""
    import pyarrow as pa

    mixed = np.zeros(table.num_rows + other.num_rows, dtype=np.uint64)
    for name in columns:
        chunks = [chunk for part in (table, other) for chunk in _texts(part.column(name)).chunks]
        both = pa.chunked_array(chunks, pa.string()).combine_chunks()
        if isinstance(both, pa.ChunkedArray):
            both = pa.concat_arrays(both.chunks)
        codes = both.dictionary_encode(null_encoding="encode").indices
        places = codes.to_numpy(zero_copy_only=False).astype(np.uint64)
        mixed = mixed * np.uint64(0x9E3779B97F4A7C15) + places + np.uint64(7)
        mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return mixed[: table.num_rows], mixed[table.num_rows :]


def _texts(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Cells as text."""
    import pyarrow as pa

    if pa.types.is_dictionary(cells.type):
        cells = cells.cast(cells.type.value_type)
    return cells.cast(pa.string())


def _together(holdout: pa.Table, reference: pa.Table) -> pa.Table:
    """Both tables, one after the other, on the holdout's columns."""
    import pyarrow as pa

    try:
        return pa.concat_tables(
            [holdout, reference.select(holdout.column_names)], promote_options="permissive"
        )
    except pa.ArrowException:
        raise InputError(
            "the reference and the holdout have columns of different types",
            hint="give both in the same format",
        ) from None


def _refuse_schemas(
    train: pa.Table, holdout: pa.Table, synthetic: pa.Table, reference: pa.Table | None
) -> None:
    """Refuse real parts whose columns differ, and a release with columns nobody has."""
    for name, table in (("holdout", holdout), ("reference", reference), ("synthetic", synthetic)):
        if table is None:
            continue
        if not table.num_rows:
            raise InputError(f"the {name} table has no rows")
        strange = sorted(set(table.column_names) - set(train.column_names))
        lacking = sorted(set(train.column_names) - set(table.column_names))
        if strange or (lacking and name != "synthetic"):
            told = [f"lacks {_listed(lacking)}"] if lacking and name != "synthetic" else []
            told += [f"has {_listed(strange)} besides"] if strange else []
            raise InputError(
                f"the {name} table does not have the columns of the training table: it "
                + " and ".join(told),
                hint="the parts of one split have the same header line",
            )


def _listed(names: Sequence[str]) -> str:
    """Some names for a message."""
    shown = ", ".join(repr(name) for name in names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown


def _refuse_few(
    rows: int, controls: int, effort: Effort, level: Level, *, given: pa.Table | None
) -> None:
    """Refuse a holdout that is too small for the level, with the number that is needed."""
    if controls >= effort.smallest:
        return
    needed = effort.smallest
    if given is None:
        needed = int(np.ceil(effort.smallest / (1.0 - REFERENCE_PART)))
    hint = "give a larger holdout" + (", or a reference" if given is None else "")
    if level != "quick":
        hint += ", or ask for --level quick"
    raise InputError(
        f"level {level} needs a holdout of {needed:,} rows, and there are {rows:,}", hint=hint
    )


def _refuse_columns(
    known: Sequence[str], secrets: Sequence[str], subgroups: Sequence[str], tables: Tables
) -> None:
    """Refuse names that nobody has, and a secret that the attacker knows already."""
    there = [column.name for column in tables.columns]
    left = dict(tables.left_out)
    for what, names in (("known", known), ("secret", secrets), ("subgroup", subgroups)):
        for name in names:
            if name in left:
                raise InputError(f"the {what} column {name!r} is not compared: {left[name]}")
            if name not in there:
                raise InputError(
                    f"there is no column {name!r} for the {what} columns",
                    hint=did_you_mean(name, there),
                )
    both = [name for name in known if name in secrets]
    if both:
        raise InputError(
            f"a column cannot be known and secret: {_listed(both)}",
            hint="name each once, as --known or as --secret",
        )
    for name in subgroups:
        if not tables.columns[there.index(name)].is_category:
            raise InputError(
                f"the subgroup column {name!r} has numbers", hint="give a column of labels"
            )
