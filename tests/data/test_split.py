from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness.data.interactions import MIN_SEQUENCE, Interactions, LoadReport
from harness.data.protocol import Protocol
from harness.data.split import split_prefixes

SEQUENCES = st.lists(st.lists(st.integers(1, 9), min_size=MIN_SEQUENCE, max_size=30), min_size=1, max_size=8)


def interactions(sequences: list[list[int]]) -> Interactions:
    return Interactions(
        name="loop",
        items=np.array([item for sequence in sequences for item in sequence], dtype=np.int32),
        offsets=np.cumsum([0, *map(len, sequences)]).astype(np.int64),
        user_labels=np.array([str(user) for user in range(len(sequences))]),
        item_labels=np.array(["", *"123456789"]),
        load_report=LoadReport(source="loop", rows=0),
    )


@given(SEQUENCES)
def test_leave_one_out_is_what_a_loop_makes(sequences: list[list[int]]):
    data = interactions(sequences)
    train, valid, test = [], [], []
    for user, sequence in enumerate(sequences):
        for position in range(1, len(sequence)):
            sample = (user, position, sequence[position])
            left = len(sequence) - position
            (test if left == 1 else valid if left == 2 else train).append(sample)

    prefixes = split_prefixes(data)
    samples = list(zip(prefixes.user.tolist(), prefixes.position.tolist(), prefixes.target.tolist(), strict=True))

    assert prefixes.n_prefixes == len(samples) == len(train) + len(valid) + len(test)
    assert [samples[n] for n in prefixes.train] == train
    assert [samples[n] for n in prefixes.valid] == valid
    assert [samples[n] for n in prefixes.test] == test
    assert prefixes.held_out.tolist() == [2] * len(sequences)


@given(SEQUENCES, st.integers(1, 12), st.integers(1, 4))
def test_several_targets_are_the_last_events_and_what_is_before_them(
    sequences: list[list[int]], targets: int, valid_targets: int
):
    prefixes = split_prefixes(interactions(sequences), Protocol(targets=targets, valid_targets=valid_targets))
    for user, sequence in enumerate(sequences):
        n_test = max(1, min(targets, len(sequence) - 10))
        n_valid = max(1, min(valid_targets, len(sequence) - n_test - 10))
        first_test = len(sequence) - n_test
        parts = {
            "test": range(first_test, len(sequence)),
            "valid": range(max(1, first_test - n_valid), first_test),
            "train": range(1, first_test - n_valid),
        }
        for name, positions in parts.items():
            numbers = getattr(prefixes, name)
            assert prefixes.position[numbers[prefixes.user[numbers] == user]].tolist() == list(positions)


@given(SEQUENCES, st.integers(1, 12))
def test_rows_of_users_end_with_their_last_target(sequences: list[list[int]], targets: int):
    prefixes = split_prefixes(interactions(sequences), Protocol(targets=targets))
    rows = prefixes.by_user(prefixes.position[prefixes.test], prefixes.test).reshape(len(sequences), -1)

    for user, sequence in enumerate(sequences):
        own = prefixes.position[prefixes.test[prefixes.user[prefixes.test] == user]].tolist()
        assert rows[user].tolist() == [0] * (rows.shape[1] - len(own)) + own
        assert rows[user, -1] == len(sequence) - 1
    assert prefixes.last(prefixes.test).tolist() == (np.cumsum([len(each) - 1 for each in sequences]) - 1).tolist()


def test_one_target_each_makes_flat_rows():
    prefixes = split_prefixes(interactions([[1, 2, 3], [4, 5, 6, 7]]))
    assert prefixes.by_user(prefixes.target[prefixes.test], prefixes.test).tolist() == [3, 7]
