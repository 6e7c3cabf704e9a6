"""Stand-ins have the right format, belong to nobody where that can be known, and are quick."""

from __future__ import annotations

import re
import sys
import time

import numpy as np
import phonenumbers
import pyarrow as pa
import pytest
import stdnum.iban
import stdnum.luhn
import stdnum.us.itin
import stdnum.us.ssn

from understudy.cells.patterns import pattern
from understudy.prepare.standins import StandIns
from understudy.schema import IdentifierKind as K

FORMS = {
    K.NAME: r"\S.* \S.*",
    K.FIRST_NAME: r"\S+",
    K.LAST_NAME: r"\S.*",
    K.EMAIL: r"[a-z]+\.[a-z]+\d+@example\.(com|org|net)",
    K.PHONE: r"\+1 \d{3}-555-01\d\d",
    K.NATIONAL_ID: r"9\d\d-[0-4]\d-\d{4}",
    K.ADDRESS: r"\d+ \S.*",
    K.URL: r"https://www\.example\.org/\S+",
    K.IP: r"(192\.0\.2|198\.51\.100|203\.0\.113)\.\d{1,3}",
    K.UUID: r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    K.KEY: r"[1-9]\d+",
    K.FREE_TEXT: r"\[text removed\] .+\.",
}
UNIQUE = {K.EMAIL, K.NATIONAL_ID, K.UUID, K.KEY, K.URL}


def _made(kind: K, form: str | None = None, n: int = 400, **more: object) -> list[str]:
    rng = np.random.default_rng(7)
    texts: list[str] = StandIns().generate(kind, form, n, rng, **more).to_pylist()  # type: ignore[arg-type]
    return texts


@pytest.mark.parametrize("kind", K)
def test_formats(kind: K) -> None:
    texts = _made(kind)
    assert len(texts) == 400
    assert all(re.fullmatch(FORMS[kind], text) for text in texts)
    assert len(set(texts)) == 400 or kind not in UNIQUE
    assert texts == _made(kind)
    assert _made(kind, n=0) == []


def test_phone_numbers_are_well_formed_and_fictional() -> None:
    for text in _made(K.PHONE, "(999) 999-9999", 100):
        number = phonenumbers.parse(text, "US")
        assert phonenumbers.is_valid_number(number)
        assert 5550100 <= number.national_number % 10**7 <= 5550199
    assert all(re.fullmatch(r"1-\d{3}-555-01\d\d", t) for t in _made(K.PHONE, "9-999-999-9999"))
    for locale in ("en_GB", "fr_FR", "de_DE", "en_AU"):
        for text in _made(K.PHONE, None, 20, locale=locale):
            assert phonenumbers.is_possible_number(phonenumbers.parse(text))
    shape = "+99 99 9999"
    assert set(pattern(pa.array(_made(K.PHONE, shape))).to_pylist()) == {shape}


def test_national_ids_have_check_digits_but_no_owner() -> None:
    for text in _made(K.NATIONAL_ID, "999-99-9999"):
        assert not stdnum.us.ssn.is_valid(text)
        assert not stdnum.us.itin.is_valid(text)
    for text in _made(K.NATIONAL_ID, "AA99 9999 9999 9999 9999 99"):
        assert stdnum.iban.is_valid(text)
        assert text.replace(" ", "")[4:12] == "00000000"
    for text in _made(K.NATIONAL_ID, "9999 9999 9999 9999"):
        assert stdnum.luhn.is_valid(text.replace(" ", ""))
        assert text[0] == "9"


def test_keys_follow_pattern_or_range_and_stay_unique() -> None:
    assert all(re.fullmatch(r"[A-Z]\d{9}", text) for text in _made(K.KEY, "A999999999"))
    assert len(set(_made(K.KEY, "9", 500))) == 500
    inside = _made(K.KEY, None, 50, integer_range=(100, 200))
    assert len(set(inside)) == 50
    assert all(100 <= int(text) < 200 for text in inside)
    assert len(set(_made(K.KEY, None, 500, integer_range=(1, 3)))) == 500
    assert len(set(_made(K.KEY, "…", 50))) == 50


def test_names_take_the_case_of_the_pattern() -> None:
    assert all(text == text.upper() and ", " in text for text in _made(K.NAME, "AAAA, AAA"))
    assert _made(K.LAST_NAME, None, 5, locale="no_SUCH") != []


def test_global_generators_are_untouched() -> None:
    import random

    before, kept = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[union-attr,index]  # noqa: NPY002
    for kind in K:
        _made(kind, n=20)
    assert random.getstate() == before
    assert np.random.get_state()[1].tolist() == kept  # type: ignore[union-attr,index]  # noqa: NPY002


def test_heavy_parts_are_loaded_when_used() -> None:
    import subprocess

    code = (
        "import sys, understudy.prepare.standins;"
        "print([m for m in ('faker', 'phonenumbers', 'stdnum') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("kind", K)
def test_many_are_quick(kind: K) -> None:
    """A million take well under 1.5 s on two quiet cores; the bound is loose for shared ones."""
    rng = np.random.default_rng(0)
    StandIns().generate(kind, None, 10, rng)
    start = time.process_time()
    StandIns().generate(kind, None, 300_000, rng)
    assert time.process_time() - start < 3.0
