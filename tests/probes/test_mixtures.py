"""What each way of mixing gains: as the remedy itself ranks, cross-fitted; nothing where neighbours know nothing."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from harness.checks.base import Remedy
from harness.checks.problems.mixing import STACK_OF
from harness.contracts.intervention import PROBE_STREAMS, probe_inputs
from harness.data.protocol import AS_PUBLISHED, History, Protocol, Reach
from harness.data.split import split_prefixes
from harness.engine.live.mixing.overlap import OverlapMass
from harness.engine.live.mixing.scorers import Mixing
from harness.engine.run import Run
from harness.engine.scoring import live_scorer
from harness.engine.types.inputs import Inputs
from harness.interventions import find
from harness.interventions.index import Sources
from harness.interventions.mixing import Overlap, Product
from harness.probes import mixtures
from harness.probes.interpolation import Queries
from harness.probes.sample import ProbeSample
from harness.recipe.compose import compose
from harness.recipe.recipe import BASE, Recipe
from harness.recipe.schedules import Progress
from tests.backbones.plainly import history_of

FILTERED = find("wiring.filter_seen")().apply(BASE)
NAMES = [way.name for way in mixtures.WAYS]


def sample_of(inputs: Inputs, recipe: Recipe = BASE) -> ProbeSample:
    return ProbeSample(Run(recipe=recipe, inputs=inputs, streams=PROBE_STREAMS, epochs=3), Progress(epoch=0, epochs=3))


def world(protocol: Protocol = AS_PUBLISHED) -> Inputs:
    """Times are those of random events; the backbone is sure of little."""
    data = probe_inputs().data
    data = replace(data, times=np.random.default_rng(0).permutation(len(data.items)))
    return replace(
        probe_inputs(),
        data=data,
        prefixes=split_prefixes(data, protocol),
        encodings=0.2 * probe_inputs().encodings,
    )


def ndcg(scores: np.ndarray, target: np.ndarray) -> np.ndarray:
    rank = (scores >= scores[np.arange(len(scores)), target][:, None]).sum(axis=1)
    return np.where(rank <= 10, 1.0 / np.log2(rank + 1.0), 0.0)


def by_remedy(stack: tuple[Remedy, ...], recipe: Recipe, inputs: Inputs, queries: np.ndarray) -> np.ndarray:
    """The metric of queries as a run of the remedies would have it, ``(n,)``."""
    made = compose(recipe, [find(each.id).from_settings(each.settings) for each in stack])
    live = live_scorer(made, inputs, inputs.prefixes.train)
    return scored_by(live.scores, made, inputs, queries)


def scored_by(scores, recipe: Recipe, inputs: Inputs, queries: np.ndarray) -> np.ndarray:
    sequence, hides = inputs.encodings[torch.as_tensor(queries)], inputs.prefixes.protocol.hides_history
    hidden = torch.zeros(len(queries), inputs.data.n_items, dtype=torch.bool)
    if hides or recipe.candidates == FILTERED.candidates:
        for row, number in enumerate(queries):
            hidden[row, history_of(inputs.data, inputs.prefixes, number).astype(int) - 1] = True
    found = scores(sequence=sequence, enhanced=sequence, prefix=queries, hidden=hidden if hides else None)
    return ndcg(
        found[:, 1:].masked_fill(hidden, -1e9).detach().numpy(), inputs.prefixes.target[queries].astype(int) - 1
    )


def cross_fitted_by_hand(settings: list[np.ndarray]) -> np.ndarray:
    values = np.zeros(len(settings[0]))
    for half in (0, 1):
        others = [float(each[1 - half :: 2].sum()) for each in settings]
        values[half::2] = settings[others.index(max(others))][half::2]
    return values


@pytest.mark.parametrize(
    ("protocol", "recipe"),
    [
        (AS_PUBLISHED, BASE),
        (Protocol(history=History.HIDE), BASE),
        (Protocol(memory=Reach.PAST), BASE),
        (AS_PUBLISHED, FILTERED),
    ],
    ids=["all items", "hide", "past", "unseen items"],
)
def test_figures_are_what_the_remedies_themselves_rank(protocol: Protocol, recipe: Recipe) -> None:
    inputs = world(protocol)
    here = sample_of(inputs, recipe)
    found = mixtures.measure(here)
    valid, test = here.valid_sample, inputs.prefixes.last(inputs.prefixes.test)
    assert np.array_equal(inputs.prefixes.user[valid], inputs.prefixes.user[test])

    def backbone(*, sequence: torch.Tensor, **_: object) -> torch.Tensor:
        return sequence @ inputs.item_matrix.T

    off = scored_by(backbone, recipe, inputs, valid)
    off_test = scored_by(backbone, recipe, inputs, test)
    settings = {
        way.name: [
            by_remedy(STACK_OF[way.name](mixtures.strength(each)), recipe, inputs, valid) for each in way.settings
        ]
        for way in mixtures.WAYS
    }
    fitted = {name: cross_fitted_by_hand(each) for name, each in settings.items()}
    best = cross_fitted_by_hand([each for values in settings.values() for each in values])
    expected = {"mixing.off": off.mean(), "mixing.off_test": off_test.mean(), "mixing.queries": len(valid)}
    for way in mixtures.WAYS:
        place = int(np.argmax([each.mean() for each in settings[way.name]]))
        strength = mixtures.strength(way.settings[place])
        tested = by_remedy(STACK_OF[way.name](strength), recipe, inputs, test) - off_test
        gain = fitted[way.name] - off
        expected |= {
            f"mixing.gain.{way.name}": gain.mean(),
            f"mixing.gain_error.{way.name}": gain.std(ddof=1) / math.sqrt(len(gain)),
            f"mixing.setting.{way.name}": strength,
            f"mixing.test.{way.name}": tested.mean(),
            f"mixing.test_error.{way.name}": tested.std(ddof=1) / math.sqrt(len(tested)),
        }
    linear = {kind: cross_fitted_by_hand([off, *settings[f"{kind}_linear"]]) for kind in ("dense", "overlap")}
    dense, overlap = (
        [each for way in NAMES if way.startswith(kind) for each in settings[way]] for kind in ("dense", "overlap")
    )
    differences = {
        "overlap.lead": cross_fitted_by_hand(overlap) - cross_fitted_by_hand([off, *dense]),
        "mixing.best": best - off,
        "mixing.lead": best - linear["dense"],
        "calibration.gain_dense": fitted["dense_calibrated"] - linear["dense"],
        "calibration.gain_overlap": fitted["overlap_calibrated"] - linear["overlap"],
    }
    for name, each in differences.items():
        expected |= {name: each.mean(), f"{name}_error": each.std(ddof=1) / math.sqrt(len(each))}
    most = max(each.mean() for values in settings.values() for each in values)
    expected["mixing.best_by_luck"] = most - best.mean()
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-6)


def test_shuffled_neighbours_are_those_of_the_query_before() -> None:
    inputs = world()
    here = sample_of(inputs)
    found, queries = mixtures.measure(here), here.valid_sample
    for name in ("dense_product", "overlap_product", "overlap_linear"):
        strength = found[f"mixing.setting.{name}"]
        made = compose(BASE, [find(each.id).from_settings(each.settings) for each in STACK_OF[name](strength)])
        live = live_scorer(made, inputs, inputs.prefixes.train)
        assert isinstance(live, Mixing)
        shuffled = live.mixing([each.of_another(inputs) for each in live.masses])
        gain = scored_by(shuffled.scores, BASE, inputs, queries).mean() - found["mixing.off"]
        assert found[f"mixing.shuffled.{name}"] == pytest.approx(gain, abs=1e-6)


def test_hit_rates_are_those_of_the_first_neighbours_of_each_kind() -> None:
    inputs = world()
    here = sample_of(inputs)
    found, prefixes, train = mixtures.measure(here), inputs.prefixes, inputs.prefixes.train
    unit = torch.nn.functional.normalize(inputs.encodings, dim=1).double().numpy()
    target, kinds = prefixes.target, {"dense": [], "overlap": [], "union": []}
    for query in here.valid_sample:
        length = np.minimum(prefixes.position, 50)
        future = (prefixes.user[train] == prefixes.user[query]) & (length[train] >= length[query])
        cosine = np.where(future, -9.0, unit[train] @ unit[query])
        dense = train[np.argsort(-cosine, kind="stable")]
        asked = list(history_of(inputs.data, prefixes, query)[-50:])
        holders = Counter(
            item for entry in train for item in set(history_of(inputs.data, prefixes, entry)[-50:].tolist())
        )
        similarity = np.zeros(len(train))
        for place, entry in enumerate(train):
            had = list(history_of(inputs.data, prefixes, entry)[-50:])
            for item in set(asked) & set(had):
                lags = asked[::-1].index(item), had[::-1].index(item)
                similarity[place] += (
                    0.8 ** lags[0] * (1 + lags[1]) ** -0.5 * holders[int(item)] ** -0.3 * len(had) ** -0.25
                )
        similarity[future] = 0.0
        order = np.lexsort((np.arange(len(train)), -similarity))
        overlap = train[[each for each in order if similarity[each] > 0.0]]
        firsts = {"dense": dense[:50], "overlap": overlap[:50], "union": np.append(dense[:25], overlap[:25])}
        for kind, entries in firsts.items():
            kinds[kind].append(target[query] in target[entries])
    names = {"dense": "overlap.hit_rate_dense", "overlap": "overlap.hit_rate", "union": "overlap.hit_rate_union"}
    for kind, hits in kinds.items():
        assert found[names[kind]] == pytest.approx(np.mean(hits), abs=0.02), kind
    assert 0.0 < found["overlap.hit_rate"] < 1.0
    assert found["overlap.with_neighbours"] == 1.0


@pytest.mark.parametrize("protocol", [AS_PUBLISHED, Protocol(history=History.HIDE)], ids=["all items", "hide"])
def test_likelihoods_are_those_of_a_softmax_over_the_candidates(protocol: Protocol) -> None:
    inputs = world(protocol)
    here, prefixes = sample_of(inputs), inputs.prefixes
    found = mixtures.measure(here)

    def likelihood(queries: np.ndarray, temperature: float) -> float:
        told: list[float] = []
        for query in queries:
            logits = (inputs.item_matrix @ inputs.encodings[query]).double().numpy() / temperature
            logits[0] = -np.inf
            if protocol.hides_history:
                logits[history_of(inputs.data, prefixes, query).astype(int)] = -np.inf
            told.append(logits[prefixes.target[query]] - np.log(np.exp(logits).sum()))
        return float(np.mean([each for each in told if np.isfinite(each)]))

    temperature = found["calibration.temperature"]
    assert found["calibration.likelihood"] == pytest.approx(likelihood(here.valid_sample, 1.0), abs=1e-4)
    assert found["calibration.likelihood_fitted"] == pytest.approx(likelihood(here.valid_sample, temperature), abs=1e-4)
    assert found["calibration.likelihood_train"] == pytest.approx(likelihood(here.train_sample, 1.0), abs=1e-4)


def test_what_is_chosen_by_luck_gains_nothing_when_cross_fitted() -> None:
    """Forty settings that are all noise: the best gains where it was chosen, and on average nothing elsewhere."""
    rng = np.random.default_rng(0)
    lucky, honest = [], []
    for _ in range(200):
        gains = rng.normal(size=(40, 60))
        lucky.append(gains.mean(axis=1).max())
        honest.append(mixtures.cross_fitted(gains).mean())
    assert np.mean(lucky) > 0.2
    assert abs(np.mean(honest)) < 3 * np.std(honest) / math.sqrt(len(honest))


def test_the_defaults_are_those_of_the_remedies() -> None:
    made = compose(BASE, [Overlap(), Product()])
    assert made.neighbours == mixtures.SHARED
    assert made.dense == mixtures.DENSE
    assert made.scorer == replace(mixtures.LOG_LINEAR[2], beta=Product().beta)
    assert set(STACK_OF) == set(NAMES)


def test_no_target_of_validation_or_test_is_an_entry() -> None:
    here = sample_of(probe_inputs(), compose(BASE, [find("index.sources")()]))
    made = mixtures.Mixtures(here)
    for memory in (made.dense.memory, made.search.memory):
        assert set(memory.prefix) <= set(probe_inputs().prefixes.train)


def test_a_small_level_asks_as_many_queries_as_a_catalogue_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    few = replace(sample_of(probe_inputs()), n_queries=8)
    n_users = len(np.unique(probe_inputs().prefixes.user[probe_inputs().prefixes.valid]))
    assert len(mixtures.widened(few).valid_sample) == n_users
    monkeypatch.setattr(mixtures, "CELLS", 20 * probe_inputs().data.n_items)
    assert len(mixtures.widened(few).valid_sample) == 20
    monkeypatch.setattr(mixtures, "CELLS", 1)
    assert mixtures.widened(few) is few


def test_what_vectors_and_entries_decide_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = world()
    asked: list[str] = []
    monkeypatch.setattr(mixtures, "measured", lambda sample, metric: asked.append(metric) or {"mixing.off": 0.0})
    recipes = (BASE, find("wiring.scale")().apply(BASE), FILTERED, compose(BASE, [Sources(stream=0.5)]))
    for recipe in recipes:
        assert mixtures.measure(sample_of(inputs, recipe)) == {"mixing.off": 0.0}
    assert len(asked) == len(recipes) - 1
    mixtures.measure(sample_of(inputs.reencoded()))
    assert len(asked) == len(recipes)


def test_a_mass_of_the_probe_searches_each_batch_once() -> None:
    made = mixtures.Mixtures(sample_of(probe_inputs()))
    (queries,) = made.batches(made.sample.valid_sample)
    assert isinstance(queries, Queries)
    asked: list[int] = []
    search = made.search

    def counted(prefix: np.ndarray):
        asked.append(len(prefix))
        return search(prefix)

    made.__dict__["search"] = counted
    mass = OverlapMass(search, made.shared)
    columns = probe_inputs().data.n_items + 1
    for each in (mass, mass.of_another(probe_inputs())):
        each.distribution(queries.sequence, queries.prefix, n_columns=columns)
    made.shared(queries.prefix)
    assert asked == [len(queries.prefix)]
