from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from plainly import sequences, world

from harness.backbone.checkpoint import Backbone, EpochFigures
from harness.backbone.encode import encode_some
from harness.backbone.pretrain import pretrain, validate
from harness.backbone.ranking import target_ranks
from harness.backbone.spec import BackboneSpec
from harness.data.interactions import Interactions
from harness.data.split import split_prefixes
from harness.errors import InputError
from harness.metrics import metric_values

TINY = BackboneSpec(
    hidden_size=16,
    inner_size=32,
    max_length=8,
    stride=4,
    batch_tokens=64,
    warmup_epochs=2,
    decay_visits=70,
    visits=120,
    anchors=16,
    precision="float32",
)
N_EPOCHS = 5


@pytest.fixture(scope="module")
def rounds() -> Interactions:
    """Everyone walks the same circle of items, from another start: the next item is certain."""
    return sequences([[(start + step) % 20 + 1 for step in range(5 + start % 14)] for start in range(60)], 20)


class Killed(Exception):
    pass


def _trained(data: Interactions, folder: Path, spec: BackboneSpec = TINY, *, seed: int = 0, stop: int = 0) -> Backbone:
    def progress(epoch: int, epochs: int, figures: EpochFigures) -> None:
        assert figures.epoch == epoch <= epochs
        if epoch == stop:
            raise Killed

    return pretrain(data, spec, seed=seed, threads=1, checkpoint_dir=folder, progress=progress)


def _same(one: Backbone, other: Backbone) -> bool:
    theirs = other.model.state_dict()
    return all(torch.equal(tensor, theirs[name]) for name, tensor in one.model.state_dict().items())


@pytest.fixture(scope="module")
def trained(rounds: Interactions, tmp_path_factory: pytest.TempPathFactory) -> Backbone:
    return _trained(rounds, tmp_path_factory.mktemp("trained"))


def test_all_stages_run_and_are_recorded(trained: Backbone) -> None:
    assert [figures.epoch for figures in trained.history] == list(range(1, N_EPOCHS + 1))
    assert [figures.contrastive is not None for figures in trained.history] == [False, False, True, True, True]
    assert trained.history[-1].loss < trained.history[0].loss
    assert trained.provenance["precision"] == "float32"


def test_the_same_seed_gives_the_same_bits_and_another_does_not(
    rounds: Interactions, trained: Backbone, tmp_path: Path
) -> None:
    assert _same(trained, _trained(rounds, tmp_path))
    assert not _same(trained, _trained(rounds, tmp_path, seed=1))


@pytest.mark.parametrize("stop", [1, 3, N_EPOCHS])
def test_a_killed_training_ends_with_the_bits_of_an_unbroken_one(
    rounds: Interactions, trained: Backbone, tmp_path: Path, stop: int
) -> None:
    with pytest.raises(Killed):
        _trained(rounds, tmp_path, stop=stop)
    assert not list(tmp_path.glob(f"{trained.key}.safetensors"))
    resumed = _trained(rounds, tmp_path)
    assert _same(trained, resumed)
    for one, other in zip(trained.history, resumed.history, strict=True):
        assert replace(one, seconds=0.0) == replace(other, seconds=0.0)
    assert [path.name for path in tmp_path.iterdir()] == [f"{trained.key}.safetensors"]


def test_a_finished_backbone_is_read_not_trained(rounds: Interactions, tmp_path: Path) -> None:
    first = _trained(rounds, tmp_path)
    again = _trained(rounds, tmp_path, stop=1)
    assert _same(first, again)
    assert (again.key, again.best_epoch, again.history) == (first.key, first.best_epoch, first.history)


def test_the_chosen_epoch_is_the_first_best_on_valid_and_its_weights_are_kept(
    rounds: Interactions, trained: Backbone
) -> None:
    values = [figures.valid["mrr@10"] for figures in trained.history]
    assert trained.best_epoch == values.index(max(values)) + 1
    assert validate(trained.model, rounds, split_prefixes(rounds)) == dict(
        trained.history[trained.best_epoch - 1].valid
    )


def test_training_ends_when_patience_does(rounds: Interactions, tmp_path: Path) -> None:
    spec = replace(TINY, learning_rate=1e-12, visits=10**4, decay_visits=10**4, warmup_epochs=99, min_patience=3)
    backbone = _trained(rounds, tmp_path, spec)
    assert len(backbone.history) == backbone.best_epoch + 3


def test_what_is_certain_is_learnt(rounds: Interactions, tmp_path: Path) -> None:
    spec = replace(TINY, learning_rate=0.01, dropout=0.1, visits=400, decay_visits=300, warmup_epochs=99)
    backbone = _trained(rounds, tmp_path, spec)
    prefixes = split_prefixes(rounds)
    ranks = target_ranks(
        encode_some(backbone.model, rounds, prefixes, prefixes.test),
        backbone.model.item_matrix,
        prefixes.target[prefixes.test],
    )
    assert metric_values(ranks, "mrr@10").mean() > 0.9


def test_bfloat16_learns_the_same_curve(rounds: Interactions, trained: Backbone, tmp_path: Path) -> None:
    rounded = _trained(rounds, tmp_path, replace(TINY, precision="bfloat16"))
    assert rounded.key != trained.key
    for one, other in zip(trained.history, rounded.history, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=5e-3)


def test_the_number_of_threads_is_restored(rounds: Interactions, tmp_path: Path) -> None:
    before = torch.get_num_threads()
    seen: list[int] = []
    spec = replace(TINY, visits=1)
    pretrain(
        rounds,
        spec,
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
    with pytest.raises(InputError, match="mrr@11"):
        _trained(rounds, tmp_path, replace(TINY, selection="mrr@11"))


def test_a_loss_that_is_not_finite_is_an_error(rounds: Interactions, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="learning_rate"):
        _trained(rounds, tmp_path, replace(TINY, learning_rate=math.inf))
