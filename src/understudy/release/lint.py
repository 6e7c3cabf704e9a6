"""The linter of the public part: what may be handed on, checked on the bytes that were written.

What may not happen here: a pass by default. A file, a field or an array that no rule allows is a
finding.
"""

from __future__ import annotations

import json
import math
import re
import zipfile
from dataclasses import dataclass
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.release.manifest import ENVELOPE, INTERNAL, STATEMENT, walk
from understudy.release.public import PublicEvidence
from understudy.release.wording import HANDLE_AS_PERSONAL
from understudy.synthesize.tensors import from_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from understudy.release.internal import InternalEvidence

EVIDENCE = "evidence.json"
REPORT = "report.html"
MODEL = "model"
SYNTHETIC = "synthetic"
_MODEL_SUFFIXES = frozenset({".json", ".npz", ".safetensors"})
_ASKING = frozenset({"script", "iframe", "object", "embed", "link", "base", "frame", "portal"})
_NAMING = re.compile(r"(?:xlink:)?href|src(?:set|doc)?|(?:form)?action|data|poster|ping|background")
_PAINTING = re.compile(r"style|fill|stroke|filter|mask|clip-path|cursor|marker.*")
_ELSEWHERE = re.compile(r"(?:^|,)\s*(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
_STYLE = re.compile(r"""@import|url\(\s*["']?(?!#|data:)""", re.IGNORECASE)
_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
_TELLING_DIGITS = 9
_SMALL_RATIO = 1000
_BY_CHANCE = 1e-12


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Something in the public part that may not be there: which file, and what."""

    path: str
    what: str


def lint_public(
    folder: Path | str, internal: InternalEvidence | None = None
) -> tuple[Finding, ...]:
    """List everything in the public part of a release that no rule allows.

    Parameters
    ----------
    folder
        A release, or one that is being written; `internal/` is not looked at.
    internal
        The internal evidence of the same run, when at hand: its keys and its exact values are
        looked for in the public evidence and report.

    Returns
    -------
    Findings, none when the public part may be handed on.
    """
    root = Path(folder)
    found: list[Finding] = []
    for name in walk(root, without=(INTERNAL, STATEMENT, ENVELOPE)):
        path = root / name
        if path.is_symlink() or not path.is_file():
            found.append(Finding(path=name, what="is a link or not a regular file"))
        elif name == EVIDENCE:
            found += _evidence(name, path.read_text("utf-8"))
        elif name == REPORT:
            named = (root / EVIDENCE).read_text("utf-8") if (root / EVIDENCE).is_file() else ""
            found += _report(name, path.read_text("utf-8"), named)
        elif name.startswith(f"{MODEL}/"):
            found += _model(name, path)
        elif not re.fullmatch(rf"{SYNTHETIC}(\.[A-Za-z0-9]+)+", name):
            found.append(Finding(path=name, what="is not one of the files a release has"))
    if internal is not None:
        found += _carried_over(root, internal)
    return tuple(found)


def _evidence(name: str, text: str) -> Iterator[Finding]:
    """The evidence is exactly of the public type, with no field twice."""
    repeated: list[str] = []

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        keys = [key for key, _ in pairs]
        repeated.extend(key for key in keys if keys.count(key) > 1)
        return dict(pairs)

    try:
        json.loads(text, object_pairs_hook=once)
        PublicEvidence.from_json(text)
    except ValueError as error:
        fields = _field_names(error)
        yield Finding(path=name, what=f"is not public evidence: {fields}")
    if repeated:
        yield Finding(path=name, what=f"has the field {repeated[0]!r} twice")


def _field_names(error: ValueError) -> str:
    """Where a validation failed, without the values it failed on."""
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return "it is not valid JSON"
    told = [
        ".".join(str(part) for part in one["loc"]) + f" ({one['type']})"
        for one in error.errors(include_input=False, include_url=False)
    ]
    return "; ".join(told[:5])


def _report(name: str, text: str, evidence: str) -> Iterator[Finding]:
    """The report carries no internal part, and asks nothing of the network.

    Only markup is judged: a label or a column may be called `@import` or `src=//`.
    """
    page = _Page()
    page.feed(text)
    page.close()
    if page.internal:
        yield Finding(path=name, what="carries an internal part")
    if HANDLE_AS_PERSONAL.lower() in text.lower() and HANDLE_AS_PERSONAL not in evidence:
        yield Finding(path=name, what=f"carries an internal part ({HANDLE_AS_PERSONAL})")
    if page.asking:
        yield Finding(path=name, what=f"is not self-contained ({page.asking[0]!r})")


class _Page(HTMLParser):
    """Reads markup as a browser does, and notes what asks the network or is marked internal."""

    def __init__(self) -> None:
        super().__init__()
        self.asking: list[str] = []
        self.internal = False
        self._styling = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag that loads something, an attribute that names another place, a style."""
        self._styling = tag == "style"
        if tag in _ASKING:
            self.asking.append(tag)
        for name, value in attrs:
            told = value or ""
            self.internal |= name == "data-part" and told.strip().lower() == "internal"
            if _NAMING.fullmatch(name) and _ELSEWHERE.search(told):
                self.asking.append(name)
            if _PAINTING.fullmatch(name) and _STYLE.search(told):
                self.asking.append(name)

    def handle_endtag(self, tag: str) -> None:
        """The end of a style."""
        self._styling = self._styling and tag != "style"

    def handle_data(self, data: str) -> None:
        """What a style says."""
        if self._styling and _STYLE.search(data):
            self.asking.append("style")


def _model(name: str, path: Path) -> Iterator[Finding]:
    """A model file is JSON, or arrays of numbers and text; never a pickle."""
    if path.suffix not in _MODEL_SUFFIXES:
        yield Finding(path=name, what="is neither .json, .safetensors nor .npz")
    elif path.suffix == ".json":
        try:
            json.loads(path.read_bytes())
        except ValueError:
            yield Finding(path=name, what="is not valid JSON")
    elif path.suffix == ".safetensors":
        try:
            from_bytes(path.read_bytes())
        except ValueError:
            yield Finding(path=name, what="is not a file of arrays and nothing else")
    else:
        yield from _arrays(name, path)


def _arrays(name: str, path: Path) -> Iterator[Finding]:
    """Each member is a .npy whose type is a plain number, boolean or text."""
    from numpy.lib import format as npy

    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                if not member.endswith(".npy") or "/" in member:
                    yield Finding(path=name, what=f"holds {member!r}, which is not an array")
                    continue
                with archive.open(member) as stream:
                    version = npy.read_magic(stream)
                    reader = (
                        npy.read_array_header_1_0
                        if version == (1, 0)
                        else npy.read_array_header_2_0
                    )
                    _, _, dtype = reader(stream)
                    if dtype.kind not in "biufU":
                        yield Finding(path=name, what=f"{member!r} has the type {dtype}")
    except (zipfile.BadZipFile, ValueError, EOFError):
        yield Finding(path=name, what="is not an archive of NumPy arrays")


def _carried_over(root: Path, internal: InternalEvidence) -> Iterator[Finding]:
    """Keys and exact values of internal figures that stand in the public evidence or report."""
    texts = {
        name: (root / name).read_text("utf-8")
        for name in (EVIDENCE, REPORT)
        if (root / name).is_file()
    }
    for key in sorted({figure.key for figure in internal.figures if not figure.key.isalpha()}):
        whole = re.compile(rf"(?<!\w){re.escape(key)}(?!\w)")
        if whole.search(texts.get(REPORT, "")) and not whole.search(texts.get(EVIDENCE, "")):
            yield Finding(path=REPORT, what=f"names the internal figure {key!r}")
    values = set(_telling_values(internal)) - _charged_by_chance(texts.get(EVIDENCE, ""), internal)
    for name, text in texts.items():
        for number in sorted(values & set(_NUMBER.findall(text))):
            yield Finding(
                path=name, what=f"holds the exact value of a figure ({len(number)} characters)"
            )


def _telling_values(internal: InternalEvidence) -> Iterator[str]:
    """Exact values with so many digits that they cannot stand elsewhere by chance.

    A ratio of small whole numbers can: a noisy share of a tiny table may equal it.
    """
    for number in _exact_values(internal):
        if number is None or not math.isfinite(number):
            continue
        near = Fraction(number).limit_denominator(_SMALL_RATIO)
        if len(repr(number)) > _TELLING_DIGITS and abs(float(near) - number) > _BY_CHANCE:
            yield repr(number)


def _charged_by_chance(evidence: str, internal: InternalEvidence) -> set[str]:
    """Charged shares that an internal figure equals because the real column is constant.

    Only the figure that compares the model's own shares with the real ones can: its distance from a
    column of one value is one of the model's shares.
    """
    try:
        columns = json.loads(evidence).get("measured", ()) if evidence else ()
    except (ValueError, AttributeError):
        return set()
    charged = {repr(share) for column in columns for share in column.get("shares") or ()}
    compared = {repr(f.value) for f in internal.figures if f.key == "expected_tvd"}
    return charged & compared


def _exact_values(internal: InternalEvidence) -> Iterator[float | None]:
    """Figures, answers to purposes, and their anchors."""
    for figure in internal.figures:
        yield from (figure.value, figure.anchors.holdout, figure.anchors.independent)
        yield from figure.interval or ()
    for purpose in internal.purposes:
        for one in purpose.criteria:
            yield from (one.value, one.holdout, one.independent)
        for line in purpose.lines:
            yield from (cell for cell in line.cells if isinstance(cell, float))
