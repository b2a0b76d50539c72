"""Probes ask and change nothing; what they measure is right where a few lines can say so."""

from __future__ import annotations

import math
import re
from functools import cache
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch

from harness.contracts.intervention import PROBE_STREAMS, probe_inputs
from harness.engine.loop import Budget, Result, fine_tune
from harness.engine.run import Run
from harness.interventions import find
from harness.interventions.base import Intervention
from harness.interventions.index import Sources
from harness.probes import attention, evaluation, fusion, training
from harness.probes.observer import Observer
from harness.probes.sample import ProbeSample
from harness.probes.search import Merged, Remembering
from harness.probes.training import linear_cka
from harness.recipe.compose import compose
from harness.recipe.recipe import BASE
from harness.recipe.schedules import Progress
from harness.recipe.seams.checkpoint import BestOnValid, CheckpointRule, OffThenOn
from harness.recipe.seams.retrieval.index import Flat
from harness.results.evidence import Level
from harness.results.record import EpochPoint
from tests.backbones.plainly import history_of

BUDGET = Budget(epochs=3, patience=3)
STACKS = (
    (),
    ("training.unfreeze", "wiring.cosine"),
    ("fusion.attention", "retriever.warm_start"),
    ("wiring.interpolate",),
    ("wiring.overlap", "wiring.interpolate", "wiring.calibrate"),
    ("index.managed", "loss.adaptive", "scope.hard_negatives"),
    ("index.sources", "index.refresh", "wiring.live_keys"),
)


def remedy(name: str) -> Intervention:
    """At its defaults; the sources stream, which they do not by default."""
    return Sources(stream=0.5) if name == "index.sources" else find(name)()


@cache
def diagnosed(stack: tuple[str, ...], level: Level) -> tuple[Observer, Result]:
    observer = Observer(level)
    recipe = compose(BASE, [remedy(each) for each in stack])
    result = fine_tune(recipe, probe_inputs(), budget=BUDGET, streams=PROBE_STREAMS, observe=observer)
    assert observer.problem == ""
    return observer, result


@pytest.mark.parametrize("stack", STACKS, ids=lambda stack: "+".join(stack) or "base")
def test_looking_never_changes_a_run(stack: tuple[str, ...]) -> None:
    (nothing, plain), *looked_at = (diagnosed(stack, level) for level in Level)
    assert nothing.entries == []
    for observer, result in looked_at:
        assert [entry.epoch for entry in observer.entries] == ([0, 1] if plain.checks else [0, 1, 2, 3])
        for ranks in ("valid_on", "valid_off", "test_on", "test_off"):
            np.testing.assert_array_equal(getattr(plain, ranks), getattr(result, ranks))
        assert [point.losses for point in plain.curve] == [point.losses for point in result.curve]
        before, after = plain.system.state(), result.system.state()
        assert all(torch.equal(before[name], after[name]) for name in before)


def test_as_found_only_the_alignment_has_a_gradient_and_with_attention_by_the_retriever_the_enhanced_loss_too() -> None:
    found = diagnosed((), Level.LIGHT)[0].entries[-1].figures
    assert found["loss.gradient.enhanced.retriever"] == found["loss.gradient.recommendation.retriever"] == 0.0
    assert found["loss.gradient.alignment.retriever"] > 0.0
    assert math.isnan(found["loss.cosine.enhanced.alignment"])
    observer, _ = diagnosed(("training.unfreeze", "wiring.cosine"), Level.LIGHT)
    assert observer.entries[1].figures["loss.gradient.recommendation.retriever"] == 0.0
    assert observer.entries[-1].figures["loss.gradient.recommendation.blocks.1"] > 0.0


def sample(stack: tuple[str, ...] = ()) -> ProbeSample:
    recipe = compose(BASE, [find(each)() for each in stack])
    run = Run(recipe=recipe, inputs=probe_inputs(), streams=PROBE_STREAMS, epochs=3)
    return ProbeSample(run, Progress(epoch=0, epochs=3))


FILTERED = pytest.mark.parametrize("filtered", [(), ("wiring.filter_seen",)], ids=["all items", "unseen items"])


def had_by_hand(here: ProbeSample) -> torch.Tensor:
    """Which items each valid query's user has had, ``(n, n_items)``."""
    data, prefixes = here.current.data, here.current.prefixes
    had = torch.zeros(len(here.valid_sample), data.n_items, dtype=torch.bool)
    for row, number in enumerate(here.valid_sample):
        had[row, history_of(data, prefixes, number).astype(int) - 1] = True
    return had


@FILTERED
def test_head_room_is_that_of_a_few_lines(filtered: tuple[str, ...]) -> None:
    """The oracle over alpha and over on and off, with the metric from its definition."""
    here = sample(("wiring.scale", *filtered))
    forward, items = here.valid, probe_inputs().item_matrix[1:]
    had = had_by_hand(here) if filtered else torch.zeros(1, dtype=torch.bool)

    def ndcg(vectors: torch.Tensor) -> np.ndarray:
        scores = (vectors @ items.T).masked_fill(had, -1e9)
        rank = (scores >= scores[torch.arange(len(scores)), forward.target - 1][:, None]).sum(dim=1).numpy()
        return np.where(rank <= 10, 1.0 / np.log2(rank + 1.0), 0.0)

    def best(knowledge: torch.Tensor) -> np.ndarray:
        long = knowledge / knowledge.norm(dim=1, keepdim=True) * forward.sequence.norm(dim=1, keepdim=True)
        tries = [ndcg((1 - a / 10) * forward.sequence + a / 10 * long) for a in range(11)]
        return np.max(tries, axis=0)

    room = fusion.head_room(here)
    assert room["head_room.oracle_alpha"] == pytest.approx(best(forward.knowledge).mean(), abs=1e-6)
    assert room["head_room.oracle_alpha_shuffled"] == pytest.approx(best(forward.knowledge.roll(1, 0)).mean(), abs=1e-6)
    off, on = ndcg(forward.sequence), ndcg(forward.enhanced)
    assert (room["head_room.off"], room["head_room.on"]) == (
        pytest.approx(off.mean(), abs=1e-6),
        pytest.approx(on.mean(), abs=1e-6),
    )
    assert room["head_room.oracle_switch"] == pytest.approx(np.maximum(on, off).mean(), abs=1e-6)


@FILTERED
def test_the_knowledge_imitates_where_its_ten_candidates_are_the_backbones(filtered: tuple[str, ...]) -> None:
    here = sample(("wiring.values", *filtered))
    forward, items = here.valid, probe_inputs().item_matrix[1:]
    had = had_by_hand(here) if filtered else torch.zeros(1, dtype=torch.bool)
    tens = [(each @ items.T).masked_fill(had, -1e9).topk(10).indices for each in (forward.knowledge, forward.sequence)]
    shared = [len(set(one) & set(two)) / 10 for one, two in zip(*(each.tolist() for each in tens), strict=True)]
    assert attention.imitation(here)[0] == pytest.approx(np.mean(shared), abs=1e-6)


def test_what_the_history_takes_up_is_that_of_a_few_lines() -> None:
    here = sample()
    had, target = had_by_hand(here), here.valid.target - 1
    scores = here.valid.enhanced @ probe_inputs().item_matrix[1:].T
    rows = torch.arange(len(target))

    def ndcg(scores: torch.Tensor) -> np.ndarray:
        rank = (scores >= scores[rows, target][:, None]).sum(dim=1).numpy()
        return np.where(rank <= 10, 1.0 / np.log2(rank + 1.0), 0.0)

    before, after = ndcg(scores), ndcg(scores.masked_fill(had, -1e9))
    found = evaluation.history(here)
    assert found["history.top10_seen"] == pytest.approx(
        had.gather(1, scores.topk(10).indices).float().mean().item(), abs=1e-6
    )
    assert found["history.targets_seen"] == pytest.approx(had[rows, target].float().mean().item(), abs=1e-6)
    assert 0.0 < found["history.targets_seen"] < 1.0
    assert (found["history.all_items"], found["history.unseen_items"]) == pytest.approx(
        (before.mean(), after.mean()), abs=1e-6
    )
    assert found["history.gain_error"] == pytest.approx((after - before).std(ddof=1) / np.sqrt(len(before)))


def test_a_uniform_distribution_has_entropy_one_and_a_certain_one_none() -> None:
    forward = sample().valid
    k = forward.neighbours.mask.shape[1]
    assert forward.neighbours.mask.all()
    uniform = torch.full((len(forward.target), k), 1.0 / k)
    certain = torch.nn.functional.one_hot(torch.zeros(len(forward.target), dtype=torch.int64), k).float()
    torch.testing.assert_close(attention.relative_entropy_of(uniform, forward), torch.ones(len(uniform)))
    torch.testing.assert_close(attention.relative_entropy_of(certain, forward), torch.zeros(len(uniform)))


def test_cka_is_one_for_a_rotation_and_small_for_noise() -> None:
    generator = torch.Generator().manual_seed(0)
    one = torch.randn(500, 8, generator=generator)
    rotation = torch.linalg.qr(torch.randn(8, 8, generator=generator)).Q
    assert linear_cka(one, 3.0 * one @ rotation) == pytest.approx(1.0, abs=1e-6)
    assert linear_cka(one, torch.randn(500, 8, generator=generator)) < 0.1


@pytest.mark.parametrize("stack", STACKS[:2], ids=["base", "backbone moves"])
def test_shares_of_the_terms_that_reach_a_group_add_up_to_one(stack: tuple[str, ...]) -> None:
    figures = diagnosed(stack, Level.LIGHT)[0].entries[-1].figures
    groups = {name.split(".", 3)[3] for name in figures if name.startswith("loss.gradient.enhanced.")}
    for group in groups:
        terms = [name.split(".")[2] for name in figures if re.fullmatch(rf"loss\.share\.\w+\.{group}", name)]
        norms = {term: figures[f"loss.gradient.{term}.{group}"] for term in terms}
        for term in terms:
            assert figures[f"loss.share.{term}.{group}"] == pytest.approx(norms[term] / sum(norms.values()))
    assert groups == ({"retriever", "blocks.1"} if stack else {"retriever"})


def test_the_gap_of_a_loss_is_its_value_on_valid_less_that_on_training_samples() -> None:
    figures = diagnosed((), Level.FULL)[0].entries[-1].figures
    inputs = probe_inputs()

    def cross_entropy(prefixes: np.ndarray) -> float:
        logits = inputs.encodings[prefixes] @ inputs.item_matrix[1:].T
        target = torch.from_numpy(inputs.prefixes.target[prefixes]) - 1
        return torch.nn.functional.cross_entropy(logits, target).item()

    valid, train = cross_entropy(inputs.prefixes.valid), cross_entropy(inputs.prefixes.train)
    # The product of the softmax is in bfloat16 where the machine has it.
    assert figures["loss.value.recommendation"] == pytest.approx(train, rel=1e-3)
    assert figures["loss.valid_gap.recommendation"] == pytest.approx(valid - train, abs=0.02)
    assert abs(valid - train) > 0.1


@pytest.mark.parametrize("stack", [("training.unfreeze", "wiring.cosine"), ("evaluation.dual",)])
def test_what_the_curve_says_of_the_end_of_training_and_of_retrieval(stack: tuple[str, ...]) -> None:
    observer, result = diagnosed(stack, Level.LIGHT)
    first, *later = result.curve
    assert math.isnan(observer.entries[0].figures["training.valid"])
    for entry, point in zip(observer.entries[1:], later, strict=True):
        assert entry.figures["evaluation.valid_on"] == point.valid_on["mrr@10"]
        assert entry.figures["evaluation.valid_off"] == point.valid_off["mrr@10"]
        assert entry.figures["evaluation.first_off"] == first.valid_off["mrr@10"]
    on, off = ([getattr(point, name)["mrr@10"] for point in later] for name in ("valid_on", "valid_off"))
    last = observer.entries[-1].figures
    chosen = [max(pair) for pair in zip(on, off, strict=True)] if stack == ("evaluation.dual",) else on
    assert last["training.valid"] == chosen[-1]
    assert last["training.last_slope"] == pytest.approx(chosen[-1] - chosen[-2])
    assert last["training.best_epoch_is_last"] == float(chosen[-1] > max(chosen[:-1]))


def end_of(figures: list[float], rule: CheckpointRule = BestOnValid()) -> dict[str, float]:  # noqa: B008
    """What is said of the last epoch of a run with these valid figures, with retrieval; without, it is one less."""
    curve = [
        EpochPoint(epoch=number, valid_on={"mrr@10": figure}, valid_off={"mrr@10": figure - 1.0})
        for number, figure in enumerate([0.0, *figures])
    ]
    run = SimpleNamespace(
        recipe=SimpleNamespace(checkpoint=rule), curve=curve, progress=lambda epoch: Progress(epoch=epoch, epochs=4)
    )
    return training.course(cast("Run", run))


def test_an_epoch_is_the_best_if_it_beats_all_before_it_in_its_part_of_training() -> None:
    assert end_of([0.1, 0.3, 0.2, 0.4]) == {
        "training.valid": 0.4,
        "training.last_slope": pytest.approx(0.2),
        "training.best_epoch_is_last": 1.0,
    }
    assert end_of([0.1, 0.5, 0.2, 0.4])["training.best_epoch_is_last"] == 0.0
    assert end_of([0.1, 0.4, 0.2, 0.4])["training.best_epoch_is_last"] == 0.0, "the first of equals is chosen"
    staged = OffThenOn(metric="mrr@10", until=0.5)
    assert end_of([0.1, 0.5], staged)["training.last_slope"] == pytest.approx(0.4)
    assert end_of([1.9, 1.9, 0.3, 0.4], staged) == {
        "training.valid": 0.4,
        "training.last_slope": pytest.approx(0.1),
        "training.best_epoch_is_last": 1.0,
    }
    assert math.isnan(end_of([0.1, 0.5, 0.6], staged)["training.last_slope"]), "retrieval is on from here"


def test_exact_search_answers_a_narrow_question_from_a_wide_answer_and_merged_parts_as_the_whole() -> None:
    rng = np.random.default_rng(0)
    keys, query = (rng.normal(size=(n, 8)).astype(np.float32) for n in (90, 5))
    whole = Flat().over(keys)
    remembering = Remembering(whole)
    for n_hits in (7, 30, 12, 30):
        for got, expected in zip(
            remembering.search(query, query, n_hits), whole.search(query, query, n_hits), strict=True
        ):
            np.testing.assert_array_equal(got, expected)
    odd = np.arange(90) % 2 == 1
    parts = [(np.flatnonzero(part), Flat().over(keys[part])) for part in (odd, ~odd)]
    np.testing.assert_array_equal(Merged(parts).search(query, query, 12)[1], whole.search(query, query, 12)[1])
    assert Merged(parts).search(query, query, 60)[1].max() < 90
