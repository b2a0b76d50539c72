from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.backbones.base import TrainedBackbone
from harness.backbones.duorec.backbone import DuoRec
from harness.backbones.ranking import target_ranks, valid_ranks
from harness.backbones.training import train_backbone
from harness.backbones.training_state import TrainingState
from harness.backbones.transformer.model import TransformerEncoder
from harness.backbones.values import EpochFigures
from harness.data.interactions import Interactions
from harness.data.split import split_prefixes
from harness.errors import InputError
from harness.results.metrics import mean_metrics, metric_values
from tests.backbones.plainly import TINY, sequences, world

N_EPOCHS = 5


@pytest.fixture(scope="module")
def rounds() -> Interactions:
    """Everyone walks the same circle of items, from another start: the next item is certain."""
    return sequences([[(start + step) % 20 + 1 for step in range(5 + start % 14)] for start in range(60)], 20)


class Killed(Exception):
    pass


def _trained(data: Interactions, folder: Path, spec: DuoRec = TINY, *, seed: int = 0, stop: int = 0) -> TrainedBackbone:
    def progress(epoch: int, epochs: int, figures: EpochFigures) -> None:
        assert figures.epoch == epoch <= epochs
        if epoch == stop:
            raise Killed

    return train_backbone(spec, data, seed=seed, threads=1, checkpoint_dir=folder, progress=progress)


def _same(one: TrainedBackbone, other: TrainedBackbone) -> bool:
    theirs = other.model.state_dict()
    return all(torch.equal(tensor, theirs[name]) for name, tensor in one.model.state_dict().items())


@pytest.fixture(scope="module")
def trained(rounds: Interactions, tmp_path_factory: pytest.TempPathFactory) -> TrainedBackbone:
    return _trained(rounds, tmp_path_factory.mktemp("trained"))


def test_all_stages_run_and_are_recorded(trained: TrainedBackbone) -> None:
    assert [figures.epoch for figures in trained.history] == list(range(1, N_EPOCHS + 1))
    assert [figures.contrastive is not None for figures in trained.history] == [False, False, True, True, True]
    assert trained.history[-1].loss < trained.history[0].loss
    assert trained.provenance["precision"] == "float32"


def test_the_same_seed_gives_the_same_bits_and_another_does_not(
    rounds: Interactions, trained: TrainedBackbone, tmp_path: Path
) -> None:
    assert _same(trained, _trained(rounds, tmp_path))
    assert not _same(trained, _trained(rounds, tmp_path, seed=1))


@pytest.mark.parametrize("stop", [1, 3, N_EPOCHS])
def test_a_killed_training_ends_with_the_bits_of_an_unbroken_one(
    rounds: Interactions, trained: TrainedBackbone, tmp_path: Path, stop: int
) -> None:
    with pytest.raises(Killed):
        _trained(rounds, tmp_path, stop=stop)
    assert not list(tmp_path.glob(f"{trained.key}.safetensors"))
    resumed = _trained(rounds, tmp_path)
    assert _same(trained, resumed)
    for one, other in zip(trained.history, resumed.history, strict=True):
        assert replace(one, seconds=0.0) == replace(other, seconds=0.0)
    assert [path.name for path in tmp_path.iterdir()] == [f"{trained.key}.safetensors"]


@pytest.mark.parametrize("stop", [0, 3])
def test_a_damaged_backbone_or_state_is_named_set_aside_and_trained_anew(
    rounds: Interactions, trained: TrainedBackbone, tmp_path: Path, stop: int, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Killed) if stop else nullcontext():
        _trained(rounds, tmp_path, stop=stop)
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    assert _same(trained, _trained(rounds, tmp_path))
    names = {each.name for each in tmp_path.iterdir()}
    assert names == {f"{trained.key}.safetensors", f"{path.name}.damaged"}
    assert f"{path} is damaged" in caplog.text


def test_a_finished_backbone_is_read_not_trained(rounds: Interactions, tmp_path: Path) -> None:
    first = _trained(rounds, tmp_path)
    again = _trained(rounds, tmp_path, stop=1)
    assert _same(first, again)
    assert (again.key, again.chosen_epoch, again.history) == (first.key, first.chosen_epoch, first.history)


def test_the_chosen_epoch_is_the_last_within_one_standard_error_of_the_best(
    rounds: Interactions, trained: TrainedBackbone
) -> None:
    best = max(trained.history, key=lambda figures: figures.valid["ndcg@10"])
    level = best.valid["ndcg@10"] - best.valid_error
    close = [figures for figures in trained.history if figures.valid["ndcg@10"] >= level]
    assert trained.chosen_epoch == close[-1].epoch
    assert isinstance(trained.model, TransformerEncoder)
    ranks = valid_ranks(trained.model, rounds, split_prefixes(rounds))
    assert mean_metrics(ranks) == dict(close[-1].valid)
    own = metric_values(ranks, "ndcg@10")
    assert close[-1].valid_error == pytest.approx(np.std(own) / len(own) ** 0.5)


def _closed(values: list[float], error: float = 0.01) -> TrainingState:
    model = torch.nn.Linear(1, 1)
    state = TrainingState(model=model, optimizer=torch.optim.Adam(model.parameters()))
    for epoch, value in enumerate(values, start=1):
        torch.nn.init.constant_(model.bias, float(epoch))
        valid = {"ndcg@10": value}
        state.close_epoch(
            EpochFigures(epoch=epoch, loss=1.0, contrastive=None, valid=valid, valid_error=error, seconds=0.0),
            "ndcg@10",
        )
    return state


@pytest.mark.parametrize(
    ("values", "chosen"),
    [
        ([0.1], 1),
        ([0.1, 0.2, 0.195], 3),
        ([0.1, 0.2, 0.18], 2),
        ([0.1, 0.2, 0.18, 0.192, 0.15], 4),
        ([0.1, 0.2, 0.195, 0.21, 0.199], 4),
        ([0.1, 0.1, 0.05], 2),
    ],
)
def test_an_epoch_is_passed_over_only_when_it_is_worse_by_more_than_the_error(values: list[float], chosen: int) -> None:
    state = _closed(values)
    assert state.chosen_epoch == chosen
    assert state.chosen["bias"].item() == chosen


def test_a_saved_state_keeps_both_the_chosen_and_the_current_weights(tmp_path: Path) -> None:
    state = _closed([0.1, 0.2, 0.1])
    for parameter in state.model.parameters():
        parameter.grad = torch.ones_like(parameter)
    state.optimizer.step()
    state.save(tmp_path / "state")
    other = _closed([])
    other.load(tmp_path / "state")
    assert (other.chosen_epoch, other.history) == (2, state.history)
    assert other.chosen["bias"].item() == 2.0
    assert torch.equal(other.model.state_dict()["bias"], state.model.state_dict()["bias"])
    ours, theirs = state.optimizer.state_dict()["state"], other.optimizer.state_dict()["state"]
    for number, moments in ours.items():
        assert all(torch.equal(moment, theirs[number][name]) for name, moment in moments.items())


def test_training_ends_when_patience_does(rounds: Interactions, tmp_path: Path) -> None:
    """With a ruinous step size after the first epochs every later one is worse."""
    learnt = replace(TINY, learning_rate=0.01, dropout=0.1, visits=400, decay_visits=300, warmup_epochs=99)
    ruined = replace(learnt, final_learning_rate=30.0, visits=4000, min_patience=3, patience_share=0.25)
    backbone = _trained(rounds, tmp_path, ruined)
    assert backbone.chosen_epoch <= 12
    assert len(backbone.history) == backbone.chosen_epoch + max(3, round(0.25 * backbone.chosen_epoch))


def test_what_is_certain_is_learnt(rounds: Interactions, tmp_path: Path) -> None:
    spec = replace(TINY, learning_rate=0.01, dropout=0.1, visits=400, decay_visits=300, warmup_epochs=99)
    backbone = _trained(rounds, tmp_path, spec)
    prefixes = split_prefixes(rounds)
    ranks = target_ranks(
        backbone.model.encode(rounds, prefixes)[prefixes.test],
        backbone.model.item_matrix,
        prefixes.target[prefixes.test],
    )
    assert metric_values(ranks, "mrr@10").mean() > 0.9


def test_bfloat16_learns_the_same_curve(rounds: Interactions, trained: TrainedBackbone, tmp_path: Path) -> None:
    rounded = _trained(rounds, tmp_path, replace(TINY, precision="bfloat16"))
    assert rounded.key != trained.key
    for one, other in zip(trained.history, rounded.history, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=5e-3)


def test_the_number_of_threads_is_restored(rounds: Interactions, tmp_path: Path) -> None:
    before = torch.get_num_threads()
    seen: list[int] = []
    spec = replace(TINY, visits=1)
    train_backbone(
        spec,
        rounds,
        seed=0,
        threads=before + 1,
        checkpoint_dir=tmp_path,
        progress=lambda *_: seen.append(torch.get_num_threads()),
    )
    assert seen == [before + 1]
    assert torch.get_num_threads() == before


def test_data_without_a_training_target_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no training target"):
        _trained(world([3, 3, 3]), tmp_path)


def test_an_unknown_selection_metric_is_refused(rounds: Interactions, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="mrr@0"):
        _trained(rounds, tmp_path, replace(TINY, selection="mrr@0"))


def test_a_loss_that_is_not_finite_is_an_error(rounds: Interactions, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="learning_rate"):
        _trained(rounds, tmp_path, replace(TINY, learning_rate=math.inf))
