"""A small planted study that the real runner runs with real worker processes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.backbones.duorec.backbone import DuoRec
from harness.data.formats.sequences import write_sequences
from harness.data.planted import PlantedWorld, plant
from harness.interventions.base import Intervention
from harness.modes.plan import Cell
from harness.results.record import EpochPoint, RunRecord
from harness.runner.coordinator import RunOptions, StudyResult, run_study
from harness.runner.executors.base import Where
from harness.runner.progress import Display
from harness.study.study import load_study

SMALL = DuoRec(batch_tokens=256, warmup_epochs=1, decay_visits=40, visits=60)

STUDY = """\
name: small
question: Does anything change?
data: {{path: world.txt, format: sequences, min_interactions: 1}}
arms:
  reverse: kl.reverse
  attention: [wiring.retriever_attention, wiring.cosine]
{more}replicates: {replicates}
budget: {{epochs: {epochs}, patience: {epochs}}}
{end}"""


class Counting(Display):
    """Keeps the names of the cells that were run."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, int]] = []
        self.failures: list[str] = []
        self.epochs: list[int] = []
        self.messages: list[str] = []

    def message(self, text: str) -> None:
        self.messages.append(text)

    def finished(self, cell: Cell, record: RunRecord) -> None:
        self.ran.append((cell.row, cell.replicate))

    def failed(self, cell: Cell, why: str) -> None:
        self.failures.append(why)

    def epoch(self, cell: Cell, point: EpochPoint) -> None:
        self.epochs.append(point.epoch)


@dataclass(frozen=True, slots=True)
class Bench:
    """A folder with a world and a study file in it."""

    folder: Path

    def write(
        self, *, more: str = "", replicates: int | str = 2, end: str = "diagnostics: off\n", epochs: int = 2
    ) -> Path:
        path = self.folder / "small.yaml"
        arms = "".join(f"  {line}\n" for line in more.splitlines())
        path.write_text(STUDY.format(more=arms, replicates=replicates, end=end, epochs=epochs), encoding="utf-8")
        return path

    def run(
        self,
        *,
        workers: int = 1,
        out: str = "runs",
        more: str = "",
        replicates: int | str = 2,
        end: str = "diagnostics: off\n",
        epochs: int = 2,
        catalogue: Iterable[type[Intervention]] | None = None,
        where: Where | None = None,
        storage: str | None = None,
        display: Counting | None = None,
    ) -> tuple[StudyResult, Counting]:
        display = display or Counting()
        study = load_study(self.write(more=more, replicates=replicates, end=end, epochs=epochs), catalogue=catalogue)
        options = RunOptions(
            out=self.folder / out,
            where=where or Where(workers=workers),
            storage=storage,
            data_dir=self.folder / "data",
        )
        return run_study(study, options, display, spec=SMALL), display


def make_bench(folder: Path) -> Bench:
    """A bench with its world."""
    world = PlantedWorld(n_users=120, n_items=60, mean_length=14.0, group_size=6)
    write_sequences(plant(world).interactions, folder / "world.txt")
    return Bench(folder)


@pytest.fixture
def bench(tmp_path: Path, kept_workers: None) -> Bench:
    return make_bench(tmp_path)
