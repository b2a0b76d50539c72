"""Ablation studies of FTragrec: the public API, all of it.

* ``load_study(path)`` reads and checks a study file, and gives a ``Study``;
* ``make_plan(study)`` composes and checks its cells;
* ``run_study(study, RunOptions(...), display)`` runs them, and gives a ``StudyResult``; in a notebook ``display`` is
  ``harness.runner.progress.Silent()``;
* ``compose(BASE, stack)`` applies interventions of ``CATALOGUE`` to the base recipe.

A name is loaded when it is first used, so importing this package is cheap. ``reports`` reads the results.

>>> from harness import BASE, CATALOGUE, compose
>>> by_id = {kind.id: kind for kind in CATALOGUE}
>>> recipe = compose(BASE, [by_id["kl.reverse"](), by_id["kl.weight"](weight=0.003)])
>>> recipe.divergence, recipe.alignment_weight.value
(ReverseKL(), 0.003)
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.interventions import CATALOGUE
    from harness.modes.planning import make_plan
    from harness.recipe.compose import compose
    from harness.recipe.recipe import BASE
    from harness.runner.coordinator import RunOptions, StudyResult, run_study
    from harness.study.study import Study, load_study

# OpenMP threads that spin for long while they wait make two threads a hundred times slower than one as soon as another
# process wants the core; threads that never spin halve the speed on an idle machine. A short spin does neither. The
# runtime reads this when torch or faiss is loaded, so it has to be set before.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

__all__ = [
    "BASE",
    "CATALOGUE",
    "RunOptions",
    "Study",
    "StudyResult",
    "compose",
    "load_study",
    "make_plan",
    "run_study",
]

_HOME = {
    "BASE": "harness.recipe.recipe",
    "CATALOGUE": "harness.interventions",
    "RunOptions": "harness.runner.coordinator",
    "Study": "harness.study.study",
    "StudyResult": "harness.runner.coordinator",
    "compose": "harness.recipe.compose",
    "load_study": "harness.study.study",
    "make_plan": "harness.modes.planning",
    "run_study": "harness.runner.coordinator",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
