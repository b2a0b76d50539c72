from __future__ import annotations

import numpy as np

from harness.data.partners import group_by_target
from harness.data.planted import PlantedWorld, plant
from harness.data.split import split_prefixes

PREFIXES = split_prefixes(plant(PlantedWorld(n_users=30, n_items=20)).interactions)


def test_a_partner_is_another_training_prefix_with_the_same_target() -> None:
    everyone = np.arange(PREFIXES.n_prefixes)
    for turn in range(4):
        partner, exists = PREFIXES.partners.of(everyone, turn)
        assert exists.any()
        assert np.isin(partner, PREFIXES.train).all()
        assert (PREFIXES.target[partner[exists]] == PREFIXES.target[exists]).all()
        assert (partner[exists] != everyone[exists]).all()


def test_turns_go_round_all_partners() -> None:
    targets, counts = np.unique(PREFIXES.target[PREFIXES.train], return_counts=True)
    some = int(targets[counts.argmin()])
    fellows = PREFIXES.train[PREFIXES.target[PREFIXES.train] == some]
    for prefix in fellows:
        met = {int(PREFIXES.partners.of(np.array([prefix]), turn)[0][0]) for turn in range(len(fellows) - 1)}
        assert met == set(fellows.tolist()) - {int(prefix)}


def test_who_is_alone_with_a_target_has_no_partner_and_a_valid_query_of_it_has() -> None:
    target = np.array([3, 3, 1, 2, 3, 2])
    partners = group_by_target(target, np.arange(len(target)), train=np.array([0, 2, 3, 4]), n_items=4)
    partner, exists = partners.of(np.array([2, 5, 1, 0]), turn=7)
    assert exists.tolist() == [False, True, True, True]
    assert partner[1] == 3
    assert partner[2] in (0, 4)
    assert partner[3] == 4
