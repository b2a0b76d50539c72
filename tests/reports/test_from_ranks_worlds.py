"""Planted worlds through a table of ranks: a real effect is found, an equal arm is not adopted."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest

import reports
from reports.ranks.checking import check
from reports.ranks.columns import named
from reports.ranks.framing import frame_from
from reports.stats.analysis import analyse
from tests.reports.rankings import table
from tests.reports.worlds import ranks_of

SEED_SD = 0.05


def drawn(world: int, *, n_seeds: int = 3, n_users: int = 400) -> pd.DataFrame:
    """A baseline, an arm with a real effect, and two without one, whose every run has an effect of its seed."""
    rng = np.random.default_rng([world, n_seeds])
    users = 0.85 * rng.standard_normal(n_users)
    of_seed = 0.5 * rng.standard_normal((n_seeds, n_users))
    parts: list[dict[str, Any]] = []
    for arm, shift in (("plain", 0.0), ("real", 0.5), ("equal", 0.0), ("same", 0.0)):
        for seed in range(n_seeds):
            luck = SEED_SD * rng.standard_normal()
            score = users + of_seed[seed] + shift + luck + 0.25 * rng.standard_normal(n_users)
            parts.append({"arm": arm, "seed": seed, "user": np.arange(n_users), "rank": ranks_of(score)})
    return pd.concat([pd.DataFrame(part) for part in parts], ignore_index=True)


def test_a_real_effect_is_found_and_an_equal_arm_is_not_adopted() -> None:
    made = reports.from_ranks(drawn(1), baseline="plain")
    verdicts = {row.name: row.verdict for row in made.report.rows}
    assert made.report.models["answer"].arm == "real"
    assert verdicts["real"] == "better"
    assert {verdicts["equal"], verdicts["same"]} <= {"inconclusive", "equivalent"}
    assert made.report.models["answer"].adopt == "Adopt real."


@pytest.mark.slow
@pytest.mark.parametrize("n_seeds", [3, 5])
def test_over_many_worlds_equal_arms_are_rarely_called_better_or_worse(n_seeds: int) -> None:
    """Holm keeps a study's false verdicts at 5% in all; 400 worlds put three standard errors at 3.3 points."""
    n_worlds, wrong = 400, 0
    of_real: Counter[str] = Counter()
    for world in range(n_worlds):
        found = check(named(drawn(world, n_seeds=n_seeds), {}, "t"), "t", baseline="plain", beyond=None, users="same")
        frame = frame_from(
            found,
            baseline="plain",
            name="t",
            question="",
            primary="ndcg@10",
            sesoi=0.01,
            beyond=None,
            facts={},
        )
        verdicts = analyse(frame).verdicts
        of_real[verdicts["real"].code] += 1
        wrong += any(verdicts[arm].code in ("better", "worse") for arm in ("equal", "same"))
    print(f"{n_seeds} seeds: {wrong} of {n_worlds} worlds have a false verdict; the real effect is {dict(of_real)}")
    assert wrong / n_worlds <= 0.05 + 3.0 * (0.05 * 0.95 / n_worlds) ** 0.5
    assert of_real["better"] >= 0.9 * n_worlds
    assert not of_real["worse"]


def test_the_order_of_rows_and_arms_moves_nothing() -> None:
    given = table()
    turned: Any = given[::-1]
    one, two = (reports.from_ranks(each, baseline="plain") for each in (given, turned))
    assert one.report.rows == two.report.rows
