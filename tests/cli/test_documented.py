"""Every command and every option is documented, has help with an example, and starts quickly."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from understudy.cli.application import app

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cli.md"


def leaves(group: Any = None, path: tuple[str, ...] = ("understudy",)) -> dict[str, Any]:
    """Every command by its full name."""
    group = group or typer.main.get_command(app)
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            found |= leaves(command, (*path, name))
        else:
            found[" ".join((*path, name))] = command
    return found


def section(name: str) -> str:
    """The part of the page under a command's heading."""
    parts = re.split(r"^#{2,3} ", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    return next((part for part in parts if part.splitlines()[0].strip("` ") == name), "")


def test_there_are_the_commands_of_the_contract() -> None:
    assert {
        "understudy attack", "understudy audit", "understudy frontier", "understudy study", "understudy demo", "understudy synthesize", "understudy schema", "understudy sample",
        "understudy evaluate", "understudy cross-validate", "understudy query", "understudy inspect", "understudy verify", "understudy ledger show",
        "understudy ledger policy", "understudy ledger assets", "understudy plan",
        "understudy purposes check", "understudy choose", "understudy learn", "understudy predict",
    } == set(leaves())  # fmt: skip


@pytest.mark.parametrize("name", sorted(leaves()))
def test_a_command_is_documented(name: str) -> None:
    text = section(name)
    assert text, f"docs/cli.md has no section {name!r}"
    for parameter in leaves()[name].params:
        if parameter.param_type_name == "argument":
            assert (parameter.metavar or parameter.name.upper()).strip("[]") in text
            continue
        longest = max((*parameter.opts, *parameter.secondary_opts), key=len)
        if longest != "--help":
            assert f"`{longest}" in text, f"{name}: {longest}"


def test_the_page_documents_nothing_else() -> None:
    page = PAGE.read_text("utf-8")
    headings = re.findall(r"^#{2,3} `(understudy [a-z -]+)`", page, flags=re.MULTILINE)
    assert set(headings) == set(leaves())
    for name, command in leaves().items():
        known = {option for parameter in command.params for option in parameter.opts}
        rows = re.findall(r"^\| `(--?[a-z-]+)", section(name), flags=re.MULTILINE)
        assert set(rows) <= known, name


@pytest.mark.parametrize("name", sorted(leaves()))
def test_a_command_has_help_with_an_example(name: str) -> None:
    command = leaves()[name]
    assert command.help
    assert f"Example: {name}" in command.epilog
    for parameter in command.params:
        assert parameter.name == "help" or parameter.help, f"{name}: {parameter.name}"


def test_exit_codes_are_documented() -> None:
    from understudy import errors

    page = PAGE.read_text("utf-8")
    codes = {
        value.exit_code
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.UnderstudyError)
    }
    for code in (*codes, 0, 130, 143):
        assert f"| {code} |" in page
