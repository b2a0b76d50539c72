"""A change of a module moves the keys of the backbones that it decides, and of no other one."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

import pytest

from harness.backbones.duorec.backbone import DuoRec
from harness.backbones.gru4rec.backbone import GRU4Rec
from harness.backbones.lrurec.backbone import LRURec
from harness.backbones.registry import BACKBONES
from harness.backbones.sasrec.backbone import SASRec
from harness.recipe.recipe import BASE
from harness.source_hash import backbone_hash, run_hash
from tests.backbones.batched.modules import EachHistory
from tests.test_source_hash import Edited, edited

__all__ = ["edited"]

ROOT = Path(__file__).parents[2]

PACKAGES = {kind.name: kind.package for kind in (DuoRec, SASRec, GRU4Rec, LRURec, EachHistory)}
ALL = set(PACKAGES)

MOVED: dict[str, set[str]] = {
    "base": ALL,
    "batched.*": {"each_history"},
    "dropout": ALL,
    "duorec.*": {"duorec"},
    "encoder": ALL,
    "epochs": ALL,
    "gru4rec.*": {"gru4rec"},
    "lrurec.*": {"lrurec"},
    "packed.*": ALL,
    "ranking": ALL,
    "recipe": ALL,
    "registry": set(),
    "sampled": ALL,
    "sasrec.*": {"sasrec"},
    "softmax": ALL,
    "tensor_file": ALL,
    "training": set(),  # reads, writes and hands on what the others make
    "training_state": ALL,
    "transformer.*": {"duorec", "sasrec"},
    "values": ALL,
}
"""Modules below ``harness.backbones`` -> backbones whose keys they move; ``each_history`` is a plug-in's."""

MODULES = sorted(
    ".".join(path.relative_to(ROOT / "harness/backbones").with_suffix("").parts)
    for path in (ROOT / "harness/backbones").rglob("*.py")
    if path.name != "__init__.py"
)


def hashes() -> dict[str, tuple[str, str]]:
    return {name: (backbone_hash(package), run_hash(BASE, package)) for name, package in PACKAGES.items()}


@pytest.fixture(scope="module")
def before() -> dict[str, tuple[str, str]]:
    return hashes()


def test_no_two_backbones_have_the_same_code(before: dict[str, tuple[str, str]]) -> None:
    assert before.keys() >= {kind.name for kind in BACKBONES.values() if kind.__module__.startswith("harness.")}
    for part in range(2):
        assert len({each[part] for each in before.values()}) == len(PACKAGES)


@pytest.mark.parametrize("module", MODULES)
def test_a_changed_module_moves_the_keys_that_it_decides(
    module: str, edited: Edited, before: dict[str, tuple[str, str]]
) -> None:
    (moved,) = (names for pattern, names in MOVED.items() if fnmatch(module, pattern))
    edited.module = f"harness.backbones.{module}"
    after = hashes()
    trained, runs = ({name for name in PACKAGES if after[name][part] != before[name][part]} for part in range(2))
    assert trained == moved
    assert runs >= moved
    assert runs == moved or "." not in module  # a module of one folder moves no run on another backbone
