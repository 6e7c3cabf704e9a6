"""Rules of the house that the source tree itself can show; each test names every offender."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "understudy"
LONGEST = 600

MAY_READ_ROWS = (
    "source/",
    "curator/",
    "evaluate/",
    "attack/",
    "workflow/evaluation.py",
    "workflow/drafting.py",
    "workflow/attacking.py",  # candidates and controls; nothing but results comes out
    "workflow/cross_validation.py",  # folds of real rows; nothing but scores comes out
    "workflow/refitting.py",  # rows of a fold as a frame, for a foreign generator
    "workflow/frontier.py",  # both halves; nothing but figures comes out
    "workflow/study/tables.py",  # splits of real rows; nothing else gives them out
    "workflow/study/measuring.py",  # both parts of a split; nothing but figures comes out
    "workflow/study/commands.py",  # training rows as a file, for a foreign generator
    "workflow/deriving.py",  # a partial table to fill in: its owner's own
    "learn/frames.py",  # classes set beside the others; rows to predict are their owner's own
    "testing/",
    "audit/altered.py",  # neighbours of invented tables
    "audit/replay.py",  # recordings on them
)
MAY_HOLD_A_TABLE = (
    *MAY_READ_ROWS, "workflow/", "cli/", "service/",
    "audit/replay.py", "audit/invented.py",  # invented tables
)  # fmt: skip
# What gives out cells: the rows of a table, the pieces and batches of a stream, a snapshot's counts,
# a curator's codes.
GIVES_OUT_CELLS = {"rows", "pieces", "batches", "read_cells", "tally", "encoded"}
# To see that a fit, or a metric, neither uses nor moves the global generators.
WATCHES_GLOBAL_STATE = {"testing/conformance.py", "testing/metrics.py"}
# Public or paid-for counts that are also called `rows`, by the name they are held under.
ROW_COUNTS = {
    "self": "a class's own field",
    "schema": "the published row count",
    "job": "how many synthetic rows were asked for",
    "scope": "how many cells a rule is judged on",
    "prepared": "the noisy row count",
    "model": "the noisy row count",
    "found": "evidence: rows of each table compared",
    "made": "the noisy row count",
    "studied": "a study's record of a data set",
    "battery": "evidence: rows of each table attacked",
    "annex": "the same",
    "facts": "a plan's declared magnitude",
    "planned": "the same",
}
# Public constants that are called `batches`: how many batches of votes there will be.
BATCH_COUNTS = {"votes": "settings", "plan": "a plan of votes", "self.plan": "the same"}

REFUSED_NAMES = {"utils", "util", "helpers", "helper", "common", "core", "misc", "manager"}
REFUSED_IMPORTS = {"pickle", "cPickle", "cloudpickle", "dill", "shelve", "marshal"}
REFUSED_LOADERS = {("joblib", "load"), ("joblib", "dump")}
BIT_GENERATORS = {"Generator", "default_rng", "SeedSequence", "PCG64", "PCG64DXSM", "Philox"}


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the package, by its path inside it."""
    return {
        path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def imported(tree: ast.Module) -> Iterator[str]:
    """Every imported module and every `module.name`, those inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def dotted(node: ast.expr) -> str:
    """Spell `a.b.c`; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (base := dotted(node.value)):
        return f"{base}.{node.attr}"
    return ""


def rows_touched(tree: ast.AST) -> list[int]:
    """Lines that reach for rows, pieces or batches of anything not known to be a count."""
    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in GIVES_OUT_CELLS:
            holder = dotted(node.value)
            if holder not in {"rows": ROW_COUNTS, "batches": BATCH_COUNTS}.get(node.attr, {}):
                lines.append(node.lineno)
        elif (
            isinstance(node, ast.Call)
            and dotted(node.func).rpartition(".")[2] in {"getattr", "setattr", "attrgetter"}
            and any(
                isinstance(part, ast.Constant) and part.value in GIVES_OUT_CELLS
                for part in node.args
            )
        ):
            lines.append(node.lineno)
    return lines


def global_randomness(tree: ast.AST) -> list[str]:
    """Uses of numpy's or Python's global random state."""
    found = []
    for node in ast.walk(tree):
        name = dotted(node) if isinstance(node, ast.Attribute) else ""
        for prefix in ("np.random.", "numpy.random.", "random."):
            if name.startswith(prefix) and name.removeprefix(prefix) not in BIT_GENERATORS:
                found.append(f"{name} in line {node.lineno}")
    return found


def unpicklers(tree: ast.Module) -> list[str]:
    """Anything that could open a pickle."""
    found = [name for name in imported(tree) if name.split(".")[0] in REFUSED_IMPORTS]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and tuple(dotted(node).split(".")) in REFUSED_LOADERS:
            found.append(dotted(node))
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            harmless = isinstance(node.value, ast.Constant) and node.value.value is False
            found += [] if harmless else ["allow_pickle"]
    return found


def test_rows_are_touched_only_behind_the_door() -> None:
    wrong = {
        name: lines
        for name, tree in modules().items()
        if not name.startswith(MAY_READ_ROWS) and (lines := rows_touched(tree))
    }
    assert not wrong


def test_only_rooms_with_a_reason_hold_a_sensitive_table() -> None:
    wrong = [
        name
        for name, tree in modules().items()
        if not name.startswith(MAY_HOLD_A_TABLE)
        and any(part.endswith((".SensitiveTable", ".SensitiveStream")) for part in imported(tree))
    ]
    assert not wrong


def test_the_rule_about_rows_sees_every_spelling() -> None:
    assert rows_touched(ast.parse("def f(table):\n    return table.rows.num_rows")) == [2]
    assert rows_touched(ast.parse("(lambda t: t.rows)(held)")) == [1]
    assert rows_touched(ast.parse("self.table.rows")) == [1]
    assert rows_touched(ast.parse("tables[0].rows")) == [1]
    assert rows_touched(ast.parse("getattr(table, 'rows')")) == [1]
    assert rows_touched(ast.parse("operator.attrgetter('rows')(table)")) == [1]
    assert rows_touched(ast.parse("self.stream.batches(('a',))")) == [1]
    assert rows_touched(ast.parse("model.pieces")) == [1]
    assert rows_touched(ast.parse("getattr(stream, 'batches')('a')")) == [1]
    assert rows_touched(ast.parse("self.rows\nf(rows=3)\nrows = 3\nprepared.rows")) == []


def test_every_exception_to_the_rule_about_rows_is_used() -> None:
    held = {
        node.value.id
        for tree in modules().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr == "rows"
        and isinstance(node.value, ast.Name)
    }
    assert set(ROW_COUNTS) <= held | {"schema", "model"}


def test_files_stay_short() -> None:
    lengths = {name: len((PACKAGE / name).read_text().splitlines()) for name in modules()}
    assert not {name: length for name, length in lengths.items() if length >= LONGEST}


def test_names_say_what_lives_there() -> None:
    parts = {name: {part.removesuffix(".py") for part in name.split("/")} for name in modules()}
    assert not [name for name, words in parts.items() if words & REFUSED_NAMES]


def test_every_module_says_what_it_is_for() -> None:
    assert not [name for name, tree in modules().items() if not ast.get_docstring(tree)]


def test_nothing_unpickles() -> None:
    assert not {name: found for name, tree in modules().items() if (found := unpicklers(tree))}
    assert unpicklers(ast.parse("def f():\n    from pickle import loads"))
    assert unpicklers(ast.parse("np.load(path, allow_pickle=True)"))
    assert unpicklers(ast.parse("joblib.load(path)"))
    assert not unpicklers(ast.parse("np.load(path, allow_pickle=False)\njoblib.Parallel(2)"))


def test_no_global_random_state() -> None:
    wrong = {
        name: found
        for name, tree in modules().items()
        if name not in WATCHES_GLOBAL_STATE and (found := global_randomness(tree))
    }
    assert not wrong
    assert global_randomness(ast.parse("np.random.seed(3)"))
    assert global_randomness(ast.parse("random.random()"))
    assert not global_randomness(ast.parse("np.random.default_rng(3).random(2)"))


def test_noise_is_not_drawn_by_a_seedable_generator() -> None:
    """The privacy room has no numpy generator and no `random`: entropy is the system's."""
    refused = {"random", "numpy.random", "scipy.stats"}
    for name, tree in modules().items():
        if name.startswith("privacy/"):
            assert not refused & set(imported(tree)), name
            spelled = {dotted(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
            assert not {word for word in spelled if "default_rng" in word}, name
