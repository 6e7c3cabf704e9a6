"""The two pages: self-contained, escaped, readable, honest in their words."""

from __future__ import annotations

import inspect
import itertools
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import understudy.report.public_view
from understudy.release.internal import InternalEvidence
from understudy.release.lint import lint_public
from understudy.release.public import Declared, Distribution, MeasuredColumn
from understudy.report import render_internal, render_public

if TYPE_CHECKING:
    from types import ModuleType

EVIL = "<script>alert('x')</script>\"&"
VOID = {"meta", "br", "hr", "img", "input", "path", "circle", "rect", "line", "link"}


@pytest.fixture(scope="module")
def pages(fabricated: ModuleType) -> dict[str, str]:
    public, internal = fabricated.public_evidence(), fabricated.internal_evidence()
    return {"public": render_public(public), "internal": render_internal(public, internal)}


class Reader(HTMLParser):
    """Collect elements, attributes and visible text, and check that elements nest."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()
        assert not self.stack, self.stack

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID or tag in {"path", "circle"}:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack, tag
        assert self.stack.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.stack:
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


@pytest.mark.parametrize("name", ["public", "internal"])
def test_elements_nest_and_anchors_lead_somewhere(pages: dict[str, str], name: str) -> None:
    reader = Reader(pages[name])
    found = [attrs["id"] for _, attrs in reader.elements if "id" in attrs]
    assert len(found) == len(set(found))
    for tag, attrs in reader.elements:
        if tag == "a":
            assert attrs["href"].removeprefix("#") in found


@pytest.mark.parametrize("name", ["public", "internal"])
def test_a_page_runs_nothing_and_asks_for_nothing(pages: dict[str, str], name: str) -> None:
    reader = Reader(pages[name])
    tags = {tag for tag, _ in reader.elements}
    assert not tags & {"script", "img", "link", "iframe", "object", "embed", "form", "base"}
    for _, attrs in reader.elements:
        assert not any(attribute.startswith("on") for attribute in attrs)
        assert "src" not in attrs
    assert "default-src 'none'" in pages[name]
    assert not re.search(r"https?://", pages[name])
    assert "@import" not in pages[name]
    assert "url(" not in pages[name]


def test_every_text_from_evidence_is_escaped(fabricated: ModuleType) -> None:
    """The same hostile label as title, purpose, column, label, edge, charge, value, rule, note."""
    public = fabricated.public_evidence()
    internal = fabricated.internal_evidence()

    def poison(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: poison(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [poison(item, key) for item in value]
        keep = {"part", "source", "action", "verdict", "better", "word", "created", "retest",
                "sha256", "when"}  # fmt: skip
        fact = key == "name" and value in _fact_names()
        return EVIL if isinstance(value, str) and key not in keep and not fact else value

    hostile = type(public).model_validate(poison(public.model_dump(mode="json")))
    worse = InternalEvidence.model_validate(poison(internal.model_dump(mode="json")))
    for page in (render_public(hostile), render_internal(hostile, worse)):
        assert "<script" not in page
        assert "alert('x')" not in page.replace("alert(&#39;x&#39;)", "")
        reader = Reader(page)
        assert "script" not in {tag for tag, _ in reader.elements}
        assert EVIL in " ".join(reader.text)


def _fact_names() -> tuple[str, ...]:
    from typing import get_args

    from understudy.release.public import FactName

    return get_args(FactName)


@pytest.mark.parametrize("epsilon", [0.1, 1.0, 8.0, math.inf])
def test_no_page_promises_too_much(fabricated: ModuleType, epsilon: float) -> None:
    public = fabricated.public_evidence(epsilon=epsilon)
    for page in (render_public(public), render_internal(public, fabricated.internal_evidence())):
        words = Reader(page).words.lower()
        for word in ("anonym", "gdpr", "compliant", "privacy score", "guarantees that"):
            assert word not in words, word
        assert not re.search(r"\bsafe(ly|ty)?\b", words)


def test_the_public_page_says_what_a_decision_needs(pages: dict[str, str]) -> None:
    words = Reader(pages["public"]).words
    for told in (
        "Residual risk", "Signature", "Unit of privacy", "Neighbours", "Trust model",
        "Randomness", "Declared public", "Known limits", "Uses that are not supported",
        "Verify this release", "recognises at most 2.7 % of the members",
        "Earlier releases", "not assessed", "Direct identifiers",
    ):  # fmt: skip
        assert told in words, told


def test_the_public_page_knows_nothing_internal(
    pages: dict[str, str], fabricated: ModuleType
) -> None:
    page = pages["public"]
    for figure in fabricated.internal_evidence().figures:
        assert figure.key not in page
        assert len(repr(figure.value)) < 8 or repr(figure.value) not in page
    for word in ("TSTR", "TRTR", "Handle as personal data", 'data-part="internal"'):
        assert word not in page
    source = inspect.getsource(understudy.report.public_view)
    assert "release.internal" not in source


def test_the_internal_page_is_marked_and_carries_the_three_anchors(pages: dict[str, str]) -> None:
    page = pages["internal"]
    words = Reader(page).words
    assert page.count("Handle as personal data") >= 2
    assert 'data-part="internal"' in page
    assert "independent columns 0.0882, this release 0.0519, real holdout 0.0271" in page
    assert "It can raise an alarm; it can never clear a release" in words
    assert "not detected, limit of detection 3.4 % copied rows" in words


def test_without_privacy_both_pages_say_so_first(fabricated: ModuleType) -> None:
    public = fabricated.public_evidence(epsilon=math.inf)
    for page in (render_public(public), render_internal(public, fabricated.internal_evidence())):
        words = Reader(page).words
        assert "ε = ∞: no differential privacy" in words
        assert words.index("∞") < 600
    assert "was paid for from the privacy budget" not in Reader(render_public(public)).words


def test_forty_two_columns_stay_below_400_kilobytes(fabricated: ModuleType) -> None:
    public = fabricated.public_evidence(columns=42)
    internal = fabricated.internal_evidence(columns=42)
    assert len(render_public(public).encode()) < 400_000
    assert len(render_internal(public, internal).encode()) < 400_000


def test_ten_thousand_labels_stay_readable(fabricated: ModuleType) -> None:
    many = MeasuredColumn(
        name="village", kind="category", charge="marginal of age",
        axis=Distribution(labels=tuple(f"village {place}" for place in range(10_000))),
        shares=(0.5, *[0.5 / 9_999] * 9_999),
    )  # fmt: skip
    page = render_public(fabricated.public_evidence(measured=(many,)))
    assert len(page.encode()) < 100_000
    assert "and 9,990 more" in page


@pytest.mark.parametrize(
    ("axis", "shares"),
    [
        ({"edges": (3.0, 3.0)}, (1.0,)),
        ({"edges": (0.0,)}, ()),
        ({"edges": (0.0, 1.0, 2.0)}, (0.0, 0.0)),
        ({"edges": (0.0, 1.0, 1e308)}, (-0.01, 1.2)),
        ({"edges": (-1e308, 1e308)}, (1.0,)),
        ({"edges": (0.0, 1.0, 1.0, 2.0)}, (0.3, 0.2, 0.5)),
        ({"labels": ()}, ()),
        ({"labels": ("", " ", "\n")}, (0.2, -0.1, 0.0)),
        ({"labels": ("x" * 5000,)}, (1.0,)),
        ({"edges": tuple(float(edge) for edge in range(2001))}, (1 / 2000,) * 2000),
    ],
)
def test_awkward_distributions_are_drawn(
    fabricated: ModuleType, axis: dict[str, Any], shares: tuple[float, ...]
) -> None:
    column = MeasuredColumn(
        name="x", kind="number", axis=Distribution(**axis), shares=shares, noise=0.01,
        charge="marginal of age",
    )  # fmt: skip
    page = render_public(fabricated.public_evidence(measured=(column,)))
    Reader(page)
    assert "nan" not in page.lower().replace("canonne", "")
    assert "inf" not in "".join(re.findall(r' d="([^"]*)"', page))


def test_bare_evidence_makes_both_pages(fabricated: ModuleType) -> None:
    public = fabricated.public_evidence()
    bare = type(public)(
        title="t", created=public.created, software=(), synthesizer=public.synthesizer,
        label=public.label.model_copy(update={
            "charges": (), "stages": (), "mechanisms": (), "cumulative": None, "delta_split": ()}),
        free=public.free, rows_generated=0,
    )  # fmt: skip
    Reader(render_public(bare))
    page = render_internal(bare, InternalEvidence(created=public.created))
    assert "Not run: it needs a holdout." in Reader(page).words


def test_a_long_declared_value_is_shortened(fabricated: ModuleType) -> None:
    long = Declared(path="columns.a.categories", value=tuple(f"label {n}" for n in range(5000)))
    page = render_public(fabricated.public_evidence(declared=(long,)))
    assert "label 4999" not in page
    assert "label 0, label 1" in page


@pytest.mark.parametrize("name", ["public", "internal"])
def test_every_drawing_has_a_name_and_every_table_a_head(pages: dict[str, str], name: str) -> None:
    reader = Reader(pages[name])
    drawings = [attrs for tag, attrs in reader.elements if tag == "svg"]
    assert drawings
    assert all(attrs.get("role") == "img" and attrs.get("aria-label") for attrs in drawings)
    tables = sum(tag == "table" for tag, _ in reader.elements)
    assert sum(tag == "thead" for tag, _ in reader.elements) == tables
    levels = [int(tag[1]) for tag, _ in reader.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def _palettes() -> dict[str, dict[str, str]]:
    style = (Path(understudy.report.__file__).parent / "templates" / "style.css").read_text()
    light, dark = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[:2]
    return {
        name: dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})", text))
        for name, text in (("light", light), ("dark", dark))
    }


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("ground", ["paper", "card"])
@pytest.mark.parametrize("text", ["ink", "quiet", "made", "warn"])
def test_text_has_the_contrast_of_wcag_aa(mode: str, ground: str, text: str) -> None:
    palette = _palettes()[mode]
    first, second = sorted((_luminance(palette[text]), _luminance(palette[ground])))
    assert (second + 0.05) / (first + 0.05) >= 4.5


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_synthetic_marks_stand_out_from_real_ones(mode: str) -> None:
    """Graphics need 3 to 1 against what they are read against."""
    palette = _palettes()[mode]
    first, second = sorted((_luminance(palette["made"]), _luminance(palette["real"])))
    assert (second + 0.05) / (first + 0.05) >= 3


def test_the_linter_accepts_the_page_in_a_release_folder(
    tmp_path: Path, fabricated: ModuleType, pages: dict[str, str]
) -> None:
    (tmp_path / "report.html").write_text(pages["public"], "utf-8")
    (tmp_path / "evidence.json").write_text(fabricated.public_evidence().to_json(), "utf-8")
    assert lint_public(tmp_path, fabricated.internal_evidence()) == ()
    (tmp_path / "report.html").write_text(pages["internal"], "utf-8")
    assert lint_public(tmp_path) != ()
