"""What a release may say in public: put together from the model, the budget and the schema.

Everything here was declared, paid for or read off the container. What may not happen here: a
sensitive table as an argument.
"""

from __future__ import annotations

import datetime as dt
import itertools
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from understudy import __version__
from understudy.curator import LabelCells, NumberCells
from understudy.prepare.attributes import REST, Attribute
from understudy.privacy.budget import Budget
from understudy.release.assessing import assessments_of
from understudy.release.audited import StatedAudit
from understudy.release.charged import label_of
from understudy.release.label import Cumulative
from understudy.release.public import (
    Declared,
    DeclaredRule,
    Distribution,
    ExpectedError,
    Fact,
    FileHash,
    FreeColumn,
    FreeFacts,
    IdentifierAction,
    LearnedColumn,
    MeasuredColumn,
    MeasuredPair,
    PublicEvidence,
    Setting,
    Software,
    SynthesizerFacts,
)
from understudy.release.wording import STANDING_LIMITS, STANDING_NOT_SUPPORTED
from understudy.schema import Kind, Purposes, Schema
from understudy.source import FileFormat, Header
from understudy.synthesize.conditioning.expected import expected_marginals
from understudy.synthesize.model import Model
from understudy.workflow.attacking import asked_goals
from understudy.workflow.expectations import stated_purposes

REFERENCES = {
    "aim": "McKenna, Mullins, Sheldon and Miklau 2022, arXiv:2201.12677, on merged levels",
    "mst": "McKenna, Miklau and Sheldon 2021, arXiv:2108.04978, with chords",
    "residual": "pairs reconstructed by residuals (Xiao et al. 2023, arXiv:2305.08175), a network",
    "margnet": "a network trained on marginals (Chen, Gong and Wang 2025, arXiv:2511.13893; Liu, "
    "Vietri and Wu 2021, arXiv:2106.07153), of one hidden unit",
    "privbayes": "Zhang et al. 2017, doi:10.1145/3134428",
    "independent": "independent columns, the floor of every comparison",
    "argn": "an autoregressive network over columns in any order (Uria, Murray and Larochelle 2014)",
    "gan": "a Wasserstein GAN, its critic trained by noisy gradients (Gulrajani et al. 2017, "
    "arXiv:1704.00028; Bie, Kamath and Zhang 2023, arXiv:2302.02936)",
    "pategan": "teachers with noisy votes on invented rows (PATE-GAN: Jordon, Yoon and van der "
    "Schaar 2019; Papernot et al. 2018, arXiv:1802.08908)",
    "patectgan": "teachers with noisy votes on how invented rows go on (PATE: Papernot et al. 2018, "
    "arXiv:1802.08908), a conditional generator",
    "ctgan": "a conditional GAN for tables (Xu et al. 2019, arXiv:1907.00503), its critic trained by "
    "noisy gradients, conditions from noisy shares",
    "vae": "a variational autoencoder (Kingma and Welling 2014; for tables Xu et al. 2019)",
    "cart": "sequential trees, not private (Reiter 2005; Nowok, Raab and Dibben 2016, synthpop)",
}

STAGES = {
    "rows": "how many rows there are",
    "kinds": "what untyped columns hold: numbers, dates, labels, null marks",
    "distinct": "which columns are unique keys",
    "domain": "where numbers lie, which labels and patterns occur",
    "singles": "the distribution of every column",
    "select": "which pairs of columns to count",
    "pairs": "how those pairs depend on each other",
    "training": "learning from rows, step by step",
    "teachers": "whether there are rows enough for the teachers asked for",
    "votes": "how many teachers say what of invented rows",
}
_BINS, _LABELS = 40, 60


@dataclass(frozen=True, kw_only=True)
class Purpose:
    """What a person states about a release; nothing is computed from it."""

    title: str
    purpose: str | None = None
    recipient: str | None = None
    environment: str | None = None


def public_evidence(
    model: Model,
    *,
    budget: Budget,
    schema: Schema,
    headers: Iterable[Header],
    stated: Purpose,
    rows_generated: int,
    hashes: tuple[FileHash, ...] = (),
    cumulative: Cumulative | None = None,
    purposes: Purposes | None = None,
    steering: str | None = None,
    attack: str | None = None,
    audits: tuple[StatedAudit, ...] = (),
) -> PublicEvidence:
    """Everything that may leave with a release.

    Parameters
    ----------
    model
        The fitted model.
    budget
        The budget after the fit.
    schema, headers
        What was declared, and what the container says.
    stated
        Title, purpose and recipient, from a person.
    rows_generated
        Rows of the synthetic table.
    hashes
        Of the released files.
    cumulative
        What the asset has spent over all releases.
    purposes, steering
        What the release is for, and whether that steered the synthesizer.
    attack
        Level of the attacks that were asked for, None for none; their results are internal.
    audits
        Of the program on invented tables.
    """
    public = tuple(headers)
    label = label_of(budget, stage_notes=STAGES, cumulative=cumulative)
    paid = {event.label for event in budget.events}
    return PublicEvidence(
        title=stated.title,
        purpose=stated.purpose,
        recipient=stated.recipient,
        environment=stated.environment,
        created=dt.datetime.now(dt.UTC).replace(microsecond=0),
        software=tuple(_software()),
        synthesizer=SynthesizerFacts(
            name=model.synthesizer,
            settings=tuple(
                Setting(name=name, value=value)
                for name, value in model.settings.items()
                if value is None or isinstance(value, str | int | float | bool)
            ),
            reference=REFERENCES.get(model.synthesizer),
        ),
        label=label,
        free=_free(model.format, public),
        declared=tuple(
            Declared(path=path, value=value, note=note)
            for path, value, note in schema.declared_public()
        ),
        learned=tuple(
            LearnedColumn(name=item.name, facts=tuple(_facts(item, schema, paid)))
            for item in model.attributes
        ),
        measured=tuple(_measured(model, paid)),
        pairs=tuple(_pairs(model, paid)),
        expected=tuple(_expected(model)),
        rows_generated=rows_generated,
        hashes=hashes,
        identifiers=tuple(_identifiers(model, schema, public)),
        rules=tuple(DeclaredRule(name=rule.name, expr=rule.expr) for rule in schema.rules),
        purposes=stated_purposes(model, purposes, paid) if purposes else (),
        steering=steering,
        assessments=assessments_of(label, level=attack, goals=asked_goals(), audits=audits),
        audits=audits,
        limits=STANDING_LIMITS,
        not_supported=STANDING_NOT_SUPPORTED,
    )


def _software() -> Iterator[Software]:
    """The programs that took part."""
    from importlib.metadata import PackageNotFoundError, version

    yield Software(name="understudy", version=__version__)
    yield Software(name="python", version=sys.version.split()[0])
    for name in ("opendp", "dp-accounting", "numpy", "pyarrow"):
        try:
            yield Software(name=name, version=version(name))
        except PackageNotFoundError:
            continue


def _free(written: FileFormat, headers: tuple[Header, ...]) -> FreeFacts:
    """What the container says for free."""
    told: Mapping[str, Any] = {
        "delimiter": written.delimiter,
        "compression": written.compression,
        "encoding": written.encoding,
        "all cells quoted": written.quote_all,
    }
    details = told if written.container == "csv" else {}
    return FreeFacts(
        container=written.container,
        details=tuple(Setting(name=name, value=value) for name, value in details.items()),
        columns=tuple(FreeColumn(name=h.name, storage=h.storage.value) for h in headers),
    )


def charge_of(attribute: Attribute, paid: set[str]) -> str:
    """Label of the charge that paid for a column's distribution."""
    labels, count = f"labels of {attribute.name}", f"count of {attribute.name}"
    return labels if labels in paid and count not in paid else _either(labels, count, attribute)


def _either(labels: str, count: str, attribute: Attribute) -> str:
    """Labels are paid by partition selection unless the whole domain was declared or spelled."""
    discovered = attribute.paid.get("labels", "").startswith("partition selection")
    return labels if discovered else count


def _facts(item: Attribute, schema: Schema, paid: set[str]) -> Iterator[Fact]:
    """What is known of a column, and who paid."""
    column, charge = schema.column(item.name), charge_of(item, paid)
    counted = f"count of {item.name}"

    def fact(name: Any, value: Any, *, declared: bool, by: str = charge) -> Fact:
        if declared:
            return Fact(name=name, value=value, source="declared")
        if by not in paid:
            return Fact(name=name, value=value, source="container")
        return Fact(name=name, value=value, source="learned", paid_by=by)

    typed = item.paid.get("kind") == "storage type"
    kind_by = _payer_of_kind(item, paid)
    yield fact("kind", item.kind.value, declared=column.kind is not None, by=kind_by)
    if item.standin is not None:
        return
    encoding, shares = item.encoding, item.shares
    if isinstance(encoding, NumberCells):
        spans = item.names()[: encoding.cells]
        held = np.flatnonzero(shares[: encoding.cells] > 0)
        if len(held):
            low, high = spans[held[0]].split(" to ")[0], spans[held[-1]].split(" to ")[-1]
            for name, learned, told in (
                ("minimum", low, column.minimum),
                ("maximum", high, column.maximum),
            ):
                yield fact(name, learned if told is None else told, declared=told is not None)
        yield fact("bins", encoding.cells, declared=False)
        reading = encoding.reading
        if item.kind is Kind.NUMBER and reading.decimals is not None:
            by = counted if "decimals" in item.paid else kind_by
            yield fact("decimals", reading.decimals, declared=column.decimals is not None, by=by)
        if reading.format is not None and not typed:
            yield fact("format", reading.format, declared=column.format is not None, by=counted)
        missing = float(shares[encoding.cells : -1].sum())
    else:
        known = [label for label in encoding.labels if label not in _nulls()]
        yield fact("categories", len(known), declared=column.categories is not None)
        yield fact("rest category", round(float(shares[-1]), 4), declared=False)
        where = [index for index, label in enumerate(encoding.labels) if label in _nulls()]
        missing = float(shares[where].sum()) if where else 0.0
    yield fact("null share", round(missing, 4), declared=False)


def _payer_of_kind(item: Attribute, paid: set[str]) -> str:
    """Label of the charge that told what a column is; empty when its container did."""
    if item.paid.get("identifier", "").startswith("noisy share of distinct"):
        return f"distinct cells of {item.name}"
    if item.paid.get("kind") == "storage type":
        return ""
    counted = f"count of {item.name}"
    return counted if counted in paid else charge_of(item, paid)


def _nulls() -> tuple[str | None, ...]:
    """Labels that stand for a missing cell."""
    from understudy.cells.classes import MARKS

    return (None, *MARKS)


def _measured(model: Model, paid: set[str]) -> Iterator[MeasuredColumn]:
    """The noisy distribution of every modelled column."""
    for item in model.attributes:
        charge = charge_of(item, paid)
        if item.standin is not None or charge not in paid:
            continue
        noise = min(1.0, float(np.sqrt(item.variances.mean()) / model.rows))
        shares = item.shares
        if isinstance(item.encoding, LabelCells):
            names = item.names()
            order = np.argsort(-shares, kind="stable")
            order = np.array([i for i in order if i < len(names) - 1 or shares[i] > 0])[:_LABELS]
            yield MeasuredColumn(
                name=item.name,
                kind=item.kind.value,
                axis=Distribution(labels=tuple(names[i] for i in order)),
                shares=tuple(float(shares[i]) for i in order),
                noise=noise,
                charge=charge,
            )
        else:
            yield _measured_number(item, item.encoding, noise, charge)


def _measured_number(
    item: Attribute, encoding: NumberCells, noise: float, charge: str
) -> MeasuredColumn:
    """The noisy histogram of a number column on at most some forty bins."""
    shares = item.shares[: encoding.cells]
    held = np.flatnonzero(shares > 0)
    first, last = (int(held[0]), int(held[-1]) + 1) if len(held) else (0, encoding.cells)
    cuts = np.unique(np.linspace(first, last, min(_BINS, last - first) + 1).round().astype(int))
    unit = encoding.reading.unit or 1.0
    edges = np.asarray(encoding.edges)[cuts] * unit
    labels = None
    if item.kind is not Kind.NUMBER:
        labels = tuple(encoding.reading.render(edges).to_pylist())
    return MeasuredColumn(
        name=item.name,
        kind=item.kind.value,
        axis=Distribution(edges=tuple(edges.tolist()), edge_labels=labels),
        shares=tuple(float(shares[a:b].sum()) for a, b in itertools.pairwise(cuts)),
        null_share=min(1.0, float(item.shares[encoding.cells : -1].sum())),
        noise=noise,
        charge=charge,
    )


def _pairs(model: Model, paid: set[str]) -> Iterator[MeasuredPair]:
    """Columns that were counted together."""
    for pair in model.pairs:
        charge = f"count of {' × '.join(pair.columns)}"
        yield MeasuredPair(
            columns=pair.columns,
            resolution=pair.levels,
            sigma=pair.sigma,
            charge=charge if charge in paid else None,
        )


def _expected(model: Model) -> Iterator[ExpectedError]:
    """How accurate each single and each pair is expected to be."""
    for one in expected_marginals(model)[1]:
        yield ExpectedError(
            columns=one.columns,
            tvd=float(f"{one.tvd:.3g}"),
            counted=one.counted,
            bounded=one.bounded,
        )


def _identifiers(
    model: Model, schema: Schema, headers: tuple[Header, ...]
) -> Iterator[IdentifierAction]:
    """What happened to direct identifiers and dropped columns."""
    kept = {item.name: item for item in model.attributes}
    for header in headers:
        item, column = kept.get(header.name), schema.column(header.name)
        if item is None:
            yield IdentifierAction(
                column=header.name,
                kind=(column.identifier or "column"),
                action="dropped",
                how="left out of the release",
                decided_by="declared",
            )
        elif item.standin is not None:
            how = "stand-ins of the same format, drawn from public lists and random digits"
            yield IdentifierAction(
                column=header.name,
                kind=item.standin.kind.value,
                action="replaced",
                how=how,
                decided_by=item.paid.get("identifier", "declared"),
            )
        elif column.action == "keep":
            yield IdentifierAction(
                column=header.name,
                kind=(column.identifier or "column"),
                action="kept",
                how=f"modelled as {item.kind.value}; rare cells become {REST}",
                decided_by="declared",
            )
