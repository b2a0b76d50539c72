"""Tests of a backbone plug-in against the contract of built-in backbones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import ftr_narm
import pytest
import torch
from ftr_narm import NARM, Narm

from harness.backbones.registry import BACKBONES
from harness.contracts.backbone import check_backbone
from harness.source_hash import backbone_hash

TINY = Narm(hidden_size=16, max_length=8, visits=20, decay_visits=15)


def test_the_contract_is_kept(tmp_path: Path) -> None:
    check_backbone(TINY, tmp_path)


def test_the_states_before_the_last_take_part_and_padding_does_not() -> None:
    torch.manual_seed(0)
    module = NARM(9, 8, 1, 0.0).eval()
    items, lengths = torch.tensor([[1, 2, 3], [4, 5, 0]]), torch.tensor([3, 2])
    vectors = module(items, lengths)
    torch.testing.assert_close(vectors[1:], module(items[1:, :2], lengths[1:]))
    with torch.no_grad():
        module.weigh.weight.zero_()
    without = module(items, lengths)
    assert not torch.allclose(vectors, without)


def test_study_files_know_it_once_the_package_is_installed() -> None:
    assert BACKBONES.find("narm") is Narm


def test_its_fields_are_part_of_a_key() -> None:
    one, other = (spec.key(fingerprint="f", seed=0, threads=1) for spec in (TINY, replace(TINY, n_layers=2)))
    assert one != other


def test_its_own_code_is_part_of_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Path(ftr_narm.__file__).read_text(encoding="utf-8")
    changed = source.replace("std=0.02", "std=0.03")
    assert changed != source
    file = tmp_path / "ftr_narm.py"
    monkeypatch.setattr(ftr_narm, "__file__", str(file))
    hashes: list[str] = []
    for text in (source, f"{source}\n# a comment\n", changed):
        file.write_text(text, encoding="utf-8")
        hashes.append(backbone_hash(Narm.package))
    assert hashes[0] == hashes[1] != hashes[2]
