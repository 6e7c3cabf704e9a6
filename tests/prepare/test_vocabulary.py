"""Public vocabularies: when a list is recognised, how it is spelled, and what it may not use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from understudy.curator import LabelCells, MemoryCurator
from understudy.curator.protocol import add_noise
from understudy.curator.questions import Discover
from understudy.prepare.learn import learn
from understudy.prepare.vocabulary import MOST, VOCABULARIES, companions, company
from understudy.privacy import Budget
from understudy.schema import Schema
from understudy.source import from_frame


def named(found: list[str | None], column: str) -> str | None:
    joined = company(found, column)
    return None if joined is None else joined.name


@pytest.mark.parametrize(
    ("found", "column", "name"),
    [
        (["United-States", "Mexico"], "v14", "countries"),
        (["united_states"], "birthCountry", "countries"),
        (["Deutschland", "Frankreich"], "herkunft", "countries (German)"),
        (["CA", "TX", "NY"], "x", "US state codes"),
        (["CA", "DE"], "country", "ISO 3166 alpha-2 codes"),
        (["USA", "POL"], "x", "ISO 3166 alpha-3 codes"),
        (["Ohio"], "state", "US states"),
        (["Georgia"], "country", "countries"),
        (["MALOPOLSKIE", "ŚLĄSKIE"], "w", "Polish voivodeships"),
        (["Bayern", "Thüringen"], "land", "German states"),
        (["jan", "aug"], "when", "months, short"),
        (["Monday", "Sunday"], "d", "weekdays"),
        (["M"], "sex", "sexes, by letter"),
        (["YES", "NO"], "smoker", "yes and no"),
        (["A+", "O-"], "group", "blood groups"),
        (["B", "C", "A"], "final_grade", "letter grades"),
        (["EUR", "PLN"], "x", "ISO 4217 currency codes"),
    ],
)
def test_a_list_is_recognised(found: list[str | None], column: str, name: str) -> None:
    assert named(found, column) == name


@pytest.mark.parametrize(
    ("found", "column"),
    [
        ([], "country"),
        ([None, "?", " "], "country"),
        (["Mexico"], "v14"),
        (["Mexico", "Poland", "x", "y", "z"], "country"),
        (["e", "p"], "class"),
        (["A", "B"], "cap-shape"),
        (["Turkey"], "animal"),
        (["1", "2"], "month"),
    ],
)
def test_too_little_is_no_list(found: list[str | None], column: str) -> None:
    assert companions(found, column) == ()


def test_null_markers_count_neither_way() -> None:
    found = ["?", None, "NA", "Mexico", "Poland"]
    assert "Germany" in companions(found, "v")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (["United-States", "Mexico"], "South-Korea"),
        (["united_states", "mexico"], "south_korea"),
        (["UNITED STATES", "MEXICO"], "SOUTH KOREA"),
        ([" United States", " Mexico"], " South Korea"),
        (["UnitedStates", "Mexico"], "SouthKorea"),
        (["mexico", "poland"], "south korea"),
        (["Mexico", "Poland"], "South Korea"),
    ],
)
def test_the_others_are_spelled_like_the_found(found: list[str], expected: str) -> None:
    others = companions(found, "v")
    assert expected in others
    assert not set(found) & set(others)


def test_every_list_is_short_and_recognises_itself() -> None:
    for vocabulary in VOCABULARIES:
        labels = vocabulary.labels
        assert 3 <= len(labels) <= MOST
        assert all(label == " ".join(label.split()) != "" for label in labels)
        column = " ".join(vocabulary.hints) or "x"
        again = company(labels[:3], column)
        assert again is not None
        assert set(again.labels) | set(labels[:3]) >= set(labels) or again.name != vocabulary.name


def learned(table: pd.DataFrame, asked: list[Discover], epsilon: float = 50.0) -> object:
    def listening(question, exact, unit):  # noqa: ANN001, ANN202
        if isinstance(question, Discover):
            asked.append(question)
        return add_noise(question, exact, unit)

    curator = MemoryCurator(from_frame(table), budget=Budget(epsilon, 1e-6), release=listening)
    return learn(curator, Schema(columns=())).attribute("country")


def test_rare_countries_are_found_without_a_threshold() -> None:
    asked: list[Discover] = []
    cells = ["Poland"] * 3_000 + ["Mexico"] * 2_000 + ["Iceland"] * 8
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"country": rng.permutation(cells), "n": rng.integers(0, 9, len(cells))})
    attribute = learned(table, asked)
    last = next(question for question in asked if question.stage == "singles")
    assert {"Iceland", "Germany"} <= set(last.known)
    assert isinstance(attribute.encoding, LabelCells)
    # 8 rows are above 2.5 σ with room to spare, and far below the threshold of selection.
    assert last.sigma < 1.2
    assert "Iceland" in attribute.encoding.labels
    assert len(attribute.encoding.labels) < 40
    assert attribute.counts.shape == (attribute.encoding.size,)
    assert attribute.paid["labels"].endswith("and the public vocabulary of countries")


def test_a_label_that_is_on_no_list_still_faces_the_threshold() -> None:
    asked: list[Discover] = []
    cells = ["Poland"] * 3_000 + ["Mexico"] * 2_000 + ["Canary-Land"]
    attribute = learned(pd.DataFrame({"country": cells}), asked, epsilon=8.0)
    assert "Canary-Land" not in attribute.encoding.labels
    for question in asked:
        assert "Canary-Land" not in question.known


def test_the_list_does_not_depend_on_labels_that_were_not_released() -> None:
    """One row of a country more, unreleased in the third batch: the same list is asked for."""
    both: list[list[Discover]] = []
    for extra in ([], ["Iceland"]):
        asked: list[Discover] = []
        learned(pd.DataFrame({"country": ["Poland"] * 900 + ["Peru"] * 900 + extra}), asked, 8.0)
        both.append(asked)
    assert both[0][-1].known == both[1][-1].known


def test_native_country_of_adult(shared_data: Path) -> None:
    table = pd.read_csv(shared_data / "adult" / "adult_train.csv", dtype=str, keep_default_na=False)
    asked: list[Discover] = []
    frame = table[["native-country", "sex"]].rename(columns={"native-country": "country"})
    attribute = learned(frame, asked, epsilon=1.0)
    shares = dict(zip(attribute.names(), attribute.shares, strict=True))
    real = table["native-country"].value_counts(normalize=True)
    distance = sum(abs(shares.get(key, 0.0) - real.get(key, 0.0)) for key in {*shares, *real.index})
    assert distance / 2 < 0.02
