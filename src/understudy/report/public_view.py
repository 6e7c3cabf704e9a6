"""What the public page shows, as rows of text and drawings, from public evidence alone.

What may not happen here: an import of the internal type.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from understudy.release.audited import REFUTED
from understudy.report.arcs import draw_arcs
from understudy.report.audits_view import audits_view
from understudy.report.curves import draw_trade_off
from understudy.report.distributions import Series, draw_distribution, table_of
from understudy.report.purposes_view import public_purposes
from understudy.report.spelling import (
    shorten,
    spell_bytes,
    spell_delta,
    spell_number,
    spell_share,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from understudy.release.label import Charge, DpLabel
    from understudy.release.public import (
        Assessment,
        ExpectedError,
        Fact,
        LearnedColumn,
        MeasuredColumn,
        PublicEvidence,
    )

Rows = tuple[tuple[str | Markup, ...], ...]
_LONGEST_VALUE = 160
_LEAST_ACCURATE = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """One column of the gallery."""

    name: str
    about: str
    chart: Markup
    heads: tuple[str, ...]
    rows: Rows
    more: str | None = None


def public_view(evidence: PublicEvidence) -> dict[str, Any]:
    """Everything the public template needs besides the evidence itself."""
    label = evidence.label
    return {
        "contents": (
            ("decision", "Decision"),
            *((("purposes", "Purposes"),) if evidence.purposes else ()),
            ("privacy", "Privacy label"),
            *((("audits", "Audits"),) if evidence.audits else ()),
            ("measured", "What was measured"),
            ("knowledge", "What the model knows"),
            ("fitness", "Fitness and limits"),
            ("verify", "Verify"),
        ),
        "unit_short": label.unit_column or "a row",
        "software": software_line(evidence),
        "hash_rows": tuple(
            (one.path, spell_bytes(one.size), _hash(one.sha256)) for one in evidence.hashes
        ),
        "assessment_rows": tuple(
            (one.threat, _formal(one), _verdict(one.verdict), one.detail or "")
            for one in evidence.assessments
        ),
        "trade_off": draw_trade_off(label.bound),
        "caught_rows": tuple(
            (spell_share(one.false_positives), spell_share(one.caught))
            for one in label.bound.caught
        ),
        "cards": tuple(_card(column) for column in evidence.measured),
        "arcs": draw_arcs(_measured_names(evidence), evidence.pairs),
        "pair_rows": tuple(
            (
                " × ".join(pair.columns),
                "\u00a0× ".join(spell_number(size) for size in pair.resolution),
                spell_number(pair.sigma),
                pair.charge or "–",
            )
            for pair in evidence.pairs
        ),
        "expected_summary": tuple(_expected_summary(evidence)),
        "expected_rows": tuple(
            (" × ".join(one.columns), f"{one.tvd:.3f}", _reason(one))
            for one in sorted(evidence.expected, key=lambda one: -one.tvd)[:_LEAST_ACCURATE]
        ),
        **_label_view(label, evidence),
        **_knowledge_view(evidence),
        **public_purposes(evidence),
        **audits_view(evidence),
    }


def _expected_summary(evidence: PublicEvidence) -> Iterator[tuple[str, ...]]:
    """Expected errors of single columns, of pairs counted together, and of other pairs."""
    kinds: dict[str, list[float]] = {}
    for one in evidence.expected:
        kind = "single columns" if len(one.columns) == 1 else f"pairs {_reason(one)}"
        kinds.setdefault(kind, []).append(one.tvd)
    for kind, found in kinds.items():
        yield kind, f"{len(found):,}", f"{sum(found) / len(found):.3f}", f"{max(found):.3f}"


def _reason(one: ExpectedError) -> str:
    """Why a marginal is as accurate as it is expected to be."""
    if len(one.columns) == 1 or one.counted:
        return "counted"
    return "not counted" if one.bounded else "not counted, unbounded"


def software_line(evidence: PublicEvidence) -> str:
    """The programs that took part, in one line."""
    return ", ".join(f"{part.name} {part.version}" for part in evidence.software)


def _measured_names(evidence: PublicEvidence) -> tuple[str, ...]:
    """Columns in the order of the table, as far as they take part in a set."""
    measured = {name for pair in evidence.pairs for name in pair.columns}
    order = [column.name for column in evidence.free.columns if column.name in measured]
    return (*order, *sorted(measured - set(order)))


def _card(column: MeasuredColumn) -> Card:
    """A measured column as a card."""
    axis = column.axis
    series = Series(
        name=column.name,
        shares=column.shares,
        labels=axis.labels,
        edges=axis.edges,
        edge_labels=axis.edge_labels,
        noise=column.noise,
    )
    rows = table_of(series)
    size = f"{axis.size:,} {'labels' if axis.labels is not None else 'bins'}"
    about = [column.kind, size]
    if column.null_share is not None:
        about.append(f"{spell_share(max(0.0, column.null_share))} null")
    if column.noise is not None:
        about.append(f"±\u202f{spell_share(column.noise)} noise")
    return Card(
        name=column.name,
        about=", ".join(about),
        chart=draw_distribution(series),
        heads=("Label" if axis.labels is not None else "Bin", "Share"),
        rows=rows,
        more=more_line(axis.size, len(rows)),
    )


def more_line(size: int, shown: int) -> str | None:
    """Where the rest of a shortened table is."""
    return f"The {size - shown:,} others are in evidence.json." if size > shown else None


def _label_view(label: DpLabel, evidence: PublicEvidence) -> dict[str, Any]:
    """Rows of the privacy label."""
    spent = f"ε = {spell_number(label.epsilon_spent, 5)} of {spell_number(label.epsilon)}"
    if label.rho_spent is not None and label.rho is not None:
        spent += (
            f" (ρ = {spell_number(label.rho_spent, 4)} of {spell_number(label.rho, 4)} in "
            "zero-concentrated terms)"
        )
    parts = "; ".join(f"{part.name}: {spell_delta(part.delta)}" for part in label.delta_split)
    count = len(evidence.declared)
    declared = "nothing" if not count else f"{count} fact{'s' if count > 1 else ''}, listed below"
    return {
        "spent_line": spent,
        "delta_line": parts,
        "declared_line": declared,
        "stages": tuple(
            {
                "name": stage.name,
                "part": f"{100 * min(1.0, max(0.0, stage.spent)):.2f}",
                "plan": f"{100 * min(1.0, max(0.0, stage.planned)):.2f}",
                "spent": spell_share(stage.spent),
                "planned": spell_share(stage.planned),
                "note": stage.note,
            }
            for stage in label.stages
        ),
        "mechanism_rows": tuple(
            (one.name, one.used_for, spell_number(one.charges), one.reference or "–")
            for one in label.mechanisms
        ),
        "charges": tuple(_charges(label.charges)),
        **_cumulative_view(label),
    }


def _charges(charges: tuple[Charge, ...]) -> Iterator[tuple[str, Rows]]:
    """Charges by stage, in the order they were made."""
    stages = dict.fromkeys(charge.stage for charge in charges)
    for stage in stages:
        rows = tuple(
            (
                charge.label + (f" (× {charge.count})" if charge.count > 1 else ""),
                charge.mechanism,
                shorten(", ".join(charge.columns) or "all", 90),
                spell_number(charge.scale),
                _cost(charge),
            )
            for charge in charges
            if charge.stage == stage
        )
        yield stage, rows


def _cost(charge: Charge) -> str:
    """What a charge cost, in the terms it was made in."""
    told = []
    if charge.rho is not None:
        told.append(f"ρ {spell_number(charge.rho)}")
    if charge.epsilon is not None:
        told.append(f"ε {spell_number(charge.epsilon)}")
    if charge.delta:
        told.append(f"δ {spell_delta(charge.delta)}")
    return ", ".join(told) or "–"


def _cumulative_view(label: DpLabel) -> dict[str, Any]:
    """What the asset has spent over all its releases."""
    total = label.cumulative
    if total is None:
        return {"cumulative_lines": (), "earlier_rows": ()}
    limit = None
    if total.limit_epsilon is not None:
        limit = f"ε = {spell_number(total.limit_epsilon)}"
        if total.limit_delta is not None:
            limit += f", δ = {spell_delta(total.limit_delta)}"
    lines = (
        ("Asset", total.asset),
        (
            "Spent in all, this release included",
            f"ε = {spell_number(total.epsilon, 4)}, δ = {spell_delta(total.delta)}",
        ),
        ("Limit of the policy", limit or "none set"),
    )
    rows = tuple(
        (
            one.run,
            one.created.date().isoformat() if one.created else "–",
            one.who or "–",
            spell_number(one.epsilon),
            spell_delta(one.delta),
        )
        for one in total.earlier
    )
    return {"cumulative_lines": lines, "earlier_rows": rows}


def _knowledge_view(evidence: PublicEvidence) -> dict[str, Any]:
    """Rows of what the model knows and where it comes from."""
    details = ", ".join(f"{one.name} {_quoted(one.value)}" for one in evidence.free.details)
    storages = dict.fromkeys(one.storage for one in evidence.free.columns)
    container = f"{evidence.free.container}" + (f": {details}" if details else "")
    maker = evidence.synthesizer
    return {
        "declared_rows": tuple(
            (_code(one.path), _spell(one.value), one.note or "no reason given")
            for one in evidence.declared
        ),
        "free_rows": tuple(
            (
                storage,
                ", ".join(one.name for one in evidence.free.columns if one.storage == storage),
            )
            for storage in storages
        ),
        "container_line": f"File format: {container}.",
        "learned_rows": tuple(_learned(column) for column in evidence.learned if column.facts),
        "identifier_rows": tuple(
            (one.column, one.kind, one.action, one.how, one.decided_by)
            for one in evidence.identifiers
        ),
        "rule_rows": tuple((one.name, _code(one.expr)) for one in evidence.rules),
        "setting_rows": tuple((one.name, _spell(one.value)) for one in maker.settings),
        "synthesizer_line": (maker.title or maker.name)
        + (f". {maker.reference}" if maker.reference else ""),
    }


def _learned(column: LearnedColumn) -> tuple[str | Markup, ...]:
    """One column's facts, its marks, and the charges that paid."""
    told = Markup(", ").join(_fact(fact) for fact in column.facts)
    payers = dict.fromkeys(fact.paid_by for fact in column.facts if fact.paid_by)
    return (column.name, told, ", ".join(str(payer) for payer in payers) or "–")


def _fact(fact: Fact) -> Markup:
    """A fact as text, with a mark when it was not learned."""
    value = fact.value
    if fact.name == "null share" and isinstance(value, float):
        value = spell_share(max(0.0, value))
    mark = Markup("")
    if fact.source != "learned":
        mark = Markup(' <span class="mark">{}</span>').format(fact.source)
    return Markup("{}\u00a0{}{}").format(fact.name, _spell(value), mark)


def _spell(value: object) -> str:
    """A plain value as text."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return spell_number(value, 6)
    return shorten(str(value), _LONGEST_VALUE)


def _quoted(value: object) -> str:
    """A plain value, in quotes when it is punctuation."""
    text = _spell(value)
    return text if any(letter.isalnum() for letter in text) else f"“{text}”"


def _hash(text: str) -> Markup:
    """A hash that may break anywhere."""
    return Markup('<span class="hash">{}</span>').format(text)


def _code(text: str) -> Markup:
    """A path or an expression."""
    return Markup("<code>{}</code>").format(text)


def _formal(one: Assessment) -> Markup:
    """A formal bound, and what audits of the program say about it."""
    if one.audited is None:
        return Markup("{}").format(one.formal)
    kind = "mark bad" if one.audited == REFUTED else "mark"
    return Markup('{} <span class="{}">{}</span>').format(one.formal, kind, one.audited)


def _verdict(text: str) -> Markup:
    """A verdict with a mark that does not rely on colour."""
    kind = "mark bad" if text in {"violated", "leak detected"} else "mark"
    return Markup('<span class="{}">{}</span>').format(kind, text)
