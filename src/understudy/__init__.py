"""Understudy: a sensitive table in, a differentially private synthetic table out, with evidence.

    import understudy as us

    run = us.synthesize(table, epsilon=1.0, target="income")
    run.synthetic
    run.save("release")

Sensitive rows live behind one door, the curator; everything that learns asks it for a
measurement, pays from a budget and leaves an event in the ledger; everything after the door is
post-processing.

What may not happen here: an import of anything heavy. Names are looked up when they are first
used (PEP 562), so `import understudy` stays a matter of milliseconds.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from understudy.errors import UnderstudyError
    from understudy.privacy import NON_PRIVATE, Ledger, Policy, Unit
    from understudy.release import verify
    from understudy.schema import Column, Purposes, Rule, Schema
    from understudy.schema import dump_purposes as write_purposes
    from understudy.schema import dump_schema as write_schema
    from understudy.schema import load_purposes as read_purposes
    from understudy.schema import load_schema as read_schema
    from understudy.source import read_table, write_table
    from understudy.synthesize.baseline.independent import Independent
    from understudy.synthesize.baseline.privbayes import PrivBayes
    from understudy.synthesize.marginal.aim import AIM
    from understudy.synthesize.marginal.margnet import MargNet
    from understudy.synthesize.marginal.mst import MST
    from understudy.synthesize.marginal.residual import Residual
    from understudy.synthesize.marginal.workload import Workload
    from understudy.synthesize.model import Model
    from understudy.synthesize.neural.argn import Argn, NoisySteps
    from understudy.synthesize.neural.ctgan import Ctgan
    from understudy.synthesize.neural.gan import Gan, NoisyContest
    from understudy.synthesize.neural.pategan import PateCtGan, PateGan, Voting
    from understudy.synthesize.neural.vae import Vae, VaeSteps
    from understudy.synthesize.tree.cart import Cart

__version__ = "0.1.0"

_HOMES = {
    "AIM": "understudy.synthesize.marginal.aim:AIM",
    "Argn": "understudy.synthesize.neural.argn:Argn",
    "Cart": "understudy.synthesize.tree.cart:Cart",
    "Column": "understudy.schema:Column",
    "Ctgan": "understudy.synthesize.neural.ctgan:Ctgan",
    "Gan": "understudy.synthesize.neural.gan:Gan",
    "Independent": "understudy.synthesize.baseline.independent:Independent",
    "Ledger": "understudy.privacy:Ledger",
    "MST": "understudy.synthesize.marginal.mst:MST",
    "MargNet": "understudy.synthesize.marginal.margnet:MargNet",
    "Model": "understudy.synthesize.model:Model",
    "NON_PRIVATE": "understudy.privacy:NON_PRIVATE",
    "NoisyContest": "understudy.synthesize.neural.gan:NoisyContest",
    "NoisySteps": "understudy.synthesize.neural.argn:NoisySteps",
    "PateCtGan": "understudy.synthesize.neural.pategan:PateCtGan",
    "PateGan": "understudy.synthesize.neural.pategan:PateGan",
    "Plan": "understudy.workflow:Plan",
    "Policy": "understudy.privacy:Policy",
    "Purposes": "understudy.schema:Purposes",
    "PrivBayes": "understudy.synthesize.baseline.privbayes:PrivBayes",
    "Residual": "understudy.synthesize.marginal.residual:Residual",
    "Rule": "understudy.schema:Rule",
    "Schema": "understudy.schema:Schema",
    "Study": "understudy.workflow.study:Study",
    "StudyResults": "understudy.workflow.study:StudyResults",
    "UnderstudyError": "understudy.errors:UnderstudyError",
    "Unit": "understudy.privacy:Unit",
    "Vae": "understudy.synthesize.neural.vae:Vae",
    "VaeSteps": "understudy.synthesize.neural.vae:VaeSteps",
    "Voting": "understudy.synthesize.neural.pategan:Voting",
    "choose": "understudy.workflow.choosing:choose",
    "cross_validate": "understudy.workflow:cross_validate",
    "frontier": "understudy.workflow.frontier:frontier",
    "plan": "understudy.workflow:plan",
    "Workload": "understudy.synthesize.marginal.workload:Workload",
    "read_purposes": "understudy.schema:load_purposes",
    "read_schema": "understudy.schema:load_schema",
    "read_table": "understudy.source:read_table",
    "verify": "understudy.release:verify",
    "write_purposes": "understudy.schema:dump_purposes",
    "write_schema": "understudy.schema:dump_schema",
    "write_table": "understudy.source:write_table",
}
"""Where each public name lives, as `module:attribute`."""

_VERBS = {
    "attack": "understudy.workflow.attacking:attack",
    "audit": "understudy.workflow.auditing:audit",
    "evaluate": "understudy.workflow:evaluate",
    "learn": "understudy.workflow.learning:learn",
    "synthesize": "understudy.workflow:synthesize",
}
"""Verbs that share their name with a room: calling the room calls the verb."""

__all__ = [
    "AIM",
    "MST",
    "NON_PRIVATE",
    "Argn",
    "Cart",
    "Column",
    "Ctgan",
    "Gan",
    "Independent",
    "Ledger",
    "MargNet",
    "Model",
    "NoisyContest",
    "NoisySteps",
    "PateCtGan",
    "PateGan",
    "Plan",
    "Policy",
    "PrivBayes",
    "Purposes",
    "Residual",
    "Rule",
    "Schema",
    "Study",
    "StudyResults",
    "UnderstudyError",
    "Unit",
    "Vae",
    "VaeSteps",
    "Voting",
    "Workload",
    "__version__",
    "attack",
    "audit",
    "choose",
    "cross_validate",
    "evaluate",
    "frontier",
    "learn",
    "plan",
    "read_purposes",
    "read_schema",
    "read_table",
    "synthesize",
    "verify",
    "write_purposes",
    "write_schema",
    "write_table",
]


def _look_up(home: str) -> Any:
    """Return the object that `module:attribute` names."""
    module, _, attribute = home.partition(":")
    return getattr(import_module(module), attribute)


class _Verb(ModuleType):
    """A room that is also a verb: `us.synthesize(...)` beside `understudy.synthesize.mst`."""

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        verb = _look_up(_VERBS[self.__name__.rpartition(".")[2]])
        return verb(*arguments, **settings)

    @property
    def __signature__(self) -> Any:
        import inspect

        return inspect.signature(_look_up(_VERBS[self.__name__.rpartition(".")[2]]))


class _Package(ModuleType):
    """The package itself: a room that becomes its attribute is callable when it is a verb too."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _VERBS and isinstance(value, ModuleType):
            value.__class__ = _Verb
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    """Import what a public name stands for, once."""
    if name in _HOMES:
        found = _look_up(_HOMES[name])
        globals()[name] = found
        return found
    if name in _VERBS:
        return import_module(f"{__name__}.{name}")
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    """List the public names."""
    return list(__all__)
