"""Signing keys: found or created once, never readable by others, never printed."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from understudy.errors import InputError, OutputError
from understudy.release import pinned_key, signing_key

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = serialization.NoEncryption()


def _pem(key: Any, protection: Any = PLAIN) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection
    )


def test_the_own_key_is_created_once_for_its_owner_only(own_key: Path) -> None:
    first = signing_key()
    assert first.created
    assert stat.S_IMODE(own_key.stat().st_mode) == 0o600
    assert stat.S_IMODE(own_key.parent.stat().st_mode) == 0o700
    second = signing_key()
    assert not second.created
    assert second.public == first.public
    assert [one.name for one in own_key.parent.iterdir()] == ["signing-key.pem"]


def test_the_variable_names_another_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_key: Path
) -> None:
    path = tmp_path / "team.pem"
    path.write_bytes(_pem(ed25519.Ed25519PrivateKey.generate()))
    monkeypatch.setenv("UNDERSTUDY_KEY", str(path))
    assert signing_key().source == str(path)
    assert signing_key().public == pinned_key(path)
    assert not own_key.exists()


def test_a_key_is_not_printed() -> None:
    key = signing_key()
    secret = key._private.private_bytes_raw()
    for text in (repr(key), str(key), repr(key.public)):
        assert "PRIVATE" not in text
        assert secret.hex() not in text
    assert key.public.fingerprint.startswith("sha256:")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no key",
        _pem(ec.generate_private_key(ec.SECP256R1())),
        _pem(ed25519.Ed25519PrivateKey.generate(), serialization.BestAvailableEncryption(b"x")),
    ],
    ids=["empty", "text", "another kind", "encrypted"],
)
def test_what_is_not_a_plain_ed25519_key_is_refused(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(raw)
    with pytest.raises(InputError):
        signing_key(path)


def test_a_configuration_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    with pytest.raises(OutputError, match="UNDERSTUDY_KEY"):
        signing_key()
