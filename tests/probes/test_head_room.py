"""What no fusion could exceed, how neighbours move and what a refresh would do, each from its definition."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.contracts.intervention import PROBE_STREAMS, probe_inputs
from harness.engine.loop import Budget, fine_tune
from harness.engine.run import Run
from harness.engine.scoring import live_scorer
from harness.interventions import find
from harness.interventions.index import ManagedIndex, Refreshing
from harness.interventions.mixing import ProbabilityInterpolation
from harness.probes import fusion, index, interpolation, search, training
from harness.probes.observer import Observer
from harness.probes.sample import ProbeSample
from harness.recipe.compose import compose
from harness.recipe.recipe import BASE, Recipe
from harness.recipe.schedules import Progress
from harness.recipe.seams.phases import LearningRates
from harness.recipe.seams.retrieval.index import Flat
from harness.results.evidence import Entry, Level
from harness.results.record import EpochPoint
from tests.backbones.plainly import history_of


def sample(recipe: Recipe = BASE) -> ProbeSample:
    run = Run(recipe=recipe, inputs=probe_inputs(), streams=PROBE_STREAMS, epochs=3)
    return ProbeSample(run, Progress(epoch=0, epochs=3))


FILTERED = find("wiring.filter_seen")().apply(BASE)
BOTH_WAYS = pytest.mark.parametrize("recipe", [BASE, FILTERED], ids=["all items", "unseen items"])


def ndcg(scores: np.ndarray, target: np.ndarray) -> np.ndarray:
    rank = (scores >= scores[np.arange(len(scores)), target][:, None]).sum(axis=1)
    return np.where(rank <= 10, 1.0 / np.log2(rank + 1.0), 0.0)


def histories_of(queries: np.ndarray) -> list[np.ndarray]:
    """What each query's user has had."""
    return [history_of(probe_inputs().data, probe_inputs().prefixes, each) for each in queries]


def hidden_from(queries: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Which items a recipe hides from each query, column 0 is padding."""
    hidden = np.zeros((len(queries), probe_inputs().data.n_items + 1), dtype=bool)
    if recipe.candidates == FILTERED.candidates:
        for row, had in enumerate(histories_of(queries)):
            hidden[row, had] = True
    return hidden


def mixtures(queries: np.ndarray, *, shift: int = 0, recipe: Recipe = BASE):
    """(k, tau, l, new) -> NDCG@10 of prefixes by the definition of the mixture; shift: neighbours of another query."""
    inputs = probe_inputs()
    prefixes, train = inputs.prefixes, inputs.prefixes.train
    s = inputs.encodings.double().numpy()
    unit = s / np.linalg.norm(s, axis=1, keepdims=True)
    logits = s[queries] @ inputs.item_matrix.double().numpy().T
    logits[:, 0] = -np.inf
    softmax = np.exp(logits - logits.max(axis=1, keepdims=True))
    softmax /= softmax.sum(axis=1, keepdims=True)
    cosine = unit[queries] @ unit[train].T
    own = prefixes.user[train] == prefixes.user[queries][:, None]
    length = np.minimum(prefixes.position, 50)
    unseen = own & (length[train] >= length[queries][:, None])
    had = np.array([np.isin(prefixes.target[train], history) for history in histories_of(queries)])

    def at(k: int, tau: float, share: float, new: bool = False) -> np.ndarray:
        hidden = unseen | had if new else unseen
        knn = np.zeros_like(softmax)
        for row in range(len(queries)):
            hits = np.argsort(-cosine[row], kind="stable")[: 4 * k]
            hits = hits[~hidden[row, hits]][:k]
            weight = np.exp(cosine[row, hits] / tau)
            np.add.at(knn[row], prefixes.target[train[hits]], weight / weight.sum())
        mixed = (1 - share) * softmax + share * np.roll(knn, shift, axis=0)
        return ndcg(np.where(hidden_from(queries, recipe), -1.0, mixed), prefixes.target[queries])

    return at


def best_of(valid) -> tuple[int, float, float, bool]:
    """The setting that the search should choose."""
    grid = [(k, tau, 0.3, False) for k in (10, 50, 200) for tau in (0.05, 0.15, 0.5, 2.0)]
    k, tau, _, _ = max(grid, key=lambda setting: valid(*setting).mean())
    new = bool(valid(k, tau, 0.3, True).mean() > valid(k, tau, 0.3, False).mean())
    shares = [(k, tau, share, new) for share in (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)]
    return max(shares, key=lambda setting: valid(*setting).mean())


@BOTH_WAYS
def test_the_best_interpolation_is_that_of_a_few_lines(recipe: Recipe) -> None:
    room, prefixes = interpolation.head_room(sample(recipe)), probe_inputs().prefixes
    valid, test = mixtures(prefixes.valid, recipe=recipe), mixtures(prefixes.test, recipe=recipe)
    unseen = mixtures(prefixes.valid, recipe=FILTERED)
    best = k, tau, _, new = best_of(valid)
    assert best == pytest.approx(tuple(room[f"head_room.interpolation_{each}"] for each in ("k", "tau", "l", "new")))
    assert best[2] > 0.0
    off, on = valid(k, tau, 0.0, new), valid(*best)
    expected = {
        "interpolation_valid": on.mean(),
        "interpolation_gain_error": (on - off).std(ddof=1) / np.sqrt(len(on)),
        "interpolation_valid_shuffled": mixtures(prefixes.valid, shift=1, recipe=recipe)(*best).mean(),
        "unseen": unseen(k, tau, 0.0, new).mean(),
        "interpolation_unseen": unseen(*best_of(unseen)).mean(),
        "off_test": test(k, tau, 0.0, new).mean(),
        "interpolation_test": test(*best).mean(),
        "interpolation_test_shuffled": mixtures(prefixes.test, shift=1, recipe=recipe)(*best).mean(),
    }
    assert {name: room[f"head_room.{name}"] for name in expected} == pytest.approx(expected, abs=1e-6)


def test_no_valid_or_test_target_is_ever_an_entry_of_the_interpolation(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = compose(BASE, [find("index.sources")()])
    seen: list[interpolation.Sweep] = []
    made = interpolation.Sweep.__init__

    def watched(self: interpolation.Sweep, here: ProbeSample) -> None:
        made(self, here)
        seen.append(self)

    monkeypatch.setattr(interpolation.Sweep, "__init__", watched)
    interpolation.head_room(sample(recipe))
    (sweep,) = seen
    assert set(sweep.memory.prefix) == set(probe_inputs().prefixes.train)


def test_a_neighbour_of_the_widest_search_is_one_that_a_search_for_few_would_find() -> None:
    here = sample()
    sweep = interpolation.Sweep(here)
    queries = interpolation.Queries.of(here, here.valid_sample)
    sweep.neighbours(interpolation.WIDEST, queries.sequence, queries.prefix)
    for k, new in itertools.product(interpolation.NEIGHBOURS, (False, True)):
        setting = interpolation.Setting(k=k, tau=0.15, share=0.3, new_only=new)
        recipe = ProbabilityInterpolation(k=k, tau=0.15, l=0.3, targets="new" if new else "all").apply(BASE)
        live = live_scorer(recipe, here.current, here.current.prefixes.train)
        asked = {"sequence": queries.sequence, "enhanced": queries.sequence, "prefix": queries.prefix}
        torch.testing.assert_close(sweep.scorer(setting).scores(**asked), live.scores(**asked), rtol=0, atol=0)


def switched(scores: Tensor, here: ProbeSample) -> float:
    target = here.valid.target.numpy() - 1
    return float(np.maximum(ndcg(scores.numpy(), target), ndcg(here.backbone_scores.numpy(), target)).mean())


def test_shuffled_a_switch_chooses_between_the_backbone_and_the_runs_own_mixture_of_anothers_neighbours() -> None:
    """As found the mixture is of raw lengths: stretched ones would flatter the oracle that it is compared to."""
    here = sample()
    found = here.valid
    entry, mask = found.neighbours.entry.roll(1, 0), found.neighbours.mask.roll(1, 0)
    memory, items = found.retrieved.memory, here.current.item_matrix.detach()
    logits = (found.sequence[:, None] * memory.keys[entry]).sum(dim=2) / 0.07
    weight = logits.masked_fill(~mask, -torch.inf).softmax(dim=1)
    knowledge = (weight[:, :, None] * items[memory.target[entry]]).sum(dim=1)
    scores = (0.85 * found.sequence + 0.15 * knowledge) @ items[1:].T
    measured = fusion.scores_with_neighbours_of_another(here)
    assert measured is not None
    # A user of more than 50 items may not see some of its own entries, which the next one may.
    long = torch.from_numpy(here.current.prefixes.position[found.retrieved.prefix] > 50)
    alike = ~(long | long.roll(1))
    assert alike.sum() > 50
    torch.testing.assert_close(measured[alike], scores[alike], rtol=0, atol=1e-4)
    assert fusion.head_room(here)["head_room.oracle_switch_shuffled"] == pytest.approx(
        switched(measured, here), abs=1e-6
    )


@BOTH_WAYS
@pytest.mark.parametrize("targets", ["all", "new"])
def test_shuffled_a_switch_of_probabilities_mixes_in_anothers_targets(recipe: Recipe, targets: str) -> None:
    here = sample(compose(recipe, [ProbabilityInterpolation(targets=targets)]))
    at = mixtures(here.current.prefixes.valid, shift=1, recipe=recipe)
    on, off = (at(50, 0.15, share, targets == "new") for share in (0.3, 0.0))
    room = fusion.head_room(here)
    assert room["head_room.oracle_switch_shuffled"] == pytest.approx(np.maximum(on, off).mean(), abs=1e-6)
    assert room["head_room.oracle_switch"] > room["head_room.oracle_switch_shuffled"]


FAST = replace(BASE, learning_rates=LearningRates(new_parts=0.05), batch_size=64)


def looked_at(recipe: Recipe, level: Level = Level.LIGHT, epochs: int = 3) -> tuple[list[Entry], list[np.ndarray]]:
    """Entries of an observer and, beside it, the prefixes of the valid queries' neighbours at each look."""
    observer = Observer(level)
    found: list[np.ndarray] = []

    def observe(point: EpochPoint, run: Run) -> None:
        observer(point, run)
        forward = ProbeSample(run, run.progress(max(point.epoch - 1, 0))).valid
        prefix = forward.retrieved.memory.prefix[forward.neighbours.entry.numpy()]
        found.append(np.where(forward.neighbours.mask.numpy(), prefix, -1))

    fine_tune(
        recipe, probe_inputs(), budget=Budget(epochs=epochs, patience=epochs), streams=PROBE_STREAMS, observe=observe
    )
    assert observer.problem == ""
    return observer.entries, found


@pytest.mark.parametrize("recipe", [FAST, ManagedIndex(evict=0.3).apply(BASE)], ids=["base", "entries come and go"])
def test_overlap_is_the_share_of_neighbours_that_are_found_again(recipe: Recipe) -> None:
    entries, found = looked_at(recipe)
    assert np.isnan(entries[0].figures["index.overlap_previous"])
    for entry, before, now in zip(entries[1:], found, found[1:], strict=False):
        kept = [len(set(a[a >= 0]) & set(b)) for a, b in zip(before, now, strict=True)]
        assert entry.figures["index.overlap_previous"] == pytest.approx(sum(kept) / (before >= 0).sum())
        assert 0.0 < entry.figures["index.overlap_previous"] < 1.0


def test_age_counts_from_the_last_encoding_and_a_refresh_of_stored_keys_is_none() -> None:
    encoded, _ = looked_at(Refreshing(early="2ep", late="2ep").apply(FAST))
    assert [entry.figures["index.age"] for entry in encoded] == [0, 1, 0, 1]
    assert [entry.figures["index.refreshed"] for entry in encoded[1:]] == [0, 1, 0]
    stored, _ = looked_at(Refreshing(early="2ep", late="2ep", reencode=False).apply(FAST))
    assert [entry.figures["index.age"] for entry in stored] == [0, 1, 2, 3]
    assert stored[-1].figures["index.staleness"] < 0.999


def test_a_refresh_would_move_keys_by_what_they_are_stale_and_stored_ones_not_at_all() -> None:
    later = Refreshing(early="9ep", late="9ep").apply(FAST)
    for recipe in (FAST, later):
        last = looked_at(recipe, Level.FULL)[0][-1].figures
        if recipe is FAST:
            assert last["index.refresh_moves"] == last["index.refresh_moved"] == 0.0
            assert last["index.refresh_overlap"] == 1.0
        else:
            assert last["index.refresh_moved"] > 0.9
            assert last["index.refresh_overlap"] < 1.0
    run = Run(recipe=later, inputs=probe_inputs(), streams=PROBE_STREAMS, epochs=3)
    run.train_epoch(run.progress(0))
    memory = run.manager.snapshot.memory
    now = run.system.keys(memory.prefix)
    cosine = torch.nn.functional.cosine_similarity(memory.keys, now, dim=1)
    moves = index.refresh(ProbeSample(run, run.progress(0)))["index.refresh_moves"]
    assert moves == pytest.approx(1.0 - cosine.mean().item(), abs=1e-6)
    assert moves > 0.001


def test_the_lead_of_s_over_r_is_measured_on_the_same_queries() -> None:
    here = sample()
    room = interpolation.head_room(here)
    by_query = search.hit_among_all(here)
    found = search.scope(sample(), search.Remembering(Flat().over(here.run.manager.snapshot.memory.normalised_keys())))
    assert found["scope.hit_rate_all"] == pytest.approx(by_query.float().mean().item())
    lead = room["head_room.hit_rate_by_sequence"] - found["scope.hit_rate_all"]
    n = len(by_query) + 2
    error = room["head_room.hit_rate_by_sequence_error"]
    # Of what differs, as many queries as the lead says, and as many more pairs of one gain and one loss.
    differ = round(n * (n * error**2 + (lead * len(by_query) / n) ** 2))
    assert differ >= 2 + abs(round(lead * len(by_query)))
    assert (differ - 2 - abs(round(lead * len(by_query)))) % 2 == 0
    assert training.drift(here)["retriever.hit_rate_train_error"] > 0.0
