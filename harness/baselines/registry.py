"""All baselines by the name of their rows."""

from __future__ import annotations

from harness.baselines.base import Baseline
from harness.baselines.item_neighbours import ItemNeighbours
from harness.baselines.popularity import Popularity
from harness.baselines.session_neighbours import SessionNeighbours
from harness.baselines.transitions import Transitions
from harness.plugins import Registry, subclass_of

BASELINES: Registry[type[Baseline]] = Registry(
    group="ftr_study.baselines",
    what="baseline",
    builtin=lambda: (Popularity, Transitions, ItemNeighbours, SessionNeighbours),
    name_of=lambda kind: kind.name,
    check=subclass_of(Baseline),
)
"""Reference rows without a backbone; a study scores all of them."""
