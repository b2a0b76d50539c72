"""Files have the mode that open() gives, and what the operating system refuses is told apart by its way out."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.cli import _said
from harness.errors import EnvironmentProblem
from harness.files import Sealed, in_words, locked, refuse, write_atomically
from harness.runner.cache import read_array
from tests.runner.conftest import make_bench

WORDS = Sealed(title="words 1", encode=str.encode, decode=bytes.decode)


@pytest.fixture(params=[0o002, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_file_that_is_written_whole_has_the_mode_of_open(tmp_path: Path, umask: int) -> None:
    (tmp_path / "plain").write_bytes(b"")
    write_atomically(tmp_path / "whole", b"content")
    write_atomically(tmp_path / "whole", b"again")
    assert mode(tmp_path / "whole") == mode(tmp_path / "plain") == 0o666 & ~umask


def test_a_lock_has_the_mode_of_open(tmp_path: Path, umask: int) -> None:
    with locked(tmp_path / "x", refuse):
        held = sorted(tmp_path.iterdir())
        assert [each.name for each in held] == [".x.lock", ".x.owner"]
        assert {mode(each) for each in held} == {0o666 & ~umask}


def test_every_file_of_a_run_can_be_read_and_written_by_the_group(tmp_path: Path) -> None:
    bench = make_bench(tmp_path)  # with workers of its own, which take over the mask
    before = os.umask(0o002)
    try:
        bench.run(replicates=1, epochs=1)
    finally:
        os.umask(before)
    files = [path for folder in ("runs", "data") for path in (bench.folder / folder).rglob("*") if path.is_file()]
    kinds = {path.suffix for path in files}
    assert {".record", ".safetensors", ".npy", ".parsed", ".db", ".json"} <= kinds
    assert {path.name: oct(mode(path)) for path in files if mode(path) != 0o664} == {}


@pytest.mark.parametrize(
    ("number", "way_out", "not_said"),
    [
        (errno.ENOSPC, "free space or choose another folder with --out", "permission"),
        (errno.EDQUOT, "free space or choose another folder with --out", "permission"),
        (errno.EACCES, "ask its owner for write permission or choose another folder with --out", "space"),
        (errno.EPERM, "ask its owner for write permission or choose another folder with --out", "space"),
        (errno.EROFS, "choose another folder with --out", "space"),
        (errno.EIO, "choose another folder with --out", "space"),
    ],
)
def test_each_reason_has_its_own_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, way_out: str, not_said: str
) -> None:
    def refused(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refused)
    with pytest.raises(EnvironmentProblem) as caught:
        write_atomically(tmp_path / "file", b"content")
    said = str(caught.value)
    assert said.startswith(f"cannot write {tmp_path / 'file'}: {os.strerror(number)}; ")
    assert said.endswith(way_out)
    assert not_said not in said.removeprefix(f"cannot write {tmp_path / 'file'}: {os.strerror(number)}")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of somebody else, also where the tests run as root."""
    path = tmp_path / "theirs"
    path.write_bytes(b"secret")
    real_access, real_read = os.access, Path.read_bytes

    def read_bytes(self: Path) -> bytes:
        if self == path:
            raise PermissionError(errno.EACCES, "Permission denied", str(self))
        return real_read(self)

    monkeypatch.setattr(os, "access", lambda each, right: Path(each) != path and real_access(each, right))
    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    return path


@pytest.mark.parametrize("read", [WORDS.read, read_array])
def test_a_file_that_may_not_be_read_is_named_with_whom_to_ask(unreadable: Path, read: object) -> None:
    assert callable(read)
    with pytest.raises(
        EnvironmentProblem, match=r"^cannot read .*theirs: Permission denied; ask its owner for read"
    ) as e:
        read(unreadable)
    assert "free space" not in str(e.value)


def test_the_command_line_says_it_of_a_file_that_nobody_put_in_words(unreadable: Path) -> None:
    refused = PermissionError(errno.EACCES, "Permission denied", str(unreadable))
    assert "ask its owner for read permission" in _said(refused)
    full = OSError(errno.ENOSPC, "No space left on device", str(unreadable.with_name("new")))
    assert _said(full).endswith("No space left on device; free space or choose another folder with --out or --data-dir")
    assert "--out" in _said(OSError(errno.ENOSPC, "No space left on device"))


def test_the_folder_on_the_way_is_named_where_it_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "closed"
    folder.mkdir()
    monkeypatch.setattr(os, "access", lambda each, right: Path(each) != folder)
    said = str(in_words(folder / "file", PermissionError(errno.EACCES, "Permission denied"), "--out"))
    assert said == f"cannot read {folder}: Permission denied; ask its owner for read permission"


def test_an_owner_file_that_a_colleague_left_is_no_obstacle(tmp_path: Path) -> None:
    """As a real other user, where this one is root."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root and setpriv to be another user")
    folder = tmp_path / "shared"
    folder.mkdir()
    (folder / ".x.owner").write_text("process 1", encoding="utf-8")
    (folder / "secret").write_bytes(WORDS.pack("text"))
    for path, rights in ((folder / "secret", 0o600), (folder / ".x.owner", 0o644), (folder, 0o2777)):
        os.chown(path, 65534, 65534)
        path.chmod(rights)
    script = (
        "import sys; from pathlib import Path; from harness.files import Sealed, locked, refuse\n"
        f"folder = Path({str(folder)!r})\n"
        "with locked(folder / 'x', refuse): print((folder / '.x.owner').read_text())\n"
        "try: Sealed(title='words 1', encode=str.encode, decode=bytes.decode).read(folder / 'secret')\n"
        "except Exception as problem: print(type(problem).__name__, problem)\n"
    )
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"]
    done = subprocess.run([*drop, sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    owner, said = done.stdout.splitlines()
    assert owner.startswith("process ")
    assert said.startswith(f"EnvironmentProblem cannot read {folder}/secret: Permission denied; ask its owner for read")
