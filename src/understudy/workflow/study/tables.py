"""The real rows of a study: data sets by name or path, and the splits every cell uses.

A split depends on the data set's name, the seed and the fold alone, so that every generator,
budget and worker has the same rows. What may not happen here: a row that leaves, but as a part of
a split.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from understudy.errors import InputError
from understudy.evaluate.task.folds import cut
from understudy.release.study import StudiedTable
from understudy.schema import Schema, check_against, did_you_mean, load_schema
from understudy.source import SensitiveTable, from_frame, read_table
from understudy.workflow.study.plan import DataSet

_CLASSES, _MOSTLY = 30, 0.9
_WORK = ("student", "semi-skilled", "white-collar", "skilled", "managerial", "professional")


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Rows to learn from, rows held out, and what is declared about both."""

    train: SensitiveTable = field(repr=False)
    holdout: SensitiveTable = field(repr=False)
    schema: Schema
    name: str

    @property
    def parts(self) -> tuple[pa.Table, pa.Table]:
        """Rows of both parts."""
        return self.train.rows, self.holdout.rows


def missing_file(data: DataSet, folder: Path) -> str | None:
    """Why a data set cannot be read, or None."""
    if data.path is None:
        return None
    place = place_of(data.path, folder)
    if place.exists():
        return None
    return f"there is no file {place}" + (f"; {data.where}" if data.where else "")


def place_of(path: str, folder: Path) -> Path:
    """A path of a study file; relative ones begin in a folder."""
    return folder / Path(path).expanduser()


def load_rows(data: DataSet, *, files: Path, beside: Path) -> tuple[SensitiveTable, Schema]:
    """A data set's rows and what is declared about them.

    Parameters
    ----------
    data
        Which.
    files
        Folder of data that relative paths begin in.
    beside
        Folder of the study file, where schemas lie.

    Raises
    ------
    InputError
        A file, a column or the library with the sample is missing.
    """
    return _loaded(data, files, beside)


@cache
def _loaded(data: DataSet, files: Path, beside: Path) -> tuple[SensitiveTable, Schema]:
    """Rows and schema, read once in a process."""
    if data.sample is not None:
        table = from_frame(_SAMPLES[data.sample](), name=data.name)
    else:
        assert data.path is not None
        table = read_table(place_of(data.path, files))
    declared = load_schema(place_of(data.declared, beside)) if data.declared else Schema()
    for name in (*data.drop, *([data.target] if data.target else [])):
        if name not in table.column_names:
            raise InputError(
                f"the data set {data.name!r} has no column {name!r}",
                hint=did_you_mean(name, table.column_names),
            )
    if data.drop:
        table = from_part(table, table.rows.drop_columns(list(data.drop)))
    check_against(declared, table.headers)
    if data.rows is not None and table.rows.num_rows > data.rows:
        chosen = _generator(data.name, "rows").permutation(table.rows.num_rows)[: data.rows]
        table = table.with_rows(table.rows.take(pa.array(np.sort(chosen))))
    return table, declared


def described(data: DataSet, *, holdout: float, files: Path, beside: Path) -> StudiedTable:
    """What a data set is like; parameters as of `split_of`."""
    table, _ = load_rows(data, files=files, beside=beside)
    count = table.rows.num_rows
    classes = None
    if data.target is not None:
        labels = pc.count_distinct(table.rows.column(data.target)).as_py()
        number = _is_number(table.rows.column(data.target))
        classes = 0 if number and labels > _CLASSES else labels
    return StudiedTable(
        name=data.name,
        rows=max(count - round(holdout * count), 1),
        columns=len(table.headers),
        numbers=sum(_is_number(column) for column in table.rows.columns),
        classes=classes,
    )


def _is_number(column: pa.ChunkedArray) -> bool:
    """Whether a column holds numbers or dates; text does when nearly all of it reads so."""
    kind = column.type
    if pa.types.is_dictionary(kind) or pa.types.is_boolean(kind):
        return False
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return True
    told = pc.sum(pc.match_substring_regex(column, r"^\s*[-+]?[0-9]+([.,][0-9]*)?\s*$")).as_py()
    return bool((told or 0) > _MOSTLY * len(column))


def from_part(table: SensitiveTable, rows: pa.Table) -> SensitiveTable:
    """A table of some of the columns, with their headers."""
    from dataclasses import replace

    kept = tuple(header for header in table.headers if header.name in rows.column_names)
    return replace(table.with_rows(rows), headers=kept)


def split_of(
    data: DataSet, *, seed: int, fold: int, folds: int, holdout: float, files: Path, beside: Path
) -> Split:
    """The rows of one split.

    Parameters
    ----------
    data
        Which data set.
    seed, fold
        Fold 0 is the baseline, a random part held out; other folds are of cross-validation,
        balanced over the target's labels, and the seed is of their cut.
    folds, holdout
        Of the study.
    files, beside
        As in `load_rows`.
    """
    table, declared = load_rows(data, files=files, beside=beside)
    count = table.rows.num_rows
    if not fold:
        order = _generator(data.name, f"split {seed}").permutation(count)
        held = np.zeros(count, dtype=bool)
        held[order[: max(1, round(holdout * count))]] = True
    else:
        labels = None
        if data.target is not None:
            encoded = table.rows.column(data.target).combine_chunks().dictionary_encode()
            codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
            labels = codes if len(encoded.dictionary) <= count // (10 * folds) else None
        held = cut(count, folds, _generator(data.name, f"folds {seed}"), labels=labels) == fold - 1
    mask = pa.array(held)
    return Split(
        train=table.with_rows(table.rows.filter(pa.array(~held))),
        holdout=table.with_rows(table.rows.filter(mask)),
        schema=declared,
        name=data.name,
    )


def _generator(name: str, what: str) -> np.random.Generator:
    """A generator that depends on the data set and the purpose alone."""
    return np.random.default_rng([zlib.crc32(name.encode()), zlib.crc32(what.encode())])


def _library(name: str) -> Any:
    """A data set's module of statsmodels."""
    from importlib import import_module

    try:
        return import_module(f"statsmodels.datasets.{name}")
    except ImportError:
        raise InputError(
            "this data set is shipped by statsmodels, which is not installed",
            hint="pip install 'understudy[demo]'",
        ) from None


def _fair() -> pa.Table:
    """Fair's survey of marriages: 6,366 women, 1974; the demo's table."""
    told = _library("fair").load_pandas().data
    return pa.table(
        {
            "marriage_rating": told["rate_marriage"].astype("int64"),
            "age": told["age"],
            "years_married": told["yrs_married"],
            "children": told["children"],
            "religious": told["religious"].astype("int64"),
            "years_of_education": told["educ"].astype("int64"),
            "occupation": [_WORK[int(job) - 1] for job in told["occupation"]],
            "husband_occupation": [_WORK[int(job) - 1] for job in told["occupation_husb"]],
            "affair": ["yes" if affairs > 0 else "no" for affairs in told["affairs"]],
        }
    )


def _rand_hie() -> pa.Table:
    """RAND's health insurance experiment: 20,190 person-years, 1974 to 1982.

    The file names no person, so a row, one year of one person, is what fits protect. The target
    is whether there was any visit to a doctor; their number is left out.
    """
    told = _library("randhie").load_pandas().data
    whole = {name: told[name].astype("int64") for name in ("idp", "hlthg", "hlthf", "hlthp")}
    health = [
        "good" if g else "fair" if f else "poor" if p else "excellent"
        for g, f, p in zip(whole["hlthg"], whole["hlthf"], whole["hlthp"], strict=True)
    ]
    return pa.table(
        {
            "log_coinsurance": told["lncoins"].round(3),
            "individual_deductible": ["yes" if one else "no" for one in whole["idp"]],
            "log_participation_incentive": told["lpi"].round(3),
            "log_maximum_expenditure": told["fmde"].round(3),
            "physical_limitation": told["physlm"].round(3),
            "chronic_diseases": told["disea"].round(3),
            "health": health,
            "visited": ["yes" if visits > 0 else "no" for visits in told["mdvis"]],
        }
    )


def _breast_cancer() -> pa.Table:
    """Wisconsin's diagnostic breast cancer data: 569 tumours, 30 measurements."""
    from sklearn.datasets import load_breast_cancer

    found = load_breast_cancer()
    columns: dict[str, Any] = {
        str(name).replace(" ", "_"): found.data[:, place]
        for place, name in enumerate(found.feature_names)
    }
    labels = [str(found.target_names[code]) for code in found.target]
    return pa.table({**columns, "diagnosis": labels})


_SAMPLES: Mapping[str, Callable[[], pa.Table]] = {
    "fair": _fair,
    "rand-hie": _rand_hie,
    "breast-cancer": _breast_cancer,
}
