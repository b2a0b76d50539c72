from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch

from harness.backbones.base import TrainedBackbone
from harness.backbones.duorec.backbone import DuoRec
from harness.backbones.tensor_file import write_tensors
from harness.backbones.training import load_backbone, save_backbone
from harness.backbones.values import EpochFigures
from harness.errors import InputError
from tests.backbones.plainly import rough_model


@pytest.fixture
def backbone() -> TrainedBackbone:
    spec = DuoRec(hidden_size=8, inner_size=8)
    figures = EpochFigures(epoch=1, loss=2.5, contrastive=None, valid={"mrr@10": 0.25}, valid_error=0.01, seconds=1.5)
    return TrainedBackbone(
        model=rough_model(9, spec),
        spec=spec,
        key="abc",
        chosen_epoch=1,
        history=(figures, replace(figures, epoch=2, contrastive=0.5)),
        seconds=3.0,
        provenance={"data": "world", "seed": "0"},
    )


def test_a_backbone_survives_its_file(backbone: TrainedBackbone, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "one.safetensors"
    save_backbone(backbone, path)
    read = load_backbone(DuoRec, path)
    assert replace(read, model=backbone.model) == backbone
    ours, theirs = backbone.model.state_dict(), read.model.state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_any_safetensors_reader_opens_it(backbone: TrainedBackbone, tmp_path: Path) -> None:
    save_backbone(backbone, tmp_path / "one.safetensors")
    tensors = safetensors.torch.load_file(tmp_path / "one.safetensors")
    assert tensors["item_embedding.weight"].shape == (10, 8)
    assert {name.rsplit(".", 2)[0] for name in tensors if name.startswith("blocks")} == {"blocks.0", "blocks.1"}


@pytest.mark.parametrize("damage", ["cut off", "flipped tensor", "flipped header", "empty", "no safetensors"])
def test_a_damaged_file_is_named_with_what_to_do(backbone: TrainedBackbone, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "one.safetensors"
    save_backbone(backbone, path)
    content = bytearray(path.read_bytes())
    if damage == "flipped tensor":
        content[-5] ^= 1
    elif damage == "flipped header":
        content[content.index(b"0.25")] = ord("9")
    else:
        content = {"cut off": content[:-100], "empty": b"", "no safetensors": b"PK\x03\x04" + bytes(500)}[damage]
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"damaged.*train anew") as problem:
        load_backbone(DuoRec, path)
    assert str(path) in str(problem.value)


def test_a_file_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "theirs.safetensors"
    safetensors.torch.save_file({"weight": torch.zeros(3)}, path)
    with pytest.raises(InputError, match="no format at all"):
        load_backbone(DuoRec, path)


def test_a_training_state_is_no_backbone(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    write_tensors(path, {"weight": torch.zeros(3)}, {}, kind="ftr-study pretraining 1")
    with pytest.raises(InputError, match="pretraining"):
        load_backbone(DuoRec, path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no file .*gone"):
        load_backbone(DuoRec, tmp_path / "gone.safetensors")


def test_a_specification_of_another_version_is_refused(backbone: TrainedBackbone, tmp_path: Path) -> None:
    path = tmp_path / "one.safetensors"
    write_tensors(path, {}, {"spec": {"hidden_size": 8, "colour": 3}}, kind="ftr-study backbone 1")
    with pytest.raises(InputError, match="colour"):
        load_backbone(DuoRec, path)
