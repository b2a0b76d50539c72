from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.backbones.base import TrainedBackbone
from harness.backbones.duorec.backbone import DuoRec
from harness.backbones.sampled import Negatives, Proposal, sampled_cross_entropy
from harness.backbones.softmax import softmax_cross_entropy
from harness.backbones.training import load_backbone, save_backbone, train_backbone
from harness.backbones.values import EpochFigures
from harness.data.formats.sequences import write_sequences
from harness.data.interactions import Interactions
from harness.imports.backbone_file import read_backbone_file
from harness.modes.plan import BackboneRef
from harness.runner.shared import SharedStages
from harness.study.study import load_study
from tests.backbones.plainly import TINY, gradient, sequences

N_ITEMS, WIDTH = 40, 8
SAMPLED = replace(TINY, n_sampled=12)


def _case(n: int = 30, scale: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(n)
    hidden = torch.randn(n, WIDTH, generator=generator) * scale
    items = torch.randn(N_ITEMS + 1, WIDTH, generator=generator) * scale
    targets = torch.randint(1, N_ITEMS + 1, (n,), generator=generator)
    return hidden.requires_grad_(), items.requires_grad_(), targets


def _skewed() -> Proposal:
    """Item 1 is the target 400 times, item 2 200 times, ...; the last five never."""
    return Proposal(np.repeat(np.arange(1, N_ITEMS - 4), [400 // each for each in range(1, N_ITEMS - 4)]), N_ITEMS)


def _every_item_once() -> Negatives:
    return Negatives(items=torch.arange(1, N_ITEMS + 1), correction=torch.zeros(N_ITEMS))


def test_with_every_item_drawn_as_often_as_expected_it_is_the_whole_softmax() -> None:
    """An accidental hit counted twice, or left in, would show here."""
    hidden, items, targets = _case()
    loss = sampled_cross_entropy(hidden, items, targets, _every_item_once())
    loss.backward()
    found = (loss.detach(), gradient(hidden).clone(), gradient(items).clone())
    hidden.grad = items.grad = None
    whole = softmax_cross_entropy(hidden, items, targets)
    whole.backward()
    for one, other in zip(found, (whole.detach(), gradient(hidden), gradient(items)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_the_sum_over_the_catalogue_is_right_on_average() -> None:
    hidden, items, targets = (each.detach() for each in _case(6))
    proposal, rng = _skewed(), np.random.default_rng(0)
    logits = hidden @ items.t()
    own = logits.gather(1, targets.unsqueeze(1)).squeeze(1)
    whole = logits[:, 1:].exp().sum(dim=1)
    sums = torch.zeros(6, dtype=torch.float64)
    for _ in range(4000):
        negatives = proposal.draw(20, rng)
        drawn = (logits[:, negatives.items] + negatives.correction).exp()
        hit = targets.unsqueeze(1) == negatives.items
        sums += own.exp() + drawn.masked_fill(hit, 0.0).sum(dim=1)
    torch.testing.assert_close((sums / 4000).float(), whole, rtol=0.05, atol=0.0)


def test_items_are_drawn_as_often_as_they_are_targets_and_no_item_never() -> None:
    proposal, rng = _skewed(), np.random.default_rng(1)
    drawn = np.zeros(N_ITEMS + 1)
    expected = np.zeros(N_ITEMS + 1)
    n = 40_000
    negatives = proposal.draw(n, rng)
    counts = np.concatenate([400 // np.arange(1, N_ITEMS - 4) + 1, np.ones(5)])
    expected[1:] = n * counts / counts.sum()
    items = negatives.items.numpy()
    drawn[items] = np.exp(negatives.correction.numpy()) * expected[items]
    assert np.array_equal(np.unique(items), np.arange(1, N_ITEMS + 1))
    np.testing.assert_allclose(drawn.sum(), n, rtol=1e-4)
    assert (np.abs(drawn - expected) < 5 * np.sqrt(expected) + 1e-6).all()


def test_only_rows_of_targets_and_negatives_are_touched() -> None:
    hidden, items, targets = _case(5)
    negatives = _skewed().draw(6, np.random.default_rng(2))
    sampled_cross_entropy(hidden, items, targets, negatives).backward()
    touched = gradient(items).abs().sum(dim=1).nonzero().squeeze(1)
    assert set(touched.tolist()) == set(targets.tolist()) | set(negatives.items.tolist())
    assert 0 not in touched.tolist()


def test_the_same_generator_draws_the_same() -> None:
    one, other, third = (_skewed().draw(20, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert torch.equal(one.items, other.items)
    assert torch.equal(one.correction, other.correction)
    assert not torch.equal(one.items, third.items)


def test_a_target_that_is_all_that_was_drawn_costs_nothing() -> None:
    hidden, items, targets = _case(1)
    negatives = Negatives(items=targets.clone(), correction=torch.zeros(1))
    loss = sampled_cross_entropy(hidden, items, targets, negatives)
    loss.backward()
    assert loss.item() == 0.0
    assert (gradient(items) == 0).all()


# -------------------------------------------------------------------- training


class Killed(Exception):
    pass


@pytest.fixture(scope="module")
def rounds() -> Interactions:
    return sequences([[(start + step) % 20 + 1 for step in range(5 + start % 14)] for start in range(60)], 20)


def _trained(data: Interactions, folder: Path, spec: DuoRec = SAMPLED, *, stop: int = 0) -> TrainedBackbone:
    def progress(epoch: int, epochs: int, figures: EpochFigures) -> None:
        if epoch == stop:
            raise Killed

    return train_backbone(spec, data, seed=0, threads=1, checkpoint_dir=folder, progress=progress)


def test_training_with_it_learns_and_is_the_same_after_a_kill(rounds: Interactions, tmp_path: Path) -> None:
    at_once = _trained(rounds, tmp_path / "at_once")
    with pytest.raises(Killed):
        _trained(rounds, tmp_path / "killed", stop=2)
    resumed = _trained(rounds, tmp_path / "killed")
    theirs = resumed.model.state_dict()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in at_once.model.state_dict().items())
    chance = sum(1 / math.log2(rank + 1) for rank in range(1, 11)) / 20
    assert at_once.history[-1].valid["ndcg@10"] > 1.5 * chance
    whole = _trained(rounds, tmp_path / "whole", replace(SAMPLED, n_sampled=0))
    assert whole.history[0].loss != at_once.history[0].loss


def test_a_file_of_it_says_so_and_files_from_before_mean_the_whole(rounds: Interactions, tmp_path: Path) -> None:
    trained = _trained(rounds, tmp_path, replace(SAMPLED, visits=20))
    path = tmp_path / "sampled.safetensors"
    save_backbone(trained, path)
    assert load_backbone(DuoRec, path).spec.n_sampled == 12
    assert read_backbone_file(path, "sampled").n_items == 20
    before = replace(trained, spec=replace(SAMPLED, n_sampled=0))
    save_backbone(before, tmp_path / "whole.safetensors")
    assert "n_sampled" not in (tmp_path / "whole.safetensors").read_bytes()[:20_000].decode("latin-1")
    assert load_backbone(DuoRec, tmp_path / "whole.safetensors").spec.n_sampled == 0
    assert read_backbone_file(tmp_path / "whole.safetensors", "whole").n_items == 20


def test_a_study_file_asks_for_it(rounds: Interactions, tmp_path: Path) -> None:
    write_sequences(rounds, tmp_path / "walks.txt")
    keys = set[str]()
    for number, backbone in enumerate(("per_seed", "{trained: per_seed}", "{trained: per_seed, n_sampled: 64}")):
        file = tmp_path / f"{number}.yaml"
        file.write_text(f"name: s\ndata: {{path: walks.txt}}\narms: {{r: kl.reverse}}\nbackbone: {backbone}\n")
        stages = SharedStages.of(load_study(file), rounds, data_dir=None, folder=tmp_path)
        assert stages.spec.n_sampled == (64 if number == 2 else 0)
        keys.add(stages.backbone_key(BackboneRef(0)))
    assert len(keys) == 2
