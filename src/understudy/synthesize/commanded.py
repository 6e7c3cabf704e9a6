"""A generator that is a command line: a program in an environment of its own, run on files.

What may not happen here: a shell, or a file that outlives the run.
"""

from __future__ import annotations

import os
import shlex
import signal
import string
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from understudy.errors import GeneratorError, InputError
from understudy.schema import Schema

TIME_LIMIT = 600.0
"""Seconds a command may take for one run unless told otherwise."""

_FIELDS = {"input", "output", "epsilon", "delta", "rows", "seed"}
_TOLD = 400
_PARSE = string.Formatter().parse


@dataclass(frozen=True, kw_only=True)
class CommandGenerator:
    """A command line, for a generator that lives in an environment of its own.

    Parameters
    ----------
    template
        The command, without a shell. `{input}` and `{output}` are paths of CSV files and must
        occur; `{epsilon}`, `{delta}`, `{rows}` and `{seed}` may.
    limit
        Seconds after which a run is ended, with whatever it started.

    Raises
    ------
    InputError
        The template cannot be used.

    >>> CommandGenerator(template="python make.py {input} {output} {epsilon}").name
    'python make.py'
    """

    template: str
    limit: float = TIME_LIMIT
    _words: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            words = tuple(shlex.split(self.template))
            named = {name for word in words for _, name, _, _ in _PARSE(word) if name is not None}
        except ValueError as wrong:
            raise InputError("the command cannot be read", command=self.template) from wrong
        if not {"input", "output"} <= named or named - _FIELDS:
            raise InputError(
                "a command names {input} and {output}, and no other placeholder than these",
                hint="'python make.py {input} {output} --epsilon {epsilon} --seed {seed}'",
                may_also=tuple(sorted(_FIELDS - {"input", "output"})),
                unknown=tuple(sorted(named - _FIELDS)),
            )
        if not self.limit > 0:
            raise InputError("the time limit must be above 0 seconds", limit=self.limit)
        object.__setattr__(self, "_words", words)

    @property
    def name(self) -> str:
        """The words before the first placeholder."""
        plain: list[str] = []
        for word in self._words:
            if "{" in word:
                break
            plain.append(Path(word).name)
        return " ".join(plain) or self._words[0]

    def names(self, placeholder: str) -> bool:
        """Whether the command has a use for a fact.

        >>> CommandGenerator(template="make {input} {output}").names("epsilon")
        False
        """
        return any(name == placeholder for word in self._words for _, name, _, _ in _PARSE(word))

    def settings(self) -> dict[str, Any]:
        """The command as it was given."""
        return {"command": self.template}

    def make(
        self, table: pa.Table, schema: Schema, *, epsilon: float, delta: float, rows: int, seed: int
    ) -> pa.Table:
        """Write the table, run the command, read what it wrote."""
        import pyarrow.csv as files

        with tempfile.TemporaryDirectory(prefix="understudy-run-") as folder:
            given, made = Path(folder, "input.csv"), Path(folder, "output.csv")
            files.write_csv(table, given, files.WriteOptions(quoting_style="needed"))
            facts = {
                "input": given, "output": made, "epsilon": f"{epsilon:.12g}",
                "delta": f"{delta:.12g}", "rows": rows, "seed": seed,
            }  # fmt: skip
            self._run([word.format(**facts) for word in self._words])
            try:
                return files.read_csv(made)
            except (OSError, pa.ArrowException) as failure:
                raise GeneratorError(
                    "the command ended well but left no readable table",
                    failure=str(failure)[:_TOLD],
                ) from failure

    def _run(self, words: list[str]) -> None:
        """Run it in a session of its own, so that a time limit ends whatever it started."""
        try:
            process = subprocess.Popen(  # noqa: S603  the command is what the user asked for
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as failure:
            raise InputError("the command cannot be started", command=words[0]) from failure
        try:
            told, _ = process.communicate(timeout=self.limit)
        except subprocess.TimeoutExpired as late:
            raise GeneratorError("the command took too long", limit=self.limit) from late
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
        if process.returncode:
            end = told.decode("utf-8", "replace")[-_TOLD:].strip()
            raise GeneratorError("the command failed", code=process.returncode, said=end)
