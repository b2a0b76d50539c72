"""The registry of probes: those of the claims, then those of plug-ins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter

from harness.checks.base import When
from harness.plugins import Registry, instance_of
from harness.probes import (
    attention,
    evaluation,
    fusion,
    index,
    interpolation,
    loss,
    mixtures,
    past,
    popularity,
    search,
    training,
)
from harness.probes.sample import ProbeSample


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A function that measures figures of a run, and when it is called.

    Attributes:
        name: short and unique.
        measure: returns full name -> figure; NaN if there is nothing to measure. It must not change the run: no
            parameter, no flag, no random state.
        when: the evaluations after which it is called; must match the ``when`` of its figures.
    """

    name: str
    measure: Callable[[ProbeSample], Mapping[str, float]]
    when: When = When.EVERY_EPOCH


_BUILTIN = (
    Probe(name="sample", measure=evaluation.sizes),
    Probe(name="kl", measure=attention.kl),
    Probe(name="training", measure=lambda sample: training.course(sample.run) | training.retrieval(sample)),
    Probe(name="loss", measure=loss.measure),
    Probe(name="temperature", measure=attention.temperature),
    Probe(name="fusion", measure=fusion.measure),
    Probe(name="index", measure=index.measure),
    Probe(name="popularity", measure=popularity.measure),
    Probe(name="retriever", measure=training.drift),
    Probe(name="evaluation", measure=evaluation.on_and_off),
    Probe(name="history", measure=evaluation.history),
    # These are costly and change little over the epochs of a short run.
    Probe(name="overlap", measure=evaluation.overlap, when=When.AT_THE_START),
    Probe(name="search", measure=lambda sample: search.measure(sample.few), when=When.AT_THE_START),
    Probe(name="oracles", measure=lambda sample: fusion.head_room(sample.few), when=When.AT_THE_START),
    Probe(name="interpolation", measure=lambda sample: interpolation.head_room(sample.few), when=When.AT_THE_START),
    Probe(name="mixtures", measure=lambda sample: mixtures.measure(sample.few), when=When.AT_THE_START),
    Probe(name="past", measure=lambda sample: past.measure(sample.few), when=When.AT_THE_START),
    Probe(name="across_refresh", measure=index.across_refresh, when=When.IN_FULL),
)

PROBES = Registry[Probe](
    group="ftr_study.probes",
    what="probe",
    builtin=lambda: _BUILTIN,
    name_of=attrgetter("name"),
    check=instance_of(Probe),
)
