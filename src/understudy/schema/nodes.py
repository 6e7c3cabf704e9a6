"""YAML as people write it: plain values as spelled, with the line of each, and back.

What schema files and purpose files share. What may not happen here: object construction from
YAML tags, or knowledge of what a file means.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import yaml

from understudy.errors import OutputError, SchemaError

NodePath = tuple[str | int, ...]
_Loader = cast("type[yaml.SafeLoader]", getattr(yaml, "CSafeLoader", yaml.SafeLoader))
_MAX_BYTES = 64 << 20
_MAX_NODES = 2_000_000
_MAX_DEPTH = 8
_NULL_TAG = "tag:yaml.org,2002:null"
_TEXT_TAG = "tag:yaml.org,2002:str"


def read_text(file: Path, what: str) -> str:
    """Read a small UTF-8 file; `what` names its sort in errors.

    Raises
    ------
    SchemaError
        It is missing, a folder, too large, unreadable or no UTF-8.
    """
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise SchemaError(f"{file.name} is too large for a {what}", limit_bytes=_MAX_BYTES)
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SchemaError(f"there is no {what} file {file}") from None
    except IsADirectoryError:
        raise SchemaError(f"{file} is a folder, not a {what} file") from None
    except UnicodeDecodeError:
        raise SchemaError(f"{file.name} is not UTF-8 text", hint="save it as UTF-8") from None
    except OSError as problem:
        raise SchemaError(f"{file} cannot be read: {problem.strerror}") from None


def compose(text: str, origin: str) -> yaml.Node | None:
    """The root node of a YAML text, None when it is empty; `origin` names it in errors."""
    try:
        return yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark
        where = f"{origin}, line {mark.line + 1}" if mark else origin
        raise SchemaError(
            f"{where}: not valid YAML: {problem.problem}",
            hint="indent with spaces, and quote a text that has ': ' or '#' in it",
        ) from None
    except (yaml.YAMLError, RecursionError):
        raise SchemaError(f"{origin}: not valid YAML") from None


class Reader:
    """YAML nodes to plain values: scalars as spelled, line numbers kept, tags ignored.

    Parameters
    ----------
    origin, what
        Name the file and its sort in errors.
    spelled
        Whether `null` at a path is a label like any other.
    """

    def __init__(self, origin: str, what: str, spelled: Callable[[NodePath], bool]) -> None:
        self.origin = origin
        self.what = what
        self.spelled = spelled
        self.lines: dict[NodePath, int] = {}
        self._seen = 0

    def read(self, node: yaml.Node, path: NodePath = ()) -> object:
        """Return the plain value of a node."""
        self._seen += 1
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        if self._seen > _MAX_NODES or len(path) > _MAX_DEPTH:
            raise SchemaError(f"{self.origin}, line {line}: too deep or too long for a {self.what}")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*path, i)) for i, item in enumerate(node.value)]
        text = str(node.value)
        return None if node.tag == _NULL_TAG and not self.spelled(path) else text

    def _mapping(self, node: yaml.MappingNode, path: NodePath) -> dict[str, Any]:
        """Return a mapping with its keys as spelled, refusing a key given twice."""
        result: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise SchemaError(f"{self.origin}, line {line}: a key is a plain name")
            name = str(key.value)
            if name in result:
                raise SchemaError(f"{self.origin}, line {line}: {name!r} is given twice")
            self.lines[(*path, name)] = line
            result[name] = self.read(value, (*path, name))
        return result


def write_text(file: Path, text: str) -> None:
    """Write a text file in one step.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    try:
        handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as out:
                out.write(text)
            Path(temporary).chmod(0o666 & ~_umask())
            Path(temporary).replace(file)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as problem:
        raise OutputError(f"{file} cannot be written: {problem.strerror}") from None


def _umask() -> int:
    """Read the process's file mode mask."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


_SAFE = re.compile(r"[\w.][\w .+/()<>=-]*")
_RESOLVER: Any = yaml.SafeLoader("")


def scalar(value: object) -> str:
    """Return a value as a YAML scalar, quoted whenever any YAML reader could misread it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, int | dt.date):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    text = str(value)
    safe = _SAFE.fullmatch(text) and not text.endswith((" ", ":")) and text.isprintable()
    if safe and _RESOLVER.resolve(yaml.ScalarNode, text, (True, False)) == _TEXT_TAG:
        return text
    return '"' + "".join(_escaped(char) for char in text) + '"'


def _escaped(char: str) -> str:
    """Return one character of a double-quoted YAML text."""
    if char in '"\\':
        return "\\" + char
    if char.isprintable():
        return char
    code = ord(char)
    return (
        f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
    )
