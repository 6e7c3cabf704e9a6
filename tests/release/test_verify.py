"""Whatever is changed in a release, verification says so and names it."""

from __future__ import annotations

import base64
import json
import shutil
from typing import TYPE_CHECKING

import pytest

from understudy.errors import VerificationError
from understudy.release import inspect_release, signing_key, verify
from understudy.release.manifest import Statement, seal, unseal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

    from understudy.release.keys import PublicKey

PUBLIC = [
    "synthetic.csv",
    "model/model.json",
    "model/arrays.safetensors",
    "evidence.json",
    "report.html",
]
INTERNAL = ["internal/evidence.json", "internal/report.html"]


def _public_key(folder: Path, target: Path) -> Path:
    envelope = json.loads((folder / "manifest.dsse.json").read_text())
    target.write_text(envelope["signatures"][0]["publicKey"])
    return target


def test_an_intact_release_verifies(release: Path, tmp_path: Path) -> None:
    found = verify(release)
    assert found.ok
    assert {check.path for check in found.files} == {*PUBLIC, *INTERNAL}
    assert not found.pinned
    assert "give --key" in " ".join(found.lines())
    assert found.predicate["epsilon"] == 1.0
    pinned = verify(release, _public_key(release, tmp_path / "sender.pem"))
    assert pinned.pinned
    assert pinned.fingerprint == signing_key().public.fingerprint


@pytest.mark.parametrize("name", [*PUBLIC, *INTERNAL])
def test_one_changed_bit_is_caught_and_named(release: Path, name: str) -> None:
    raw = bytearray((release / name).read_bytes())
    raw[len(raw) // 2] ^= 1
    (release / name).write_bytes(bytes(raw))
    with pytest.raises(VerificationError, match=f"{name} was changed"):
        verify(release)
    assert [check.path for check in inspect_release(release).problems] == [name]


@pytest.mark.parametrize("name", [*PUBLIC, *INTERNAL])
def test_a_missing_file_is_caught_and_named(release: Path, name: str) -> None:
    (release / name).unlink()
    with pytest.raises(VerificationError, match=f"{name} is missing"):
        verify(release)


@pytest.mark.parametrize(
    "name", ["rows.csv", "model/rows.npz", "internal/notes.txt", "internal/deep/er.txt", ".hidden"]
)
def test_an_extra_file_is_caught_and_named(release: Path, name: str) -> None:
    (release / name).parent.mkdir(exist_ok=True)
    (release / name).write_text("extra")
    with pytest.raises(VerificationError, match=f"{name} is not in the manifest"):
        verify(release)


def test_a_link_is_not_a_file_even_to_equal_bytes(release: Path, tmp_path: Path) -> None:
    shutil.copy(release / "synthetic.csv", tmp_path / "same.csv")
    (release / "synthetic.csv").unlink()
    (release / "synthetic.csv").symlink_to(tmp_path / "same.csv")
    with pytest.raises(VerificationError, match=r"synthetic\.csv is a link"):
        verify(release)


def test_a_linked_folder_is_not_followed(release: Path, tmp_path: Path) -> None:
    shutil.move(release / "model", tmp_path / "model")
    (release / "model").symlink_to(tmp_path / "model")
    with pytest.raises(VerificationError):
        verify(release)


def test_several_differences_are_counted(release: Path) -> None:
    (release / "report.html").unlink()
    (release / "x").write_text("")
    with pytest.raises(VerificationError, match="and 1 more"):
        verify(release)


def test_the_public_part_verifies_alone(release: Path) -> None:
    shutil.rmtree(release / "internal")
    found = verify(release)
    assert not found.internal
    assert {check.path for check in found.files} == set(PUBLIC)


def test_an_internal_part_without_its_manifest_is_refused(release: Path) -> None:
    (release / "internal" / "manifest.json").unlink()
    with pytest.raises(VerificationError, match=r"internal/manifest\.json is missing"):
        verify(release)


def test_the_internal_part_of_another_release_is_refused(
    release: Path, tmp_path: Path, write: Callable[..., Path], fabricated: ModuleType
) -> None:
    other = write(tmp_path / "other")
    (other / "manifest.json").read_bytes()
    body = json.loads((other / "internal" / "manifest.json").read_text())
    body["predicate"]["public_manifest_sha256"] = "0" * 64
    _resign(other / "internal", body)
    shutil.rmtree(release / "internal")
    shutil.copytree(other / "internal", release / "internal")
    with pytest.raises(VerificationError, match="another release"):
        verify(release)


@pytest.mark.parametrize("name", ["manifest.json", "manifest.dsse.json"])
@pytest.mark.parametrize("part", ["", "internal/"])
def test_a_missing_or_broken_manifest_is_refused(release: Path, name: str, part: str) -> None:
    path = release / (part + name)
    whole = path.read_bytes()
    for raw in (b"", b"[]", b"{}", b"\xff\xfe", whole[:-5], b"[" * 100_000):
        path.write_bytes(raw)
        with pytest.raises(VerificationError, match=name.replace(".", r"\.")):
            verify(release)
    path.unlink()
    with pytest.raises(VerificationError, match="missing"):
        verify(release)


def test_the_readable_manifest_may_not_differ_from_the_signed_one(release: Path) -> None:
    path = release / "manifest.json"
    path.write_text(path.read_text().replace('"epsilon": 1.0', '"epsilon": 0.1'))
    with pytest.raises(VerificationError, match="differs from the signed copy"):
        verify(release)


def test_a_manifest_rewritten_with_its_hashes_fails_on_the_signature(release: Path) -> None:
    """An attacker without the key changes a file, its hash and the payload."""
    (release / "synthetic.csv").write_text("age\n0\n")
    statement = (release / "manifest.json").read_text()
    body = json.loads(statement)
    from understudy.release.manifest import digest

    for subject in body["subject"]:
        subject["digest"]["sha256"] = digest(release / subject["name"])
    text = json.dumps(body, indent=1, ensure_ascii=False) + "\n"
    envelope = json.loads((release / "manifest.dsse.json").read_text())
    envelope["payload"] = base64.b64encode(text.encode()).decode()
    (release / "manifest.json").write_text(text)
    (release / "manifest.dsse.json").write_text(json.dumps(envelope))
    with pytest.raises(VerificationError, match="signature"):
        verify(release)


def test_an_attacker_who_signs_anew_is_caught_by_the_pinned_key(
    release: Path, tmp_path: Path
) -> None:
    key = _public_key(release, tmp_path / "sender.pem")
    (release / "synthetic.csv").write_text("age\n0\n")
    _forge(release, tmp_path)
    assert verify(release).ok, "without a key, only integrity is shown"
    with pytest.raises(VerificationError, match="another key"):
        verify(release, key)


def test_a_public_key_swapped_into_the_envelope_does_not_help(
    release: Path, tmp_path: Path
) -> None:
    """The carried key must be the one that verifies, and the pinned one must be the carried one."""
    key = _public_key(release, tmp_path / "sender.pem")
    original = json.loads((release / "manifest.dsse.json").read_text())
    _forge(release, tmp_path)
    envelope = json.loads((release / "manifest.dsse.json").read_text())
    envelope["signatures"][0]["publicKey"] = original["signatures"][0]["publicKey"]
    (release / "manifest.dsse.json").write_text(json.dumps(envelope))
    for pinned in (None, key):
        with pytest.raises(VerificationError, match="signature"):
            verify(release, pinned)


def test_the_internal_part_must_be_signed_by_the_same_key(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    public = {
        name: (release / name).read_bytes() for name in ("manifest.json", "manifest.dsse.json")
    }
    _forge(release, tmp_path)
    for name, raw in public.items():
        (release / name).write_bytes(raw)
    with pytest.raises(VerificationError, match=r"internal/.*another key"):
        verify(release)


def test_no_signature_or_two_are_refused(release: Path) -> None:
    path = release / "manifest.dsse.json"
    envelope = json.loads(path.read_text())
    for signatures in ([], envelope["signatures"] * 2):
        path.write_text(json.dumps({**envelope, "signatures": signatures}))
        with pytest.raises(VerificationError):
            verify(release)


@pytest.mark.parametrize(
    "name", ["../outside", "/etc/hostname", "model/../../x", "a//b", "", "C:/x", "a\\..\\b"]
)
def test_names_that_leave_the_folder_are_refused(release: Path, name: str) -> None:
    body = json.loads((release / "manifest.json").read_text())
    body["subject"].append({"name": name, "digest": {"sha256": "0" * 64}})
    _resign(release, body)
    with pytest.raises(VerificationError, match="outside"):
        verify(release)


def test_a_name_listed_twice_is_refused(release: Path) -> None:
    body = json.loads((release / "manifest.json").read_text())
    body["subject"].append(dict(body["subject"][0]))
    _resign(release, body)
    with pytest.raises(VerificationError, match="twice"):
        verify(release)


def test_control_characters_in_a_name_are_not_printed(release: Path) -> None:
    (release / "a\x1b[31mred\n").write_text("")
    with pytest.raises(VerificationError) as caught:
        verify(release)
    assert "\x1b" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_folder_and_no_release(tmp_path: Path) -> None:
    with pytest.raises(VerificationError, match="no release folder"):
        verify(tmp_path / "nowhere")
    with pytest.raises(VerificationError, match="not a complete release"):
        verify(tmp_path)


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN PUBLIC KEY-----\nx\n"])
def test_a_key_that_is_no_key(release: Path, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "key.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(VerificationError, match="key"):
        verify(release, path)


def test_dsse_pre_authentication_encoding_is_the_standard_one() -> None:
    """DSSE v1.0, protocol section: "DSSEv1" SP LEN(type) SP type SP LEN(body) SP body."""
    key = signing_key()
    envelope = json.loads(seal(b"hello world", key))
    signed = b"DSSEv1 28 application/vnd.in-toto+json 11 hello world"
    assert key.public.verifies(base64.b64decode(envelope["signatures"][0]["sig"]), signed)
    assert unseal(seal(b"hello world", key), where="x")[0] == b"hello world"


def test_the_statement_is_in_toto_v1(release: Path) -> None:
    body = json.loads((release / "manifest.json").read_text())
    assert body["_type"] == "https://in-toto.io/Statement/v1"
    assert set(body) == {"_type", "subject", "predicateType", "predicate"}
    again = Statement.from_bytes((release / "manifest.json").read_bytes(), where="x")
    assert again.to_bytes() == (release / "manifest.json").read_bytes()


def _resign(folder: Path, body: dict) -> None:
    """Write a manifest and sign it with the right key."""
    raw = json.dumps(body).encode()
    (folder / "manifest.json").write_bytes(raw)
    (folder / "manifest.dsse.json").write_bytes(seal(raw, signing_key()))


def _forge(folder: Path, tmp_path: Path) -> PublicKey:
    """Hash and sign everything anew with a key of the attacker's."""
    import hashlib

    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    from understudy.release.manifest import digest

    pem = tmp_path / "attacker.pem"
    pem.write_bytes(
        ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    key = signing_key(pem)
    for part in (folder, folder / "internal"):
        body = json.loads((part / "manifest.json").read_text())
        for subject in body["subject"]:
            subject["digest"]["sha256"] = digest(part / subject["name"])
        if part != folder:
            shown = (folder / "manifest.json").read_bytes()
            body["predicate"]["public_manifest_sha256"] = hashlib.sha256(shown).hexdigest()
        raw = json.dumps(body).encode()
        (part / "manifest.json").write_bytes(raw)
        (part / "manifest.dsse.json").write_bytes(seal(raw, key))
    return key.public
