"""A generator that can be fitted again, for attackers who know it: ours by name, or any command.

Each refit of ours spends (ε, δ) of its own on rows that are real: like the attack's figures it stays
inside the house. What may not happen here: a table that outlives the call.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

from understudy.attack.protocol import Generator
from understudy.errors import InputError
from understudy.privacy.budget import DEFAULT_DELTA, check_privacy
from understudy.schema import Schema
from understudy.source import from_frame
from understudy.synthesize.commanded import CommandGenerator
from understudy.workflow.named import named_synthesizer
from understudy.workflow.refitting import OurRefit


@dataclass(frozen=True, kw_only=True)
class Refitted:
    """A synthesizer of ours with a budget of its own for every fit."""

    refit: OurRefit

    def __call__(self, table: pa.Table, seed: int) -> pa.Table:
        """Fit on a table and sample as many rows."""
        return self.refit.make(from_frame(table), seed=seed, rows=table.num_rows)


@dataclass(frozen=True, kw_only=True)
class Commanded:
    """A command that reads a file and writes one, as `understudy audit --command` runs it."""

    command: CommandGenerator
    epsilon: float
    delta: float
    schema: Schema = field(default_factory=Schema)

    def __call__(self, table: pa.Table, seed: int) -> pa.Table:
        """Run the command on a table."""
        return self.command.make(
            table, self.schema, epsilon=self.epsilon, delta=self.delta, rows=table.num_rows,
            seed=seed,
        )  # fmt: skip


def generator_of(
    *,
    synthesizer: str | None = None,
    command: str | None = None,
    epsilon: float | None = None,
    delta: float = DEFAULT_DELTA,
    schema: Schema | None = None,
) -> Generator | None:
    """The generator that is named, or None when none is.

    Parameters
    ----------
    synthesizer
        One of ours, by name.
    command
        A template with {input} and {output}, and what else `understudy audit` fills in.
    epsilon, delta
        Of every fit; ours need ε.
    schema
        Declared public facts.

    Raises
    ------
    InputError
        Both are named, the synthesizer does not exist, or ε is missing where the synthesizer or
        the command needs it, or promises nothing.
    """
    if synthesizer is not None and command is not None:
        raise InputError("name a synthesizer or a command, not both")
    if synthesizer is None and command is None:
        if epsilon is not None:
            raise InputError(
                "an epsilon without a generator", hint="name it with --synthesizer or --command"
            )
        return None
    declared = schema or Schema()
    if command is not None:
        if epsilon is not None:
            check_privacy(epsilon, delta)
        made = CommandGenerator(template=command)
        if epsilon is None and made.names("epsilon"):
            raise InputError(
                "the command names {epsilon}, and none was given", hint="give --epsilon"
            )
        return Commanded(command=made, epsilon=epsilon or 1.0, delta=delta, schema=declared)
    if epsilon is None:
        raise InputError("fits of a synthesizer need their budget", hint="give --epsilon")
    check_privacy(epsilon, delta)
    named_synthesizer(str(synthesizer))
    refit = OurRefit(synthesizer=synthesizer, schema=declared, epsilon=epsilon, delta=delta)
    return Refitted(refit=refit)
