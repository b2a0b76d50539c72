"""The gain of mixing neighbours into the scores without training, per kind and way of mixing, and of calibration."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from harness.data.split import Indices
from harness.engine.live.mixing.masses import DenseMass, LiveMass, Named
from harness.engine.live.mixing.overlap import OverlapMass, OverlapSearch, Shared
from harness.engine.live.mixing.scorers import Mixing
from harness.engine.live.mixing.temperature import fitted_temperature, mean_log_likelihood
from harness.engine.live.pairs import nth_of_run
from harness.engine.types.among import Among
from harness.engine.types.vectors import batch_key
from harness.probes.calibration import confidences
from harness.probes.few import Few
from harness.probes.interpolation import SHARES, Queries
from harness.probes.sample import ProbeSample, paired_share_error, ranks_of, standard_error
from harness.recipe.seams.calibration import Calibration, FittedTemperature, Uncalibrated
from harness.recipe.seams.retrieval.neighbours import DenseNeighbours, SharedItems
from harness.recipe.seams.scorer import LinearMixing, LogLinearMixing
from harness.results.evidence import PROBED_METRIC
from harness.results.metrics import metric_values

SHARED = SharedItems(decay=0.8, lag=0.5, rarity=0.3, length=0.25, k=500)
DENSE = DenseNeighbours()
EPS = 0.003
"""Defaults of ``wiring.overlap`` and ``wiring.product``."""

BETAS = (0.5, 1.0, 1.5, 2.5)

ALIKE = 50
"""Number of neighbours per kind at which hit rates are compared."""

MANY = 2000
"""Maximum queries at every level: a query costs little, and the gain is small compared with the error of a few."""

CELLS = 2**25
"""Maximum number of scores (queries x items) unless the level asks for more; large catalogues use fewer queries."""

BATCH = 256
"""Queries per batch; shuffled neighbours are those of the previous query in the batch."""

NOWHERE = np.iinfo(np.int64).max
"""The place of a neighbour that does not exist."""

Mixed = LinearMixing | LogLinearMixing
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way of mixing (one stack of remedies) at several settings.

    Attributes:
        name: its name in the figures.
        kinds: names of the masses that are mixed in.
        settings: scorers with different shares or betas.
        calibration: how the backbone's scores are calibrated before mixing.
    """

    name: str
    kinds: tuple[str, ...]
    settings: tuple[Mixed, ...]
    calibration: Calibration = Uncalibrated()


LINEAR = tuple(LinearMixing(share=share) for share in SHARES)
LOG_LINEAR = tuple(LogLinearMixing(beta=beta, eps=EPS) for beta in BETAS)
WAYS = (
    Way(name="dense_linear", kinds=("dense",), settings=LINEAR),
    Way(name="dense_calibrated", kinds=("dense",), settings=LINEAR, calibration=FittedTemperature()),
    Way(name="dense_product", kinds=("dense",), settings=LOG_LINEAR),
    Way(name="overlap_linear", kinds=("overlap",), settings=LINEAR),
    Way(name="overlap_calibrated", kinds=("overlap",), settings=LINEAR, calibration=FittedTemperature()),
    Way(name="overlap_product", kinds=("overlap",), settings=LOG_LINEAR),
    Way(name="both_product", kinds=("dense", "overlap"), settings=LOG_LINEAR),
)
"""The backbone alone is not included, so that a loss shows if all mixtures lose."""


@dataclass(eq=False)
class Mixtures:
    """All ways of mixing on one sample, over the prefixes in the current sources.

    Validation and test targets are not entries, not even when the test set is scored.
    """

    sample: ProbeSample

    @cached_property
    def masses(self) -> Mapping[str, LiveMass]:
        """The mass of each kind of neighbours, at the defaults of its remedy."""
        return {"dense": self.dense, "overlap": OverlapMass(self.search, self.shared)}

    @cached_property
    def dense(self) -> DenseMass:
        """The mass of the nearest by vector."""
        return DENSE.build(self._among)

    @cached_property
    def search(self) -> OverlapSearch:
        """The search for neighbours that share items."""
        return OverlapSearch(SHARED, self._among)

    @cached_property
    def shared(self) -> Callable[[Indices], Shared]:
        """:attr:`search`, cached per batch."""
        found: dict[bytes, Shared] = {}

        def find(prefix: Indices) -> Shared:
            batch = batch_key(prefix)
            if batch not in found:
                found[batch] = self.search(prefix)
            return found[batch]

        return find

    @property
    def _among(self) -> Among:
        recipe, sourced = self.sample.run.recipe, self.sample.run.manager.snapshot.sourced
        return Among(
            inputs=self.sample.current, entries=sourced, admission=recipe.admission, exclusion=recipe.exclusion
        )

    def another(self) -> Mapping[str, LiveMass]:
        """Return the masses with another query's neighbours."""
        return {kind: mass.of_another(self.sample.current) for kind, mass in self.masses.items()}

    def batches(self, prefix: Indices) -> tuple[Queries, ...]:
        """Return the queries of prefixes in batches."""
        return tuple(Queries.of(self.sample, prefix[at : at + BATCH]) for at in range(0, len(prefix), BATCH))

    def off(self, batches: Sequence[Queries], metric: str) -> Values:
        """Return the metric of each query under the backbone alone, ``(n,)``."""
        ranks = (ranks_of(each.hide(self._logits(each)[:, 1:]), each.target) for each in batches)
        return np.concatenate([metric_values(each, metric) for each in ranks])

    def values(
        self, batches: Sequence[Queries], ways: Sequence[Way], masses: Mapping[str, LiveMass], metric: str
    ) -> dict[str, Values]:
        """Return name of way -> metric of each query at each of its settings, ``(n_settings, n)``."""
        inputs = self.sample.current
        temperatures = {way.calibration: way.calibration.temperature(inputs) for way in ways}
        found: dict[str, list[Values]] = {way.name: [] for way in ways}
        for queries in batches:
            spread = {
                kind: mass.distribution(queries.sequence, queries.prefix, n_columns=inputs.data.n_items + 1)
                for kind, mass in masses.items()
            }
            logits, few = self._logits(queries), Few.of(queries, list(spread.values()))
            narrow = {kind: Named.of(few.narrowed(mass[:, 1:])) for kind, mass in spread.items()}
            calibrated = {each: few.scored(queries, logits / heat) for each, heat in temperatures.items()}
            for way in ways:
                kinds, rows = [narrow[kind] for kind in way.kinds], list[Values]()
                for each in way.settings:
                    live = each.build(inputs, (), 1.0)
                    assert isinstance(live, Mixing)
                    ranks = calibrated[way.calibration].ranks(live, kinds)
                    rows.append(metric_values(ranks, metric))
                found[way.name].append(np.stack(rows))
        return {name: np.concatenate(parts, axis=1) for name, parts in found.items()}

    def _logits(self, queries: Queries) -> Tensor:
        return queries.sequence @ self.sample.current.item_matrix.T

    def places(self, queries: Queries) -> tuple[Indices, Indices, NDArray[np.bool_]]:
        """Return the place of the first dense and of the first overlap neighbour with the query's target, from 0.

        :data:`NOWHERE` if there is none. The third array tells which queries have an overlap neighbour. ``(n,)`` each.
        """
        target = queries.target.numpy()
        near = self.dense.neighbours(queries.sequence, queries.prefix)
        right = (self.dense.memory.target[near.entry] == queries.target[:, None]) & near.mask
        dense = np.where(right.any(dim=1), right.int().argmax(dim=1), NOWHERE)
        shared = self.shared(queries.prefix).best_first()
        counts = np.bincount(shared.row, minlength=len(target))
        led = self.search.memory.target.numpy()[shared.entry] == target[shared.row]
        overlap = np.full(len(target), NOWHERE)
        np.minimum.at(overlap, shared.row[led], nth_of_run(counts)[led])
        return dense, overlap, counts > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Figures that are cached for later epochs and runs on the same inputs."""

    figures: Mapping[str, float]
    nbytes: int = 0


def measure(sample: ProbeSample, metric: str = PROBED_METRIC) -> Mapping[str, float]:
    """Return :func:`measured`, computed once for all epochs and runs with the same vectors and entries."""
    recipe, wide = sample.run.recipe, widened(sample)
    sourced = hashlib.sha256(sample.run.manager.snapshot.sourced.tobytes()).hexdigest()
    rules = f"{recipe.candidates} {recipe.exclusion}"
    name = ("mixtures", metric, wide.n_queries, sample.n_queries, rules, sourced)
    kept = sample.current.cache.get(name, lambda: Measured(figures=measured(sample, metric)), lambda _: None)
    return kept.figures


def measured(sample: ProbeSample, metric: str) -> dict[str, float]:
    """Measure each way's cross-fitted gain over the backbone, with the related hit rates and likelihoods.

    A setting is chosen on one half of the validation sample and measured on the other, both ways, so that the best of
    many settings does not gain by chance: uninformative neighbours show a gain of about 0. ``mixing.best`` chooses
    among all settings of all ways in the same manner. Its lead, and the gain of calibration, is over linear mixing
    with the backbone's uncalibrated softmax, or over the backbone alone if that is better. Test figures use the
    setting that is best on the whole validation sample; they are for information and decide nothing. With shuffled
    neighbours the same setting mixes in another user's neighbours.
    """
    mixtures, valid = Mixtures(widened(sample)), widened(sample).valid_sample
    prefixes = sample.current.prefixes
    test = prefixes.last(prefixes.test)[prefixes.user[valid]]
    on_valid, on_test = mixtures.batches(valid), mixtures.batches(test)
    off, off_test = mixtures.off(on_valid, metric), mixtures.off(on_test, metric)
    values = mixtures.values(on_valid, WAYS, mixtures.masses, metric)
    fitted = {name: cross_fitted(each) for name, each in values.items()}
    best = cross_fitted(np.vstack(list(values.values())))
    chosen = tuple(replace(way, settings=(way.settings[int(values[way.name].mean(axis=1).argmax())],)) for way in WAYS)
    shuffled = mixtures.values(on_valid, chosen, mixtures.another(), metric)
    tested = mixtures.values(on_test, chosen, mixtures.masses, metric)
    figures = {"mixing.off": off.mean(), "mixing.off_test": off_test.mean(), "mixing.queries": float(len(valid))}
    figures |= difference("mixing.best", best - off)
    figures["mixing.best_by_luck"] = max(each.mean(axis=1).max() for each in values.values()) - best.mean()
    without = {kind: cross_fitted(np.vstack([off, values[f"{kind}_linear"]])) for kind in ("dense", "overlap")}
    figures |= difference("mixing.lead", best - without["dense"])
    of_kind = {kind: [values[way.name] for way in WAYS if way.kinds == (kind,)] for kind in ("dense", "overlap")}
    others = cross_fitted(np.vstack([off, *of_kind["dense"]]))
    figures |= difference("overlap.lead", cross_fitted(np.vstack(of_kind["overlap"])) - others)
    for kind, uncalibrated in without.items():
        figures |= difference(f"calibration.gain_{kind}", fitted[f"{kind}_calibrated"] - uncalibrated)
    for way in chosen:
        figures |= difference(f"mixing.gain.{way.name}", fitted[way.name] - off)
        figures[f"mixing.shuffled.{way.name}"] = (shuffled[way.name][0] - off).mean()
        figures |= difference(f"mixing.test.{way.name}", tested[way.name][0] - off_test)
        figures[f"mixing.setting.{way.name}"] = strength(way.settings[0])
    return (
        {name: float(value) for name, value in figures.items()}
        | likelihoods(sample, valid)
        | confidences(on_valid, sample.current.item_matrix, mixtures.dense)
        | hits(mixtures, on_valid)
    )


def difference(name: str, values: Values) -> dict[str, float]:
    """Return the mean of paired differences ``(n,)`` and its standard error, by figure name."""
    return {name: float(values.mean()), _error_of(name): standard_error(values)}


def _error_of(name: str) -> str:
    """Return the name of a figure's error: ``mixing.gain_error.WAY`` for ``mixing.gain.WAY``."""
    theme, what, *part = name.split(".")
    return ".".join((theme, f"{what}_error", *part))


def strength(setting: Mixed) -> float:
    """Return the setting's share or beta."""
    return setting.share if isinstance(setting, LinearMixing) else setting.beta


def cross_fitted(values: Values) -> Values:
    """Return each query's value at the setting that is best on the other half of the queries, ``(n,)``; first of ties.

    Args:
        values: value of each query at each setting, ``(n_settings, n)``. The halves are the even and odd columns; a
            single column has no other half and uses the first setting.
    """
    half = np.arange(values.shape[1]) % 2
    best = [int(values[:, half == each].sum(axis=1).argmax()) for each in (0, 1)]
    return np.where(half == 0, values[best[1]], values[best[0]])


def widened(sample: ProbeSample) -> ProbeSample:
    """Return the sample with as many queries as :data:`MANY` and :data:`CELLS` allow, at least its own number."""
    room = min(MANY, CELLS // max(sample.current.data.n_items, 1))
    return sample if room <= sample.n_queries else replace(sample, n_queries=room)


def likelihoods(sample: ProbeSample, valid: Indices) -> dict[str, float]:
    """Measure the backbone's mean log-likelihood of the targets, at temperature 1 and at the fitted temperature."""
    inputs, temperature = sample.current, fitted_temperature(sample.current)
    return {
        "calibration.temperature": temperature,
        "calibration.likelihood": mean_log_likelihood(inputs, valid, 1.0),
        "calibration.likelihood_fitted": mean_log_likelihood(inputs, valid, temperature),
        "calibration.likelihood_train": mean_log_likelihood(inputs, sample.train_sample, 1.0),
    }


def hits(mixtures: Mixtures, batches: Sequence[Queries]) -> dict[str, float]:
    """Measure the hit rate at :data:`ALIKE` of each kind alone, and of half as many of each kind together."""
    dense, overlap, found = (np.concatenate(each) for each in zip(*map(mixtures.places, batches), strict=True))
    alone, together = dense < ALIKE, (dense < ALIKE // 2) | (overlap < ALIKE // 2)
    return {
        "overlap.hit_rate_dense": float(alone.mean()),
        "overlap.hit_rate": float((overlap < ALIKE).mean()),
        "overlap.hit_rate_union": float(together.mean()),
        "overlap.hit_rate_union_error": paired_share_error(together.astype(np.float64) - alone),
        "overlap.with_neighbours": float(found.mean()),
    }
