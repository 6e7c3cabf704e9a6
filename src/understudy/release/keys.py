"""Ed25519 keys that sign a release; the only module that imports `cryptography`.

What may not happen here: a private key readable by others, or printed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.errors import InputError, OutputError, VerificationError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY_VARIABLE = "UNDERSTUDY_KEY"
_FINGERPRINT = "sha256:"


@dataclass(frozen=True, kw_only=True, slots=True)
class PublicKey:
    """The half of a key that verifies: its PEM text and its fingerprint.

    The fingerprint is the SHA-256 of the key's SubjectPublicKeyInfo in DER.
    """

    pem: str = field(compare=False)
    fingerprint: str

    @classmethod
    def from_pem(cls, raw: bytes, *, where: str) -> PublicKey:
        """Read a public key, or the public half of a private one.

        Raises
        ------
        VerificationError
            If it is not an Ed25519 key in PEM.
        """
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519

        loaded: object
        try:
            if b"PRIVATE KEY" in raw:
                private = serialization.load_pem_private_key(raw, password=None)
                loaded = private.public_key()
            else:
                loaded = serialization.load_pem_public_key(raw)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise VerificationError(f"{where} holds no Ed25519 key in PEM") from error
        if not isinstance(loaded, ed25519.Ed25519PublicKey):
            raise VerificationError(f"{where} holds a key of another kind than Ed25519")
        info = serialization.PublicFormat.SubjectPublicKeyInfo
        der = loaded.public_bytes(serialization.Encoding.DER, info)
        pem = loaded.public_bytes(serialization.Encoding.PEM, info).decode()
        return cls(pem=pem, fingerprint=_FINGERPRINT + hashlib.sha256(der).hexdigest())

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether this key made the signature over the message."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519

        key = serialization.load_pem_public_key(self.pem.encode())
        if not isinstance(key, ed25519.Ed25519PublicKey):
            return False
        try:
            key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, kw_only=True, slots=True)
class SigningKey:
    """The half of a key that signs, with its public half; its repr shows only the latter."""

    public: PublicKey
    source: str
    created: bool = False
    _private: Ed25519PrivateKey = field(repr=False, compare=False)

    def sign(self, message: bytes) -> bytes:
        """Sign a message (64 bytes, the same for the same message)."""
        return self._private.sign(message)


def signing_key(path: Path | None = None) -> SigningKey:
    """Find the key that signs releases, or create this user's own on first use.

    Parameters
    ----------
    path
        A PEM file; by default the one that `$UNDERSTUDY_KEY` names, and without it
        `understudy/signing-key.pem` in the user's configuration folder, created with mode 0600.

    Raises
    ------
    InputError
        If a named key is missing, encrypted, or not Ed25519.
    OutputError
        If the user's own key cannot be created.
    """
    named = path or (Path(value) if (value := os.environ.get(KEY_VARIABLE)) else None)
    if named is not None:
        return _read(named.expanduser())
    own = config_folder() / "signing-key.pem"
    created = False
    if not own.exists():
        _create(own)
        created = True
    return _read(own, created=created)


def pinned_key(given: str | Path) -> PublicKey:
    """Read the key a verifier trusts from a PEM file (public, or private for its public half).

    Raises
    ------
    VerificationError
        If the file is missing or holds no Ed25519 key.
    """
    path = Path(given).expanduser()
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise VerificationError(
            f"the key {path} cannot be read", hint="give the sender's public key as a PEM file"
        ) from error
    return PublicKey.from_pem(raw, where=str(path))


def config_folder() -> Path:
    """Where this user's own key lives: `$XDG_CONFIG_HOME/understudy` or `~/.config/understudy`."""
    base = os.environ.get("XDG_CONFIG_HOME")
    root = Path(base) if base and Path(base).is_absolute() else Path.home() / ".config"
    return root / "understudy"


def _read(path: Path, *, created: bool = False) -> SigningKey:
    """Load a private key from PEM."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    try:
        private = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise InputError(
            f"the signing key {path} cannot be read", hint=f"check ${KEY_VARIABLE}"
        ) from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError(
            f"the signing key {path} is not an unencrypted Ed25519 private key in PEM",
            hint="make one with: openssl genpkey -algorithm ed25519 -out key.pem",
        ) from error
    if not isinstance(private, ed25519.Ed25519PrivateKey):
        raise InputError(f"the signing key {path} is of another kind than Ed25519")
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = private.public_key().public_bytes(serialization.Encoding.PEM, info)
    public = PublicKey.from_pem(pem, where=str(path))
    return SigningKey(public=public, source=str(path), created=created, _private=private)


def _create(path: Path) -> None:
    """Write a new private key with mode 0600; an existing one is never replaced."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".signing-key-")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(pem)
                stream.flush()
                os.fsync(stream.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(name, path)
        finally:
            Path(name).unlink()
    except OSError as error:
        raise OutputError(
            f"no signing key could be created at {path}",
            hint=f"name a PEM file in ${KEY_VARIABLE}",
        ) from error
