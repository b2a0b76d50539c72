"""Tables of ranks with known effects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tests.reports.worlds import ranks_of

SHIFTS = {"plain": 0.0, "better": 0.4, "alike": 0.0}


def table(
    shifts: Mapping[str, float] = SHIFTS, *, seeds: Sequence[int] = (0, 1, 2), n_users: int = 120, world: int = 0
) -> pd.DataFrame:
    """Arms that differ from the first by their shift of the target's score, and by their own noise."""
    rng = np.random.default_rng(world)
    of_user = rng.standard_normal(n_users)
    of_run = {seed: 0.85 * of_user + 0.5 * rng.standard_normal(n_users) for seed in seeds}
    parts = [
        pd.DataFrame(
            {
                "arm": arm,
                "seed": seed,
                "user": [f"u{user}" for user in range(n_users)],
                "rank": ranks_of(of_run[seed] + shift + 0.25 * rng.standard_normal(n_users)),
            }
        )
        for arm, shift in shifts.items()
        for seed in seeds
    ]
    return pd.concat(parts, ignore_index=True)


def described(found: pd.DataFrame) -> pd.DataFrame:
    """The same with every optional column but retrieval and split."""
    user = found["user"].str.removeprefix("u").astype(int)
    arm: Any = found["arm"]
    run = arm.map({arm: 10.0 * place for place, arm in enumerate(found["arm"].unique(), start=1)})
    return found.assign(
        target="item" + user.astype(str),
        history_length=5 + user % 50,
        popularity=1 + user % 90,
        seconds=run + found["seed"],
    )
