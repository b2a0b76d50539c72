"""The yardsticks compute what the product computes, so that a ratio compares the same work."""

from __future__ import annotations

import doctest
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
import torch

from benchmarks.peers.padded import PaddedEncoder, padded_histories
from benchmarks.peers.plain_duorec import PlainDuoRec, contrast
from benchmarks.peers.plain_finetuning import PlainFineTuning, PlainRetriever
from benchmarks.peers.plain_overlap import PlainOverlap
from benchmarks.sides.overlapping import settings
from harness.backbones.duorec.backbone import DuoRec
from harness.backbones.duorec.contrastive import info_nce
from harness.backbones.packed.windows import pack, training_windows
from harness.backbones.softmax import softmax_cross_entropy
from harness.data.split import split_prefixes
from harness.engine.live.mixing.overlap import OverlapSearch
from harness.engine.run import Run
from harness.engine.terms import loss_terms
from harness.engine.types.among import Among
from harness.engine.types.inputs import Inputs
from harness.engine.types.streams import Streams
from harness.interventions.wiring import RetrieverAttention
from harness.recipe.recipe import BASE
from harness.recipe.seams.phases import BackboneDropout
from harness.recipe.seams.retriever import FeedForward
from tests.backbones.plainly import gradient, rough_model, world

SPEC = DuoRec(dropout=0.0, precision="float32")
LENGTHS = [4, 7, 9, 12, 20, 30, 49, *(8 + user % 9 for user in range(30))]


def close(found, expected):
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def made(lengths=LENGTHS):
    data = world(lengths)
    model = rough_model(data.n_items, SPEC)
    return data, split_prefixes(data), model, PaddedEncoder(data.n_items, SPEC).like(model)


def plain_duorec(data, prefixes, encoder, *, weight):
    return PlainDuoRec(
        encoder=encoder,
        optimizer=torch.optim.Adam(encoder.parameters()),
        data=data,
        prefixes=prefixes,
        weight=weight,
        temperature=1.0,
        max_length=SPEC.max_length,
    )


def test_a_padded_row_a_prefix_gives_the_representation_of_the_packed_pass():
    data, prefixes, model, encoder = made([*LENGTHS, 75])
    every = np.arange(prefixes.n_prefixes)
    with torch.no_grad():
        plain = encoder(*padded_histories(data, prefixes, every, SPEC.max_length))
    close(plain, model.encode(data, prefixes))


def test_plain_duorec_has_the_cross_entropy_and_the_gradient_of_the_packed_step():
    data, prefixes, model, encoder = made()
    plain = plain_duorec(data, prefixes, encoder, weight=0.0)
    loss = plain.loss(prefixes.train, np.random.default_rng(0))
    loss.backward()
    packed = pack(
        training_windows(data, split_prefixes(data), max_length=SPEC.max_length, stride=SPEC.stride), data.items
    )
    own = softmax_cross_entropy(model(packed, None), model.item_matrix, packed.targets)
    own.backward()
    close(loss, own)
    items = gradient(encoder.item_embedding.weight)[1:]
    close(items, gradient(model.item_matrix)[1:])
    assert items.abs().max() > 1e-3


def test_the_plain_contrast_is_the_products_info_nce():
    generator = torch.Generator().manual_seed(0)
    one, other = (torch.randn(7, 5, generator=generator) for _ in range(2))
    close(contrast(one, other, 0.7), info_nce(one, other, 0.7))


def test_a_partner_of_the_plain_contrast_has_the_same_target():
    data, prefixes, _, encoder = made()
    plain = plain_duorec(data, prefixes, encoder, weight=0.1)
    partners = plain.partners(prefixes.train, np.random.default_rng(0))
    assert (prefixes.target[partners] == prefixes.target[prefixes.train]).all()
    assert (partners != prefixes.train).any()
    assert set(partners) <= set(prefixes.train)


@pytest.mark.parametrize("by_retriever", [False, True])
def test_a_plain_fine_tuning_step_has_the_loss_and_the_gradient_of_the_products(by_retriever):
    data, prefixes, model, encoder = made()
    model.requires_grad_(False)
    recipe = RetrieverAttention().apply(BASE) if by_retriever else BASE
    recipe = replace(recipe, retriever=FeedForward(dropout=0.0), backbone_dropout=BackboneDropout.OFF)
    encodings = model.encode(data, prefixes)
    inputs = Inputs(data=data, prefixes=prefixes, backbone=model, encodings=encodings)
    run = Run(recipe=recipe, inputs=inputs, streams=Streams(study_seed=0, replicate=0))
    progress = run.progress(0)
    run.enter_epoch(progress)

    def forward(places):
        chosen = prefixes.train[places]
        return run.forward(encodings[torch.from_numpy(chosen)], chosen, progress)

    every = np.arange(len(prefixes.train))
    places = np.flatnonzero(forward(every).neighbours.mask.all(dim=1).numpy())
    assert len(places) > 100
    product = forward(places)
    own = sum(term.weight * term.value(slice(None)) for term in loss_terms(recipe, product, progress))
    assert isinstance(own, torch.Tensor)
    own.backward()

    retriever = PlainRetriever(SPEC.hidden_size, dropout=0.0)
    retriever.load_state_dict(
        {name.removeprefix("blocks.0."): value for name, value in run.system.modules["retriever"].state_dict().items()}
    )
    memory = run.manager.snapshot.memory
    neighbours = torch.zeros(len(every), product.neighbours.entry.shape[1], dtype=torch.int64)
    neighbours[torch.from_numpy(places)] = product.neighbours.entry
    plain = PlainFineTuning(
        encoder=encoder.requires_grad_(False),
        retriever=retriever,
        optimizer=torch.optim.Adam(retriever.parameters()),
        data=data,
        prefixes=prefixes,
        keys=memory.keys,
        key_target=memory.target,
        neighbours=neighbours,
        by_retriever=by_retriever,
        max_length=SPEC.max_length,
    )
    loss = plain.loss(places)
    loss.backward()
    close(loss, own)
    theirs = dict(run.system.modules["retriever"].named_parameters())
    for name, parameter in retriever.named_parameters():
        close(gradient(parameter), gradient(theirs[f"blocks.0.{name}"]))
    assert gradient(retriever.narrow.weight).abs().max() > 1e-4


@pytest.mark.parametrize(
    "module",
    ["child", "table", "sides.world", "sides.encoding", "sides.searching", "sides.overlapping", "peers.plain_overlap"],
)
def test_examples_in_docstrings_hold(module):
    tried = doctest.testmod(import_module(f"benchmarks.{module}"))
    assert tried.attempted > 0
    assert tried.failed == 0


def test_the_plain_loop_finds_the_neighbours_that_share_items_of_the_product():
    data, prefixes, model, _ = made([*LENGTHS, 75])
    model.requires_grad_(False)
    inputs = Inputs(data=data, prefixes=prefixes, backbone=model, encodings=model.encode(data, prefixes))
    among = Among(inputs=inputs, entries=prefixes.train, admission=BASE.admission, exclusion=BASE.exclusion)
    asked = np.concatenate([prefixes.train[::7], prefixes.test])
    for k in (12, 100_000):
        spec = replace(settings(), k=k)
        plain = PlainOverlap(spec, data, prefixes, prefixes.train)
        found = OverlapSearch(spec, among)(asked).best_first()
        for row, prefix in enumerate(asked.tolist()):
            mine, expected = found.row == row, plain.neighbours(prefix)
            assert found.similarity[mine] == pytest.approx([similarity for _, similarity in expected])
            if k > len(prefixes.train):  # of fewer, entries that are equal but for the last bit may take turns
                assert dict(zip(found.entry[mine].tolist(), found.similarity[mine], strict=True)) == pytest.approx(
                    dict(expected)
                )
