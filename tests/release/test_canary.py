"""The canary scan sees a value through every packing a release may have."""

from __future__ import annotations

import base64
import gzip
import html
import json
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from understudy.release import find_values
from understudy.synthesize.tensors import to_bytes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NEEDLE = "Ångström <Q&A> canary"
NUMBER = 71829.4415


def _zstd(path: Path) -> None:
    with pa.OSFile(str(path), "wb") as raw, pa.CompressedOutputStream(raw, "zstd") as stream:
        stream.write(NEEDLE.encode())


HIDDEN = {
    "plain": lambda path: path.write_text(f"a,{NEEDLE},b", "utf-8"),
    "utf-16": lambda path: path.write_text(NEEDLE, "utf-16"),
    "gzip": lambda path: path.write_bytes(gzip.compress(NEEDLE.encode())),
    "gzip twice": lambda path: path.write_bytes(gzip.compress(gzip.compress(NEEDLE.encode()))),
    "zstd": _zstd,
    "json escapes": lambda path: path.write_text(json.dumps({"a": [{NEEDLE: 1}]})),
    "html escapes": lambda path: path.write_text(f"<p>{html.escape(NEEDLE)}</p>", "utf-8"),
    "parquet": lambda path: pq.write_table(pa.table({"a": [NEEDLE, "x"]}), path),
    "array of text": lambda path: np.savez_compressed(path.open("wb"), a=np.array([NEEDLE])),
    "json in base64 in json": lambda path: path.write_text(
        json.dumps(
            {"p": base64.b64encode(json.dumps({"a": NEEDLE, "b": "x" * 40}).encode()).decode()}
        )
    ),
}


@pytest.mark.parametrize("how", HIDDEN)
def test_a_text_is_seen(tmp_path: Path, how: str) -> None:
    (tmp_path / "deep").mkdir()
    HIDDEN[how](tmp_path / "deep" / "file")
    (tmp_path / "other.txt").write_text("nothing")
    (seen,) = find_values(tmp_path, [NEEDLE, "absent"])
    assert (seen.path, seen.needle) == ("deep/file", NEEDLE)


@pytest.mark.parametrize(
    "store",
    [
        lambda path: np.savez_compressed(path.open("wb"), a=np.array([1.0, NUMBER])),
        lambda path: path.write_text(f"age\n{NUMBER}\n"),
        lambda path: path.write_text(json.dumps({"edges": [0, NUMBER]})),
        lambda path: pq.write_table(pa.table({"a": [NUMBER]}), path),
    ],
)
def test_a_number_is_seen(tmp_path: Path, store: Callable[[Path], object]) -> None:
    store(tmp_path / "file")
    assert [seen.needle for seen in find_values(tmp_path, [NUMBER, 99])] == [NUMBER]


@pytest.mark.parametrize("text", ["718290", "1.71829", "0.71829", "-71829.5", "71829.25"])
def test_a_number_inside_another_is_not_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "file").write_text(text)
    assert find_values(tmp_path, [71829]) == ()


def test_a_number_before_a_full_stop_is_seen(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("It was 71829. Then")
    assert len(find_values(tmp_path, [71829])) == 1


def test_whole_floats_in_an_array_are_seen_as_whole_numbers(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.array([71829.0]))
    (tmp_path / "a.safetensors").write_bytes(to_bytes({"x": np.array([71829.0])}))
    assert len(find_values(tmp_path, [71829])) == 2
    assert len(find_values(tmp_path, [71829.0])) == 2


def test_a_release_does_not_hold_what_it_was_not_given(
    tmp_path: Path, write: Callable[..., Path]
) -> None:
    folder = write(tmp_path / "out")
    assert find_values(folder, [NEEDLE, NUMBER]) == ()
    assert {seen.path for seen in find_values(folder, ["north quay"])} >= {
        "synthetic.csv", "evidence.json", "report.html",
    }  # fmt: skip
