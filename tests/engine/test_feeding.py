"""What a training epoch feeds: every sample once, encoded with the backbone's dropout where that is active."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.backbones.duorec.backbone import DuoRec
from harness.engine.feeding import moving_batches, noisy_sequences
from harness.engine.run import Run
from harness.engine.types.inputs import Inputs
from harness.engine.types.streams import Streams
from harness.recipe.recipe import BASE
from harness.recipe.schedules import Progress
from harness.recipe.seams.phases import BackboneDropout, LearningRates


class SameOrder(Streams):
    """Streams of which only the order of the samples is the same in every epoch."""

    def integer(self, name: str, number: int = 0) -> int:
        return Streams.integer(self, name, 0 if name == "shuffle" else number)


MAX_LENGTH = DuoRec().max_length


def by_windows(inputs: Inputs, streams: Streams, dropout: BackboneDropout, epoch: int = 0) -> Tensor:
    """``s`` of every training prefix as an epoch in which the backbone moves encodes it, ``(n_train, d)``."""
    batches = list(moving_batches(inputs, dropout, batch_size=64, streams=streams, epoch=epoch))
    prefix = np.concatenate([numbers for _, numbers in batches])
    np.testing.assert_array_equal(np.sort(prefix), inputs.prefixes.train)
    assert len(batches) > 5
    return torch.cat([vectors for vectors, _ in batches])[torch.from_numpy(np.argsort(prefix))].detach()


def test_a_moving_backbone_encodes_with_its_dropout_where_active_and_cleanly_where_off(
    inputs: Inputs, streams: Streams
) -> None:
    train = inputs.prefixes.train
    whole = torch.from_numpy(inputs.prefixes.position[train] <= MAX_LENGTH)
    clean = inputs.encodings[torch.from_numpy(train)]
    off, on = (by_windows(inputs, streams, dropout) for dropout in (BackboneDropout.OFF, BackboneDropout.ACTIVE))
    assert not whole.all()
    torch.testing.assert_close(off[whole], clean[whole], rtol=1e-4, atol=1e-4)
    assert ((on - off).norm(dim=1) > 0.1).all()
    torch.testing.assert_close(on, by_windows(inputs, streams, BackboneDropout.ACTIVE), atol=0, rtol=0)
    ordered = SameOrder(study_seed=0, replicate=0)
    first, second = (by_windows(inputs, ordered, BackboneDropout.ACTIVE, epoch=epoch) for epoch in (0, 1))
    assert ((first - second).norm(dim=1) > 0.1).all()


@pytest.mark.parametrize("moves", [False, True])
@pytest.mark.parametrize("dropout", BackboneDropout)
def test_the_recipe_decides_whether_training_vectors_are_noisy(
    inputs: Inputs, streams: Streams, moves: bool, dropout: BackboneDropout
) -> None:
    rates = LearningRates(backbone=1e-5, blocks=1) if moves else LearningRates()
    recipe = replace(BASE, backbone_dropout=dropout, learning_rates=rates)
    run = Run(recipe=recipe, inputs=inputs, streams=streams)
    start = Progress(epoch=0, epochs=1)
    for vectors, prefix in run.batches(start, backbone_moves=run.enter_epoch(start)):
        short = torch.from_numpy(inputs.prefixes.position[prefix] <= MAX_LENGTH)
        apart = (vectors.detach() - inputs.encodings[torch.from_numpy(prefix)]).norm(dim=1)[short]
        assert vectors.requires_grad == moves
        assert (apart > 0.1).all() if dropout is BackboneDropout.ACTIVE else (apart < 1e-3).all()


def test_noise_off_gives_the_clean_vectors_themselves(inputs: Inputs, streams: Streams) -> None:
    found = noisy_sequences(inputs, BackboneDropout.OFF, streams, epoch=0)
    torch.testing.assert_close(found, inputs.encodings[torch.from_numpy(inputs.prefixes.train)], atol=0, rtol=0)
