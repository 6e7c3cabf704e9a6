"""Turn evidence into a page; the only module that imports `jinja2`.

What may not happen here: a value that reaches the page unescaped. Templates escape everything;
only drawings, which escape their own texts, are passed as markup.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from understudy import __version__
from understudy.report.attack_view import attack_page, attack_view
from understudy.report.audit_view import audit_view
from understudy.report.evaluation_view import evaluation_view
from understudy.report.frontier_view import frontier_view
from understudy.report.internal_view import internal_view
from understudy.report.plan_view import plan_view
from understudy.report.public_view import public_view
from understudy.report.spelling import raise_power, spell_delta, spell_moment, spell_number
from understudy.report.study_view import study_view

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Environment

    from understudy.release.attacks import AttackAnnex
    from understudy.release.frontier import FrontierEvidence
    from understudy.release.internal import InternalEvidence
    from understudy.release.judged import EvaluationEvidence
    from understudy.release.public import PublicEvidence
    from understudy.release.study import StudyResults


def render_public(evidence: PublicEvidence) -> str:
    """Render the public report.

    Parameters
    ----------
    evidence
        The public evidence; nothing else is shown.

    Returns
    -------
    One HTML document that opens offline: no script, no request, no font.
    """
    return _render("public.html.jinja", {"e": evidence, **public_view(evidence)})


def render_internal(
    evidence: PublicEvidence | None, internal: InternalEvidence, *, title: str | None = None
) -> str:
    """Render the internal report, marked on every screen as personal data.

    Parameters
    ----------
    evidence
        The public evidence of the same release, for its title and label; None for a table of
        unknown origin that was only evaluated.
    internal
        Figures computed on real rows.
    title
        What the page is called; by default the release's title.

    Returns
    -------
    One HTML document that opens offline.
    """
    named = title or (evidence.title if evidence else "Evaluation")
    context = {
        "e": evidence,
        "i": internal,
        "title": named,
        **internal_view(evidence, internal),
        **attack_view(internal.attacks),
    }
    return _render("internal.html.jinja", context)


def render_evaluation(evidence: EvaluationEvidence) -> str:
    """Render the report of an evaluation of one or more synthetic tables.

    Parameters
    ----------
    evidence
        Figures computed on real rows; nothing else is shown.

    Returns
    -------
    One HTML document that opens offline, marked on every screen as personal data.
    """
    return _render("evaluation.html.jinja", {"v": evidence, **evaluation_view(evidence)})


def render_attacks(annex: AttackAnnex, *, title: str) -> str:
    """Render the report of attacks on a release, marked on every screen as personal data.

    Parameters
    ----------
    annex
        What the attacks found, with their controls.
    title
        What the page is called.

    Returns
    -------
    One HTML document that opens offline.
    """
    context = {"title": title, "software": f"understudy {__version__}", **attack_page(annex)}
    return _render("attack.html.jinja", context)


def render_frontier(evidence: FrontierEvidence) -> str:
    """Render the report of a frontier.

    Parameters
    ----------
    evidence
        Utility and risk of every fit; nothing else is shown.

    Returns
    -------
    One HTML document that opens offline, marked on every screen as personal data.
    """
    return _render("frontier.html.jinja", {"f": evidence, **frontier_view(evidence)})


def render_study(results: StudyResults) -> str:
    """Render the report of a study.

    Parameters
    ----------
    results
        Figures of every cell; nothing else is shown.

    Returns
    -------
    One HTML document that opens offline, marked on every screen as personal data.
    """
    return _render("study.html.jinja", study_view(results))


def render_plan(plan: Mapping[str, Any]) -> str:
    """Render the plan of a run that has not begun.

    Parameters
    ----------
    plan
        What `Plan.to_json` returns: public facts and what follows from them.

    Returns
    -------
    One HTML document that opens offline.
    """
    return _render("plan.html.jinja", {"p": plan, **plan_view(plan)})


def render_audit(audit: Mapping[str, Any]) -> str:
    """Render what an audit found.

    Parameters
    ----------
    audit
        What `Audit.to_json` returns: counts on invented tables and what follows from them.

    Returns
    -------
    One HTML document that opens offline.
    """
    return _render("audit.html.jinja", {"a": audit, **audit_view(audit)})


@cache
def _environment() -> Environment:
    """Templates with escaping always on and every name required."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("understudy.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    source = environment.loader
    if source is None:  # pragma: no cover - the loader was given above
        raise AssertionError
    style, _, _ = source.get_source(environment, "style.css")
    environment.globals.update(
        style=Markup(style),  # noqa: S704 - our own file
        num=spell_number,
        delta=spell_delta,
        power=raise_power,
        moment=spell_moment,
    )
    return environment


def _render(template: str, context: dict[str, Any]) -> str:
    """Fill a template."""
    return _environment().get_template(template).render(context)
