"""Check a release against its manifest and its signature; nothing is opened but hashed.

What may not happen here: a file that is trusted because it is there. Every file is listed in a
signed manifest with its hash, or it is reported.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from understudy.errors import VerificationError
from understudy.release.keys import PublicKey, pinned_key
from understudy.release.manifest import (
    ENVELOPE,
    INTERNAL,
    INTERNAL_PREDICATE,
    PUBLIC_PREDICATE,
    STATEMENT,
    Statement,
    digest,
    unseal,
    walk,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

FileState = Literal["ok", "changed", "missing", "extra", "link"]
_SAYS: Mapping[FileState, str] = {
    "changed": "was changed",
    "missing": "is missing",
    "extra": "is not in the manifest",
    "link": "is a link or not a regular file",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class FileCheck:
    """One file of a release and whether it is what the manifest says."""

    path: str
    state: FileState

    @property
    def ok(self) -> bool:
        """Whether the file is as it was signed."""
        return self.state == "ok"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """What a check of a release found.

    `pinned` is true when the signature was checked against a key that the verifier gave; without
    one, a signature shows that nothing changed since signing, not who signed.
    """

    folder: Path
    files: tuple[FileCheck, ...]
    fingerprint: str
    pinned: bool
    internal: bool
    predicate: Mapping[str, Any]

    @property
    def problems(self) -> tuple[FileCheck, ...]:
        """The files that are not as they were signed."""
        return tuple(check for check in self.files if not check.ok)

    @property
    def ok(self) -> bool:
        """Whether every file is as it was signed."""
        return not self.problems

    def lines(self) -> tuple[str, ...]:
        """The result as lines for a person: each file, then the signature."""
        told = [f"{check.state:8}{_shown(check.path)}" for check in self.files]
        told.append(f"signature valid, key {self.fingerprint}")
        if not self.pinned:
            told.append("the key came with the release: give --key to check who signed")
        if not self.internal:
            told.append("internal part not present")
        return tuple(told)


def inspect_release(folder: Path | str, key: Path | str | None = None) -> Verification:
    """Check every file of a release and its signature, and list what was found.

    Parameters
    ----------
    folder
        The release, with or without its `internal/` part.
    key
        PEM file of the sender's public key; without it the key in the envelope is used.

    Returns
    -------
    The state of every file; `problems` is empty when the release is intact.

    Raises
    ------
    VerificationError
        If there is no release, a manifest was changed, or the signature is not valid.
    """
    root = Path(folder)
    if not root.is_dir():
        raise VerificationError(f"there is no release folder at {root}")
    pinned = pinned_key(key) if key is not None else None
    public, signer = _open(root, "", PUBLIC_PREDICATE, pinned)
    files = list(_compare(root, public, without=(STATEMENT, ENVELOPE, INTERNAL)))
    inner = root / INTERNAL
    has_internal = inner.exists() or inner.is_symlink()
    if has_internal:
        files += _check_internal(root, inner, signer)
    return Verification(
        folder=root,
        files=tuple(sorted(files, key=lambda check: (check.ok, check.path))),
        fingerprint=signer.fingerprint,
        pinned=pinned is not None,
        internal=has_internal,
        predicate=public.predicate,
    )


def verify(folder: Path | str, key: Path | str | None = None) -> Verification:
    """Check a release and refuse it if anything differs from what was signed.

    Parameters
    ----------
    folder, key
        As in `inspect_release`.

    Returns
    -------
    The intact verification.

    Raises
    ------
    VerificationError
        On any difference; the message names the first file and counts the others.
    """
    found = inspect_release(folder, key)
    if found.problems:
        first, *others = found.problems
        more = f", and {len(others)} more" if others else ""
        raise VerificationError(
            f"the release differs from its manifest: {_shown(first.path)} "
            f"{_SAYS[first.state]}{more}",
            hint="do not use it; fetch the release again from its sender",
        )
    return found


def _check_internal(root: Path, inner: Path, signer: PublicKey) -> list[FileCheck]:
    """Check the internal part: its own manifest, same signer, same public statement."""
    if inner.is_symlink() or not inner.is_dir():
        return [FileCheck(path=INTERNAL, state="link")]
    statement, _ = _open(inner, f"{INTERNAL}/", INTERNAL_PREDICATE, signer)
    public_digest = hashlib.sha256((root / STATEMENT).read_bytes()).hexdigest()
    if statement.predicate.get("public_manifest_sha256") != public_digest:
        raise VerificationError(
            f"{INTERNAL}/{STATEMENT} belongs to another release than the public part"
        )
    return list(_compare(inner, statement, prefix=f"{INTERNAL}/", without=(STATEMENT, ENVELOPE)))


def _open(
    folder: Path, prefix: str, predicate_type: str, pinned: PublicKey | None
) -> tuple[Statement, PublicKey]:
    """Read a signed manifest: the envelope must hold the statement byte for byte."""
    envelope = _read(folder / ENVELOPE, prefix + ENVELOPE)
    shown = _read(folder / STATEMENT, prefix + STATEMENT)
    payload, signer = unseal(envelope, where=prefix + ENVELOPE, pinned=pinned)
    if payload != shown:
        raise VerificationError(
            f"{prefix}{STATEMENT} was changed: it differs from the signed copy in "
            f"{prefix}{ENVELOPE}",
            hint="do not use this release; fetch it again from its sender",
        )
    statement = Statement.from_bytes(payload, where=prefix + STATEMENT)
    if statement.predicate_type != predicate_type:
        raise VerificationError(f"{prefix}{STATEMENT} is a manifest of another kind")
    return statement, signer


def _read(path: Path, name: str) -> bytes:
    """Read a manifest file, or say that it is missing."""
    if path.is_symlink() or not path.is_file():
        raise VerificationError(
            f"{name} is missing or is a link: this is not a complete release",
            hint="name the folder that `understudy synthesize -o` wrote",
        )
    return path.read_bytes()


def _compare(
    folder: Path, statement: Statement, *, prefix: str = "", without: tuple[str, ...]
) -> tuple[FileCheck, ...]:
    """Compare the files of a folder with the subjects of its manifest."""
    present = set(walk(folder, without=without))
    checks = [
        FileCheck(
            path=prefix + name, state=_state(folder / name, expected, present=name in present)
        )
        for name, expected in statement.subjects.items()
    ]
    extra = sorted(present - set(statement.subjects))
    return tuple(checks + [FileCheck(path=prefix + name, state="extra") for name in extra])


def _state(path: Path, expected: str, *, present: bool) -> FileState:
    """The state of one file that the manifest names."""
    if not present:
        return "missing"
    if path.is_symlink() or not path.is_file():
        return "link"
    return "ok" if digest(path) == expected else "changed"


def _shown(name: str) -> str:
    """A file name without control characters, for a terminal."""
    return name if name.isprintable() else ascii(name)
