"""Which settings are tried: Optuna's TPE on a study in memory, replayed from the results of the trials."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from statistics import fmean

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, NopPruner, WilcoxonPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.study import Study, StudyDirection
from optuna.trial import Trial, TrialState

from harness.errors import InputError
from harness.interventions.base import Value
from harness.modes.search.settings import SearchSettings
from harness.modes.search.space import Axis, Space
from harness.recipe.recipe import Recipe
from harness.study.arms import word

OptunaValue = float | int | str

MODEL_DRAWS = 10
"""Draws from the model for a new setting; if all of them were tried before or cannot run, further draws are random."""

MOST_DRAWS = 200
"""Draws without a new setting after which the whole space counts as tried."""

FEWEST_FOR_IMPORTANCE = 8
"""Fewest complete trials for which the importance of parameters is computed."""

DIRECTIONS: Mapping[str, StudyDirection] = {"quality": StudyDirection.MAXIMIZE, "seconds": StudyDirection.MINIMIZE}


class Proposals:
    """Proposes the settings of one arm and is told results in the same order, so equal results give equal settings.

    The sampler keeps no state of its own: each draw has a seed from the study's seed, the arm and the draws so far.
    """

    def __init__(self, space: Space, search: SearchSettings, *, seed: int, arm: str) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space = space
        self._search = search
        self._seed = f"{seed}/{arm}"
        with quiet():
            self._study = optuna.create_study(
                directions=[DIRECTIONS[each] for each in search.objectives], pruner=pruner_of(search)
            )
        self._distributions = distributions(space)
        self._trials: list[Trial] = []
        self._seen: set[str] = set()
        self._n_draws = 0
        self.exhausted = False

    def propose(self, n: int) -> list[tuple[dict[str, Value], Recipe]]:
        """At most ``n`` new settings and their recipes; fewer where the whole space has been tried."""
        proposed: list[tuple[dict[str, Value], Recipe]] = []
        while len(proposed) < n and not self.exhausted:
            found = self._next()
            if found is None:
                self.exhausted = True
            else:
                proposed.append(found)
        return proposed

    def _next(self) -> tuple[dict[str, Value], Recipe] | None:
        if not self._trials:
            self._study.enqueue_trial(encoded(self._space, self._space.first))
        for draw in range(MOST_DRAWS):
            self._study.sampler = self._sampler(by_chance=draw >= MODEL_DRAWS)
            with quiet():
                trial = self._study.ask(fixed_distributions=self._distributions)
            self._n_draws += 1
            point = decoded(self._space, trial.params)
            recipe = self._recipe(point)
            if recipe is not None and recipe.digest() not in self._seen:
                self._seen.add(recipe.digest())
                self._trials.append(trial)
                return point, recipe
            self._study.tell(trial, state=TrialState.FAIL)
        return None

    def _recipe(self, point: Mapping[str, Value]) -> Recipe | None:
        """The recipe at a point; None where its values contradict each other, so that another is drawn."""
        try:
            return self._space.recipe(point)
        except InputError:
            return None

    def _sampler(self, *, by_chance: bool) -> BaseSampler:
        digest = hashlib.sha256(f"{self._seed}/{self._n_draws}".encode()).digest()
        seed = int.from_bytes(digest[:4], "big") >> 1
        if by_chance:
            return RandomSampler(seed=seed)
        return TPESampler(n_startup_trials=self._search.startup, multivariate=True, constant_liar=True, seed=seed)

    def hopeless(self, number: int, values: Mapping[int, float]) -> bool:
        """Whether a trial's replicates so far show that it is worse than the best of the earlier generations.

        Args:
            number: the trial, from 0; its result has not been told yet.
            values: replicate -> quality.
        """
        if not self._search.prunes:
            return False
        self._report(number, values)
        with quiet():
            return self._trials[number].should_prune()

    def tell(self, number: int, state: TrialState, values: Mapping[int, float], seconds: float | None) -> None:
        """Tell Optuna the outcome of a trial; trials are told in the order of proposal.

        Args:
            number: the trial, from 0.
            state: complete, pruned or failed.
            values: replicate -> quality.
            seconds: wall time of a run, mean over the replicates.
        """
        trial = self._trials[number]
        if len(self._search.objectives) == 1:
            self._report(number, values)
        if state is not TrialState.COMPLETE:
            self._study.tell(trial, state=state)
            return
        assert seconds is not None
        told = {"quality": fmean(values.values()), "seconds": seconds}
        self._study.tell(trial, [told[each] for each in self._search.objectives])

    def _report(self, number: int, values: Mapping[int, float]) -> None:
        trial = self._trials[number]
        known = self._study.get_trials(deepcopy=False)[trial.number].intermediate_values
        for step, value in values.items():
            if step not in known:
                trial.report(value, step)

    def front(self) -> list[int]:
        """Numbers of the Pareto-optimal trials; with one objective, of the best trial."""
        if not self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            return []
        best = self._study.best_trials if len(self._search.objectives) > 1 else [self._study.best_trial]
        places = {trial.number: place for place, trial in enumerate(self._trials)}
        return sorted(places[each.number] for each in best)

    def importance(self) -> dict[str, float]:
        """Importance of each parameter for the quality, largest first; empty if too few trials are complete."""
        return importance(self._study)


def importance(study: Study) -> dict[str, float]:
    """PED-ANOVA importance of each parameter for the first objective; empty if too few trials are complete."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    names = sorted({name for each in complete for name, shape in each.distributions.items() if not shape.single()})
    if len(complete) < FEWEST_FOR_IMPORTANCE or not names:
        return {}
    # With a target, PED-ANOVA treats low values as good.
    target = None if len(study.directions) == 1 else lambda trial: -trial.values[0]
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        shares = optuna.importance.get_param_importances(study, params=names, target=target)
    return dict(sorted(shares.items(), key=lambda one: (-one[1], one[0])))


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """The space as Optuna's distributions; listed values become words, so that they may be of any type."""
    return {axis.name: _distribution(axis) for axis in space.axes}


def encoded(space: Space, point: Mapping[str, Value]) -> dict[str, OptunaValue]:
    """A point as Optuna's parameters."""
    return {axis.name: _encoded(axis, point[axis.name]) for axis in space.axes}


def decoded(space: Space, parameters: Mapping[str, OptunaValue]) -> dict[str, Value]:
    """The point of Optuna's parameters."""
    return {axis.name: _decoded(axis, parameters[axis.name]) for axis in space.axes}


def pruner_of(search: SearchSettings) -> BasePruner:
    """The pruner: Wilcoxon's signed-rank test over the replicates that a trial shares with the best one, or none."""
    with quiet():
        return WilcoxonPruner(p_threshold=search.prune) if search.prunes else NopPruner()


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress Optuna's warnings on experimental features: its version is pinned and the tests cover them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield


def _distribution(axis: Axis) -> BaseDistribution:
    if axis.scale == "choice":
        return CategoricalDistribution([word(each) for each in axis.choices])
    if axis.scale == "float":
        return FloatDistribution(axis.low, axis.high, log=axis.log)
    return IntDistribution(int(axis.low), int(axis.high), log=axis.log)


def _encoded(axis: Axis, value: Value) -> OptunaValue:
    if axis.scale == "choice":
        return word(value)
    number = axis.number(value)
    return number if axis.scale == "float" else int(number)


def _decoded(axis: Axis, value: OptunaValue) -> Value:
    if axis.scale == "choice":
        return next(each for each in axis.choices if word(each) == value)
    return axis.value(float(value))
