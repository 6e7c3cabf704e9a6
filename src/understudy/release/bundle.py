"""Write a release: everything in a folder beside the target, then one rename.

What may not happen here: half a release. Until the rename the target does not change; an
exception, an interruption or a full disk leaves it as it was. A second run on the same target is
refused while the first works, and what a killed run left behind is cleared by the next one.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import hashlib
import importlib.util
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.errors import InternalError, OutputError
from understudy.release.internal import InternalEvidence
from understudy.release.keys import SigningKey, signing_key
from understudy.release.lint import EVIDENCE, MODEL, REPORT, SYNTHETIC, lint_public
from understudy.release.manifest import (
    ENVELOPE,
    INTERNAL,
    INTERNAL_PREDICATE,
    PUBLIC_PREDICATE,
    STATEMENT,
    Statement,
    digest,
    seal,
    walk,
)
from understudy.release.public import FileHash, PublicEvidence

if TYPE_CHECKING:
    from collections.abc import Iterator

_DISK_REFUSED = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}


@dataclass(kw_only=True, slots=True)
class Draft:
    """A release that is being written; nothing of it is visible at the target yet.

    Get one from `stage`. Write the synthetic table and the model to the paths it names, ask for
    their `hashes`, write both evidences with their reports, and `seal`.
    """

    target: Path
    folder: Path
    key: SigningKey
    _internal: InternalEvidence | None = field(default=None, repr=False)
    _public: PublicEvidence | None = field(default=None, repr=False)
    sealed: bool = False

    def synthetic(self, suffix: str) -> Path:
        """Where the synthetic table goes; the suffix is the input's, such as `.csv.gz`."""
        return self.folder / f"{SYNTHETIC}{suffix if suffix.startswith('.') else '.' + suffix}"

    @property
    def model(self) -> Path:
        """The folder the model is saved into (it exists already)."""
        folder = self.folder / MODEL
        folder.mkdir(exist_ok=True)
        return folder

    def hashes(self) -> tuple[FileHash, ...]:
        """SHA-256 and size of every public file so far: the table and the model."""
        names = walk(self.folder, without=(INTERNAL, EVIDENCE, REPORT, STATEMENT, ENVELOPE))
        return tuple(
            FileHash(
                path=name,
                sha256=digest(self.folder / name),
                size=(self.folder / name).stat().st_size,
            )
            for name in names
        )

    def write_public(self, evidence: PublicEvidence, report: str) -> None:
        """Write `evidence.json` and `report.html`."""
        if type(evidence) is not PublicEvidence:
            raise InternalError("only PublicEvidence may be written to the public part")
        self._public = evidence
        (self.folder / EVIDENCE).write_text(evidence.to_json(), "utf-8")
        (self.folder / REPORT).write_text(report, "utf-8")

    def write_internal(self, evidence: InternalEvidence, report: str) -> None:
        """Write `internal/evidence.json` and `internal/report.html`, readable by the owner only."""
        if type(evidence) is not InternalEvidence:
            raise InternalError("only InternalEvidence may be written to the internal part")
        self._internal = evidence
        folder = self.folder / INTERNAL
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / EVIDENCE).write_text(evidence.to_json(), "utf-8")
        (folder / REPORT).write_text(report, "utf-8")
        for path in folder.iterdir():
            path.chmod(0o600)

    def seal(self) -> None:
        """Lint the public part, hash every file, and sign the manifests.

        Raises
        ------
        InternalError
            If the public part holds something that may not be handed on, or lacks a piece.
        """
        if self._public is None or not self.hashes():
            raise InternalError("a release needs its files and its public evidence")
        findings = lint_public(self.folder, self._internal)
        if findings:
            first = findings[0]
            raise InternalError(
                f"the public part may not be released: {first.path} {first.what}",
                hint="nothing was written; please report this",
                findings=len(findings),
            )
        statement = _statement(self.folder, PUBLIC_PREDICATE, _facts(self._public), (INTERNAL,))
        _write_sealed(self.folder, statement, self.key)
        inner = self.folder / INTERNAL
        if inner.is_dir():
            bound = {
                "public_manifest_sha256": hashlib.sha256(statement).hexdigest(),
                "handling": "personal data",
            }
            _write_sealed(inner, _statement(inner, INTERNAL_PREDICATE, bound, ()), self.key)
        self.sealed = True


@contextlib.contextmanager
def stage(target: Path | str, *, force: bool = False, key: Path | None = None) -> Iterator[Draft]:
    """Open a draft beside the target; on leaving, put the sealed release in place.

    Enter it before any budget is spent: a target in use, a folder that cannot be written and a
    key that cannot be read are refused on entering.

    Parameters
    ----------
    target
        The release folder to be; it may exist when empty.
    force
        Replace an existing release (only a folder that holds one).
    key
        PEM file of the signing key; see `keys.signing_key`.

    Raises
    ------
    OutputError
        If the target is in use, is not empty, cannot be written, or the disk is full.
    InputError
        If the signing key cannot be read.
    """
    place = Path(target).expanduser().resolve()
    _refuse_occupied(place, force=force)
    signer = signing_key(key)
    with _staging(place) as folder:
        draft = Draft(target=place, folder=folder, key=signer)
        try:
            yield draft
            if not draft.sealed:
                raise InternalError("a release was left without being sealed")
            _settle(folder)
            _put_in_place(folder, place, force=force)
        except OSError as error:
            if error.errno not in _DISK_REFUSED:
                raise
            raise OutputError(
                f"the release could not be written to {place}: {os.strerror(error.errno)}",
                hint="nothing was left behind; free space or choose another folder",
            ) from error


def _refuse_occupied(place: Path, *, force: bool) -> None:
    """Refuse a target that would have to be overwritten, before anything is done."""
    if not place.exists():
        if not place.parent.is_dir():
            try:
                place.parent.mkdir(parents=True)
            except OSError as error:
                raise OutputError(f"the folder {place.parent} cannot be created") from error
        return
    if not place.is_dir():
        raise OutputError(f"{place} is a file", hint="name a folder for the release")
    if place.is_mount() or place == Path.cwd():
        raise OutputError(
            f"{place} is a mount point or the current folder and cannot be replaced",
            hint="name a new folder inside it",
        )
    if not any(place.iterdir()):
        return
    if not force:
        raise OutputError(
            f"the output folder {place} is not empty",
            hint="choose another folder, or --force to replace the release in it",
        )
    if not (place / STATEMENT).is_file() or not (place / ENVELOPE).is_file():
        raise OutputError(
            f"{place} holds something other than a release and is not replaced, even with --force",
            hint="empty it yourself, or choose another folder",
        )


@contextlib.contextmanager
def _staging(place: Path) -> Iterator[Path]:
    """A locked, empty folder beside the target, gone afterwards whatever happens."""
    folder = place.parent / f".{place.name}.understudy-writing"
    try:
        handle = _lock(folder, place)
    except OSError as error:
        raise OutputError(
            f"nothing can be written beside {place}: {os.strerror(error.errno or 0)}",
            hint="choose a folder on a disk you can write to",
        ) from error
    try:
        _empty(folder)
        yield folder
    finally:
        if handle is None or _is_same(handle, folder):
            shutil.rmtree(folder, ignore_errors=True)
        if handle is not None:
            os.close(handle)


def _lock(folder: Path, place: Path) -> int | None:
    """Create the staging folder and lock it; a lock on a folder ends with its process."""
    if importlib.util.find_spec("fcntl") is None:
        folder.mkdir(exist_ok=True)
        return None
    import fcntl

    for _ in range(16):
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
        try:
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(handle)
            raise OutputError(
                f"the output folder {place} is in use by another run",
                hint="wait for it to end, or choose another folder",
            ) from error
        if _is_same(handle, folder):
            return handle
        os.close(handle)
    raise OutputError(f"the output folder {place} is in use by another run")


def _is_same(handle: int, folder: Path) -> bool:
    """Whether the locked folder is still the one at this path."""
    try:
        return os.path.samestat(os.fstat(handle), os.lstat(folder))
    except FileNotFoundError:
        return False


def _empty(folder: Path) -> None:
    """Remove what a killed run left in the staging folder."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _settle(folder: Path) -> None:
    """Ask the disk to hold every file before the rename makes them a release."""
    for name in walk(folder):
        with (folder / name).open("rb") as stream:
            os.fsync(stream.fileno())


def _put_in_place(folder: Path, place: Path, *, force: bool) -> None:
    """Rename the finished folder to the target; with force, the old release goes last."""
    old = place.parent / f".{place.name}.understudy-old-{os.getpid()}"
    replaced = False
    if force and place.exists() and any(place.iterdir()):
        _refuse_occupied(place, force=True)
        place.rename(old)
        replaced = True
    try:
        folder.rename(place)
    except OSError as error:
        if replaced:
            old.rename(place)
        if error.errno in _DISK_REFUSED:
            raise
        raise OutputError(
            f"the output folder {place} was filled while the release was being made",
            hint="choose another folder",
        ) from error
    if replaced:
        shutil.rmtree(old, ignore_errors=True)


def _statement(
    folder: Path, predicate_type: str, predicate: dict[str, Any], without: tuple[str, ...]
) -> bytes:
    """The statement over every file of a folder."""
    names = walk(folder, without=(STATEMENT, ENVELOPE, *without))
    return Statement(
        subjects={name: digest(folder / name) for name in names},
        predicate_type=predicate_type,
        predicate=predicate,
    ).to_bytes()


def _write_sealed(folder: Path, statement: bytes, key: SigningKey) -> None:
    """Write a statement and its envelope with the mode of their folder's part."""
    mode = 0o600 if folder.name == INTERNAL else None
    for name, content in ((STATEMENT, statement), (ENVELOPE, seal(statement, key))):
        path = folder / name
        path.write_bytes(content)
        if mode is not None:
            path.chmod(mode)


def _facts(evidence: PublicEvidence) -> dict[str, Any]:
    """What the public manifest says about the release besides its files."""
    label = evidence.label
    audits = [
        {"method": one.method, "epsilon": one.epsilon, "delta": one.delta, "verdict": one.verdict}
        for one in evidence.audits
    ]
    return {
        "title": evidence.title,
        "created": evidence.created.astimezone(dt.UTC).isoformat(timespec="seconds"),
        "epsilon": label.epsilon if label.is_private else "Infinity",
        "delta": label.delta,
        "unit": label.unit,
        "neighbours": label.neighbours,
        "synthesizer": evidence.synthesizer.name,
        "rows": evidence.rows_generated,
        "software": {part.name: part.version for part in evidence.software},
        **({"audits": audits} if audits else {}),
    }
