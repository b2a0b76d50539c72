from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from harness.backbones.duorec.backbone import DuoRec
from harness.backbones.duorec.contrastive import SameTarget, info_nce
from harness.backbones.packed.windows import pack, training_windows
from harness.data.interactions import Interactions
from harness.data.split import split_prefixes
from tests.backbones.plainly import rough_model, world


def _same_target(data: Interactions) -> SameTarget:
    return SameTarget(training_windows(data, split_prefixes(data), max_length=50, stride=25), data)


def test_info_nce_equals_its_definition() -> None:
    generator = torch.Generator().manual_seed(0)
    one, other = torch.randn(5, 3, generator=generator), torch.randn(5, 3, generator=generator)
    vectors = [*one.tolist(), *other.tolist()]
    terms = []
    for place in range(10):
        dots = [math.exp(float(np.dot(vectors[place], vector)) / 0.7) for vector in vectors]
        terms.append(-math.log(dots[(place + 5) % 10] / (sum(dots) - dots[place])))
    assert info_nce(one, other, 0.7).item() == pytest.approx(sum(terms) / 10, rel=1e-5)


def test_samples_are_the_training_prefixes_in_their_order() -> None:
    data = world([6, 90, 3, 12])
    train = split_prefixes(data).train
    assert _same_target(data).samples(train).tolist() == list(range(len(train)))


def test_partners_share_the_target_and_are_others_where_there_are_any() -> None:
    data = world([9, 70, 15, 15], n_items=40)
    prefixes = split_prefixes(data)
    target = prefixes.target[prefixes.train]
    samples = np.arange(len(target))
    counts = np.bincount(target)[target]
    assert {1, 2} <= set(counts)
    same_target, rng = _same_target(data), np.random.default_rng(0)
    seen = {sample: set() for sample in samples}
    for _ in range(200):
        partners = same_target.draw(samples, rng)
        assert (target[partners] == target).all()
        assert ((partners == samples) == (counts == 1)).all()
        for sample, partner in zip(samples, partners, strict=True):
            seen[sample].add(partner)
    assert [len(partners) for partners in seen.values()] == np.maximum(counts - 1, 1).tolist()


def test_a_view_is_the_training_window_up_to_the_sample() -> None:
    data = world([6, 90, 12])
    prefixes = split_prefixes(data)
    samples = np.array([70, 0, 33])
    views = _same_target(data).views(samples)
    assert views.prefix.tolist() == prefixes.train[samples[views.order]].tolist()
    assert views.targets.tolist() == prefixes.target[views.prefix].tolist()
    assert views.lengths.max() <= 50


def test_the_term_reaches_every_weight_and_pairs_each_anchor_with_its_own_view() -> None:
    spec = DuoRec(anchors=12, dropout=0.0)
    data = world([20, 70, 30], n_items=8)
    model = rough_model(data.n_items, spec)
    packed = pack(training_windows(data, split_prefixes(data), max_length=50, stride=25), data.items)
    hidden = model(packed, None)
    same_target = _same_target(data)
    term = spec.extra_term(training_windows(data, split_prefixes(data), max_length=50, stride=25), data)
    assert term is not None
    loss = term(model, packed, hidden, masks=None, rng=np.random.default_rng(5))
    rng = np.random.default_rng(5)
    anchors = rng.permutation(len(hidden))[:12]
    partners = same_target.draw(same_target.samples(packed.prefix[anchors]), rng)
    row_of = dict(zip(packed.prefix.tolist(), hidden, strict=True))
    train = split_prefixes(data).train
    other = torch.stack([row_of[int(train[partner])] for partner in partners])
    assert loss.item() == pytest.approx(info_nce(hidden[anchors], other, 1.0).item(), rel=1e-4)
    loss.backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in model.parameters())
