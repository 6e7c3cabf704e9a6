"""Every exception Understudy raises on purpose.

What may not happen here: a message that carries a value from the data.

    UnderstudyError                exit code 1
    ├── InputError                 2   a file, a table or an argument cannot be used as it is
    │   ├── SchemaError            2   a schema is malformed or contradicts the table
    │   └── FormatError            2   a file is not what it should be
    ├── BudgetError                3   privacy budget: refused before anything was asked
    │   ├── BudgetExceeded         3   this run's own filter
    │   └── PolicyRefused          3   the asset's limit in the ledger
    ├── LedgerError                4   the ledger cannot be read or written
    ├── OutputError                5   the output folder is in use, full or read-only
    ├── VerificationError          6   a release does not match its manifest or signature
    ├── ModelError                 7   a model file is damaged, foreign or too new
    ├── SourceError                8   a database refused, or went away in the middle
    ├── PurposesNotMet             9   a purpose that was required is not met; all was written
    ├── GeneratorError             10  a generator under audit keeps failing; finished runs stay
    └── InternalError              70  a broken invariant: a bug of ours
"""

from __future__ import annotations


class UnderstudyError(Exception):
    """Root of all deliberate errors: what happened, what to do, and `name=value` facts.

    Parameters
    ----------
    message
        What is wrong and where, without any value from the data.
    hint
        What the person can do next.
    facts
        Named public facts (allowed ranges, column names, counts that were declared).

    >>> str(UnderstudyError("epsilon is out of range", hint="use 0.1 to 10", epsilon=-1))
    'epsilon is out of range (epsilon=-1). use 0.1 to 10'
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None, **facts: object) -> None:
        self.message = message
        self.hint = hint
        self.facts = facts
        super().__init__(message)

    def __str__(self) -> str:
        told = ", ".join(f"{name}={value!r}" for name, value in self.facts.items())
        text = f"{self.message} ({told})" if told else self.message
        return f"{text}. {self.hint}" if self.hint else text


class InputError(UnderstudyError):
    """A file, a table or an argument cannot be used as it is."""

    exit_code = 2


class SchemaError(InputError):
    """A schema is malformed or contradicts the table it describes."""


class FormatError(InputError):
    """A file is not what it should be: ragged, empty, wrongly encoded, unknown."""


class BudgetError(UnderstudyError):
    """The privacy budget forbids it; nothing was asked of the data."""

    exit_code = 3


class BudgetExceeded(BudgetError):
    """The filter of this run refused a charge."""


class PolicyRefused(BudgetError):
    """The asset's limit in the ledger refused a charge."""


class LedgerError(UnderstudyError):
    """The ledger cannot be read or written."""

    exit_code = 4


class OutputError(UnderstudyError):
    """The output folder is in use, not empty, full or read-only."""

    exit_code = 5


class VerificationError(UnderstudyError):
    """A release does not match its manifest or its signature."""

    exit_code = 6


class ModelError(UnderstudyError):
    """A model file is damaged, foreign or written by a newer version."""

    exit_code = 7


class SourceError(UnderstudyError):
    """A database cannot be reached, refused, or went away in the middle of a run."""

    exit_code = 8


class PurposesNotMet(UnderstudyError):
    """A declared purpose that was required is not met; everything was written."""

    exit_code = 9


class GeneratorError(UnderstudyError):
    """A generator under audit keeps failing; what was finished is kept."""

    exit_code = 10


class InternalError(UnderstudyError):
    """An invariant is broken: a bug of ours."""

    exit_code = 70
