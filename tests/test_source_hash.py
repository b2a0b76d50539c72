"""Keys follow what code does: no key moves for how it is written, every key moves for another constant."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from harness import source_hash
from harness.baselines.registry import BASELINES
from harness.recipe.recipe import BASE
from harness.recipe.schedules import Progress
from harness.recipe.seams.attention import SharedTemperature
from harness.runner.references import rows
from harness.source_hash import (
    DATA_ROOMS,
    ROOMS_OF_A_RUN,
    hash_reached,
    imports_of_plugins,
    meaning,
    modules_reached,
    run_hash,
)

if TYPE_CHECKING:
    from harness.runner.shared import SharedStages

ROOT = Path(__file__).parents[1]
DUOREC = "harness.backbones.duorec"

PROGRAM = """
import sys
from dataclasses import replace
from harness.backbones.duorec.backbone import DuoRec
from harness.recipe.recipe import BASE
from harness.recipe.seams.checkpoint import BestOnValid
from harness.source_hash import measuring_hash, run_hash
for metric in ("mrr@10", "ndcg@10"):
    recipe = replace(BASE, checkpoint=BestOnValid(metric=metric))
    spec = DuoRec(selection=metric, precision="float32")
    print(run_hash(recipe, {duorec!r}), spec.key(fingerprint="f", seed=0, threads=1))
print(measuring_hash())
"""


class Copy:
    """A copy of the harness that a test may edit."""

    def __init__(self, folder: Path) -> None:
        shutil.copytree(ROOT / "harness", folder / "harness", ignore=shutil.ignore_patterns("__pycache__"))
        self.folder = folder

    def edit(self, file: str, change: Callable[[str], str]) -> None:
        path = self.folder / "harness" / file
        before = path.read_text(encoding="utf-8")
        after = change(before)
        assert after != before
        path.write_text(after, encoding="utf-8")

    def rename(self, old: str, new: str) -> None:
        """Move a module, and follow it in every import."""
        (self.folder / "harness" / old.replace(".", "/")).with_suffix(".py").rename(
            (self.folder / "harness" / new.replace(".", "/")).with_suffix(".py")
        )
        for path in (self.folder / "harness").rglob("*.py"):
            path.write_text(
                re.sub(rf"harness\.{re.escape(old)}\b", f"harness.{new}", path.read_text(encoding="utf-8")),
                encoding="utf-8",
            )

    def keys(self) -> tuple[str, ...]:
        """Of a run whose epoch MRR chooses and of such a backbone, the same by NDCG, and of the evidence."""
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM.format(duorec=DUOREC)],
            cwd=self.folder,
            env={"PYTHONPATH": str(self.folder)},
            capture_output=True,
            text=True,
            check=True,
        )
        return tuple(done.stdout.split())


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


def test_no_key_moves_for_how_code_is_written(copy: Copy) -> None:
    before = copy.keys()
    for file in ("engine/loop.py", "backbones/packed/training.py", "probes/observer.py"):
        copy.edit(file, lambda text: "# a comment\n\n" + text.replace('"""', '"""Mended: ', 1))
    copy.rename("engine.loss_log", "engine.log_of_losses")
    copy.rename("backbones.duorec.contrastive", "backbones.duorec.contrast")
    copy.edit("runner/coordinator.py", lambda text: text + "\n\nUNRELATED = 1\n")
    copy.edit("engine/memory_manager.py", lambda text: text.replace("epochs: int", "epochs: 'int'"))
    assert copy.keys() == before


def test_a_changed_constant_moves_the_keys_that_it_decides(copy: Copy) -> None:
    run, backbone, *_, evidence = copy.keys()
    copy.edit("recipe/seams/objective.py", lambda text: text.replace("EPSILON = 1e-8", "EPSILON = 1e-9"))
    moved = copy.keys()
    assert moved[0] != run
    assert (moved[1], moved[-1]) == (backbone, evidence)
    copy.edit("backbones/softmax.py", lambda text: re.sub(r"(?m)^([A-Z_]+) = (\d+)$", r"\1 = \g<2>1", text, count=1))
    again = copy.keys()
    assert again[0] != moved[0]
    assert again[1] != backbone
    assert again[-1] == evidence


ANOTHER_METRIC = """
from harness.results.metrics.base import Metric

class RankBiased(Metric):
    name = "rbp"
    def gain(self, rank):
        return 0.8 ** (rank - 1.0)
"""


def test_another_metric_moves_no_key_and_a_changed_one_those_of_the_epochs_that_it_chooses(copy: Copy) -> None:
    before = copy.keys()
    assert len(set(before)) == 5
    (copy.folder / "harness" / "results" / "metrics" / "rbp.py").write_text(ANOTHER_METRIC, encoding="utf-8")
    copy.edit(
        "results/metrics/__init__.py",
        lambda text: text.replace("(Recall, NDCG, MRR)", "(Recall, NDCG, MRR, RankBiased)").replace(
            "from harness.results.metrics.recall",
            "from harness.results.metrics.rbp import RankBiased\nfrom harness.results.metrics.recall",
        ),
    )
    copy.edit("results/metrics/recall.py", lambda text: text.replace("ones_like", "zeros_like"))
    copy.edit("results/metrics/global_metric.py", lambda text: text + "\n\nUNRELATED = 1\n")
    assert copy.keys() == before
    copy.edit("results/metrics/ndcg.py", lambda text: text.replace("rank + 1.0", "rank + 2.0"))
    after = copy.keys()
    assert after[:2] == before[:2]
    assert after[-1] != before[-1]  # probes measure by it
    assert set(after[2:4]).isdisjoint(before)
    copy.edit("results/metrics/base.py", lambda text: text.replace("ranks <= self.cutoff", "ranks < self.cutoff"))
    assert set(copy.keys()[:4]).isdisjoint((*before, *after))


def test_every_module_of_the_data_that_ranks_are_made_by_is_part_of_their_keys() -> None:
    baselines = {kind.__module__ for kind in BASELINES.values()}
    packages = (f"harness.backbones.{path.parent.name}" for path in (ROOT / "harness/backbones").glob("*/backbone.py"))
    backbones = {module for package in packages for module in source_hash._code_of(package)[0]}
    start = {"harness.engine.loop", "harness.baselines.scoring", *baselines, *backbones}
    reached = {name for name in modules_reached(start) if name.startswith("harness.data.")}
    assert {"harness.data.protocol", "harness.data.history"} <= reached
    assert reached == set(DATA_ROOMS)
    assert "harness.results.lists" in ROOMS_OF_A_RUN


@dataclass(slots=True, kw_only=True)
class Edited:
    """Stands for an edit of one module: whatever it does becomes nothing."""

    meant: Callable[[str], str]
    module: str = ""

    def meaning(self, name: str) -> str:
        return "" if name == self.module else self.meant(name)


@pytest.fixture
def edited(monkeypatch: pytest.MonkeyPatch) -> Edited:
    found = Edited(meant=source_hash._module_meaning)
    monkeypatch.setattr(source_hash, "_module_meaning", found.meaning)
    return found


def test_the_rule_of_the_split_the_hiding_and_the_lists_move_the_keys_that_they_decide(edited: Edited) -> None:
    def keys() -> tuple[str, str]:
        return run_hash(BASE, DUOREC), source_hash.backbone_hash(DUOREC)

    run, backbone = keys()
    for edited.module in DATA_ROOMS:
        assert set(keys()).isdisjoint((run, backbone))
    edited.module = "harness.results.lists"
    assert (keys()[0] != run, keys()[1]) == (True, backbone)
    edited.module = "harness.results.packing"
    assert keys() == (run, backbone)


def test_reference_rows_are_keyed_by_the_split_and_the_hiding(edited: Edited) -> None:
    alone = SimpleNamespace(study=SimpleNamespace(primary="ndcg@10"), backbone_key=str)
    stages = cast("SharedStages", alone)

    def codes() -> list[str]:
        found = [rows._of_baseline(kind, stages) for kind in BASELINES.values()]
        return [each["code"] for each in (*found, rows._of_average(stages, 0))]

    before = codes()
    for edited.module in DATA_ROOMS:
        assert set(codes()).isdisjoint(before)


def test_a_seam_that_the_recipe_does_not_hold_is_not_in_its_key() -> None:
    assert "harness.engine.live.jacobian" not in modules_reached({"harness.engine.loop"})
    rooms = ("harness.engine.live",)
    assert hash_reached({"harness.recipe.seams.combiner"}, rooms) != hash_reached({"harness.engine.loop"}, rooms)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(x):\n    return x", 'def f(x: "int") -> int:\n    """Doc."""\n\n    return (x)  # why'),
        ("from a import b\nX = 1", "import c\n\nX = 1"),
        ('class A:\n    k: int = 3\n    """Says what."""', "class A:\n    k: float = 3"),
        ("if TYPE_CHECKING:\n    import a\nX = 1", "X = 1"),
    ],
)
def test_writing_does_not_count(one: str, other: str) -> None:
    assert meaning(one) == meaning(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("X = 1", "X = 2"),
        ("def f(x=1): return x", "def f(x=2): return x"),
        ("def f(x): return x + 1", "def f(x): return x - 1"),
        ("class A:\n    k: int = 3", "class A:\n    k: int"),
        ('X = "a"', 'X = "b"'),
        ("f(a=1)", "f(b=1)"),
    ],
)
def test_meaning_counts(one: str, other: str) -> None:
    assert meaning(one) != meaning(other)


@dataclass(frozen=True, slots=True)
class Zigzag:
    """A plug-in's schedule."""

    def __call__(self, progress: Progress) -> float:
        return 0.1 if progress.epoch % 2 else 0.2


def test_a_plug_ins_schedule_inside_one_of_our_specs_counts() -> None:
    recipe = replace(BASE, temperature=SharedTemperature(schedule=Zigzag()))
    assert run_hash(recipe, DUOREC) != run_hash(BASE, DUOREC)


def test_what_a_plug_ins_spec_imports_of_ours_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "acme_combiner.py"
    file.write_text("def use():\n    from harness.engine.live.jacobian import weights_of\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert imports_of_plugins({"acme_combiner"}) == {"harness.engine.live.jacobian"}
    assert imports_of_plugins({"harness.recipe.seams.combiner"}) == frozenset()
