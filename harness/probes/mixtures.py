"""What neighbours add to the scores without training, by kind and by way of mixing, and what calibration has to do."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from harness.data.split import Indices
from harness.engine.live.mixing.masses import DenseMass, LiveMass
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
"""What ``wiring.overlap`` and ``wiring.product`` have by default."""

BETAS = (0.5, 1.0, 1.5, 2.5)

ALIKE = 50
"""Neighbours of each kind whose hit rates are compared."""

MANY = 2000
"""Queries at most, at every level: a mixture costs little a query, and its gain is small beside the error of a few."""

CELLS = 2**25
"""Scores of those queries at most, unless the level asks for more: a large catalogue has fewer queries."""

BATCH = 256
"""Queries scored at a time; of each batch, shuffled neighbours are those of the query before."""

NOWHERE = np.iinfo(np.int64).max
"""The place of a neighbour that there is not."""

Mixed = LinearMixing | LogLinearMixing
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A stack of remedies, at several settings.

    Attributes:
        name: as in the figures.
        kinds: names of the masses that join the scores.
        settings: scorers, each with another share or beta.
        calibration: of the backbone before.
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
"""The backbone alone is none of them: a choice among mixtures that all lose shows that they do."""


@dataclass(eq=False)
class Mixtures:
    """Every way of mixing on one sample, over the entries that the sources offer now.

    No target of the validation or test set is among them, not even while the test set is scored.
    """

    sample: ProbeSample

    @cached_property
    def masses(self) -> Mapping[str, LiveMass]:
        """Of each kind of neighbours, as its remedy has them by default."""
        return {"dense": self.dense, "overlap": OverlapMass(self.search, self.shared)}

    @cached_property
    def dense(self) -> DenseMass:
        """The nearest by vector."""
        return DENSE.build(self._among)

    @cached_property
    def search(self) -> OverlapSearch:
        """For those that share items."""
        return OverlapSearch(SHARED, self._among)

    @cached_property
    def shared(self) -> Callable[[Indices], Shared]:
        """The same, which searches for each batch once."""
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
        """The masses of another query's neighbours."""
        return {kind: mass.of_another(self.sample.current) for kind, mass in self.masses.items()}

    def batches(self, prefix: Indices) -> tuple[Queries, ...]:
        """Queries of prefixes, some at a time."""
        return tuple(Queries.of(self.sample, prefix[at : at + BATCH]) for at in range(0, len(prefix), BATCH))

    def off(self, batches: Sequence[Queries], metric: str) -> Values:
        """The metric of each query by the backbone, ``(n,)``."""
        ranks = (ranks_of(each.hide(self._logits(each)[:, 1:]), each.target) for each in batches)
        return np.concatenate([metric_values(each, metric) for each in ranks])

    def values(
        self, batches: Sequence[Queries], ways: Sequence[Way], masses: Mapping[str, LiveMass], metric: str
    ) -> dict[str, Values]:
        """The metric of each query at every setting of some ways, ``(n_settings, n)``."""
        inputs = self.sample.current
        temperatures = {way.calibration: way.calibration.temperature(inputs) for way in ways}
        found: dict[str, list[Values]] = {way.name: [] for way in ways}
        for queries in batches:
            spread = {
                kind: mass.distribution(queries.sequence, queries.prefix, n_columns=inputs.data.n_items + 1)
                for kind, mass in masses.items()
            }
            logits, few = self._logits(queries), Few.of(queries, list(spread.values()))
            narrow = {kind: few.narrowed(mass[:, 1:]) for kind, mass in spread.items()}
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
        """Place of the first neighbour of each kind that leads to the target, from 0, and which have one that overlaps.

        :data:`NOWHERE` where none does, ``(n,)`` each.
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
    """Figures that are kept for later epochs and runs on the same inputs."""

    figures: Mapping[str, float]
    nbytes: int = 0


def measure(sample: ProbeSample, metric: str = PROBED_METRIC) -> Mapping[str, float]:
    """:func:`measured`, once for all epochs and runs whose vectors and entries are the same."""
    recipe, wide = sample.run.recipe, widened(sample)
    sourced = hashlib.sha256(sample.run.manager.snapshot.sourced.tobytes()).hexdigest()
    rules = f"{recipe.candidates} {recipe.exclusion}"
    name = ("mixtures", metric, wide.n_queries, sample.n_queries, rules, sourced)
    kept = sample.current.cache.get(name, lambda: Measured(figures=measured(sample, metric)), lambda _: None)
    return kept.figures


def measured(sample: ProbeSample, metric: str) -> dict[str, float]:
    """What each way of mixing gains over the backbone, cross-fitted, with the hit rates and likelihoods behind it.

    A setting is chosen on one half of the validation sample and measured on the other, both ways, so that the best of
    many settings does not gain by luck; a world in which neighbours know nothing then shows a gain of about 0.
    ``mixing.best`` chooses among all settings of all ways likewise. Its lead, and what calibration gains, is over
    linear mixing by the backbone's own softmax, or over the backbone alone where that is better. Figures on the test
    set are of the setting that is best on the whole validation sample: they inform and decide nothing. With shuffled
    neighbours the same setting mixes in those of another user.
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
    """The mean of paired differences ``(n,)``, and its standard error."""
    return {name: float(values.mean()), _error_of(name): standard_error(values)}


def _error_of(name: str) -> str:
    """``mixing.gain.WAY`` has ``mixing.gain_error.WAY``."""
    theme, what, *part = name.split(".")
    return ".".join((theme, f"{what}_error", *part))


def strength(setting: Mixed) -> float:
    """Share or beta."""
    return setting.share if isinstance(setting, LinearMixing) else setting.beta


def cross_fitted(values: Values) -> Values:
    """Each query's value at the setting that is best on the queries of the other half, ``(n,)``; the first of equals.

    Args:
        values: of each setting, ``(n_settings, n)``. Even and odd columns are the halves; of one column nothing can
            be chosen without it, and it has the first setting.
    """
    half = np.arange(values.shape[1]) % 2
    best = [int(values[:, half == each].sum(axis=1).argmax()) for each in (0, 1)]
    return np.where(half == 0, values[best[1]], values[best[0]])


def widened(sample: ProbeSample) -> ProbeSample:
    """The sample with as many queries as :data:`MANY` and :data:`CELLS` allow, or as it has if that is more."""
    room = min(MANY, CELLS // max(sample.current.data.n_items, 1))
    return sample if room <= sample.n_queries else replace(sample, n_queries=room)


def likelihoods(sample: ProbeSample, valid: Indices) -> dict[str, float]:
    """How sure the backbone is of what comes true, and the temperature that would be right."""
    inputs, temperature = sample.current, fitted_temperature(sample.current)
    return {
        "calibration.temperature": temperature,
        "calibration.likelihood": mean_log_likelihood(inputs, valid, 1.0),
        "calibration.likelihood_fitted": mean_log_likelihood(inputs, valid, temperature),
        "calibration.likelihood_train": mean_log_likelihood(inputs, sample.train_sample, 1.0),
    }


def hits(mixtures: Mixtures, batches: Sequence[Queries]) -> dict[str, float]:
    """How often the nearest of each kind lead to the target, and half as many of each together."""
    dense, overlap, found = (np.concatenate(each) for each in zip(*map(mixtures.places, batches), strict=True))
    alone, together = dense < ALIKE, (dense < ALIKE // 2) | (overlap < ALIKE // 2)
    return {
        "overlap.hit_rate_dense": float(alone.mean()),
        "overlap.hit_rate": float((overlap < ALIKE).mean()),
        "overlap.hit_rate_union": float(together.mean()),
        "overlap.hit_rate_union_error": paired_share_error(together.astype(np.float64) - alone),
        "overlap.with_neighbours": float(found.mean()),
    }
