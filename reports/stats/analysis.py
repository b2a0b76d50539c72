"""All estimates of a study, before any text is written."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from harness.results.frame import Frame, judged_rows
from harness.results.manifest import A_A, BASE
from harness.results.text import ByRow
from harness.stats.distributions import adjusted
from harness.stats.effects import Effect, Prior, anova, study_effects, study_prior
from reports.stats.beside import Beside, guards, last_targets, log_ranks
from reports.stats.crossings import CUT, Crossing, crossings
from reports.stats.groups import Subgroups, subgroups
from reports.stats.noise import SwapRate, movers, swap_rate, typical_detectable
from reports.stats.priorities import Agreement, priority_agreement
from reports.stats.progress import Progress, progress_of, untested
from reports.stats.ranking import Place, rank, simultaneous_alpha
from reports.stats.set_aside import judged_at_end
from reports.stats.sources import without_valid_targets
from reports.stats.verdicts import Targets, Verdict, judge

SPARED = 10
"""Events at the start of a user's sequence that the protocol never uses as further test targets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """The estimates of a study; tests and ranks are left out until the study has ended.

    Attributes:
        effects: primary metric by row, for A/A and arms that changed a rank.
        unchanged: arms whose ranks equal base's everywhere.
        verdicts: verdicts of the arms in `effects`, without A/A.
        places: places of base and of arms with two or more seeds.
        secondary: metric -> row -> effect, retrieval on, without the primary metric.
        q: (metric, row) -> Benjamini-Hochberg adjusted p over all of `secondary`.
        gains: retrieval on minus off on the primary metric, by row, base and A/A included.
        gain_q: row -> Benjamini-Hochberg adjusted p of `gains`.
        base_mean: base's mean of the primary metric over its finished replicates; None if there are none.
        subgroups: primary metric by group of users; None if no row can be compared.
        crossings: gained and lost targets by row, A/A included.
        agreement: the problem list's priorities against the effects; None if too few remedies have a priority.
        progress: how many replicates have ended; no arm has a verdict before all have.
        without_valid: primary metric without validation targets in the memory, for rows whose memory has them.
        log_rank: log rank of the target over the whole list, for arms with a verdict.
        guards: metric that must not fall -> arm -> effect.
        last: primary metric on each user's last target only, by row; empty if users have one target.
        last_frame: the study with each user's last target only.
        sesoi: smallest effect worth having, in units of the metric.
        detectable_one, detectable_all: minimum detectable effect of a typical arm, alone and after the correction; in a
            study with looks, of arms that go on to the last seed.
        detectable_moving, detectable_idle: `detectable_all` for arms that move ranks
            (:func:`reports.stats.noise.movers`) and for the others; None without such arms or without A/A.
    """

    frame: Frame
    effects: Mapping[str, Effect]
    unchanged: frozenset[str]
    verdicts: Mapping[str, Verdict]
    places: Mapping[str, Place]
    secondary: Mapping[str, Mapping[str, Effect]]
    q: Mapping[tuple[str, str], float]
    gains: Mapping[str, Effect]
    gain_q: Mapping[str, float]
    subgroups: Subgroups | None
    crossings: Mapping[str, Crossing]
    agreement: Agreement | None
    progress: Progress
    without_valid: Mapping[str, Effect]
    log_rank: Mapping[str, Beside]
    guards: Mapping[str, Mapping[str, Beside]]
    last: Mapping[str, Effect]
    last_frame: Frame
    prior: Prior | None
    swaps: SwapRate | None
    base_mean: float | None
    sesoi: float | None
    detectable_one: float | None
    detectable_all: float | None
    detectable_idle: float | None
    detectable_moving: float | None

    @property
    def primary(self) -> str:
        return self.frame.manifest.primary

    @property
    def n_tests(self) -> int:
        """Number of arms in the Holm correction."""
        return sum(verdict.p is not None for verdict in self.verdicts.values())

    @property
    def one_seed(self) -> bool:
        """Whether the largest number of seeds of any arm is one."""
        return self._most_seeds == 1

    @property
    def two_seeds(self) -> bool:
        """Whether the largest number of seeds of any arm is two."""
        return self._most_seeds == 2

    @property
    def _most_seeds(self) -> int:
        return max((self.effects[name].n_seeds for name in self.verdicts), default=0)


def analyse(frame: Frame) -> Analysis:
    """Return all estimates of a study."""
    primary, last_frame = frame.manifest.primary, frame.last()
    unchanged = frozenset(name for name in judged_rows(frame) if not frame.changed(name))
    rows = [name for name in frame.estimable() if name not in unchanged]
    arms = [name for name in rows if name != A_A]
    base_mean = float(frame.values(BASE, primary).mean()) if frame.replicates(BASE) else None
    sesoi = None if base_mean is None else frame.manifest.sesoi * base_mean

    deltas = frame.deltas(primary, rows=rows) if rows else {}
    effects = study_effects(deltas)
    prior = study_prior({name: anova(found.values) for name, found in deltas.items()})
    judged = {name: effects[name] for name in arms}
    progress = progress_of(frame)
    n_seeds = frame.seeds.most  # With looks: the most seeds an arm may get; None: each arm's own number.
    placed = {name: effect for name, effect in judged.items() if effect.n_seeds > 1}
    places = rank(deltas, placed, frame.manifest.seed, sesoi or 0.0) if placed else {}
    alpha = simultaneous_alpha(deltas, placed, frame.manifest.seed) if placed else None
    verdicts = judged_at_end(
        judged,
        frame.seeds,
        lambda arms: judge(
            arms,
            sesoi or 0.0,
            unfinished=not progress.complete,
            alpha=alpha,
            targets=user_targets(frame),
            n_seeds=n_seeds,
        ),
    )

    secondary: dict[str, dict[str, Effect]] = {}
    hits = effects
    for metric in frame.metrics:
        if metric != primary and rows:
            found = study_effects(frame.deltas(metric, rows=rows))
            secondary[metric] = {name: found[name] for name in arms}
            hits = found if metric == f"recall@{CUT}" else hits
    gains = study_effects(frame.gains(primary))
    moving = movers(effects)
    still = judged.keys() - moving if moving else ()

    def detectable(names: Collection[str], n_tests: int = max(len(placed), 1)) -> float | None:
        return typical_detectable([judged[name] for name in judged if name in names], n_tests=n_tests, n_seeds=n_seeds)

    found = Analysis(
        frame=frame,
        effects=effects,
        unchanged=unchanged,
        verdicts=verdicts,
        places=places,
        secondary=secondary,
        q=adjusted({(metric, name): effect.p for metric, found in secondary.items() for name, effect in found.items()}),
        gains=gains,
        gain_q=adjusted({name: effect.p for name, effect in gains.items()}),
        subgroups=subgroups(frame, deltas=deltas),
        crossings=crossings(frame, rows, hits=hits),
        agreement=priority_agreement(frame, deltas=deltas, effects=effects),
        progress=progress,
        without_valid=without_valid_targets(frame, deltas=deltas),
        log_rank=log_ranks(frame, rows, verdicts),
        guards=guards(frame, rows, verdicts, secondary),
        last=last_targets(frame, last_frame, rows),
        last_frame=last_frame,
        prior=prior,
        swaps=swap_rate(deltas[A_A].values, prior) if A_A in deltas else None,
        base_mean=base_mean,
        sesoi=sesoi,
        detectable_one=detectable(arms, 1),
        detectable_all=detectable(arms),
        detectable_idle=detectable(still),
        detectable_moving=detectable(moving),
    )
    return found if progress.complete else _untested(found)


def _untested(found: Analysis) -> Analysis:
    """The estimates of a study that has not ended: no tests, no places, no probabilities of being best."""
    of_groups = found.subgroups
    return replace(
        found,
        effects=untested(found.effects),
        verdicts=ByRow({name: replace(verdict, p=None) for name, verdict in found.verdicts.items()}),
        places={},
        secondary={metric: untested(effects) for metric, effects in found.secondary.items()},
        q={},
        gains=untested(found.gains),
        gain_q={},
        subgroups=of_groups
        and replace(
            of_groups,
            effects={key: replace(effect, p=None, q=None) for key, effect in of_groups.effects.items()},
            n_tests=0,
        ),
        agreement=None,
        without_valid=untested(found.without_valid),
        guards={
            metric: ByRow({name: replace(each, effect=replace(each.effect, p=None)) for name, each in arms.items()})
            for metric, arms in found.guards.items()
        },
        last=untested(found.last),
    )


def user_targets(frame: Frame) -> Targets | None:
    """Test targets per user, and the most that each user's events allow; None if no run has finished."""
    if not frame.n_targets:
        return None
    by_user = frame.n_users, frame.n_targets
    counts = frame.present.reshape(by_user).sum(axis=1)
    declared = max(int(frame.manifest.protocol.get("targets", 1)), frame.n_targets)
    if frame.users is None or frame.users.history_length is None:
        return Targets(declared=declared, counts=counts)
    n_events = frame.users.history_length.reshape(by_user)[:, -1] + 1
    return Targets(declared=declared, counts=counts, room=np.maximum(n_events - SPARED, counts))
