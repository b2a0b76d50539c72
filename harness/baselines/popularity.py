"""Popularity: the same list for every user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from harness.baselines.base import Baseline, Events, Floats, Queries


@dataclass(frozen=True, slots=True, kw_only=True)
class Popularity(Baseline):
    """Ranks items by their number of training events; no parameters."""

    name: ClassVar[str] = "popularity"
    title: ClassVar[str] = "Popularity"
    title_zh: ClassVar[str] = "流行度"

    def learn(self, events: Events) -> _Popular:
        return _Popular(popularity=events.popularity)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Popular:
    popularity: Floats

    def scores(self, queries: Queries) -> Floats:
        return np.tile(self.popularity, (len(queries), 1))
