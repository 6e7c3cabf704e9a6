"""Invented evidence for tests of the release and report rooms; no real table stands behind it."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import numpy as np

from understudy.release.internal import (
    AnsweredPurpose,
    ComparedColumn,
    InternalAnchors,
    InternalEvidence,
    InternalFigure,
    LedgerRow,
    PairTrends,
    PurposeCriterion,
    PurposeLine,
    RuleResult,
    SkippedFigure,
    SmokeTest,
    TaskResult,
    TaskScore,
    Timing,
)
from understudy.release.label import (
    AttackBound,
    Charge,
    Cumulative,
    DeltaPart,
    DpLabel,
    EarlierRelease,
    Mechanism,
    Stage,
)
from understudy.release.public import (
    Assessment,
    Declared,
    DeclaredRule,
    Distribution,
    Fact,
    FreeColumn,
    FreeFacts,
    IdentifierAction,
    LearnedColumn,
    MeasuredColumn,
    MeasuredPair,
    PublicEvidence,
    PurposeBound,
    Setting,
    Software,
    StatedPurpose,
    SynthesizerFacts,
)
from understudy.release.wording import (
    ADD_OR_REMOVE,
    CENTRAL_CURATOR,
    STANDING_LIMITS,
    STANDING_NOT_SUPPORTED,
    SYSTEM_ENTROPY,
    ZCDP_DEFINITION,
)

WHEN = dt.datetime(2031, 5, 4, 9, 30, tzinfo=dt.UTC)
TRADES = (
    "lighthouse keeper", "cartographer", "beekeeper", "bookbinder and paper restorer", "smith",
    "cooper", "glazier", "weaver", "miller", "tanner", "piper", "sailmaker", "chandler", "thatcher",
)  # fmt: skip
LABELS: dict[str, tuple[str, ...]] = {
    "trade": TRADES,
    "harbour": ("north quay", "south quay", "old dock"),
    "member": ("yes", "no"),
    "schooling": ("none", "village", "town", "academy", "abroad"),
    "catch": ("low", "high"),
}
NUMBERS = ("age", "hours", "savings", "boat_length", "tide")
NAMES = ("age", "trade", "hours", "harbour", "savings", "member", "schooling", "boat_length",
         "first_voyage", "tide", "catch")  # fmt: skip


def _names(columns: int) -> tuple[str, ...]:
    """The names of the invented columns, repeated with numbers when more are wanted."""
    return tuple(
        NAMES[place % len(NAMES)] + ("" if place < len(NAMES) else f"_{place // len(NAMES) + 1}")
        for place in range(columns)
    )


def _axis(name: str) -> dict[str, Any]:
    """Labels or edges of an invented column."""
    base = name.split("_", maxsplit=1)[0] if name.split("_", maxsplit=1)[0] in LABELS else name
    if base in LABELS:
        return {"labels": LABELS[base]}
    if name.startswith("first_voyage"):
        edges = tuple(float(year) for year in range(1990, 2031, 4))
        return {"edges": edges, "edge_labels": tuple(f"{int(year)}-01-01" for year in edges)}
    if name.startswith("savings"):
        return {"edges": (0.0, 1.0, 500.0, 1000.0, 2000.0, 5000.0, 10000.0, 25000.0, 99999.0)}
    if name.startswith("age"):
        return {"edges": tuple(float(edge) for edge in range(16, 97, 4))}
    return {"edges": tuple(np.linspace(0, 60, 31).round(2).tolist())}


def _shares(size: int, seed: int, skewed: bool) -> np.ndarray:
    """An invented distribution."""
    rng = np.random.default_rng(seed)
    if skewed:
        weights = rng.exponential(size=size) + 0.02
        weights[0] += 9.0
    else:
        middle = rng.uniform(0.3, 0.6)
        place = np.linspace(0, 1, size)
        weights = np.exp(-(((place - middle) / 0.22) ** 2)) + 0.02 * rng.uniform(size=size)
    return weights / weights.sum()


def _series(columns: int) -> list[tuple[str, dict[str, Any], np.ndarray]]:
    """Name, axis and true shares of every invented column."""
    told = []
    for place, name in enumerate(_names(columns)):
        axis = _axis(name)
        size = len(axis["labels"]) if "labels" in axis else len(axis["edges"]) - 1
        skewed = "labels" in axis or name.startswith("savings")
        told.append((name, axis, _shares(size, place, skewed)))
    return told


def label(epsilon: float = 1.0, columns: int = 11) -> DpLabel:
    """An invented label, its charges included."""
    names = _names(columns)
    charges = [
        Charge(label="row count", stage="Preparation", mechanism="discrete Gaussian",
               rho=0.0004, scale=35.4),
        Charge(label="cell kinds", stage="Preparation", mechanism="discrete Gaussian",
               columns=names, rho=0.0011, scale=74.5),
        Charge(label="labels of trade", stage="Preparation", mechanism="partition selection",
               columns=("trade",), epsilon=0.03, delta=2e-7),
    ]  # fmt: skip
    charges += [
        Charge(label=f"marginal of {name}", stage="Single columns",
               mechanism="discrete Gaussian", columns=(name,), rho=0.0007, scale=26.7)
        for name in names
    ]  # fmt: skip
    charges.append(
        Charge(label="choice of pairs", stage="Choice of pairs", mechanism="exponential",
               columns=names, rho=0.004, epsilon=0.02, count=len(names) - 1)
    )  # fmt: skip
    charges.append(
        Charge(label="pairs", stage="Pairs", mechanism="discrete Gaussian", columns=names,
               rho=0.012, scale=20.4, count=len(names) - 1)
    )  # fmt: skip
    return DpLabel(
        definition=ZCDP_DEFINITION,
        unit="one row of the table",
        neighbours=ADD_OR_REMOVE,
        epsilon=epsilon,
        delta=1e-6 if math.isfinite(epsilon) else 0.0,
        epsilon_spent=min(0.99997 * epsilon, epsilon),
        rho=0.01886,
        rho_spent=0.018859,
        delta_split=(
            DeltaPart(name="conversion from ρ", delta=8e-7),
            DeltaPart(name="labels", delta=2e-7),
        ),
        mechanisms=(
            Mechanism(name="discrete Gaussian", used_for="counts", charges=24,
                      reference="Canonne, Kamath and Steinke 2020"),
            Mechanism(name="exponential", used_for="choice of pairs", charges=10,
                      reference="McSherry and Talwar 2007"),
        ),
        stages=(
            Stage(name="Preparation", planned=0.10, spent=0.0998,
                  note="kinds, bounds, labels, null marks, row count"),
            Stage(name="Single columns", planned=0.30, spent=0.2999),
            Stage(name="Choice of pairs", planned=0.15, spent=0.15),
            Stage(name="Pairs", planned=0.45, spent=0.4502),
        ),
        charges=tuple(charges),
        accountant="dp_accounting RDP accountant, rounded up",
        trust_model=CENTRAL_CURATOR,
        randomness=SYSTEM_ENTROPY,
        bound=AttackBound.of(epsilon, 1e-6 if math.isfinite(epsilon) else 0.0),
        cumulative=Cumulative(
            asset="harbour-survey", epsilon=1.62, delta=2e-6, limit_epsilon=4.0,
            limit_delta=1e-5,
            earlier=(EarlierRelease(run="r-0001", created=WHEN - dt.timedelta(days=90),
                                    epsilon=0.5, delta=1e-6, who="registry"),),
        ),
    )  # fmt: skip


def public_evidence(*, columns: int = 11, epsilon: float = 1.0, **changes: Any) -> PublicEvidence:
    """Invented public evidence of a survey in a harbour."""
    rng = np.random.default_rng(7)
    series = _series(columns)
    names = _names(columns)
    measured = tuple(
        MeasuredColumn(
            name=name,
            kind="category" if "labels" in axis else "number",
            axis=Distribution(**axis),
            shares=tuple((shares + rng.normal(0, 0.003, len(shares))).tolist()),
            null_share=0.031 if place % 4 == 1 else None,
            noise=0.003,
            charge=f"marginal of {name}",
        )
        for place, (name, axis, shares) in enumerate(series)
    )
    pairs = tuple(
        MeasuredPair(columns=(names[rng.integers(0, place)], names[place]), resolution=(16, 12),
                     sigma=20.4, charge="pairs")
        for place in range(1, columns)
    )  # fmt: skip
    learned = tuple(
        LearnedColumn(name=name, facts=(
            Fact(name="kind", value="category" if "labels" in axis else "number",
                 source="learned", paid_by="cell kinds"),
            *((Fact(name="categories", value=len(axis["labels"]), source="learned",
                    paid_by="labels of trade"),) if "labels" in axis else
              (Fact(name="minimum", value=axis["edges"][0], source="learned",
                    paid_by=f"marginal of {name}"),
               Fact(name="maximum", value=axis["edges"][-1], source="declared"),
               Fact(name="decimals", value=0, source="learned", paid_by="cell kinds"))),
            Fact(name="null share", value=0.031, source="learned", paid_by="cell kinds"),
        ))
        for name, axis, _ in series
    )  # fmt: skip
    content: dict[str, Any] = {
        "title": "Harbour survey",
        "created": WHEN,
        "purpose": "Teaching material for the statistics course at the academy",
        "recipient": "Students of the spring term, through the academy's file share",
        "environment": "Access-controlled share; no further release",
        "retest": dt.date(2032, 5, 4),
        "residual_risk": "Someone who already knows a lot about one member of the survey may "
        "raise their confidence in the remaining answers within the bound above.",
        "software": (
            Software(name="understudy", version="0.1.0"),
            Software(name="opendp", version="0.14.0"),
            Software(name="dp-accounting", version="0.6.0"),
            Software(name="python", version="3.11.7"),
        ),
        "synthesizer": SynthesizerFacts(
            name="mst",
            title="MST, a tree of pairs",
            settings=(Setting(name="pair levels", value=16), Setting(name="shrink", value=0.8)),
            reference="McKenna, Miklau and Sheldon 2021",
        ),
        "label": label(epsilon, columns),
        "free": FreeFacts(
            container="csv",
            details=(Setting(name="delimiter", value=","), Setting(name="encoding", value="utf-8")),
            columns=tuple(FreeColumn(name=name, storage="text") for name in names),
        ),
        "declared": (
            Declared(path="columns.age.maximum", value=96, note="the survey form ends there"),
            Declared(path="columns.harbour.categories", value=LABELS["harbour"],
                     note="printed on the form"),
        ),
        "learned": learned,
        "measured": measured,
        "pairs": pairs,
        "rows_generated": 24_421,
        "identifiers": (
            IdentifierAction(column="skipper", kind="name", action="replaced",
                             how="column name", decided_by="default"),
            IdentifierAction(column="letters", kind="free text", action="dropped",
                             how="charged share of cells", decided_by="schema"),
        ),
        "rules": (DeclaredRule(name="of age", expr="age >= 16"),),
        "purposes": stated_purposes("pairs"),
        "steering": "They steered which tables were counted.",
        "assessments": (
            Assessment(threat="Singling out", formal="bounded by (ε, δ)"),
            Assessment(threat="Linkability", formal="bounded by (ε, δ)"),
            Assessment(threat="Inference about a member", formal="bounded by (ε, δ)"),
            Assessment(threat="Worst-case audit of the code", formal="ε ≤ 1",
                       verdict="not detected", detail="limit of detection ε = 0.4"),
        ),
        "supported": ("Tables of one and two columns", "Training a classifier for catch"),
        "not_supported": STANDING_NOT_SUPPORTED,
        "limits": STANDING_LIMITS,
    }  # fmt: skip
    return PublicEvidence(**{**content, **changes})


def figure(key: str, title: str, group: str, value: float, **more: Any) -> InternalFigure:
    """An invented figure."""
    anchors = InternalAnchors(
        independent=more.pop("independent", None), holdout=more.pop("holdout", None)
    )
    return InternalFigure(
        key=key, title=title, group=group, value=value, anchors=anchors,
        better=more.pop("better", "higher"), **more,
    )  # fmt: skip


def answered_purposes() -> tuple[AnsweredPurpose, ...]:
    """A purpose that holds, one that does not, one without an answer."""
    return (
        AnsweredPurpose(
            name="Catch by harbour",
            kind="table",
            sentence="table of catch × gear, by harbour",
            weight=3.0,
            note="Table 3 of the yearly report",
            verdict="fail",
            criteria=(
                PurposeCriterion(measure="tvd", tolerance=0.05, better="lower", holds=False,
                                 value=0.0713948172634, holdout=0.0411948127733,
                                 independent=0.1822394817221),
                PurposeCriterion(measure="cell_share", tolerance=0.04, better="lower", holds=True,
                                 value=0.0213948172634, holdout=0.0191948127733,
                                 independent=0.0622394817221),
            ),
            anchor="real holdout of 4,812 rows",
            holdout_passes=True,
            independent_passes=False,
            heads=("Table", "Group", "TVD", "Largest cell difference"),
            lines=tuple(
                PurposeLine(cells=("catch × gear", group, 0.0713948172634 / place, 0.02 / place))
                for place, group in enumerate(("North", "South", "West"), 1)
            ),
            lines_left_out=4,
        ),
        AnsweredPurpose(
            name="Wages",
            kind="regression",
            sentence="linear regression: crew ~ length + gear",
            weight=1.0,
            verdict="pass",
            criteria=(
                PurposeCriterion(measure="interval_overlap", tolerance=0.5, better="higher",
                                 holds=True, value=0.7213948172634, holdout=0.8811948127733,
                                 independent=0.1222394817221),
            ),
            anchor="real holdout of 4,812 rows",
            holdout_passes=True,
            independent_passes=False,
            heads=("Term", "Real", "Synthetic", "Same conclusion"),
            lines=(PurposeLine(cells=("length", 0.51, 0.48, "yes")),
                   PurposeLine(cells=("gear = net", -0.2, None, "no"))),
        ),
        AnsweredPurpose(
            name="Who lands cod",
            kind="classifier",
            sentence="classifiers of species = cod from all other columns",
            weight=0.5,
            verdict="not answered",
            reason="the label of 'species' does not occur in the real table",
        ),
    )  # fmt: skip


def stated_purposes(charge: str) -> tuple[StatedPurpose, ...]:
    """A purpose that is expected to hold, one that is not, one that is not assessed."""
    return (
        StatedPurpose(
            name="Catch by harbour",
            kind="table",
            sentence="table of catch × gear, by harbour",
            weight=3.0,
            note="Table 3 of the yearly report",
            bounds=(PurposeBound(measure="tvd", tolerance=0.05, expected=0.031),
                    PurposeBound(measure="cell_share", tolerance=0.04, expected=0.012)),
            verdict="expected to hold",
            basis="noise of the counts of catch × gear × harbour",
            charges=(charge,),
        ),
        StatedPurpose(
            name="Length by gear",
            kind="subgroup",
            sentence="mean of length by gear",
            weight=1.0,
            bounds=(PurposeBound(measure="absolute", tolerance=0.5, expected=1.2),),
            verdict="not expected to hold",
            basis="noise of the counts of length × gear",
            charges=(charge,),
        ),
        StatedPurpose(
            name="Wages",
            kind="regression",
            sentence="linear regression: crew ~ length + gear",
            weight=1.0,
            bounds=(PurposeBound(measure="interval_overlap", tolerance=0.5),),
            basis="a regression's error does not follow from noise alone; 1 of 2 pairs of outcome "
            "and predictor was counted",
        ),
    )  # fmt: skip


def internal_evidence(*, columns: int = 11, **changes: Any) -> InternalEvidence:
    """Invented internal evidence of the same survey."""
    rng = np.random.default_rng(11)
    series = _series(columns)
    compared = []
    for name, axis, shares in series:
        noisy = np.clip(shares + rng.normal(0, 0.012, len(shares)), 0, None)
        noisy /= noisy.sum()
        compared.append(
            ComparedColumn(
                name=name,
                kind="category" if "labels" in axis else "number",
                **axis,
                real=tuple(shares.tolist()),
                synthetic=tuple(noisy.tolist()),
                real_null=0.03,
                synthetic_null=0.027,
                score=float(1 - np.abs(shares - noisy).sum() / 2),
            )
        )
    size = len(series)
    half = rng.beta(9, 1.2, (size, size))
    similarity = tuple(
        tuple(None if row == column else float(half[max(row, column), min(row, column)])
              for column in range(size))
        for row in range(size)
    )  # fmt: skip
    names = tuple(name for name, _, _ in series)
    classifiers = ("LogisticRegression", "GaussianNB", "RandomForest", "AdaBoost", "Bagging",
                   "GradientBoosting")  # fmt: skip
    scores = tuple(
        TaskScore(classifier=name, metric=metric, trtr=top, tstr=top - gap,
                  interval=(top - gap - 0.015, top - gap + 0.012))
        for metric, top in (("AUC", 0.882 + 0.001 * size), ("Accuracy", 0.842))
        for name, gap in zip(classifiers, (0.031, 0.02, 0.052, 0.044, 0.07, 0.048), strict=True)
    )  # fmt: skip
    content: dict[str, Any] = {
        "created": WHEN,
        "headline": ("tvd_1way", "tvd_2way", "tvd_3way", "quality_shapes", "tstr_auc"),
        "figures": (
            figure("tvd_1way", "Single columns, TVD", "marginals", 0.011204817356, better="lower",
                   independent=0.0071, holdout=0.0083, interval=(0.0109, 0.0116),
                   explanation="Mean total variation distance of every single column."),
            figure("tvd_2way", "Pairs, TVD", "marginals", 0.05194412093, better="lower",
                   independent=0.0882, holdout=0.0271, interval=(0.051, 0.053),
                   explanation="Mean total variation distance of every pair of columns."),
            figure("tvd_3way", "Triples, TVD", "marginals", 0.1173312, better="lower",
                   independent=0.1984, holdout=0.0661,
                   explanation="The same over sampled sets of three columns."),
            figure("quality_shapes", "Column shapes", "shapes", 0.968311, independent=0.9941,
                   holdout=0.9902, explanation="As SDMetrics' Quality Report defines it."),
            figure("tstr_auc", "Prediction of catch, AUC", "task", 0.8312, independent=0.4806,
                   holdout=0.8771, interval=(0.824, 0.838), seeds=5,
                   explanation="Mean of six classifiers trained on synthetic rows."),
            *(figure(f"shape_{name}", "Shape", "shapes", 0.9 + 0.009 * place % 0.1,
                     columns=(name,)) for place, name in enumerate(names)),
            figure("dcr_share", "Nearer to training than to holdout", "smoke", 0.5031,
                   holdout=0.5, better="near", target=0.5,
                   explanation="Half is what no copying would give."),
        ),
        "purposes": answered_purposes(),
        "skipped": (SkippedFigure(key="rank", title="Ranking agreement", group="task",
                                  reason="needs two targets"),),
        "columns": tuple(compared),
        "pairs": PairTrends(columns=names, similarity=similarity),
        "tasks": (TaskResult(target="catch", scores=scores, chance=0.5),),
        "rules": (RuleResult(name="of age", expr="age >= 16", synthetic=0.0, real=0.0),),
        "smoke": SmokeTest(word="not detected", limit=0.034,
                           text="not detected, limit of detection 3.4 % copied rows",
                           reason="synthetic rows lie as near to held-out rows as to others"),
        "ledger": (LedgerRow(when=WHEN, run="r-0002", label="row count", stage="Preparation",
                             cost="ρ 0.0004", who="registry"),),
        "timings": (Timing(name="fit", seconds=1.84), Timing(name="evaluate", seconds=14.2)),
        "counts": (("real rows", 24_421), ("holdout rows", 6_105)),
    }  # fmt: skip
    return InternalEvidence(**{**content, **changes})
