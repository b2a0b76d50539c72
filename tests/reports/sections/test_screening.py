"""A study with many arms and two seeds says that it is a screening, and one that can see does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reports import worlds
from tests.reports.pages import reported


@pytest.mark.parametrize(("n_arms", "replicates", "blind"), [(30, (0, 1), True), (4, (0, 1, 2, 3, 4), False)])
def test_a_study_that_could_see_nothing_plausible_says_so(
    tmp_path: Path, n_arms: int, replicates: tuple[int, ...], blind: bool
) -> None:
    arms = {f"arm{number}": worlds.Arm(seed_sd=0.02 * (number % 3)) for number in range(n_arms)}
    folder = worlds.study(tmp_path / "many", arms, replicates=replicates)
    answer = reported(folder)["answer"]
    assert ("Treat the study as a screening" in answer["support"]) == blind
    assert ("with 80% power" in answer["support"]) or answer["code"] in ("helped", "two_seeds")
