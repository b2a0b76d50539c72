"""Real coordinators and workers on a tiny planted world, what must be so after any disaster, and a table of all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from harness.data.formats.sequences import write_sequences
from harness.data.planted import PlantedWorld, plant
from harness.results.folder import StudyFolder
from harness.results.record import RECORD, RunRecord
from tests.survival.wreck import DISASTER

ROOT = Path(__file__).resolve().parents[2]

STUDY = """\
name: small
data: {{path: {world}, format: sequences, min_interactions: 1}}
arms:
  reverse: kl.reverse
replicates: 2
budget: {{epochs: 2, patience: 2}}
diagnostics: {{arms: [reverse]}}
"""

N_CELLS = 6

Kept = dict[str, tuple[int, int]]
"""File -> inode and time of writing."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They are slow, and come first: begun last, they would leave one core idle for minutes."""
    here = Path(__file__).parent
    items.sort(key=lambda item: not item.path.is_relative_to(here))
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.slow)


@dataclass(slots=True)
class Table:
    """Event -> how often it was tried, and how it ended."""

    tried: Counter[str] = field(default_factory=Counter)
    ended: dict[str, Counter[str]] = field(default_factory=dict)

    def note(self, event: str, outcome: str, times: int = 1) -> None:
        """An event that was tried, after all that must be so has been seen to be so."""
        self.tried[event] += times
        self.ended.setdefault(event, Counter())[outcome] += times

    def text(self) -> str:
        lines = ["| event | times | outcome |", "| --- | --- | --- |"]
        for event, times in self.tried.items():
            ended = self.ended[event]
            said = "; ".join(each if count == times else f"{count} x {each}" for each, count in ended.items())
            lines.append(f"| {event} | {times} | {said} |")
        return "\n".join(lines) + "\n"


@pytest.fixture(scope="session")
def table() -> Iterator[Table]:
    kept = Table()
    yield kept
    path = os.environ.get("FTR_SURVIVAL_TABLE")
    if path:
        Path(path).write_text(kept.text(), encoding="utf-8")
    else:
        print("\n" + kept.text())


@dataclass(frozen=True, slots=True)
class Process:
    """A coordinator that is running.

    Attributes:
        pid: its own, and that of its group.
        log: what it says.
    """

    server: subprocess.Popen[str]
    pid: int
    log: Path

    def wait(self) -> int:
        """Its exit status, minus the signal that ended it."""
        assert self.server.stdout is not None
        return int(self.server.stdout.readline())

    def lives(self) -> bool:
        """Whether it has not ended yet."""
        try:
            state = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        return state != "Z"

    def send(self, how: signal.Signals) -> None:
        """To the coordinator alone."""
        try:
            os.kill(self.pid, how)
        except ProcessLookupError:
            return

    def workers(self) -> list[int]:
        """The worker processes that it has started."""
        found: list[int] = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                try:
                    parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                    words = (entry / "cmdline").read_bytes()
                except OSError:
                    continue
                if parent == self.pid and b"executors.local import work" in words:
                    found.append(int(entry.name))
        return found


@dataclass(slots=True)
class Scene:
    """A study in a folder of its own, run and struck as often as a test likes.

    Attributes:
        folder: holds the study file, the records and the logs.
        out, data: folder of all studies, of parsed data.
    """

    server: subprocess.Popen[str]
    study: Path
    folder: Path
    out: Path
    data: Path
    n_runs: int = 0

    def start(
        self, *, where: str = "", number: int = 1, how: str = "SIGKILL", once: bool = False, workers: int = 1,
        largest_file: int = 0, clock: float = 0.0, words: tuple[str, ...] = (),
    ) -> Process:  # fmt: skip
        """Begin ``ftr-study run``, struck where asked."""
        self.n_runs += 1
        log = self.folder / f"run-{self.n_runs}.log"
        self.note.unlink(missing_ok=True)
        disaster = {
            "where": where,
            "number": number,
            "how": how,
            "once": str(self.folder / f"once-{self.n_runs}") if once else "",
            "note": str(self.note),
            "clock": clock,
        }
        command = {
            "words": [
                *("run", str(self.study), "--out", str(self.out), "--data-dir", str(self.data)),
                *("--workers", str(workers), *words),
            ],
            "environment": {DISASTER: json.dumps(disaster) if where or clock else "", "COLUMNS": "200"},
            "log": str(log),
            "largest_file": largest_file,
        }
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        self.server.stdin.write(json.dumps(command) + "\n")
        self.server.stdin.flush()
        return Process(self.server, int(self.server.stdout.readline()), log)

    @property
    def note(self) -> Path:
        """Is there once the disaster has struck."""
        return self.folder / "struck"

    def said(self) -> str:
        """What the last run said."""
        return (self.folder / f"run-{self.n_runs}.log").read_text(encoding="utf-8")

    @property
    def study_folder(self) -> StudyFolder:
        return StudyFolder(self.out / "small")

    def kept(self) -> Kept:
        """Every whole record, diagnosis and backbone, by when and where it was written."""
        folders = [self.out / ".records", self.out / ".cache" / "backbones", self.out / ".cache" / "encodings"]
        found = [
            path
            for folder in folders
            if folder.is_dir()
            for path in folder.iterdir()
            if path.suffix in (".record", ".diagnosis", ".safetensors", ".npy") and ".training" not in path.name
            and not path.name.startswith(".")
        ]  # fmt: skip
        return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}

    def ranks(self) -> dict[str, str]:
        """Record key -> digest of its ranks and curve."""
        folder = self.out / ".records"
        return {path.stem: digest(RECORD.unpack(path.read_bytes())) for path in sorted(folder.glob("*.record"))}

    def clear(self, *, keep_cache: bool = False) -> None:
        """Begin anew."""
        for path in self.out.iterdir():
            if path.is_file():
                path.unlink()
            elif not (keep_cache and path.name == ".cache"):
                shutil.rmtree(path)

    def finish(self, *, workers: int = 1) -> str:
        """One undisturbed run; what it said."""
        status = self.start(workers=workers).wait()
        assert status == 0, self.said()
        return self.said()


def digest(record: RunRecord) -> str:
    """A hash of all that a run decides."""
    parts = [getattr(record, name).tobytes() for name in ("valid_on", "valid_off", "test_on", "test_off")]
    parts += [ranks.tobytes() for _, ranks in sorted(record.also.items())]
    curve = [[point.epoch, dict(point.valid_on), dict(point.losses)] for point in record.curve]
    parts += [json.dumps([record.chosen_epoch, record.served, curve], sort_keys=True).encode()]
    return hashlib.sha256(b"\n".join(parts)).hexdigest()


@pytest.fixture(scope="session")
def server() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("wreck.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"},
    )
    yield process
    assert process.stdin is not None
    process.stdin.close()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """The study as it ends when nothing happens.

    Attributes:
        ranks: as :meth:`Scene.ranks`.
        keys: row -> replicate -> record key.
        seconds: wall time of the whole run.
    """

    scene: Scene
    ranks: dict[str, str]
    keys: dict[str, dict[int, str]]
    diagnoses: dict[str, dict[int, str]]
    seconds: float

    def check(self, scene: Scene, before: Kept | None = None, *, damaged: bool = False) -> None:
        """All that must be so after any disaster and one ``run``.

        Args:
            scene: that was struck, and then run to its end.
            before: what was whole before that run.
            damaged: whether a file may have been set aside, which a blow alone never leads to.
        """
        assert scene.ranks() == self.ranks, "the records of an undisturbed run, bit for bit"
        assert damaged or not list(scene.out.rglob("*.damaged"))
        manifest = scene.study_folder.manifest()
        assert {row.name: dict(row.keys) for row in manifest.rows} == self.keys
        assert {row.name: dict(row.diagnoses) for row in manifest.rows} == self.diagnoses
        assert not any(row.failures for row in manifest.rows)
        assert len(scene.study_folder.load_diagnoses(manifest)) == len(manifest.rows) - 1
        after = scene.kept()
        for name, written in (before or {}).items():
            assert after[name] == written, f"{name} was made a second time"
        storage = f"sqlite:///{scene.study_folder.path / 'optuna.db'}"
        trials = optuna.load_study(study_name="small (ndcg@10)", storage=storage).get_trials(deepcopy=False)
        done = Counter(each.user_attrs["key"] for each in trials if each.state is TrialState.COMPLETE)
        assert done == dict.fromkeys(self.ranks, 1), "one complete trial a cell"
        assert {each.state for each in trials} <= {TrialState.COMPLETE, TrialState.FAIL}
        page = (scene.study_folder.path / "report.html").read_text(encoding="utf-8")
        assert page.rstrip().endswith("</html>")
        assert "reverse" in page


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("world") / "world.txt"
    made = PlantedWorld(n_users=120, n_items=60, mean_length=14.0, group_size=6)
    write_sequences(plant(made).interactions, path)
    return path


@pytest.fixture(scope="session")
def study(world: Path) -> Path:
    path = world.with_name("small.yaml")
    path.write_text(STUDY.format(world=world), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def undisturbed(server: subprocess.Popen[str], study: Path, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    scene = Scene(server, study, folder, folder / "runs", folder / "data")
    began = time.monotonic()
    scene.finish()
    seconds = time.monotonic() - began
    manifest = scene.study_folder.manifest()
    found = Undisturbed(
        scene,
        scene.ranks(),
        {row.name: dict(row.keys) for row in manifest.rows},
        {row.name: dict(row.diagnoses) for row in manifest.rows},
        seconds,
    )
    assert len(found.ranks) == N_CELLS
    found.check(scene)
    return found


@pytest.fixture
def scene(server: subprocess.Popen[str], study: Path, tmp_path: Path) -> Iterator[Scene]:
    made = Scene(server, study, tmp_path, tmp_path / "runs", tmp_path / "data")
    yield made
    shutil.rmtree(made.out, ignore_errors=True)


def end_group(process: Process, how: signal.Signals) -> None:
    """What a terminal's Ctrl-C, or the end of a job, does: every process of the group has the signal."""
    try:
        os.killpg(process.pid, how)
    except ProcessLookupError:
        return
