"""Singling out, linkability, inference, attribution and reconstruction: quiet, loud, and right.

Everything is drawn from seeded generators, so a test that passes once passes always. Statistical
ones state n, alpha and what they would notice.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.attack.triad_games import Release, game, people

from understudy.attack import TRIAD, inference, linkability, reconstruction, singling_out
from understudy.attack import secrets as asking
from understudy.attack.attribute_model import by_frequency
from understudy.attack.attribution import attributed, binned
from understudy.attack.gower import nearest_leaving_out, nearest_several, scaled
from understudy.attack.predicates import MISSING, Index, Predicates, coded, counts, matches
from understudy.attack.protocol import Attack, AttackResult, Records, Setting
from understudy.attack.success import Excess, Successes
from understudy.errors import InputError

EACH = pytest.mark.parametrize("attack", TRIAD, ids=lambda attack: attack.key)
BLUNT = {"singling_out_multivariate", "attribute_model"}  # need more rows, stated below


def play(attack: Attack, setting: Setting, seed: int = 0) -> AttackResult:
    """Run an attack with a generator of its own."""
    return attack.run(setting, np.random.default_rng(seed))


# ------------------------------------------------------------------------- rates as published


def test_rates_and_risk_equal_the_package() -> None:
    """Figures of Anonymeter 1.1.0 for these counts."""
    excess = Excess(
        attack=Successes(hits=445, trials=500),
        control=Successes(hits=114.02335395583235, trials=500),
        baseline=Successes(hits=5, trials=500),
    )
    assert excess.attack.value == pytest.approx(0.8870265072199947, abs=1e-12)
    assert excess.control.value == pytest.approx(0.23012017240018612, abs=1e-12)
    assert excess.baseline.value == pytest.approx(0.013735926826160597, abs=1e-12)
    assert excess.risk == pytest.approx(0.8532582765128256, abs=1e-12)
    assert excess.interval == pytest.approx((0.8168829587393638, 0.8896335942862874), abs=1e-12)
    none = Excess(
        attack=Successes(hits=118, trials=2_000),
        control=Successes(hits=0, trials=2_000),
        baseline=Successes(hits=0, trials=2_000),
    )
    assert none.risk == pytest.approx(0.05894339284590762, abs=1e-12)
    assert none.interval == pytest.approx((0.0485429989774646, 0.06934378671435064), abs=1e-12)


def test_the_limit_is_what_the_exact_test_notices() -> None:
    excess = Excess(
        attack=Successes(hits=20, trials=200),
        control=Successes(hits=20, trials=200),
        baseline=Successes(hits=0, trials=200),
    )
    limit = excess.limit(0.01)
    assert limit is not None
    rng = np.random.default_rng(4)
    noticed = [
        Excess(
            attack=Successes(hits=int(rng.binomial(200, limit)), trials=200),
            control=excess.control,
            baseline=excess.baseline,
        ).p_value
        <= 0.01
        for _ in range(500)
    ]
    assert abs(np.mean(noticed) - 0.8) < 0.1  # n = 500: 0.1 is 5.6 standard errors


# ----------------------------------------------------------------- fast paths against brute force


@pytest.mark.parametrize("rows", [1, 63, 64, 65, 300])
def test_counts_equal_brute_force(rows: int) -> None:
    rng = np.random.default_rng(rows)
    table = tuple(
        np.where(rng.random(rows) < 0.2, MISSING, rng.integers(0, 6, rows)).astype(np.uint32)
        for _ in range(4)
    )
    number = 200
    picked = rng.integers(0, 6, (number, 2))
    columns = np.sort(rng.random((number, 4)).argsort(axis=1)[:, :2], axis=1)
    low = np.where(rng.random((number, 2)) < 0.1, MISSING, picked).astype(np.uint32)
    high = np.where(low == MISSING, MISSING, np.maximum(low, rng.integers(0, 6, (number, 2))))
    predicates = Predicates(
        columns=columns,
        low=low,
        high=high.astype(np.uint32),
        negated=rng.random((number, 2)) < 0.3,
    )
    index = Index(table=table)
    among = rng.random(rows) < 0.5
    found, some = counts(predicates, index), counts(predicates, index, among)
    listed = matches(predicates, index, rows)
    for at in range(number):
        meets = np.ones(rows, dtype=bool)
        for turn in range(2):
            codes = table[columns[at, turn]].astype(np.int64)
            inside = (codes >= int(low[at, turn])) & (codes <= int(high[at, turn]))
            if predicates.negated[at, turn]:
                inside = ~inside & (codes != int(MISSING))
            meets &= inside
        assert found[at] == meets.sum()
        assert some[at] == (meets & among).sum()
        rows_found = listed[at]
        assert rows_found is not None
        assert rows_found.tolist() == np.nonzero(meets)[0].tolist()


def test_predicates_single_out_in_the_release() -> None:
    setting = game("null", 1)
    ordered = [not column.is_category for column in setting.knowledge.columns]
    (synthetic,) = coded(setting.knowledge.synthetic)
    rng = np.random.default_rng(0)
    one = singling_out.univariate_predicates(synthetic, ordered, rng, 400)
    several = singling_out.multivariate_predicates(Index(table=synthetic), ordered, rng, 400)
    for predicates in (one, several):
        assert len(predicates) == 400
        assert (counts(predicates, Index(table=synthetic)) == 1).all()
    assert (np.diff(several.columns, axis=1) > 0).all()
    assert len(several.first_of_each()) == 400


def test_the_nearest_without_a_column_never_sees_it() -> None:
    """Equal to a search without the column, also where distances tie."""
    rng = np.random.default_rng(3)
    ours, theirs = people(60, rng), people(500, rng)
    theirs = theirs.joined(theirs.at(np.arange(200)))
    queries, references = scaled(ours, theirs)
    known = tuple(range(6))
    places = nearest_leaving_out(queries, references, known, [*known, None])
    for column in known:
        rest = [other for other in known if other != column]
        assert (places[column] == nearest_several(queries, references, rest)[:, 0]).all()
    changed = Records(arrays=(*ours.arrays[:4], rng.permutation(ours.arrays[4]), ours.arrays[5]))
    again = nearest_leaving_out(scaled(changed, theirs)[0], references, known, [4])
    assert (places[4] == again[0]).all()


def test_nearest_equals_brute_force() -> None:
    rng = np.random.default_rng(5)
    ours, theirs = people(40, rng), people(300, rng)
    queries, references = scaled(ours, theirs)
    total = np.zeros((40, 300))
    for a, b in zip(ours.arrays, theirs.arrays, strict=True):
        if a.dtype.kind != "f":
            total += a[:, None] != b[None, :]
            continue
        both = np.concatenate([a, b])
        gap = np.abs(a[:, None] - b[None, :]) / (np.nanmax(both) - np.nanmin(both))
        lost = np.isnan(a)[:, None].astype(int) + np.isnan(b)[None, :]
        total += np.where(lost == 1, 1.0, np.where(lost == 2, 0.0, np.nan_to_num(gap)))
    found = nearest_several(queries, references, range(6), 3)
    best = np.sort(total, axis=1)[:, :3].sum(axis=1)
    ours_sum = np.take_along_axis(total, found, axis=1).sum(axis=1)
    assert np.allclose(best, ours_sum, atol=1e-4)


def test_attribution_equals_brute_force() -> None:
    setting = game("neighbours", 2, rows=150)
    release, members = binned(setting.knowledge.synthetic, setting.members)
    asked = asking.questions_of(setting.knowledge)
    found = attributed(members, release, asked)
    made = np.column_stack([codes.astype(np.int64) for codes in release.columns])
    mine = np.column_stack([codes.astype(np.int64) for codes in members.columns])
    for question, one in zip(asked, found, strict=True):
        known = list(question.known)
        for row in range(0, 150, 7):
            differ = (made[:, known] != mine[row, known]).sum(axis=1)
            agree = made[differ == differ.min(), question.secret]
            assert one.share[row] == pytest.approx((agree == mine[row, question.secret]).mean())
            assert one.exact[row] == (differ.min() == 0)
            assert one.certain[row] == (differ.min() == 0 and len(set(agree)) == 1)


# --------------------------------------------------------------------------------- what is asked


def test_a_secret_is_never_known() -> None:
    knowledge = game("null", 0, known=(0, 1, 3), secrets=(4,)).knowledge
    (question,) = asking.questions_of(knowledge)
    assert (question.secret, question.known) == (4, (0, 1, 3))
    both = replace(knowledge, known=(), secrets=(3, 4))
    assert all(not {3, 4} & set(one.known) for one in asking.questions_of(both))
    default = asking.questions_of(replace(knowledge, known=(), secrets=()))
    assert [one.secret for one in default] == list(range(6))
    assert all(set(one.known) == set(range(6)) - {one.secret} for one in default)
    with pytest.raises(InputError, match="no column is left"):
        asking.questions_of(replace(knowledge, known=(4,), secrets=(4,)))


def test_declared_columns_reach_every_attack() -> None:
    setting = game("copies", 3, known=(0, 1, 3), secrets=(4, 5))
    for attack in TRIAD:
        detail = play(attack, setting).detail
        if "secrets" in detail:
            assert [one["secret"] for one in detail["secrets"]] == ["income", "height"]
            assert all(one["known"] == ["region", "job", "age"] for one in detail["secrets"])
        if "halves" in detail:
            assert detail["halves"][0] == ["region", "job", "age"]
        if "keys" in detail:
            assert detail["keys"] == ["region", "job", "age"]


def test_a_group_is_told_apart_and_a_small_one_is_not_judged() -> None:
    setting = game("copies", 5)
    for attack in TRIAD:
        (group,) = play(attack, setting).groups
        assert group.name == "old"
    few = replace(setting.groups[0], members=np.arange(600) < 5, controls=np.arange(600) < 5)
    for attack in (linkability.LINKABILITY, inference.INFERENCE):
        (group,) = play(attack, replace(setting, groups=(few,))).groups
        assert group.value is None


def test_order_of_labels_comes_from_the_release() -> None:
    first, second = game("null", 1), game("null", 2)
    made = by_frequency(first.knowledge.synthetic, first.members)[0]
    again = by_frequency(first.knowledge.synthetic, second.members)[0]
    assert all((a == b)[~np.isnan(a)].all() for a, b in zip(made.arrays, again.arrays, strict=True))


def test_nothing_to_single_out_is_said() -> None:
    setting = game("null", 0)
    same = setting.knowledge.synthetic.at(np.zeros(50, dtype=int)).select((0, 1, 2))
    dull = replace(setting.knowledge, synthetic=same.joined(same.at(slice(1)))).facing(same)
    people_ = [side.select((0, 1, 2)) for side in (setting.members, setting.controls)]
    small = replace(
        setting,
        knowledge=replace(dull, columns=dull.columns[:3]),
        members=people_[0],
        controls=people_[1],
    )
    shuffled = singling_out.single_out("univariate", small, np.random.default_rng(0))
    assert shuffled.p_value > 0.01


# -------------------------------------------------------------------------- quiet where it must be


@EACH
def test_exchangeable_rows_raise_no_alarm(attack: Attack) -> None:
    """Five harmless releases, 600 rows each: no p-value near the level of a battery."""
    p_values = [play(attack, game("null", seed), seed).p_value for seed in range(5)]
    assert min(p_values) > 1e-3


def test_what_holds_for_everyone_is_no_risk() -> None:
    """A useful release lets jobs and incomes be guessed, of members and controls alike."""
    result = play(inference.INFERENCE, game("null", 7, rows=1_500))
    job = next(one for one in result.detail["secrets"] if one["secret"] == "job")
    assert job["attack"]["rate"] > 2 * job["baseline"]["rate"]
    assert job["risk"] < 0.1
    assert job["risk_interval"][0] == 0.0


def test_uneven_tables_raise_no_alarm() -> None:
    """Four times as many members as controls: the exact test and the rates keep step."""
    for seed in range(4):
        setting = game("null", seed)
        few = setting.controls.at(slice(150))
        uneven = replace(setting, controls=few, groups=())
        for mode in ("univariate", "multivariate"):
            result = singling_out.single_out(mode, uneven, np.random.default_rng(seed))
            low = result.detail["risk_interval"][0]
            assert result.p_value > 1e-3
            assert low < 0.05


@pytest.mark.parametrize("key", ["linkability", "inference", "reconstruction"])
def test_blind_guesses_have_not_seen_the_release(key: str) -> None:
    """With a reference they are the same before a harmless and before a leaky release."""
    attack = next(one for one in TRIAD if one.key == key)
    reference = people(600, np.random.default_rng(99))
    baselines = set()
    for release in ("null", "copies"):
        setting = game(release, 1)
        knowledge = replace(setting.knowledge, reference=reference)
        result = play(attack, replace(setting, knowledge=knowledge))
        told = result.detail.get("secrets", [result.detail])
        baselines.add(tuple(one["baseline"]["hits"] for one in told))
    assert len(baselines) == 1


# ----------------------------------------------------------------------------- loud where it must be


@EACH
@pytest.mark.parametrize("release", ["copies", "neighbours"])
def test_leaky_releases_are_caught(attack: Attack, release: Release) -> None:
    """600 rows; 2,000 for singling out by three values and for a model."""
    rows = 2_000 if attack.key in BLUNT else 600
    result = play(attack, game(release, 1, rows=rows))
    assert result.p_value < 1e-3
    assert result.value > result.control


# ------------------------------------------------------------------------------- bugs put in


def test_a_control_made_of_members_hides_every_leak() -> None:
    """The bug: the control group is evaluated on members. Nothing leaky is found any more."""
    for attack in TRIAD:
        setting = game("copies", 1, rows=2_000 if attack.key in BLUNT else 600)
        wrong = replace(setting, controls=setting.members)
        assert play(attack, setting).p_value < 1e-3
        if attack.key == "reconstruction":  # nobody is the only one any more
            with pytest.raises(InputError, match="are rare"):
                play(attack, wrong)
            continue
        assert play(attack, wrong).p_value > 0.1, attack.key


def test_predicates_that_look_at_training_rows_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bug: predicates made from the training table. A harmless release then raises the alarm."""
    setting = game("null", 1)
    made = setting.knowledge.synthetic
    _, members, _ = coded(made, setting.members, setting.controls)
    honest = singling_out.univariate_predicates
    monkeypatch.setattr(
        singling_out,
        "univariate_predicates",
        lambda synthetic, ordered, rng, most: honest(members, ordered, rng, most),
    )
    result = singling_out.single_out("univariate", setting, np.random.default_rng(1))
    assert result.p_value < 1e-3


def test_risk_without_a_control_is_caught() -> None:
    """The bug: the attack rate taken for a risk. On harmless releases it is far from nothing."""
    result = play(inference.INFERENCE, game("null", 7, rows=1_500))
    for one in result.detail["secrets"]:
        control = Successes(hits=0, trials=one["control"]["trials"])
        wrong = Excess(
            attack=Successes(hits=one["attack"]["hits"], trials=one["attack"]["trials"]),
            control=control,
            baseline=control,
        )
        if one["secret"] in {"job", "region"}:
            assert wrong.p_value < 1e-7 < one["p_value"]


def test_rarity_is_judged_without_labels() -> None:
    """Exchanging members and controls exchanges the rare ones."""
    setting = game("null", 4)
    made = setting.knowledge.synthetic
    ours, theirs, _ = reconstruction.rare(setting.members, setting.controls, made, (0, 1, 3))
    mine, other, _ = reconstruction.rare(setting.controls, setting.members, made, (0, 1, 3))
    assert (ours == other).all()
    assert (theirs == mine).all()


# ------------------------------------------------------------------------------- many releases


@pytest.mark.statistical
@EACH
def test_false_alarms_are_at_their_level(attack: Attack) -> None:
    """200 harmless releases of 300 rows at level 0.05.

    A true rate of 0.05 gives more than 27 alarms with probability 1e-5; a true rate of 0.2 gives
    fewer with probability 0.01. Releases are seeded: the outcome does not change.
    """
    alarms = sum(
        play(attack, game("null", seed, rows=300), seed).p_value < 0.05 for seed in range(200)
    )
    assert alarms <= 27


@pytest.mark.statistical
@EACH
@pytest.mark.parametrize("release", ["copies", "neighbours"])
def test_power_on_leaky_releases(attack: Attack, release: Release) -> None:
    """20 leaky releases at level 0.001: 18 or more are caught at the n of the test above."""
    rows = 600
    if attack.key in BLUNT:
        rows = 2_000
    caught = sum(
        play(attack, game(release, seed, rows=rows), seed).p_value < 1e-3 for seed in range(20)
    )
    assert caught >= 18
