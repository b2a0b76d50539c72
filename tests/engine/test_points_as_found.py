"""The eleven numbered points of FTragrec as found, each against a plain re-implementation."""

from __future__ import annotations

import math
from dataclasses import replace

import faiss
import numpy as np
import pytest
import torch
from torch import Tensor

from harness.backbones.ranking import target_ranks
from harness.engine.evaluation import ranks_with_retrieval, ranks_without_retrieval
from harness.engine.feeding import noisy_sequences
from harness.engine.loop import Budget, fine_tune
from harness.engine.memory_manager import MemoryManager
from harness.engine.run import Run
from harness.engine.system import System
from harness.engine.terms import loss_terms
from harness.engine.types.forward import Forward
from harness.engine.types.inputs import Inputs
from harness.engine.types.memory import Memory
from harness.engine.types.snapshot import LiveIndex
from harness.engine.types.streams import Streams
from harness.recipe.recipe import BASE, Recipe
from harness.recipe.schedules import Progress
from harness.recipe.seams.phases import BackboneDropout
from harness.recipe.seams.retrieval.admission import LongerThan
from harness.recipe.seams.retrieval.index import IVFFlat
from harness.recipe.seams.retrieval.memory import StoredKeysRefresh

START = Progress(epoch=0, epochs=2)


class Built:
    """A system on the tiny world, its memory, its index and the forward pass of all training prefixes."""

    def __init__(self, inputs: Inputs, streams: Streams, recipe: Recipe = BASE) -> None:
        self.inputs, self.recipe = inputs, recipe
        self.system = System(recipe, inputs, streams)
        self.snapshot = MemoryManager(self.system, streams, epochs=2).snapshot
        self.memory: Memory = self.snapshot.memory
        self.index: LiveIndex = self.snapshot.index

    def forward(self, prefix: np.ndarray) -> Forward:
        return self.system.forward(
            sequence=self.inputs.encodings[torch.from_numpy(prefix)],
            prefix=prefix,
            snapshot=self.snapshot,
            progress=START,
        )

    def train(self) -> Forward:
        return self.forward(self.inputs.prefixes.train)


@pytest.fixture
def built(inputs: Inputs, streams: Streams) -> Built:
    return Built(inputs, streams)


def plain_retriever(system: System, sequence: Tensor) -> Tensor:
    block = system.modules["retriever"].blocks[0]
    inner = sequence @ block.widen.weight.T + block.widen.bias
    inner = 0.5 * inner * (1.0 + torch.erf(inner / math.sqrt(2.0)))
    total = sequence + inner @ block.narrow.weight.T + block.narrow.bias
    centred = total - total.mean(dim=1, keepdim=True)
    return centred / torch.sqrt((centred**2).mean(dim=1, keepdim=True) + 1e-12)


def test_1_memory_holds_each_long_enough_training_prefix_once(built: Built) -> None:
    data = built.inputs.data
    expected = [
        (user, position, int(data.sequence(user)[position]))
        for user in range(data.n_users)
        for position in range(1, len(data.sequence(user)) - 2)
        if position > 5
    ]
    memory = built.memory
    held = list(zip(memory.user.tolist(), memory.position.tolist(), memory.target.tolist(), strict=True))
    assert held == expected


def test_1_keys_are_the_retriever_of_clean_vectors(built: Built) -> None:
    clean = built.inputs.encodings[torch.from_numpy(built.memory.prefix)]
    torch.testing.assert_close(built.memory.keys, plain_retriever(built.system, clean).detach(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("n_entries", "n_lists"), [(20, 1), (400, 10), (6000, 128)])
def test_2_index_has_one_list_a_39_entries_up_to_128(n_entries: int, n_lists: int) -> None:
    keys = np.random.default_rng(0).normal(size=(n_entries, 8)).astype(np.float32)
    keys /= np.linalg.norm(keys, axis=1, keepdims=True)
    index = IVFFlat().over(keys, seed=1).faiss
    assert (index.nlist, index.nprobe, index.metric_type) == (n_lists, 10, faiss.METRIC_INNER_PRODUCT)
    assert index.ntotal == n_entries


def test_2_index_returns_cosines_of_the_nearest(built: Built) -> None:
    keys = torch.nn.functional.normalize(built.memory.keys, dim=1).numpy()
    exact = replace(IVFFlat(), nprobe=128).over(keys, seed=0)
    cosine, entry = exact.search(keys[:7], keys[:7], 4)
    for query in range(7):
        best = sorted(keys @ keys[query], reverse=True)[:4]
        np.testing.assert_allclose(cosine[query], best, atol=1e-6)
        np.testing.assert_allclose(keys[entry[query]] @ keys[query], best, atol=1e-6)


def test_3_retriever_is_one_post_ln_block(built: Built) -> None:
    sequence = built.inputs.encodings[:50]
    torch.testing.assert_close(built.system.retriever(sequence), plain_retriever(built.system, sequence))
    shapes = sorted(tuple(each.shape) for each in built.system.modules.parameters())
    assert shapes == [(64,), (64,), (64,), (64, 256), (256,), (256, 64)]


def test_3_dropout_is_a_tenth_of_the_block_output(inputs: Inputs, streams: Streams) -> None:
    system = System(BASE, inputs, streams)
    block = system.modules["retriever"].blocks[0]
    torch.nn.init.ones_(block.narrow.bias)
    torch.nn.init.zeros_(block.narrow.weight)
    zeros = torch.zeros(2000, 64)
    with torch.no_grad():
        dropped = (system.retriever(zeros, torch.Generator().manual_seed(0)) < 0).float().mean()
    assert 0.09 < dropped.item() < 0.11


def test_4_neighbours_are_the_rule_as_a_loop(built: Built) -> None:
    prefixes, memory = built.inputs.prefixes, built.memory
    forward = built.train()
    queries = torch.nn.functional.normalize(forward.query.detach(), dim=1).numpy()
    _, hits = built.index.search(queries, queries, 20)
    short = 0
    for row, number in enumerate(prefixes.train):
        user, length = prefixes.user[number], min(prefixes.position[number], 50)
        kept = [
            entry
            for entry in hits[row]
            if entry >= 0 and (memory.user[entry] != user or min(memory.position[entry], 50) < length)
        ][:5]
        found = forward.neighbours.entry[row][forward.neighbours.mask[row]].tolist()
        assert found == kept
        short += len(kept) < 5
        np.testing.assert_allclose(
            forward.neighbours.cosine[row][: len(kept)],
            [queries[row] @ torch.nn.functional.normalize(memory.keys[entry], dim=0).numpy() for entry in kept],
            atol=1e-5,
        )
    assert short < len(prefixes.train)


def test_4_own_entries_of_clipped_length_are_dropped_for_long_users(built: Built) -> None:
    prefixes, memory = built.inputs.prefixes, built.memory
    long = np.flatnonzero(prefixes.position > 55)
    number = long[len(long) // 2]
    own_earlier = (memory.user == prefixes.user[number]) & (memory.position < prefixes.position[number])
    allowed = BASE.exclusion.allowed(
        query_user=prefixes.user[[number]],
        query_position=prefixes.position[[number]],
        entry_user=memory.user[None, own_earlier],
        entry_position=memory.position[None, own_earlier],
    )[0]
    assert (memory.position[own_earlier] >= 50).any()
    np.testing.assert_array_equal(allowed, memory.position[own_earlier] < 50)


def test_4_missing_hits_are_masked_and_never_indexed(inputs: Inputs, streams: Streams) -> None:
    few = replace(BASE, admission=LongerThan(length=60))
    built = Built(inputs, streams, few)
    assert len(built.memory.user) < 20
    own = inputs.prefixes.valid[built.memory.user[:1]]
    other = inputs.prefixes.valid[:1]
    forward = built.forward(np.concatenate([own, other]))
    assert forward.neighbours.count.tolist() == [0, min(5, len(built.memory.user))]
    torch.testing.assert_close(forward.enhanced[0], forward.sequence[0], atol=0, rtol=0)
    assert torch.isfinite(forward.enhanced).all()


def softmax_by_hand(logits: list[float]) -> list[float]:
    top = max(logits)
    powers = [math.exp(each - top) for each in logits]
    return [each / sum(powers) for each in powers]


def distributions_by_hand(built: Built, forward: Forward, row: int) -> tuple[list[float], list[float]]:
    memory = built.memory
    item = built.inputs.item_matrix
    entries = forward.neighbours.entry[row][forward.neighbours.mask[row]].tolist()
    if not entries:
        return [], []
    p_ret = softmax_by_hand([(forward.query[row] @ memory.keys[entry]).item() / 0.07 for entry in entries])
    target = item[forward.target[row]]
    sigmoid = [
        1.0 / (1.0 + math.exp(-((0.85 * forward.sequence[row] + 0.15 * item[memory.target[entry]]) @ target).item()))
        for entry in entries
    ]
    return p_ret, [each / sum(sigmoid) for each in sigmoid]


@pytest.mark.parametrize("admitted", [5, 60])
def test_5_6_8_alignment_is_forward_kl_by_hand(inputs: Inputs, streams: Streams, admitted: int) -> None:
    built = Built(inputs, streams, replace(BASE, admission=LongerThan(length=admitted)))
    forward = built.train()
    total, count = 0.0, 0
    for row in range(len(forward.target)):
        p_ret, p_rec = distributions_by_hand(built, forward, row)
        if len(p_ret) >= 2:
            total += sum((p + 1e-8) * math.log((p + 1e-8) / (q + 1e-8)) for p, q in zip(p_ret, p_rec, strict=True))
            count += 1
    alignment = next(term for term in loss_terms(BASE, forward, START) if term.name == "alignment")
    assert count > 0
    assert (count < len(forward.target)) == (admitted == 60)
    assert alignment.value(slice(None)).item() == pytest.approx(total / count, rel=1e-4)
    assert alignment.weight == 0.03


def test_6_teacher_is_not_detached(built: Built) -> None:
    some = built.inputs.prefixes.test[:4]
    sequence = built.inputs.encodings[torch.from_numpy(some)].clone().requires_grad_()
    forward = built.system.forward(sequence=sequence, prefix=some, snapshot=built.snapshot, progress=START)
    BASE.teacher(forward, slice(None))[:, 0].sum().backward()
    assert sequence.grad is not None
    assert sequence.grad.abs().sum() > 0


def test_7_enhanced_mixes_targets_weighed_by_the_backbone_vector(built: Built) -> None:
    forward = built.train()
    item, memory = built.inputs.item_matrix, built.memory
    for row in range(0, len(forward.target), 7):
        entries = forward.neighbours.entry[row][forward.neighbours.mask[row]].tolist()
        sequence = forward.sequence[row]
        if not entries:
            torch.testing.assert_close(forward.enhanced[row], sequence, atol=0, rtol=0)
            continue
        weights = softmax_by_hand([(sequence @ memory.keys[entry]).item() / 0.07 for entry in entries])
        knowledge = torch.stack([w * item[memory.target[e]] for w, e in zip(weights, entries, strict=True)]).sum(dim=0)
        torch.testing.assert_close(
            forward.enhanced[row], sequence + 0.15 * (knowledge - sequence), atol=1e-4, rtol=1e-4
        )


def test_8_loss_is_two_cross_entropies_and_the_alignment(built: Built) -> None:
    forward = built.train()
    terms = {term.name: term for term in loss_terms(BASE, forward, START)}
    assert {name: term.weight for name, term in terms.items()} == {
        "recommendation": 1.0,
        "enhanced": 0.5,
        "alignment": 0.03,
    }
    catalogue = built.inputs.item_matrix[1:]
    for name, hidden in (("recommendation", forward.sequence), ("enhanced", forward.enhanced)):
        plain = torch.nn.functional.cross_entropy(hidden @ catalogue.T, forward.target - 1)
        torch.testing.assert_close(terms[name].value(slice(None)), plain, rtol=1e-5, atol=1e-5)


def test_9_refresh_rebuilds_from_the_same_stored_keys(
    inputs: Inputs, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [epoch for epoch in range(1, 25) if BASE.refresh.due(epoch, 100)] == [10, 20]
    often = replace(BASE, refresh=StoredKeysRefresh(every=1))
    budget = Budget(epochs=2, patience=2)
    built: list[torch.Tensor] = []
    build = IVFFlat.build

    def counted(self: IVFFlat, memory: Memory, inputs: Inputs, seed: int) -> LiveIndex:
        built.append(memory.keys)
        return build(self, memory, inputs, seed)

    monkeypatch.setattr(IVFFlat, "build", counted)
    once = fine_tune(BASE, inputs, budget=budget, streams=streams)
    assert len(built) == 1
    each_epoch = fine_tune(often, inputs, budget=budget, streams=streams)
    assert len(built) == 4
    assert all(keys is built[1] for keys in built[1:])
    np.testing.assert_array_equal(once.test_on, each_epoch.test_on)
    assert [point.losses for point in once.curve] == [point.losses for point in each_epoch.curve]


def test_10_ties_count_against_the_target_and_padding_is_no_item() -> None:
    generator = torch.Generator().manual_seed(5)
    vectors = torch.randint(-1, 2, (50, 3), generator=generator).float()
    items = torch.randint(-1, 2, (13, 3), generator=generator).float()
    target = torch.randint(1, 13, (50,), generator=generator)
    ranks = target_ranks(vectors, items, target)
    for row in range(50):
        scores = [(vectors[row] @ items[item]).item() for item in range(1, 13)]
        own = scores[int(target[row]) - 1]
        in_order = sorted(scores, reverse=True)
        last_place_of_own_score = len(in_order) - in_order[::-1].index(own)
        assert ranks[row] == last_place_of_own_score


def test_10_evaluation_scores_enhanced_on_and_the_backbone_off(built: Built) -> None:
    inputs = built.inputs
    queries = inputs.prefixes.test
    on = ranks_with_retrieval(built.system, queries, snapshot=built.snapshot, progress=START)
    forward = built.forward(queries)
    for vectors, ranks in (
        (forward.enhanced, on),
        (forward.sequence, ranks_without_retrieval(inputs, queries, BASE.candidates)),
    ):
        scores = (vectors @ inputs.item_matrix.T).detach().numpy()
        own = scores[np.arange(len(queries)), inputs.prefixes.target[queries]]
        expected = (scores[:, 1:] >= own[:, None]).sum(axis=1)
        assert np.abs(ranks - expected).max() <= 1
        assert (ranks == expected).mean() > 0.95


def test_10_first_evaluation_is_without_retrieval_and_no_candidate(inputs: Inputs, streams: Streams) -> None:
    result = fine_tune(BASE, inputs, budget=Budget(epochs=2, patience=2), streams=streams)
    first = result.curve[0]
    assert (first.epoch, dict(first.valid_on)) == (0, {})
    assert first.valid_off == result.curve[1].valid_off
    assert result.chosen_epoch in (1, 2)


def test_11_optimiser_is_adam_with_coupled_decay(inputs: Inputs, streams: Streams) -> None:
    run = Run(recipe=BASE, inputs=inputs, streams=streams)
    run.enter_epoch(START)
    group = run.optimizer.param_groups[0]
    assert (type(run.optimizer), group["lr"], group["weight_decay"]) == (torch.optim.Adam, 1e-3, 3e-4)
    assert BASE.batch_size == 1024


def test_11_every_sample_is_in_one_batch_an_epoch_in_a_new_order(inputs: Inputs, streams: Streams) -> None:
    run = Run(recipe=replace(BASE, batch_size=64), inputs=inputs, streams=streams)
    first, second = (
        [prefix for _, prefix in run.batches(Progress(epoch=epoch, epochs=2), backbone_moves=False)] for epoch in (0, 1)
    )
    n_train = len(inputs.prefixes.train)
    assert [len(batch) for batch in first] == [64] * (n_train // 64) + [n_train % 64] * (n_train % 64 > 0)
    assert sorted(np.concatenate(first)) == inputs.prefixes.train.tolist()
    assert not np.array_equal(np.concatenate(first), np.concatenate(second))


def test_11_training_vectors_are_noisy_and_memory_and_evaluation_are_clean(inputs: Inputs, streams: Streams) -> None:
    run = Run(recipe=BASE, inputs=inputs, streams=streams)
    clean = inputs.encodings[torch.from_numpy(inputs.prefixes.train)]
    noisy, again, later = (noisy_sequences(inputs, BackboneDropout.ACTIVE, streams, epoch=epoch) for epoch in (0, 0, 1))
    assert noisy.shape == clean.shape
    assert (noisy - clean).norm(dim=1).min() > 0.1
    torch.testing.assert_close(again, noisy, atol=0, rtol=0)
    assert not torch.equal(later, noisy)
    other = Run(recipe=BASE, inputs=inputs, streams=streams)
    torch.testing.assert_close(other.manager.snapshot.memory.keys, run.manager.snapshot.memory.keys, atol=0, rtol=0)
