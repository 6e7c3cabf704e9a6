"""The manifest of a release: an in-toto statement about its files, sealed in a DSSE envelope.

Two files are written side by side. `manifest.json` is the statement, for people;
`manifest.dsse.json` is the envelope, whose payload is `manifest.json` byte for byte and whose
signature covers it. `internal/` has its own pair, which names the public statement by hash, so
that the public part can be handed on alone and still verifies. The public statement says nothing
about internal files, not even their hashes: a hash of a figure computed on real rows is itself
computed on real rows.

What may not happen here: trust in a name read from a file. Names that leave the folder are refused.

References: in-toto attestation framework v1 (statement), DSSE v1.0 (envelope).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from understudy.errors import VerificationError
from understudy.release.keys import PublicKey, SigningKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

STATEMENT = "manifest.json"
ENVELOPE = "manifest.dsse.json"
INTERNAL = "internal"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
PUBLIC_PREDICATE = "urn:understudy:release:v1"
INTERNAL_PREDICATE = "urn:understudy:release-internal:v1"
_LARGEST_MANIFEST = 16 * 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """What a manifest says: each file with its SHA-256, and facts about the release."""

    subjects: Mapping[str, str]
    predicate_type: str
    predicate: Mapping[str, Any]

    def to_bytes(self) -> bytes:
        """Write as in-toto statement v1, indented, sorted by file name."""
        body = {
            "_type": STATEMENT_TYPE,
            "subject": [
                {"name": name, "digest": {"sha256": digest}}
                for name, digest in sorted(self.subjects.items())
            ],
            "predicateType": self.predicate_type,
            "predicate": dict(self.predicate),
        }
        return (json.dumps(body, indent=1, ensure_ascii=False) + "\n").encode()

    @classmethod
    def from_bytes(cls, raw: bytes, *, where: str) -> Statement:
        """Read a statement; `where` is the file name that errors mention.

        Raises
        ------
        VerificationError
            If it is not a statement of ours, or names a file twice or outside its folder.
        """
        body = _json_object(raw, where=where)
        try:
            subjects: dict[str, str] = {}
            for subject in body["subject"]:
                name, digest = str(subject["name"]), str(subject["digest"]["sha256"])
                if name in subjects or not is_inside(name):
                    raise VerificationError(f"{where} names a file twice or outside the release")
                subjects[name] = digest
            if body["_type"] != STATEMENT_TYPE:
                raise VerificationError(f"{where} is not an in-toto statement")
            return cls(
                subjects=subjects,
                predicate_type=str(body["predicateType"]),
                predicate=dict(body["predicate"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise VerificationError(f"{where} is not a manifest of a release") from error


def is_inside(name: str) -> bool:
    r"""Whether a name from a manifest is a plain relative path in POSIX spelling.

    >>> is_inside("model/model.json"), is_inside("../x"), is_inside("/etc/x"), is_inside("a\\b")
    (True, False, False, False)
    """
    if not name or "\\" in name or "\x00" in name or ":" in name.partition("/")[0]:
        return False
    path = PurePosixPath(name)
    return not path.is_absolute() and str(path) == name and ".." not in path.parts


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def walk(folder: Path, *, without: Iterable[str] = ()) -> tuple[str, ...]:
    """Every file below a folder, links included, as sorted POSIX paths.

    Parameters
    ----------
    folder
        Where to look; links to folders are listed, never followed.
    without
        Files to leave out, and folders to leave out with everything below them.
    """
    left_out = set(without)
    found: list[str] = []
    waiting = [folder]
    while waiting:
        for entry in sorted(waiting.pop().iterdir()):
            name = entry.relative_to(folder).as_posix()
            if name in left_out:
                continue
            if entry.is_dir() and not entry.is_symlink():
                waiting.append(entry)
            else:
                found.append(name)
    return tuple(sorted(found))


def seal(statement: bytes, key: SigningKey) -> bytes:
    """Put a statement in a DSSE envelope signed with Ed25519; the public key travels with it."""
    signature = {
        "keyid": key.public.fingerprint,
        "sig": base64.b64encode(key.sign(_signed_bytes(statement))).decode(),
        "publicKey": key.public.pem,
    }
    envelope = {
        "payload": base64.b64encode(statement).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [signature],
    }
    return (json.dumps(envelope, indent=1) + "\n").encode()


def unseal(raw: bytes, *, where: str, pinned: PublicKey | None = None) -> tuple[bytes, PublicKey]:
    """Check an envelope's signature and return its payload and the key that signed.

    Parameters
    ----------
    raw
        The envelope file's bytes.
    where
        The file name that errors mention.
    pinned
        The only key that is accepted; without it the envelope's own key is.

    Raises
    ------
    VerificationError
        If the envelope is malformed, the signature is wrong, or another key signed.
    """
    body = _json_object(raw, where=where)
    try:
        if body["payloadType"] != PAYLOAD_TYPE:
            raise VerificationError(f"{where} holds something other than an in-toto statement")
        payload = base64.b64decode(body["payload"], validate=True)
        (signature,) = body["signatures"]
        carried = PublicKey.from_pem(str(signature["publicKey"]).encode(), where=where)
        value = base64.b64decode(signature["sig"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise VerificationError(f"{where} is not a signed envelope of a release") from error
    if pinned is not None and pinned != carried:
        raise VerificationError(
            f"{where} was signed by another key than the one given",
            hint="ask the sender for their public key over a channel you trust",
            signed_by=carried.fingerprint,
            expected=pinned.fingerprint,
        )
    if not carried.verifies(value, _signed_bytes(payload)):
        raise VerificationError(
            f"the signature in {where} does not match: the manifest was changed after signing",
            hint="do not use this release; fetch it again from its sender",
        )
    return payload, carried


def _signed_bytes(payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def _json_object(raw: bytes, *, where: str) -> dict[str, Any]:
    """Parse a JSON object, refusing what is too large, not JSON, or not an object."""
    if len(raw) > _LARGEST_MANIFEST:
        raise VerificationError(f"{where} is far too large for a manifest")
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise VerificationError(f"{where} is not valid JSON") from error
    if not isinstance(body, dict):
        raise VerificationError(f"{where} is not a JSON object")
    return body
