from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from harness.data.protocol import Protocol, Reach
from harness.data.split import split_prefixes
from harness.engine.types.inputs import Inputs
from harness.recipe.seams.retrieval.admission import AllEntries, BestShare, By, agreement, likelihood


def test_likelihood_is_the_backbones_of_the_entrys_own_target(inputs: Inputs) -> None:
    entries = inputs.prefixes.train[::3]
    logits = inputs.encodings[torch.from_numpy(entries)] @ inputs.item_matrix[1:].T
    targets = torch.from_numpy(inputs.prefixes.target[entries])
    expected = logits.log_softmax(dim=1)[torch.arange(len(entries)), targets - 1]
    np.testing.assert_allclose(likelihood(entries, inputs), expected.numpy(), rtol=1e-4, atol=1e-4)


def test_agreement_counts_neighbours_of_other_users(inputs: Inputs) -> None:
    # Every hit is asked for, so the only approximation left is that of the ten lists that are visited.
    prefixes = inputs.prefixes
    train, k = prefixes.train, 4
    found = agreement(train, inputs, k=k, n_hits=len(train))
    keys = torch.nn.functional.normalize(inputs.encodings, dim=1).numpy()[train]
    expected = np.empty(len(train))
    for row, prefix in enumerate(train):
        others = np.flatnonzero(prefixes.user[train] != prefixes.user[prefix])
        nearest = others[np.argsort(-(keys[others] @ keys[row]), kind="stable")[:k]]
        expected[row] = np.mean(prefixes.target[train[nearest]] == prefixes.target[prefix])
    assert expected.max() > 0
    assert np.mean(np.isclose(found, expected)) > 0.9


def test_agreement_asks_only_older_neighbours_where_the_memory_is_of_the_past(inputs: Inputs) -> None:
    times = np.random.default_rng(0).permutation(len(inputs.data.items))
    data = replace(inputs.data, times=times)
    world = replace(inputs, data=data, prefixes=split_prefixes(data, Protocol(memory=Reach.PAST)))
    prefixes = world.prefixes
    train, k = prefixes.train, 4
    found = agreement(train, world, k=k, n_hits=len(train))
    assert not np.allclose(found, agreement(train, replace(world, prefixes=inputs.prefixes), k=k, n_hits=len(train)))
    keys = torch.nn.functional.normalize(world.encodings, dim=1).numpy()[train]
    time = times[data.offsets[prefixes.user] + prefixes.position][train]
    expected = np.empty(len(train))
    for row, prefix in enumerate(train):
        others = np.flatnonzero((prefixes.user[train] != prefixes.user[prefix]) & (time < time[row]))
        nearest = others[np.argsort(-(keys[others] @ keys[row]), kind="stable")[:k]]
        agrees = prefixes.target[train[nearest]] == prefixes.target[prefix]
        expected[row] = agrees.mean() if len(nearest) else 0.0
    assert expected.max() > 0
    assert np.mean(np.isclose(found, expected)) > 0.9


@pytest.mark.parametrize("by", By)
@pytest.mark.parametrize("keep", [0.2, 0.8, 1.0])
def test_the_share_that_stays_is_the_best(by: By, keep: float, inputs: Inputs) -> None:
    entries = inputs.prefixes.train
    admitted = BestShare(by=by, keep=keep).admitted(entries, inputs)
    assert admitted.sum() == round(keep * len(entries))
    quality = likelihood(entries, inputs) if by is By.LIKELIHOOD else agreement(entries, inputs, k=10, n_hits=40)
    if keep < 1.0:
        assert quality[admitted].min() >= quality[~admitted].max()


def test_entries_that_agree_equally_go_by_likelihood_not_by_number(inputs: Inputs) -> None:
    entries = inputs.prefixes.train
    admitted = BestShare(by=By.AGREEMENT, keep=0.6).admitted(entries, inputs)
    agree, likely = agreement(entries, inputs, k=10, n_hits=40), likelihood(entries, inputs)
    edge = agree[admitted].min()
    assert (admitted & (agree == edge)).any()
    assert (~admitted & (agree == edge)).any()
    assert likely[admitted & (agree == edge)].min() >= likely[~admitted & (agree == edge)].max()


def test_short_entries_stay_where_they_are_good(inputs: Inputs) -> None:
    entries = inputs.prefixes.train
    short = inputs.prefixes.position[entries] <= 5
    admitted = BestShare(by=By.LIKELIHOOD, keep=0.5).admitted(entries, inputs)
    assert admitted[short].any()
    assert not admitted[short].all()


def test_all_entries_are_all(inputs: Inputs) -> None:
    assert AllEntries().admitted(inputs.prefixes.train, inputs).all()
