"""The contract of baselines: those that ship keep it, and each broken promise is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, EntryPoints
from typing import ClassVar

import numpy as np
import pytest

from harness.baselines.base import TIE_BREAK, Baseline, Events, Floats, Queries
from harness.baselines.base import Learned as Scoring
from harness.baselines.popularity import Popularity
from harness.baselines.registry import BASELINES
from harness.baselines.transitions import Transitions
from harness.contracts.baseline import check_baseline
from harness.errors import ContractError

Scores = Callable[[Events, Queries], Floats]


@dataclass(frozen=True, slots=True)
class Learned:
    events: Events
    of: Scores

    def scores(self, queries: Queries) -> Floats:
        return self.of(self.events, queries)


def made(of: Scores, *, name: str = "mine", honours_time: bool = False, n_settings: int = 1) -> type[Baseline]:
    """A baseline that scores by a function."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Made(Baseline):
        title: ClassVar[str] = "Mine"

        @classmethod
        def grid(cls, *, repeats: bool) -> tuple[Baseline, ...]:
            return (cls(),) * n_settings

        def learn(self, events: Events) -> Learned:
            return Learned(events, of)

    Made.name = name
    Made.honours_time = honours_time
    return Made


def popular(events: Events, queries: Queries) -> Floats:
    return np.tile(events.popularity, (len(queries), 1))


def breaking_ties_by_later_events(events: Events, queries: Queries) -> Floats:
    return np.tile(1.0 + TIE_BREAK * events.share, (len(queries), 1))


def scribbling(events: Events, queries: Queries) -> Floats:
    events.item[:] = 1
    return np.zeros((len(queries), events.n_items))


def peeking(events: Events, queries: Queries) -> Floats:
    scores = np.zeros((len(queries), events.n_items))
    scores[np.arange(len(queries)), queries.items[queries.stop] - 1] = 1.0
    return scores


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale(Baseline):
    """Takes over what another setting has learned, though the step decides it."""

    name: ClassVar[str] = "stale"
    title: ClassVar[str] = "Stale"
    step: int = 1

    @classmethod
    def grid(cls, *, repeats: bool) -> tuple[Stale, ...]:
        return (cls(step=1), cls(step=2))

    def learn(self, events: Events) -> Learned:
        return Learned(events, lambda events, queries: self.step * popular(events, queries))

    def learn_again(self, events: Events, earlier: Scoring) -> Scoring:
        return earlier


@pytest.mark.parametrize("kind", BASELINES.values())
def test_those_that_ship_keep_the_contract(kind: type[Baseline]) -> None:
    check_baseline(kind)


@pytest.mark.parametrize(
    ("kind", "broken"),
    [
        (made(popular, name="Mine!"), "has the name"),
        (made(popular, n_settings=0), "empty grid"),
        (made(lambda events, queries: popular(events, queries)[:, :5]), "not one per item"),
        (made(lambda events, queries: popular(events, queries) * np.nan), "scores that are not finite"),
        (made(lambda events, queries: np.random.default_rng().random((len(queries), 30))), "gives other scores when"),
        (made(scribbling), "writes to item"),
        (made(lambda events, queries: popular(events, queries) + len(queries)), "depends on the other queries"),
        (made(peeking), "reads events after the query"),
        (made(popular, honours_time=True), "reads events that are not older"),
        (made(breaking_ties_by_later_events, honours_time=True), "reads events that are not older"),
        (Stale, r"gives other scores when Stale\(step=2\) has learned before"),
    ],
)
def test_each_broken_promise_is_named(kind: type[Baseline], broken: str) -> None:
    with pytest.raises(ContractError, match=broken):
        check_baseline(kind)


def test_a_plug_in_is_one_more_row(monkeypatch: pytest.MonkeyPatch) -> None:
    points = EntryPoints([EntryPoint(name="mine", value="some_package:Mine", group="ftr_study.baselines")])
    monkeypatch.setattr("harness.plugins.entry_points", lambda group: points.select(group=group))
    monkeypatch.setattr("importlib.metadata.EntryPoint.load", lambda _: made(popular))
    monkeypatch.setattr(BASELINES, "_all", None)
    assert list(BASELINES) == ["popularity", "transitions", "item neighbours", "session neighbours", "mine"]
    assert BASELINES["popularity"] is Popularity
    assert BASELINES["transitions"] is Transitions
    monkeypatch.setattr(BASELINES, "_all", None)
