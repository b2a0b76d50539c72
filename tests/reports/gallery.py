"""Studies whose pages are looked at: ordinary, large, incomplete, hopeless and oddly named ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.results.folder import StudyFolder
from harness.results.manifest import ArmRow
from harness.results.record import RunRecord
from tests.reports import stackworlds, worlds
from tests.reports.diagnosed import AS_FOUND, HEALTHY, diagnose
from tests.reports.worlds import Arm

MARKUP = "<script>alert('x')</script><img src=x onerror=alert(1)> & <b>bold</b> $x_1$ \"quoted\""
CHINESE = "学习率预热与余弦退火调度下的双向对称KL散度与注意力温度联合搜索"
LONG = (
    "objective.kl_symmetric+attention.temperature_per_sample+search.diverse["
    + ", ".join(f"very_long_setting_{number}={number / 7:.12f}" for number in range(6))
    + "]"
)
UNBROKEN = "one_word_without_any_place_to_break_" * 4
TRACEBACK = "loss not finite at epoch 3\nTraceback (most recent call last):\n" + "\n".join(
    f'  File "/a/long/path/of/a/module/that/failed/number_{line}.py", line {line}, in forward_of_a_long_named_function'
    for line in range(12)
)


def four(path: Path) -> StudyFolder:
    """Four arms, one better and one worse, and aliases."""
    extra = (
        ArmRow(name="weight[weight=0.03]", arm="weight", status="alias", alias_of="base", family="kl"),
        ArmRow(name="twin", arm="twin", status="alias", alias_of="reverse", family="kl"),
    )
    return worlds.study(path, worlds.FOUR, n_users=300, extra_rows=extra)


def many(path: Path, *, n_users: int = 400) -> StudyFolder:
    """36 arms x 5 seeds of nine families."""
    families = ("wiring", "temperature", "fusion", "kl", "retriever", "scope", "index", "search", "training")
    arms = {
        f"{families[place % 9]}.remedy_{place:02d}[setting={place / 10}]": Arm(
            shift=0.05 * (place % 7 - 3),
            touched=0.0 if place % 12 == 11 else 0.5,
            family=families[place % 9],
            priority="HML-"[place % 4],
            seconds=20.0 + 9.0 * place,
        )
        for place in range(36)
    }
    return worlds.study(path, arms, replicates=range(5), n_users=n_users)


def failed(path: Path) -> StudyFolder:
    """Cells that failed or are still missing, and a remedy that cannot act."""
    arms = {"a": Arm(), "b": Arm(shift=0.2), "c": Arm(shift=-0.1), "dead": Arm(touched=0.0)}
    return worlds.study(
        path,
        arms,
        n_users=200,
        failures={("b", 1): TRACEBACK, ("b", 2): "killed by signal 9"},
        missing=[("a", 2)],
        extra_rows=(ArmRow(name="pareto", arm="pareto", status="inapplicable", reason="one live term only"),),
    )


def single(path: Path) -> StudyFolder:
    """One seed: no verdict."""
    return worlds.study(path, worlds.FOUR, replicates=(0,), n_users=300)


def nothing(path: Path) -> StudyFolder:
    """Arms without any effect."""
    arms = {f"remedy_{place}": Arm(touched=0.3 * (place > 0)) for place in range(6)}
    return worlds.study(path, arms, replicates=range(5), n_users=600, sesoi=0.05)


def names(path: Path) -> StudyFolder:
    """Names that are long, Chinese, markup or a formula; an arm that falls to 0, a curve that is not finite."""
    arms = {
        MARKUP: Arm(shift=0.2),
        CHINESE: Arm(shift=0.1, family="中文"),
        LONG: Arm(shift=-0.1, family="stack"),
        UNBROKEN: Arm(),
        "=1+1": Arm(shift=0.3),
        "zero": Arm(),
    }
    folder = worlds.study(path, arms, n_users=200, question=f"Is {MARKUP} safe, 并且{CHINESE}能读吗?")
    _changed(folder, "zero", lambda run, _: replace(run, test_on=np.maximum(run.test_on, 100).astype(np.int32)))

    def broken(run: RunRecord, number: int) -> RunRecord:
        point = replace(run.curve[-1], valid_on={"ndcg@10": math.nan}, losses={"ce": math.nan, "kl": math.inf})
        return replace(run, curve=(*run.curve[:-1], point)) if number == 0 else run

    _changed(folder, "=1+1", broken)
    return folder


def zero(path: Path) -> StudyFolder:
    """A primary metric that is 0 for every user of every row, so that nothing is relative to anything."""
    folder = worlds.study(path, {"a": Arm(), "b": Arm(shift=-0.2)}, n_users=120)

    def hopeless(run: RunRecord, number: int) -> RunRecord:
        worst = np.maximum(run.test_on, 100).astype(np.int32)
        return replace(run, test_on=worst, test_off=worst + number)

    for row in folder.manifest().rows:
        _changed(folder, row.name, hopeless)
    return folder


def diagnosed(path: Path) -> StudyFolder:
    """Four arms with evidence: base in every run, arms in one, one of which could not be measured; a muted check."""
    two_groups = {**HEALTHY, "loss.gradient.enhanced.blocks.1": 4.1e-6, "loss.gradient.alignment.blocks.1": 0.0}
    rows = {
        "base": AS_FOUND,
        "reverse": {**AS_FOUND, "kl.imitation": 0.7},
        "reverse+attention": two_groups,
        "js": HEALTHY,
    }
    mute = {"FTR302": f"the data is <b>{MARKUP}</b>"}
    return diagnose(four(path), rows, problems={"js": TRACEBACK}, mute=mute, chosen_epochs={"reverse": 1})


def many_diagnosed(path: Path) -> StudyFolder:
    """36 arms, all with evidence."""
    folder = many(path, n_users=200)
    names = [row.name for row in folder.manifest().rows if row.name != "a/a"]
    return diagnose(folder, {name: AS_FOUND if place % 2 else HEALTHY for place, name in enumerate(names)})


def names_diagnosed(path: Path) -> StudyFolder:
    """Evidence of arms with odd names, none of base's figures a number at the end."""
    folder = names(path)
    every = [row.name for row in folder.manifest().rows]
    return diagnose(folder, {name: dict.fromkeys(AS_FOUND, math.nan) if name == "base" else AS_FOUND for name in every})


GALLERY: Mapping[str, Callable[[Path], StudyFolder]] = {
    "four": four,
    "many": many,
    "failed": failed,
    "single": single,
    "nothing": nothing,
    "names": names,
    "zero": zero,
    "diagnosed": diagnosed,
    "many_diagnosed": many_diagnosed,
    "names_diagnosed": names_diagnosed,
    "factorial": stackworlds.factorial_study,
    "fraction": stackworlds.fraction_study,
    "greedy": stackworlds.greedy_study,
}


def _changed(folder: StudyFolder, name: str, change: Callable[[RunRecord, int], RunRecord]) -> None:
    row = next(row for row in folder.manifest().rows if row.name == name)
    for number, key in row.keys.items():
        run = folder.records.read(key)
        assert run is not None
        folder.records.write(change(run, number))
