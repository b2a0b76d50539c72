"""What the audit says of the base as found, and of a parameter that is dead or alive by construction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from harness.audit import sample
from harness.audit.findings import audit_recipe
from harness.audit.ladder import Ladder, moved
from harness.audit.sample import Sample
from harness.contracts.intervention import PROBE_BUDGET, PROBE_STREAMS, probe_inputs
from harness.data.protocol import Protocol
from harness.data.split import split_prefixes
from harness.engine.loop import Budget, fine_tune
from harness.errors import InputError
from harness.interventions import find
from harness.recipe.compose import compose
from harness.recipe.recipe import BASE, Recipe
from harness.recipe.schedules import Constant
from harness.recipe.seams.attention import DotProduct
from harness.recipe.seams.fusion import ScheduledShare
from harness.recipe.seams.retrieval.admission import LongerThan
from harness.results.audit import Audited, Failure, Measured, Rung
from tests.audit.conftest import audited

Found = tuple[Measured, Mapping[str, Audited]]
EFFECTIVE = "temperature.effective_neighbours"


def at(each: Audited, value: object) -> Measured:
    return next(trial.found for trial in each.trials if trial.value == value)


def test_alpha_and_the_enhanced_weight_train_nothing(as_found: Found) -> None:
    alpha, weight = as_found[1]["share.schedule.value"], as_found[1]["enhanced_weight.value"]
    assert (alpha.alias, weight.alias) == ("alpha", "enhanced_rec_weight")
    assert (weight.training, weight.reach, weight.users_moved) == (Rung.LOG, Rung.LOG, 0.0)
    assert alpha.training is Rung.LOSS
    assert alpha.reach is Rung.RANKS
    assert alpha.users_moved > 0.0
    assert {trial.found.gradient_change for each in (alpha, weight) for trial in each.trials} == {0.0}


def test_alpha_trains_something_once_the_retriever_attends() -> None:
    base = compose(BASE, [find("wiring.retriever_attention")()])
    ladder = Ladder(base, probe_inputs(), PROBE_STREAMS, PROBE_BUDGET)
    found = ladder.measure(replace(base, share=ScheduledShare(schedule=Constant(0.5))))
    assert found.training is Rung.GRADIENT
    assert found.gradient_change is not None
    assert found.gradient_change > 0.0


def test_the_temperatures_of_the_proposed_range_leave_the_attention_one_hot() -> None:
    """Under vectors so long that the neighbours' logits lie far apart, as a trained backbone's do."""
    inputs = probe_inputs()
    own, found = audited(BASE, replace(inputs, encodings=inputs.encodings * 1000.0), "temperature")
    tau = found["temperature.schedule.value"]
    assert own.figures[EFFECTIVE] == pytest.approx(1.0, abs=0.05)
    assert at(tau, 0.2).figures[EFFECTIVE] == pytest.approx(1.0, abs=0.05)
    assert (at(tau, 20.0).figures[EFFECTIVE] or 0.0) > 2.0


def test_the_refresh_interval_is_inert_though_refreshes_happen(as_found: Found) -> None:
    refresh = as_found[1]["refresh.every"]
    assert refresh.alias == "retriever_update_interval"
    assert at(refresh, 1).reach is Rung.LOG, "the log tells of a refresh after every epoch"
    assert at(refresh, 20).reach is Rung.DEAD, "neither happens in so short a run"
    assert refresh.users_moved == 0.0


def test_a_parameter_that_training_and_search_read_reaches_ranks(as_found: Found) -> None:
    for name in ("selection.k", "index.nprobe", "learning_rates.new_parts"):
        each = as_found[1][name]
        assert (each.training, each.reach) == (Rung.GRADIENT, Rung.RANKS)
        assert each.users_moved > 0.0


def test_every_parameter_was_tried(as_found: Found) -> None:
    assert [each.name for each in as_found[1].values() if not each.trials or each.not_tried] == []


@dataclass(frozen=True, slots=True, kw_only=True)
class Decorated(DotProduct):
    """Raw inner products times a factor, beside a number that nothing reads and one of a kind that is unknown."""

    factor: float = 1.0
    ornament: float = 3.0
    motto: str = "plain"

    def __call__(self, query, keys):
        return DotProduct.__call__(self, query, keys) * self.factor


def test_a_planted_dead_parameter_is_found_beside_a_live_one_and_an_unknown_one() -> None:
    _, found = audited(replace(BASE, similarity=Decorated()), probe_inputs(), "similarity")
    assert found["similarity.ornament"].reach is Rung.DEAD
    assert [trial.value for trial in found["similarity.ornament"].trials] == [1.5, 6.0]
    assert found["similarity.factor"].reach is Rung.RANKS
    motto = found["similarity.motto"]
    assert motto.reach is None
    assert [each.reason.split(" is ")[0] for each in motto.not_tried] == ["'plain'"]


def test_what_the_rules_expect_to_change_nothing_changes_no_rank() -> None:
    """Probabilities are interpolated from the backbone's own neighbours, so nothing that is learnt is scored."""
    base = compose(BASE, [find("wiring.interpolate")()])
    _, found = audited(base, probe_inputs(), "temperature", "retriever", "scorer")
    expected = [(each, trial) for each in found.values() for trial in each.trials if trial.expected]
    assert {each.name for each, _ in expected} >= {"temperature.schedule.value", "retriever.dropout"}
    assert all(trial.found.users_moved == 0.0 for _, trial in expected)
    assert found["scorer.share"].reach is Rung.RANKS


def test_a_base_that_cannot_run_or_is_no_twin_of_itself_is_refused() -> None:
    def broken(recipes: Sequence[Recipe]) -> list[Measured | Failure]:
        return [Failure(reason="no entries")] * len(recipes)

    def restless(recipes: Sequence[Recipe]) -> list[Measured | Failure]:
        found = Measured(
            training=Rung.LOSS,
            reach=Rung.RANKS,
            neighbours=True,
            users_moved=0.5,
            hits_moved=0.1,
            gradient_change=None,
            figures={},
        )
        return [found] * len(recipes)

    with pytest.raises(InputError, match="base cannot be run: no entries"):
        audit_recipe(BASE, broken)
    with pytest.raises(InputError, match=r"two runs of base differ \(ranks\)"):
        audit_recipe(BASE, restless)


def test_a_run_that_fails_is_listed_with_its_reason() -> None:
    """The longest training history has between twenty and eighty items, so at twice the length the memory is empty."""
    _, found = audited(replace(BASE, admission=LongerThan(length=40)), probe_inputs(), "admission")
    length = found["admission.length"]
    assert [trial.value for trial in length.trials] == [20]
    assert [(each.value, each.reason.partition(":")[0]) for each in length.not_tried] == [(80, "the memory is empty")]


def test_a_sample_of_users_keeps_their_whole_histories_and_vectors() -> None:
    whole = probe_inputs()
    part = Sample(n_users=7, streams=PROBE_STREAMS).of(whole)
    users = Sample(n_users=7, streams=PROBE_STREAMS).users(whole.data, whole.prefixes)
    assert part.data.n_users == len(users) == 7
    for new, old in enumerate(users):
        assert part.data.sequence(new).tolist() == whole.data.sequence(int(old)).tolist()
    ours, theirs = part.prefixes, whole.prefixes
    place = {
        (int(user), int(spot)): row for row, (user, spot) in enumerate(zip(theirs.user, theirs.position, strict=True))
    }
    rows = [place[int(users[user]), int(spot)] for user, spot in zip(ours.user, ours.position, strict=True)]
    assert np.array_equal(part.encodings.numpy(), whole.encodings.numpy()[rows])
    assert np.array_equal(ours.target, theirs.target[rows])


@pytest.mark.parametrize("targets", [1, 3])
def test_entries_of_a_sample_are_counted_by_the_protocol(targets: int) -> None:
    prefixes = split_prefixes(probe_inputs().data, Protocol(targets=targets, valid_targets=targets))
    expected = np.zeros(len(prefixes.held_out), dtype=int)
    for prefix in prefixes.train:
        expected[prefixes.user[prefix]] += prefixes.position[prefix] > LongerThan().length
    assert sample.entries(prefixes).tolist() == expected.tolist()
    assert expected.sum()


def test_all_users_are_everyone_and_no_number_means_enough_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = probe_inputs()
    data, prefixes = inputs.data, inputs.prefixes
    admitted = prefixes.train[LongerThan().admitted(prefixes.train, inputs)]
    assert sample.entries(prefixes).tolist() == np.bincount(prefixes.user[admitted], minlength=data.n_users).tolist()
    for n_users in (0, None, 1000):
        assert Sample(n_users=n_users, streams=PROBE_STREAMS).users(data, prefixes).tolist() == list(
            range(data.n_users)
        )
    assert sample.of_users(data, np.arange(data.n_users)).fingerprint() == data.fingerprint()
    monkeypatch.setattr(sample, "ENOUGH_USERS", 3)
    monkeypatch.setattr(sample, "ENOUGH_ENTRIES", 100)
    few = Sample(n_users=None, streams=PROBE_STREAMS).users(data, prefixes)
    assert 3 < len(few) < data.n_users
    assert sample.entries(prefixes)[few].sum() >= 100


def test_ranks_that_move_are_told_from_targets_that_enter_or_leave_the_top_ten() -> None:
    before = fine_tune(BASE, probe_inputs(), budget=Budget(epochs=1, patience=1), streams=PROBE_STREAMS)
    ranks = before.test_on.copy()
    ranks[:6] = [9, 9, 9, 30, 30, 30]
    before = replace(before, test_on=ranks)
    ranks = ranks.copy()
    ranks[:6] = [9, 8, 11, 10, 29, 30]
    after = replace(before, test_on=ranks)
    assert moved(before, after) == 4 / 60
    assert moved(before, after, within=10) == 2 / 60
