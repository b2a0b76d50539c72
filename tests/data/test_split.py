from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness.data.interactions import MIN_SEQUENCE, Interactions, LoadReport
from harness.data.split import split_prefixes


@given(st.lists(st.lists(st.integers(1, 9), min_size=MIN_SEQUENCE, max_size=12), min_size=1, max_size=8))
def test_leave_one_out_is_what_a_loop_makes(sequences: list[list[int]]):
    data = Interactions(
        name="loop",
        items=np.array([item for sequence in sequences for item in sequence], dtype=np.int32),
        offsets=np.cumsum([0, *map(len, sequences)]).astype(np.int64),
        user_labels=np.array([str(user) for user in range(len(sequences))]),
        item_labels=np.array(["", *"123456789"]),
        load_report=LoadReport(source="loop", rows=0),
    )
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
