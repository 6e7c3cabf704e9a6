"""A release is put in place by one rename, or not at all."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from understudy.errors import InputError, InternalError, OutputError
from understudy.release import Draft, stage, verify

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

WHOLE = {
    "evidence.json", "internal/evidence.json", "internal/manifest.dsse.json",
    "internal/manifest.json", "internal/report.html", "manifest.dsse.json", "manifest.json",
    "model/arrays.safetensors", "model/model.json", "report.html", "synthetic.csv",
}  # fmt: skip


def _files(folder: Path) -> set[str]:
    return {one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file()}


def test_a_release_is_whole_and_nothing_else_is_left(
    tmp_path: Path, write: Callable[..., Path]
) -> None:
    folder = write(tmp_path / "out")
    assert _files(folder) == WHOLE
    assert [one.name for one in tmp_path.iterdir()] == ["out"]
    assert verify(folder).ok


def test_the_internal_part_is_for_its_owner_only(
    tmp_path: Path, write: Callable[..., Path]
) -> None:
    inner = write(tmp_path / "out") / "internal"
    assert stat.S_IMODE(inner.stat().st_mode) == 0o700
    assert {stat.S_IMODE(one.stat().st_mode) for one in inner.iterdir()} == {0o600}


def test_missing_parents_are_created_and_an_empty_folder_is_used(
    tmp_path: Path, write: Callable[..., Path]
) -> None:
    assert verify(write(tmp_path / "a" / "b" / "out")).ok
    (tmp_path / "empty").mkdir()
    assert verify(write(tmp_path / "empty")).ok


@pytest.mark.parametrize("raised", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_exception_leaves_nothing(tmp_path: Path, raised: type[BaseException]) -> None:
    with pytest.raises(raised), stage(tmp_path / "out") as draft:  # noqa: PT012 - the story is the test
        draft.synthetic(".csv").write_text("half")
        raise raised
    assert list(tmp_path.iterdir()) == []


def test_an_exception_leaves_an_earlier_release_as_it_was(
    tmp_path: Path, write: Callable[..., Path]
) -> None:
    folder = write(tmp_path / "out")
    before = {name: (folder / name).read_bytes() for name in _files(folder)}
    with pytest.raises(RuntimeError), stage(folder, force=True) as draft:  # noqa: PT012 - the story is the test
        draft.synthetic(".csv").write_text("half")
        raise RuntimeError
    assert {name: (folder / name).read_bytes() for name in _files(folder)} == before
    assert [one.name for one in tmp_path.iterdir()] == ["out"]


def test_a_draft_that_was_not_sealed_is_not_released(tmp_path: Path) -> None:
    with pytest.raises(InternalError), stage(tmp_path / "out") as draft:
        draft.synthetic(".csv").write_text("a\n1\n")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_empty_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("precious")
    entered = False
    with pytest.raises(OutputError, match="not empty"), stage(tmp_path / "out"):
        entered = True
    assert not entered
    with (
        pytest.raises(OutputError, match="other than a release"),
        stage(tmp_path / "out", force=True),
    ):
        entered = True
    assert not entered
    assert (tmp_path / "out" / "thesis.txt").read_text() == "precious"


def test_force_replaces_a_release(tmp_path: Path, write: Callable[..., Path]) -> None:
    folder = write(tmp_path / "out")
    first = (folder / "manifest.dsse.json").stat().st_ino
    write(folder, force=True)
    assert (folder / "manifest.dsse.json").stat().st_ino != first
    assert verify(folder).ok
    assert [one.name for one in tmp_path.iterdir()] == ["out"]


def test_a_file_or_the_current_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputError, match="is a file"), stage(tmp_path / "out"):
        pass
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(OutputError, match="current folder"), stage("."):
        pass


def test_two_runs_on_one_folder_do_not_mix(
    tmp_path: Path, fill_draft: Callable[[Draft], None]
) -> None:
    with stage(tmp_path / "out") as first:
        with pytest.raises(OutputError, match="in use"), stage(tmp_path / "out"):
            pass
        fill_draft(first)
    assert verify(tmp_path / "out").ok


def test_a_folder_that_fills_up_meanwhile_is_not_overwritten(
    tmp_path: Path, fill_draft: Callable[[Draft], None]
) -> None:
    with pytest.raises(OutputError, match="filled while"), stage(tmp_path / "out") as draft:  # noqa: PT012 - the story is the test
        fill_draft(draft)
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "other").write_text("")
    assert _files(tmp_path) == {"out/other"}


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_full_disk_is_an_output_error_and_leaves_nothing(tmp_path: Path, code: int) -> None:
    with pytest.raises(OutputError, match=os.strerror(code)), stage(tmp_path / "out"):
        raise OSError(code, os.strerror(code))
    assert list(tmp_path.iterdir()) == []


def test_an_unreadable_key_is_refused_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNDERSTUDY_KEY", str(tmp_path / "nowhere.pem"))
    entered = False
    with pytest.raises(InputError, match="cannot be read"), stage(tmp_path / "out"):
        entered = True
    assert not entered
    assert list(tmp_path.iterdir()) == []


def test_a_killed_run_leaves_no_release_and_the_next_run_clears_up(
    tmp_path: Path, write: Callable[..., Path]
) -> None:
    script = (
        "import sys, time\nfrom understudy.release import stage\n"
        "with stage(sys.argv[1]) as draft:\n"
        "    draft.synthetic('.csv').write_text('secret half')\n"
        "    print('writing', flush=True)\n    time.sleep(60)\n"
    )
    source = Path(__file__).parents[2] / "src"
    run = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(source)},
    )
    assert run.stdout is not None
    assert run.stdout.readline() == b"writing\n"
    run.send_signal(signal.SIGKILL)
    run.wait()
    time.sleep(0.05)
    assert not (tmp_path / "out").exists()
    write(tmp_path / "out")
    assert [one.name for one in tmp_path.iterdir()] == ["out"]
    assert b"secret half" not in (tmp_path / "out" / "synthetic.csv").read_bytes()


def test_evidence_of_the_wrong_type_is_not_written(tmp_path: Path, fabricated: ModuleType) -> None:
    with pytest.raises(InternalError), stage(tmp_path / "out") as draft:
        draft.write_public(fabricated.internal_evidence(), "<p></p>")
    with pytest.raises(InternalError), stage(tmp_path / "out") as draft:
        draft.write_internal(fabricated.public_evidence(), "<p></p>")


def test_the_public_manifest_says_nothing_about_internal_files(
    tmp_path: Path, write: Callable[..., Path]
) -> None:
    from understudy.release.manifest import digest

    folder = write(tmp_path / "out")
    public = "".join(
        (folder / name).read_text()
        for name in ("manifest.json", "manifest.dsse.json", "evidence.json", "report.html")
    )
    for inner in (folder / "internal").iterdir():
        assert digest(inner) not in public
    assert '"internal' not in public
