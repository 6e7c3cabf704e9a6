"""The linter of the public part finds what may not be handed on (trap 28, trap 29)."""

from __future__ import annotations

import html
import json
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from understudy.errors import InternalError
from understudy.release import lint_public, stage
from understudy.report import render_internal, render_public

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

    from understudy.release.internal import InternalEvidence


def _found(folder: Path, internal: InternalEvidence | None = None) -> dict[str, str]:
    return {finding.path: finding.what for finding in lint_public(folder, internal)}


def test_a_release_as_written_is_clean(release: Path, fabricated: ModuleType) -> None:
    assert _found(release, fabricated.internal_evidence()) == {}


@pytest.mark.parametrize(
    "inject",
    [
        lambda body: body.update(tstr_auc=0.83),
        lambda body: body["label"].update(tvd_1way=0.0112),
        lambda body: body["measured"][0].update(real=[0.5]),
        lambda body: body["learned"][0]["facts"][0].update(name="shape score"),
        lambda body: body.update(part="internal"),
        lambda body: body["measured"][0].update(charge="free of charge"),
        lambda body: body["rows_generated"].__class__ and body.update(rows_generated="many"),
    ],
)
def test_a_field_that_is_not_allowed_is_found_in_the_evidence(
    release: Path, inject: Callable[[dict[str, Any]], object]
) -> None:
    path = release / "evidence.json"
    body = json.loads(path.read_text())
    inject(body)
    path.write_text(json.dumps(body))
    assert "is not public evidence" in _found(release)["evidence.json"]


def test_findings_do_not_repeat_the_values_they_are_about(release: Path) -> None:
    path = release / "evidence.json"
    body = json.loads(path.read_text())
    body["tstr_auc"] = 0.8312457
    path.write_text(json.dumps(body))
    assert "0.8312457" not in _found(release)["evidence.json"]
    assert "tstr_auc" in _found(release)["evidence.json"]


def test_a_field_that_stands_twice_is_found(release: Path) -> None:
    path = release / "evidence.json"
    text = path.read_text()
    path.write_text(text.replace('{\n "schema_version": 1,', '{"title": "x", "schema_version": 1,'))
    assert "twice" in _found(release)["evidence.json"]


def test_internal_evidence_in_the_public_place_is_found(
    release: Path, fabricated: ModuleType
) -> None:
    internal = fabricated.internal_evidence()
    (release / "evidence.json").write_text(internal.to_json())
    (release / "report.html").write_text(render_internal(fabricated.public_evidence(), internal))
    assert set(_found(release)) == {"evidence.json", "report.html"}


def test_the_key_of_an_internal_figure_in_the_report_is_found(
    release: Path, fabricated: ModuleType
) -> None:
    path = release / "report.html"
    path.write_text(path.read_text().replace("</main>", "<p>tstr_auc: good</p></main>"))
    assert "tstr_auc" in _found(release, fabricated.internal_evidence())["report.html"]


@pytest.mark.parametrize("name", ["evidence.json", "report.html"])
def test_the_exact_value_of_an_internal_figure_is_found_but_not_repeated(
    release: Path, fabricated: ModuleType, name: str
) -> None:
    path = release / name
    path.write_text(path.read_text().replace("Teaching material", "TVD is 0.011204817356 here"))
    what = _found(release, fabricated.internal_evidence())[name]
    assert "exact value" in what
    assert "0.0112" not in what


def test_a_small_ratio_may_stand_in_both(release: Path, fabricated: ModuleType) -> None:
    """A noisy share of a tiny table can equal a figure by chance."""
    internal = fabricated.internal_evidence()
    third = internal.figures[0].model_copy(update={"value": 1 / 3})
    internal = internal.model_copy(update={"figures": (third,)})
    path = release / "evidence.json"
    path.write_text(path.read_text().replace("Teaching material", f"share {1 / 3!r}"))
    assert _found(release, internal) == {}


def test_a_charged_share_may_be_the_distance_of_a_constant_column(
    release: Path, fabricated: ModuleType
) -> None:
    """Only the figure that compares the model's shares may equal one, and only among the shares."""
    share = 0.5671762175082164
    path = release / "evidence.json"
    told = json.loads(path.read_text())
    told["measured"][0]["shares"] = [share, *told["measured"][0]["shares"][1:]]
    path.write_text(json.dumps(told))
    internal = fabricated.internal_evidence()

    def with_figure(key: str) -> InternalEvidence:
        figure = internal.figures[0].model_copy(update={"key": key, "value": share})
        return internal.model_copy(update={"figures": (figure,)})

    assert "exact value" not in _found(release, with_figure("expected_tvd")).get(path.name, "")
    assert "exact value" in _found(release, with_figure("tvd_2way"))[path.name]
    told["title"] = f"TVD {share!r}"
    told["measured"][0]["shares"][0] = 0.5
    path.write_text(json.dumps(told))
    assert "exact value" in _found(release, with_figure("expected_tvd"))[path.name]


@pytest.mark.parametrize(
    "piece",
    [
        '<script src="x.js"></script>',
        "<script>1</script>",
        '<img src="https://example.org/a.png">',
        "<img src=//example.org/a.png>",
        '<link rel="stylesheet" href="a.css">',
        "<style>@import 'a.css';</style>",
        "<style>p{background:url(https://example.org/a)}</style>",
        '<iframe srcdoc="x"></iframe>',
        '<svg><rect fill="url(https://example.org/a)"/></svg>',
        '<p style="background: URL( //example.org/a)">x</p>',
        "<IMG SRCSET='a.png 1x, https://example.org/a.png 2x'>",
    ],
)
def test_a_page_that_would_ask_the_network_is_found(release: Path, piece: str) -> None:
    path = release / "report.html"
    path.write_text(path.read_text().replace("</main>", f"{piece}</main>"))
    assert "self-contained" in _found(release)["report.html"]


@pytest.mark.parametrize(
    "label",
    ["@import", "url(x)", "src=//a", "href=https://example.org", "<script>", "action=//"],
)
def test_a_label_that_reads_like_markup_is_only_a_label(release: Path, label: str) -> None:
    """It once ended the run after the budget was spent."""
    path = release / "report.html"
    told = html.escape(label)
    path.write_text(path.read_text().replace("</main>", f'<p title="{told}">{told}</p></main>'))
    assert _found(release) == {}


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("model/rows.pkl", b"\x80\x04."),
        ("model/rows.npy", b"\x93NUMPY"),
        ("model/notes.txt", b"notes"),
        ("model/broken.json", b"{"),
        ("model/broken.npz", b"PK\x03\x04"),
        ("model/broken.safetensors", b"\x02\0\0\0\0\0\0\0{}rows"),
        ("rows.csv", b"a\n1\n"),
        ("synthetic", b"a\n1\n"),
        ("synthetic.csv/rows", b"a\n1\n"),
        ("core", b""),
    ],
)
def test_a_file_that_is_not_allowed_is_found(release: Path, name: str, raw: bytes) -> None:
    if name.startswith("synthetic.csv/"):
        (release / "synthetic.csv").unlink()
    (release / name).parent.mkdir(exist_ok=True)
    (release / name).write_bytes(raw)
    assert name in _found(release)


def test_a_pickle_inside_an_archive_of_arrays_is_found(release: Path) -> None:
    np.savez(release / "model" / "arrays.npz", rows=np.array([{"a": 1}], dtype=object))
    assert "object" in _found(release)["model/arrays.npz"]
    with zipfile.ZipFile(release / "model" / "arrays.npz", "w") as archive:
        archive.writestr("payload.pkl", b"\x80\x04.")
    assert "not an array" in _found(release)["model/arrays.npz"]


def test_links_are_found(release: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text("{}")
    (release / "model" / "rows.json").symlink_to(tmp_path / "rows.json")
    assert "link" in _found(release)["model/rows.json"]


def test_a_draft_with_a_finding_is_not_sealed(tmp_path: Path, fabricated: ModuleType) -> None:
    public, internal = fabricated.public_evidence(), fabricated.internal_evidence()
    with pytest.raises(InternalError, match="may not be released"), stage(tmp_path / "x") as draft:  # noqa: PT012 - the story is the test
        draft.synthetic(".csv").write_text("a\n1\n")
        draft.write_public(public, render_internal(public, internal))
        draft.write_internal(internal, render_internal(public, internal))
        draft.seal()
    with pytest.raises(InternalError, match="may not be released"), stage(tmp_path / "x") as draft:  # noqa: PT012 - the story is the test
        draft.synthetic(".csv").write_text("a\n1\n")
        (draft.model / "rows.pkl").write_bytes(b"")
        draft.write_public(public, render_public(public))
        draft.seal()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".csv", "tsv", ".csv.gz", ".parquet", ".csv.zst"])
def test_every_format_of_the_table_is_allowed(
    tmp_path: Path, fabricated: ModuleType, suffix: str
) -> None:
    public = fabricated.public_evidence()
    with stage(tmp_path / "x") as draft:
        draft.synthetic(suffix).write_text("a\n1\n")
        draft.write_public(public, render_public(public))
        draft.seal()
    assert lint_public(tmp_path / "x") == ()
