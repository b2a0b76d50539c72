"""One test at the end: arms that were set aside count in it with p = 1, and are never better or worse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from harness.results.seeds import Seeds, Stop
from harness.stats.effects import Effect
from reports.stats.set_aside import judged_at_end
from reports.stats.verdicts import Verdict, judge
from tests.reports.stats.test_verdicts import effect_of

START = 3


def at_end(
    arms: Mapping[str, Effect],
    sesoi: float,
    set_aside: Sequence[str],
    *,
    why: Stop = "futile",
    unfinished: bool = False,
) -> dict[str, Verdict]:
    gone = dict.fromkeys(set_aside, START)
    seeds = Seeds(start=START, most=START + 7, set_aside=gone, why=dict.fromkeys(gone, why), ended=not unfinished)
    return judged_at_end(arms, seeds, lambda family: judge(family, sesoi, unfinished=unfinished))


def test_an_arm_that_was_set_aside_is_never_better_or_worse() -> None:
    for mean in (0.01, -0.01):
        found = at_end({"a": effect_of(mean, 0.001)}, 0.001, ["a"])["a"]
        assert (found.code, found.p_holm, found.negligible) == ("set_aside", 1.0, False)
        assert found.p is not None
        assert found.p < 0.001
        assert found.adjusted is not None
        assert found.detectable is not None
        assert found.seeds_needed is None


def test_it_counts_in_the_family() -> None:
    arm = effect_of(0.0035, 0.001)
    idle = {str(n): effect_of(0.0, 0.001) for n in range(9)}
    assert judge({"a": arm}, 0.0001)["a"].code == "better"
    found = at_end({"a": arm, **idle}, 0.0001, list(idle))
    assert found["a"].code == "inconclusive"
    assert found["a"].adjusted == pytest.approx(arm.interval(1.0 - 0.05 / 10))
    assert {each.code for name, each in found.items() if name != "a"} == {"set_aside"}


def test_setting_arms_aside_never_helps_another() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        arms = {str(n): effect_of(0.002 * float(rng.standard_normal()), 0.001) for n in range(6)}
        aside = [name for name in arms if rng.random() < 0.5]
        without, stopped = judge(arms, 0.0001), at_end(arms, 0.0001, aside)
        for name in arms:
            before, after = without[name].p_holm, stopped[name].p_holm
            assert before is not None
            assert after is not None
            assert after >= before
            found = stopped[name].code in ("better", "worse")
            assert not found or without[name].code == stopped[name].code


@pytest.mark.parametrize("sesoi", [1e-9, 1.0])
def test_an_arm_keeps_what_it_was_stopped_for(sesoi: float) -> None:
    """At the end another prior and another level of base would say otherwise; nobody asks them."""
    effect = effect_of(0.001, 0.001)
    stopped: dict[Stop, str] = {"equivalent": "equivalent", "futile": "set_aside"}
    for why, code in stopped.items():
        found = at_end({"a": effect}, sesoi, ["a"], why=why)["a"]
        assert (found.code, found.seeds_needed, found.needs_targets) == (code, None, False)
    assert at_end({"a": effect}, 1.0, [])["a"].code == "equivalent"


def test_before_the_end_it_has_no_verdict_and_its_own_p() -> None:
    effect = effect_of(0.01, 0.001)
    found = at_end({"a": effect}, 0.001, ["a"], unfinished=True)["a"]
    assert (found.code, found.p_holm, found.p) == ("partial", None, effect.p)
