"""Public vocabularies: lists that anybody could have written down without seeing the table.

Partition selection shows a label only when its noisy count stands some 5.5 σ above zero,
because the mere existence of a label may give a person away. A label of a published list gives
nobody away: that Iceland is a country is known, and asking how many rows hold it costs what any
cell of a histogram costs. So once *released* labels show which list a column speaks of, the rest
of the list is asked for without a threshold.

Why this is private: the vocabulary asked for is a function of released answers, of the column's
name and of lists fixed in this file and its dependencies. It is the same on neighbouring tables
that were given the same answers; the counts of its labels are cells of a histogram that has
sensitivity one per row whatever its labels are.

What may not happen here: a label that comes from the data and was not released, a question to a
curator.
"""

from __future__ import annotations

import calendar
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from understudy.prepare.people import public_list

MOST = 400
"""Most labels that a vocabulary may add to a column."""

NULL_SPELLINGS = frozenset(
    {"", "na", "n/a", "nan", "null", "none", "?", "-", "--", ".", "#n/a", "unknown", "(null)"}
)
"""Labels that say a value is missing, in small letters."""

_COUNTRY = ("country", "nation", "land", "pays", "kraj", "pais", "citizenship", "nationality")
_STATE = ("state", "region", "province", "wojewodztwo", "bundesland", "kanton", "canton", "county")


@dataclass(frozen=True, kw_only=True, slots=True)
class Vocabulary:
    """A public list of labels.

    Parameters
    ----------
    name
        What it lists, for the evidence.
    hints
        Words of a column name that speak for it.
    written
        Labels written here.
    borrowed
        Lists of Faker: provider, field and part of each entry.
    hinted_only
        Whether its labels are so short that only a column name makes them clear.
    """

    name: str
    hints: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    borrowed: tuple[tuple[str, str, int], ...] = ()
    hinted_only: bool = False

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label in its usual spelling."""
        lists = (public_list(*source) for source in self.borrowed)
        return tuple(dict.fromkeys([*self.written, *(label for one in lists for label in one)]))


@dataclass(frozen=True, kw_only=True, slots=True)
class Company:
    """What a vocabulary adds to a column: its name, and labels in the style of the found ones."""

    name: str
    labels: tuple[str, ...]


def _split(text: str) -> tuple[str, ...]:
    """Labels of a list written with commas."""
    return tuple(part.strip() for part in text.split(","))


_MORE_COUNTRIES = _split(
    "United States, USA, US, United Kingdom, UK, Great Britain, England, Scotland, Wales,"
    "Northern Ireland, Russia, South Korea, North Korea, Republic of Korea, Laos, Syria, Libya,"
    "Slovakia, Czechia, Kyrgyzstan, Brunei, Macau, Palestine, Kosovo, Vatican City, Holy See,"
    "Burma, Ivory Coast, Eswatini, Macedonia, Yugoslavia, Soviet Union, USSR, Czechoslovakia,"
    "East Germany, West Germany, Curacao, Sint Maarten, Bonaire, South Sudan, Viet Nam,"
    "Cabo Verde, Holland, Democratic Republic of the Congo, Republic of the Congo, Zaire,"
    "The Bahamas, The Gambia, The Netherlands, Falkland Islands, UAE, US Virgin Islands"
)
_NATIONALITIES = _split(
    "Afghan, Albanian, Algerian, American, Angolan, Argentine, Argentinian, Armenian, Australian,"
    "Austrian, Azerbaijani, Bangladeshi, Belarusian, Belgian, Bolivian, Bosnian, Brazilian,"
    "British, Bulgarian, Cambodian, Cameroonian, Canadian, Chilean, Chinese, Colombian, Congolese,"
    "Costa Rican, Croatian, Cuban, Cypriot, Czech, Danish, Dominican, Dutch, Ecuadorian, Egyptian,"
    "English, Eritrean, Estonian, Ethiopian, Filipino, Finnish, French, Georgian, German, Ghanaian,"
    "Greek, Guatemalan, Haitian, Honduran, Hungarian, Icelandic, Indian, Indonesian, Iranian, Iraqi,"
    "Irish, Israeli, Italian, Jamaican, Japanese, Jordanian, Kazakh, Kenyan, Korean, Kosovan,"
    "Kuwaiti, Latvian, Lebanese, Libyan, Lithuanian, Luxembourgish, Macedonian, Malaysian, Maltese,"
    "Mexican, Moldovan, Mongolian, Montenegrin, Moroccan, Nepalese, New Zealander, Nicaraguan,"
    "Nigerian, Norwegian, Pakistani, Palestinian, Panamanian, Paraguayan, Peruvian, Polish,"
    "Portuguese, Puerto Rican, Romanian, Russian, Saudi, Scottish, Senegalese, Serbian, Singaporean,"
    "Slovak, Slovenian, Somali, South African, South Korean, Spanish, Sri Lankan, Sudanese, Swedish,"
    "Swiss, Syrian, Taiwanese, Thai, Tunisian, Turkish, Ukrainian, Uruguayan, Uzbek, Venezuelan,"
    "Vietnamese, Welsh, Yemeni, Zimbabwean, Stateless"
)


def _address(locale: str, field: str, part: int = 0) -> tuple[tuple[str, str, int], ...]:
    """One list of Faker's addresses."""
    return ((f"address.{locale}", field, part),)


VOCABULARIES: tuple[Vocabulary, ...] = (
    Vocabulary(
        name="countries",
        hints=_COUNTRY,
        written=_MORE_COUNTRIES,
        borrowed=_address("en", "countries"),
    ),
    *(
        Vocabulary(
            name=f"countries ({language})", hints=_COUNTRY, borrowed=_address(locale, "countries")
        )
        for language, locale in (
            ("Czech", "cs_CZ"),
            ("Dutch", "nl_NL"),
            ("French", "fr_FR"),
            ("German", "de_DE"),
            ("Portuguese", "pt_PT"),
            ("Spanish", "es_ES"),
            ("Swedish", "sv_SE"),
        )
    ),
    Vocabulary(
        name="nationalities",
        hints=("nationality", "citizenship", "ethnicity", "origin"),
        written=_NATIONALITIES,
    ),
    Vocabulary(
        name="languages",
        hints=("language", "tongue", "sprache", "jezyk"),
        borrowed=(("person", "language_names", 0),),
    ),
    Vocabulary(
        name="ISO 4217 currency codes",
        hints=("currency", "waluta"),
        borrowed=(("currency", "currencies", 0),),
    ),
    Vocabulary(
        name="continents",
        hints=("continent", "region", "world"),
        written=_split(
            "Africa, Antarctica, Asia, Europe, North America, South America, Oceania, Australia,"
            "Central America, Latin America, Middle East, Caribbean"
        ),
    ),
    Vocabulary(
        name="US states",
        hints=_STATE,
        written=("District of Columbia", "Puerto Rico", "Guam"),
        borrowed=_address("en_US", "states"),
    ),
    Vocabulary(
        name="US state codes",
        hints=_STATE,
        borrowed=(*_address("en_US", "states_abbr"), *_address("en_US", "territories_abbr")),
    ),
    Vocabulary(
        name="ISO 3166 alpha-2 codes",
        hints=(*_COUNTRY, "iso", "iso2"),
        written=("XK", "EU"),
        borrowed=(
            ("address", "alpha_2_country_codes", 0),
            ("address.en_US", "territories_abbr", 0),
        ),
    ),
    Vocabulary(
        name="ISO 3166 alpha-3 codes",
        hints=(*_COUNTRY, "iso", "iso3"),
        borrowed=(("address", "alpha_3_country_codes", 0),),
    ),
    Vocabulary(name="Canadian provinces", hints=_STATE, borrowed=_address("en_CA", "provinces")),
    Vocabulary(
        name="Canadian province codes", hints=_STATE, borrowed=_address("en_CA", "provinces_abbr")
    ),
    Vocabulary(name="Australian states", hints=_STATE, borrowed=_address("en_AU", "states")),
    Vocabulary(
        name="Australian state codes", hints=_STATE, borrowed=_address("en_AU", "states_abbr")
    ),
    Vocabulary(name="Austrian states", hints=_STATE, borrowed=_address("de_AT", "states")),
    Vocabulary(
        name="Brazilian states", hints=(*_STATE, "estado"), borrowed=_address("pt_BR", "estados", 1)
    ),
    Vocabulary(
        name="Brazilian state codes",
        hints=(*_STATE, "estado", "uf"),
        borrowed=_address("pt_BR", "estados", 0),
    ),
    Vocabulary(name="British counties", hints=_STATE, borrowed=_address("en_GB", "counties")),
    Vocabulary(name="Czech regions", hints=(*_STATE, "kraj"), borrowed=_address("cs_CZ", "states")),
    Vocabulary(name="Dutch provinces", hints=_STATE, borrowed=_address("nl_NL", "provinces")),
    Vocabulary(
        name="French departments",
        hints=("departement", "department"),
        borrowed=_address("fr_FR", "departments", 1),
    ),
    Vocabulary(name="French regions", hints=_STATE, borrowed=_address("fr_FR", "regions")),
    Vocabulary(name="German states", hints=_STATE, borrowed=_address("de_DE", "states")),
    Vocabulary(name="Indian states", hints=_STATE, borrowed=_address("en_IN", "states")),
    Vocabulary(
        name="Mexican states", hints=(*_STATE, "estado"), borrowed=_address("es_MX", "states", 1)
    ),
    Vocabulary(name="Polish voivodeships", hints=_STATE, borrowed=_address("pl_PL", "regions")),
    Vocabulary(
        name="Portuguese districts",
        hints=(*_STATE, "distrito", "district"),
        borrowed=_address("pt_PT", "distritos"),
    ),
    Vocabulary(
        name="Spanish regions", hints=(*_STATE, "comunidad"), borrowed=_address("es_ES", "regions")
    ),
    Vocabulary(
        name="Spanish provinces",
        hints=(*_STATE, "provincia"),
        borrowed=_address("es_ES", "states"),
    ),
    Vocabulary(
        name="Swedish counties", hints=(*_STATE, "lan"), borrowed=_address("sv_SE", "states")
    ),
    Vocabulary(name="Swiss cantons", hints=_STATE, borrowed=_address("de_CH", "cantons", 1)),
    Vocabulary(name="Swiss canton codes", hints=_STATE, borrowed=_address("de_CH", "cantons", 0)),
    Vocabulary(name="months", hints=("month",), written=tuple(calendar.month_name)[1:]),
    Vocabulary(name="months, short", hints=("month",), written=tuple(calendar.month_abbr)[1:]),
    Vocabulary(
        name="months (German)",
        hints=("monat",),
        written=_split(
            "Januar, Februar, März, April, Mai, Juni, Juli, August, September, Oktober, November,"
            "Dezember"
        ),
    ),
    Vocabulary(
        name="months (Polish)",
        hints=("miesiac",),
        written=_split(
            "styczeń, luty, marzec, kwiecień, maj, czerwiec, lipiec, sierpień, wrzesień,"
            "październik, listopad, grudzień"
        ),
    ),
    Vocabulary(name="weekdays", hints=("day", "weekday", "dow"), written=tuple(calendar.day_name)),
    Vocabulary(
        name="weekdays, short", hints=("day", "weekday", "dow"), written=tuple(calendar.day_abbr)
    ),
    Vocabulary(
        name="weekdays (German)",
        hints=("tag", "wochentag"),
        written=_split("Montag, Dienstag, Mittwoch, Donnerstag, Freitag, Samstag, Sonntag"),
    ),
    Vocabulary(
        name="weekdays (Polish)",
        hints=("dzien",),
        written=_split("poniedziałek, wtorek, środa, czwartek, piątek, sobota, niedziela"),
    ),
    Vocabulary(
        name="seasons",
        hints=("season",),
        written=_split("Spring, Summer, Autumn, Fall, Winter"),
    ),
    Vocabulary(
        name="sexes",
        hints=("sex", "gender"),
        written=_split("Male, Female, Other, Non-binary, Transgender, Intersex, Unknown"),
    ),
    Vocabulary(
        name="sexes",
        hints=("sex", "gender"),
        written=_split("Man, Woman, Men, Women, Boy, Girl, Other"),
    ),
    Vocabulary(
        name="sexes, by letter",
        hints=("sex", "gender"),
        written=_split("M, F, X, O, U"),
        hinted_only=True,
    ),
    Vocabulary(
        name="sexes (Polish)",
        hints=("plec",),
        written=_split("kobieta, mężczyzna, inna"),
    ),
    Vocabulary(
        name="sexes (German)",
        hints=("geschlecht",),
        written=_split("männlich, weiblich, divers"),
    ),
    Vocabulary(
        name="yes and no",
        written=_split("Yes, No, Unknown, Maybe, Don't know, Refused, Not applicable"),
    ),
    Vocabulary(name="yes and no (German)", written=_split("ja, nein, unbekannt, weiß nicht")),
    Vocabulary(name="yes and no (Polish)", written=_split("tak, nie, nie wiem, nie dotyczy")),
    Vocabulary(
        name="marital statuses",
        hints=("marital", "married", "civil"),
        written=_split(
            "Single, Married, Divorced, Separated, Widowed, Never married, Civil partnership,"
            "Registered partnership, Cohabiting, Domestic partner, Annulled, Unmarried, Unknown"
        ),
    ),
    Vocabulary(
        name="blood groups",
        hints=("blood", "abo"),
        written=_split("A+, A-, B+, B-, AB+, AB-, O+, O-"),
    ),
    Vocabulary(
        name="blood groups of the ABO system",
        hints=("blood", "abo"),
        written=_split("A, B, AB, O"),
        hinted_only=True,
    ),
    Vocabulary(
        name="letter grades",
        hints=("grade", "mark", "rating"),
        written=_split("A+, A, A-, B+, B, B-, C+, C, C-, D+, D, D-, E, F"),
        hinted_only=True,
    ),
    Vocabulary(
        name="degrees of agreement",
        written=_split(
            "Strongly disagree, Disagree, Somewhat disagree, Neutral, Neither agree nor disagree,"
            "Somewhat agree, Agree, Strongly agree, Don't know"
        ),
    ),
)
"""Every list that is known here; of lists that fit equally well the first is taken."""


def company(found: Sequence[str | None], column_name: str) -> Company | None:
    """Find the public list that found labels belong to, and what else is on it.

    Parameters
    ----------
    found
        Released labels of a column; nulls and null markers among them do not count.
    column_name
        Public name of the column.

    Returns
    -------
    Company or None
        The list's name and its other labels, at most 400, spelled as the found ones are (case,
        what stands between words, blanks around). None unless two found labels are on the list,
        or one and the column's name speaks for it; at least half must be.

    Guarantees
    ----------
    A pure function of released labels and public facts: post-processing.

    >>> company(["tuesday", "sunday"], "d").labels[:2]
    ('monday', 'wednesday')
    """
    spelled = [label for label in found if label is not None]
    telling = [label for label in spelled if label.strip().casefold() not in NULL_SPELLINGS]
    if not telling:
        return None
    words = _words(column_name)
    best: tuple[tuple[int, int], Vocabulary, dict[str, str]] | None = None
    for vocabulary in VOCABULARIES:
        known = _known(vocabulary)
        matched = {label: known[_plain(label)] for label in telling if _plain(label) in known}
        hinted = not words.isdisjoint(vocabulary.hints)
        enough = 1 if hinted else 2
        if len(matched) < enough or 2 * len(matched) < len(telling):
            continue
        if vocabulary.hinted_only and not hinted:
            continue
        rank = (len(matched), int(hinted))
        if best is None or rank > best[0]:
            best = rank, vocabulary, matched
    if best is None:
        return None
    _, vocabulary, matched = best
    style = _style(matched)
    held = {*spelled, *(style(label) for label in matched.values())}
    others = dict.fromkeys(style(label) for label in vocabulary.labels)
    fresh = tuple(label for label in others if label not in held)[:MOST]
    return Company(name=vocabulary.name, labels=fresh)


def companions(found: Sequence[str | None], column_name: str) -> tuple[str, ...]:
    """Other labels of the public list that found labels belong to; see `company`.

    >>> companions(["United-States", "Mexico", "?"], "native-country")[5]
    'England'
    >>> companions(["red", "green"], "country")
    ()
    """
    joined = company(found, column_name)
    return () if joined is None else joined.labels


@lru_cache(maxsize=128)
def _known(vocabulary: Vocabulary) -> dict[str, str]:
    """Labels of a vocabulary by their plain spelling."""
    return {_plain(label): label for label in reversed(vocabulary.labels)}


def _plain(label: str) -> str:
    """A label without case, accents, blanks and punctuation other than the signs + and -."""
    text = label.strip().casefold().replace("&", "and").replace("ł", "l")
    letters = unicodedata.normalize("NFKD", text)
    kept = "".join(letter for letter in letters if letter.isalnum())
    return kept + text[-1] if len(text) <= 3 and text[-1:] in {"+", "-"} else kept


def _words(name: str) -> set[str]:
    """Words of a column name, small and without accents."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).casefold().replace("ł", "l")
    bare = unicodedata.normalize("NFKD", apart).encode("ascii", "ignore").decode()
    return set(re.findall(r"[a-z]+", bare)) | set(re.findall(r"[a-z]+\d", bare))


def _cases() -> Iterable[Callable[[str], str]]:
    """Ways to use capitals."""
    return (str, str.lower, str.upper, str.capitalize, str.title)


def _style(matched: dict[str, str]) -> Callable[[str], str]:
    """The way of spelling that turns most of the usual spellings into the found ones."""
    first = next(iter(matched))
    before = first[: len(first) - len(first.lstrip())]
    after = first[len(first.rstrip()) :] if first.strip() else ""
    best: tuple[int, Callable[[str], str]] | None = None
    for case in _cases():
        for between in (" ", "-", "_", ".", ""):

            def spell(label: str, case: Callable[[str], str] = case, between: str = between) -> str:
                return before + case(label).replace(" ", between) + after

            hits = sum(spell(usual) == label for label, usual in matched.items())
            if best is None or hits > best[0]:
                best = hits, spell
    assert best is not None
    return best[1]
