"""The table of what each place can do is the one that the code declares."""

from __future__ import annotations

from pathlib import Path

from understudy.curator import abilities

PAGE = Path(__file__).resolve().parents[2] / "docs" / "databases.md"


def test_the_page_shows_the_declaration() -> None:
    text = PAGE.read_text("utf-8")
    shown = text.partition("<!-- abilities -->\n\n")[2].partition("\n<!-- end of abilities -->")[0]
    assert shown == abilities.markdown()


def test_every_place_answers_every_subject_and_no_gap_lacks_a_reason() -> None:
    for place, told in abilities.PLACES.items():
        assert tuple(told) == tuple(abilities.SUBJECTS), place
        for subject, ability in told.items():
            assert ability.reason or ability.word in {"yes", "untested"}, (place, subject)


def test_untested_warehouses_are_named() -> None:
    text = " ".join(PAGE.read_text("utf-8").split())
    assert not [name for name in abilities.UNTESTED if name not in text]
