"""The price of a decision: CPU seconds to resolve a true effect, or to call an idle arm equivalent, at 80% power."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np

from benchmarks.decisions import first_edition
from benchmarks.decisions.playing import Played, fixed, sequential, share
from benchmarks.decisions.worlds import World, draw, draw_end
from harness.results.folder import StudyFolder
from harness.results.frame import Frame
from harness.results.manifest import A_A, BASE
from harness.results.reading import read_frame
from harness.stats.effects import study_effects

POWER = 0.8
EFFECT, SESOI = 0.02, 0.01
"""As fractions of base: the effect to resolve, and the equivalence bound for idle arms."""

START = 3
MOST_TRIED = 20_000
"""Largest number of seeds to try for a fixed design."""

MOST_LOOKED_AT = 300
"""Largest number of seeds to try for a design with looks."""

N_CHUNK = 2_000_000
"""Number of figures drawn at once if all seeds of a study are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """Components of variance of an arm's difference from base, and costs of a study of such arms.

    Attributes:
        base: level of the primary metric; effects are fractions of it.
        seed_sd, user_sd, error_sd: standard deviations of a difference with one target per user.
        shrink: standard deviations of users and errors with ``targets`` targets per user, divided by those with one.
        cell, evaluate, backbone: CPU seconds of a cell without scoring, of scoring one target per user, of a backbone.
    """

    base: float
    n_users: int
    seed_sd: float
    user_sd: float
    error_sd: float
    cell: float
    evaluate: float
    backbone: float
    targets: int = 10
    shrink: float = 0.35

    def world(self, effects: Sequence[float], targets: int) -> World:
        """A world of arms with the given effects, as fractions of base."""
        by = self.shrink if targets > 1 else 1.0
        return World(
            effects=tuple(self.base * each for each in effects),
            n_users=self.n_users,
            seed_sd=self.seed_sd * by,
            user_sd=self.user_sd * by,
            error_sd=self.error_sd * by,
        )

    def seconds(self, n_cells: float, n_backbones: float, targets: int) -> float:
        """CPU seconds of the given numbers of cells and backbones."""
        return n_cells * (self.cell + targets * self.evaluate) + n_backbones * self.backbone


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """The cheapest design of one kind with the required power.

    Attributes:
        how: the design.
        n_cells, n_backbones, seconds: its mean cost; infinite if no tried design has the power.
    """

    how: str
    power: float
    n_cells: float
    n_backbones: float
    seconds: float


def components_of(folder: Path, *, backbone: float | None = None, shrink: float = 0.35) -> Components:
    """The components and costs of a study that has run.

    The variance of each part is the median over the arms that move ranks; the ratio of the seeds' mean square to the
    residual's is the mean over them, because a single ratio is too noisy.  For a study with several targets per user,
    `shrink` converts the figures to one target.

    Args:
        folder: folder of a study with three seeds or more.
        backbone: CPU seconds to train one; None: read from the files of the study's backbones.
        shrink: as in :class:`Components`.
    """
    frame = read_frame(StudyFolder(folder))
    manifest = frame.manifest
    targets = int(dict(getattr(manifest, "protocol", {})).get("targets", 1))
    rows = [name for name in frame.estimable() if name != A_A and frame.changed(name)]
    effects = [each for each in study_effects(frame.deltas(manifest.primary, rows=rows)).values() if each.ms_err > 0.0]
    ratio = max(mean(each.ms_seed / each.ms_err for each in effects), 1.0)
    error = median(each.error_sd for each in effects)
    records = [record for cells in frame.records.values() for record in cells.values()]
    evaluate = median(record.seconds.get("evaluate", 0.0) for record in records)
    back = shrink if targets > 1 else 1.0
    return Components(
        base=median(each.reference for each in effects),
        n_users=frame.n_users,
        seed_sd=error * math.sqrt((ratio - 1.0) / frame.n_users) / back,
        user_sd=median(each.user_sd for each in effects) / back,
        error_sd=error / back,
        cell=median(record.seconds["total"] - record.seconds.get("evaluate", 0.0) for record in records),
        evaluate=evaluate / targets,
        backbone=_backbone_seconds(folder, frame) if backbone is None else backbone,
        targets=max(targets, 10),
        shrink=shrink,
    )


def read_components(file: Path) -> Components:
    """The components from a JSON file with the fields of :class:`Components`."""
    said: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return Components(**said)


def resolve_first(found: Components, *, effect: float, n_arms: int, n_studies: int, seed: int) -> Price:
    """Price to find one arm with the effect among idle arms: one target per user, fixed seeds, first edition's test."""
    world = found.world((effect, *[0.0] * (n_arms - 1)), 1)

    def power(n_seeds: int) -> float:
        drawn = draw_end(world, n_seeds, n_studies, np.random.default_rng([seed, n_seeds]))
        return float((first_edition.p_values(drawn, n_seeds)[:, 0] < 0.05 / n_arms).mean())

    return _of_fixed(found, power, n_arms=n_arms, targets=1)


def resolve_now(found: Components, *, effect: float, n_arms: int, n_studies: int, seed: int) -> Price:
    """As :func:`resolve_first`, with several targets, the current estimate, and more seeds for undecided arms."""
    world = found.world((effect, *[0.0] * (n_arms - 1)), found.targets)
    sesoi = 0.01 * found.base

    def studies(most: int) -> list[Played]:
        rng = np.random.default_rng([seed, most])
        if most <= START:
            drawn = draw(world, most, n_studies, rng)
            return [fixed(drawn, study, most, sesoi) for study in range(n_studies)]
        played: list[Played] = []
        at_once = max(N_CHUNK // ((n_arms + 1) * most**2), 1)
        while len(played) < n_studies:
            size = min(at_once, n_studies - len(played))
            drawn = draw(world, most, size, rng)
            played += [sequential(drawn, study, START, most, sesoi) for study in range(size)]
        return played

    cap = min(MOST_LOOKED_AT, found.n_users - 2)
    most = smallest(lambda n: share(studies(n), ["0"], "better", "worse"), least=START, most=cap)
    if most is None:
        return _none(cap)
    played = studies(most)
    n_cells, n_backbones = mean(each.n_cells for each in played), mean(each.n_backbones for each in played)
    return Price(
        how=f"start {START}, most {most}" if most > START else f"{most} seeds",
        power=share(played, ["0"], "better", "worse"),
        n_cells=n_cells,
        n_backbones=n_backbones,
        seconds=found.seconds(n_cells, n_backbones, found.targets),
    )


def idle_first(found: Components, *, sesoi: float, n_arms: int, n_studies: int, seed: int) -> Price:
    """Price to call idle arms equivalent within the given fraction of base, with the first edition."""
    world = found.world([0.0] * n_arms, 1)

    def power(n_seeds: int) -> float:
        drawn = draw_end(world, n_seeds, n_studies, np.random.default_rng([seed, n_seeds]))
        return float(first_edition.equivalent(drawn, n_seeds, sesoi * found.base)[:, :-1].mean())

    return _of_fixed(found, power, n_arms=n_arms, targets=1)


def idle_now(found: Components, *, sesoi: float, n_arms: int, n_studies: int, seed: int) -> Price:
    """As :func:`idle_first`, with several targets and the current estimate, for a fixed number of seeds.

    Stops for futility do not help here: they are made for finding effects, and an arm that stops early has fewer seeds
    to show equivalence.
    """
    world, arms = found.world([0.0] * n_arms, found.targets), [str(arm) for arm in range(n_arms)]

    def power(n_seeds: int) -> float:
        drawn = draw_end(world, n_seeds, n_studies, np.random.default_rng([seed, n_seeds]))
        played = [fixed(drawn, study, n_seeds, sesoi * found.base) for study in range(n_studies)]
        return share(played, arms, "equivalent")

    return _of_fixed(found, power, n_arms=n_arms, targets=found.targets)


def smallest(power: Callable[[int], float], *, least: int = 3, most: int = MOST_TRIED) -> int | None:
    """The smallest number of seeds with a power of :data:`POWER`; None if `most` seeds have less."""
    low, high = least - 1, least
    while power(high) < POWER:
        if high >= most:
            return None
        low, high = high, min(2 * high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle) >= POWER else (middle, high)
    return high


def _of_fixed(found: Components, power: Callable[[int], float], *, n_arms: int, targets: int) -> Price:
    n_seeds = smallest(power)
    if n_seeds is None:
        return _none(MOST_TRIED)
    n_cells = n_seeds * (n_arms + 2)
    seconds = found.seconds(n_cells, n_seeds, targets)
    return Price(how=f"{n_seeds} seeds", power=power(n_seeds), n_cells=n_cells, n_backbones=n_seeds, seconds=seconds)


def _none(most: int) -> Price:
    return Price(how=f"none of {most} seeds", power=0.0, n_cells=math.inf, n_backbones=math.inf, seconds=math.inf)


def price_table(
    found: Components,
    *,
    n_arms: int,
    n_studies: int,
    seed: int,
    effect: float = EFFECT,
    sesoi: float = SESOI,
) -> str:
    """A Markdown table of both decisions, for the first edition and the current one."""
    given = {"n_arms": n_arms, "n_studies": n_studies, "seed": seed}
    rows: list[tuple[str, Price, Price]] = [
        (
            f"resolve {effect:.1%} of base",
            resolve_first(found, effect=effect, **given),
            resolve_now(found, effect=effect, **given),
        ),
        (
            f"equivalent within {sesoi:.1%}",
            idle_first(found, sesoi=sesoi, **given),
            idle_now(found, sesoi=sesoi, **given),
        ),
    ]
    lines = [
        "| decision | edition | design | power | cells | backbones | CPU seconds | of the first |",
        "|" + " --- |" * 8,
    ]
    for name, first, now in rows:
        for edition, each in (("first", first), ("now", now)):
            ratio = f"{each.seconds / first.seconds:.3f}" if math.isfinite(first.seconds) else "-"
            shown = f"{each.n_cells:.0f} | {each.n_backbones:.0f} | {each.seconds:.0f} | {ratio}"
            lines.append(f"| {name} | {edition} | {each.how} | {100 * each.power:.0f}% | {shown} |")
    return "\n".join(lines)


def _backbone_seconds(folder: Path, frame: Frame) -> float:
    """Mean CPU seconds of the backbones of base, read from their files; 0 if there are none."""
    took: list[float] = []
    for record in frame.records[BASE].values():
        file = folder.parent / ".cache" / "backbones" / f"{record.provenance.get('backbone', '')}.safetensors"
        if file.exists():
            with file.open("rb") as opened:
                header = json.loads(opened.read(int.from_bytes(opened.read(8), "little")))
            described = json.loads(header["__metadata__"]["described"])
            took.append(float(described["seconds"]) * int(described["provenance"].get("threads", 1)))
    return mean(took) if took else 0.0
