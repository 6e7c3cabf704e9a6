"""What a person waits for: the package imports in milliseconds and loads nothing heavy."""

from __future__ import annotations

import importlib
import importlib.util
import resource
import subprocess
import sys
from types import ModuleType

import pytest

import understudy

HEAVY = {
    "altair", "cryptography", "dp_accounting", "duckdb", "faker", "ibis", "jax", "jinja2", "numpy",
    "opendp", "pandas", "phonenumbers", "polars", "psycopg", "pyarrow", "pydantic", "pyspark",
    "scipy", "sklearn", "sqlglot", "statsmodels", "stdnum", "torch",
}  # fmt: skip
HEAVY_FOR_HELP = HEAVY - {"jinja2", "numpy", "pydantic"}
ATTEMPTS = 3


def fresh(program: str) -> str:
    """Run a program in a new interpreter and return what it printed."""
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_import_is_quick() -> None:
    program = (
        "import time; began = time.process_time(); import understudy; "
        "print(time.process_time() - began)"
    )
    assert min(float(fresh(program)) for _ in range(ATTEMPTS)) < 0.4


def test_import_loads_nothing_heavy() -> None:
    loaded = fresh("import sys, understudy; print(*sys.modules)").split()
    assert not HEAVY & set(loaded)


def busy() -> float:
    """Processor seconds of finished children: what the clock says on an idle machine."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_help_is_quick_and_light() -> None:
    if importlib.util.find_spec("understudy.cli") is None:
        pytest.skip("the command line is not built yet")
    seconds = []
    for _ in range(ATTEMPTS):
        began = busy()
        fresh(
            "import sys; sys.argv = ['understudy', '--help']; from understudy.cli import main\n"
            "try: main()\nexcept SystemExit: pass"
        )
        seconds.append(busy() - began)
    assert min(seconds) < 0.6
    loaded = fresh("import sys; from understudy.cli import main; print(*sys.modules)").split()
    assert not HEAVY_FOR_HELP & set(loaded)


def test_every_public_name_can_be_had() -> None:
    for name in understudy.__all__:
        assert getattr(understudy, name) is not None


def test_the_map_of_names_is_the_list_of_names() -> None:
    known = {*understudy._HOMES, *understudy._VERBS, "__version__"}
    assert known == set(understudy.__all__) == set(dir(understudy))


def test_unknown_names_are_refused_in_the_usual_way() -> None:
    with pytest.raises(AttributeError, match="no attribute 'sinthesize'"):
        _ = understudy.sinthesize


@pytest.mark.parametrize("verb", ["evaluate", "synthesize"])
@pytest.mark.parametrize("room_first", [True, False])
def test_a_verb_is_callable_however_its_room_was_imported(verb: str, room_first: bool) -> None:
    """`us.synthesize(...)` works beside `import understudy.synthesize.mst`."""
    first = f"import understudy.{verb}" if room_first else "pass"
    program = (
        f"{first}\nimport understudy as us\nroom = us.{verb}\n"
        f"import understudy.{verb} as again\nprint(callable(room), room is again)"
    )
    assert fresh(program).split() == ["True", "True"]


def test_a_verb_tells_its_parameters() -> None:
    import inspect

    assert "epsilon" in inspect.signature(understudy.synthesize).parameters


def test_rooms_import_alone() -> None:
    """No room needs another to have been imported before it."""
    for room in ("errors", "schema", "privacy", "source", "cells", "curator", "prepare"):
        assert isinstance(importlib.import_module(f"understudy.{room}"), ModuleType)


def test_the_main_job_knows_no_database_until_one_is_named() -> None:
    loaded = fresh("import sys, understudy.workflow; print(*sys.modules)").split()
    assert not {"ibis", "duckdb", "psycopg", "pyspark", "sqlglot"} & set(loaded)
